//! A key Secret as the API server sends it, read without leaving copies behind.
//!
//! Only the parts that mean something are taken: the annotation in which `kubectl apply` keeps what it applied holds the
//! private key too, and is passed over.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use kseal_core::keys::KeySecretFacts;
use kseal_crypto::{Plaintext, decode_data};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A Secret whose items are not decoded yet.
#[derive(Deserialize)]
pub(super) struct SecretText<'s> {
    #[serde(borrow)]
    metadata: Metadata<'s>,
    #[serde(borrow, default, rename = "type")]
    type_: Cow<'s, str>,
    #[serde(borrow, default)]
    data: Option<&'s RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'s> {
    #[serde(borrow)]
    name: Cow<'s, str>,
    #[serde(borrow)]
    uid: Cow<'s, str>,
    #[serde(borrow)]
    resource_version: Cow<'s, str>,
    #[serde(default)]
    creation_timestamp: Option<String>,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    annotations: Annotations,
}

#[derive(Default, Deserialize)]
struct Labels {
    #[serde(default, rename = "kseal.dev/sealing-key")]
    native: Option<String>,
    #[serde(default, rename = "sealedsecrets.bitnami.com/sealed-secrets-key")]
    upstream: Option<String>,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(default, rename = "kseal.dev/fingerprint")]
    fingerprint: Option<String>,
}

/// Decoded items, wiped when dropped.
pub(super) struct Items<'s>(BTreeMap<&'s str, Plaintext>);

impl<'s> SecretText<'s> {
    /// None where it is nothing that an API server sends. Why is not told: a parser's words quote what it read.
    pub(super) fn read(octets: &'s [u8]) -> Option<Self> {
        serde_json::from_slice(octets).ok()
    }

    pub(super) fn name(&self) -> &str {
        &self.metadata.name
    }

    pub(super) fn uid(&self) -> &str {
        &self.metadata.uid
    }

    pub(super) fn resource_version(&self) -> &str {
        &self.metadata.resource_version
    }

    pub(super) fn type_(&self) -> &str {
        &self.type_
    }

    /// The state that the label of native keys says.
    pub(super) fn native_label(&self) -> Option<&str> {
        self.metadata.labels.native.as_deref()
    }

    /// The value of upstream's label.
    pub(super) fn upstream_label(&self) -> Option<&str> {
        self.metadata.labels.upstream.as_deref()
    }

    /// What stands beside the items.
    pub(super) fn facts(&self) -> KeySecretFacts<'_> {
        let created = self.metadata.creation_timestamp.as_deref();
        let created = created.and_then(|text| text.parse::<Timestamp>().ok()).map_or(0, Timestamp::as_second);
        KeySecretFacts {
            name: self.name(),
            uid: self.uid(),
            type_: &self.type_,
            label: self.native_label(),
            stated: self.metadata.annotations.fingerprint.as_deref(),
            created: created.try_into().unwrap_or(0),
        }
    }

    /// The items. None if one is no base64 text, or is written with escapes, which no API server does and which would
    /// leave a copy in the parser's memory.
    pub(super) fn items(&self) -> Option<Items<'s>> {
        let texts: BTreeMap<&'s str, Option<&'s str>> = match self.data {
            Some(data) => serde_json::from_str(data.get()).ok()?,
            None => BTreeMap::new(),
        };
        let decode = |(item, text): (&'s str, Option<&str>)| Some((item, decode_data(text.unwrap_or_default())?));
        texts.into_iter().map(decode).collect::<Option<_>>().map(Items)
    }
}

impl Items<'_> {
    pub(super) fn get(&self, item: &str) -> Option<&[u8]> {
        self.0.get(item).map(|value| &**value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"kind":"Secret","metadata":{"name":"kseal-1-6f0c","uid":"u","resourceVersion":"7",
        "creationTimestamp":"1970-01-01T00:01:00Z","labels":{"kseal.dev/sealing-key":"active","a":"b"},
        "annotations":{"kseal.dev/fingerprint":"k","kubectl.kubernetes.io/last-applied-configuration":"{\"data\":1}"},
        "managedFields":[{"manager":"kubectl"}]},"type":"kseal.dev/sealing-key","data":{"seed":"AQI=","empty":null}}"#;

    #[test]
    fn what_means_something_is_read() {
        let secret = SecretText::read(TEXT.as_bytes()).unwrap();
        assert_eq!((secret.name(), secret.uid(), secret.resource_version()), ("kseal-1-6f0c", "u", "7"));
        let facts = secret.facts();
        assert_eq!((facts.label, facts.stated, facts.created), (Some("active"), Some("k"), 60));
        assert_eq!((facts.type_, secret.upstream_label()), ("kseal.dev/sealing-key", None));
        let items = secret.items().unwrap();
        assert_eq!(items.get("seed"), Some(&[1, 2][..]));
        assert_eq!((items.get("empty"), items.get("suite")), (Some(&[][..]), None));
    }

    #[test]
    fn a_bare_secret_has_nothing() {
        let text = br#"{"metadata":{"name":"a","uid":"u","resourceVersion":"1"}}"#;
        let secret = SecretText::read(text).unwrap();
        assert_eq!(secret.facts(), KeySecretFacts { name: "a", uid: "u", ..KeySecretFacts::default() });
        assert!(secret.items().is_some());
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for text in ["", "{}", "null", r#"{"metadata":{"name":"a"}}"#] {
            assert!(SecretText::read(text.as_bytes()).is_none(), "{text}");
        }
        for data in [r#"{"a":"!"}"#, r#"{"a":1}"#, r#"{"a":"AQ\u003d="}"#, "[]"] {
            let text = format!(r#"{{"metadata":{{"name":"a","uid":"u","resourceVersion":"1"}},"data":{data}}}"#);
            assert!(SecretText::read(text.as_bytes()).unwrap().items().is_none(), "{data}");
        }
    }
}
