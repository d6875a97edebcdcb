//! One line of a watch.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// One line of a watch, by what it means for the reader.
#[derive(Debug)]
pub(super) enum Frame<'l> {
    Present { object: &'l [u8], resource_version: String },
    Gone { object: &'l [u8], resource_version: String },
    Bookmark { resource_version: String, ends_initial: bool },
    Error { code: u16 },
}

impl<'l> Frame<'l> {
    /// None where the line is nothing that an API server sends.
    pub(super) fn read(line: &'l [u8]) -> Option<Self> {
        let line: Line<'l> = serde_json::from_slice(line).ok()?;
        let text = line.object.get();
        if line.kind == "ERROR" {
            return Some(Self::Error { code: serde_json::from_str::<Status>(text).map_or(0, |status| status.code) });
        }
        let object = text.as_bytes();
        let Object { metadata: Metadata { resource_version, annotations } } = serde_json::from_str(text).ok()?;
        let resource_version = resource_version.into_owned();
        Some(match line.kind.as_ref() {
            "ADDED" | "MODIFIED" => Self::Present { object, resource_version },
            "DELETED" => Self::Gone { object, resource_version },
            "BOOKMARK" => {
                Self::Bookmark { resource_version, ends_initial: annotations.ends_initial.as_deref() == Some("true") }
            }
            _ => return None,
        })
    }
}

#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'l, str>,
    #[serde(borrow)]
    object: &'l RawValue,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

#[derive(Deserialize)]
struct Object<'l> {
    #[serde(borrow)]
    metadata: Metadata<'l>,
}

#[derive(Deserialize)]
struct Metadata<'l> {
    #[serde(borrow, rename = "resourceVersion")]
    resource_version: Cow<'l, str>,
    #[serde(borrow, default)]
    annotations: Annotations<'l>,
}

#[derive(Default, Deserialize)]
struct Annotations<'l> {
    #[serde(borrow, default, rename = "k8s.io/initial-events-end")]
    ends_initial: Option<Cow<'l, str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_line_is_read() {
        let line = br#"{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"7"},"spec":[1]}}"#;
        let Some(Frame::Present { object, resource_version }) = Frame::read(line) else { panic!() };
        assert_eq!((object.first(), resource_version.as_str()), (Some(&b'{'), "7"));
        let line = br#"{"type":"DELETED","object":{"metadata":{"resourceVersion":"9","annotations":{"k":"v"}}}}"#;
        assert!(matches!(Frame::read(line), Some(Frame::Gone { .. })));
        let line = br#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}"#;
        assert!(matches!(Frame::read(line), Some(Frame::Bookmark { ends_initial: false, .. })));
        let line =
            br#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}"#;
        assert!(matches!(Frame::read(line), Some(Frame::Bookmark { ends_initial: true, .. })));
        let line = br#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}"#;
        assert!(matches!(Frame::read(line), Some(Frame::Error { code: 410 })));
    }

    #[test]
    fn a_line_that_is_none_is_told() {
        for line in [
            &b"{}"[..],
            b"null",
            b"{\"type\":\"ADDED\",\"object\":{}}",
            b"{\"type\":\"NEW\",\"object\":{\"metadata\":{\"resourceVersion\":\"1\"}}}",
        ] {
            assert!(Frame::read(line).is_none());
        }
    }
}
