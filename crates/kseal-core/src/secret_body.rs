//! A Secret on its way to the API server: the one place where opened values and private keys are written out.

use std::collections::BTreeMap;
use std::io;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use kseal_crypto::Zeroizing;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;

/// A Secret that borrows everything.
pub struct SecretBody<'b> {
    /// `metadata.namespace`.
    pub namespace: &'b str,
    /// `metadata.name`.
    pub name: &'b str,
    /// `metadata.labels`.
    pub labels: &'b BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: &'b BTreeMap<String, String>,
    /// The only one of `metadata.ownerReferences`.
    pub owner_reference: Option<Value>,
    /// `type`.
    pub type_: &'b str,
    /// `immutable`, if it is stated.
    pub immutable: Option<bool>,
    /// `data`, as the octets that it stands for.
    pub items: &'b [(&'b str, &'b [u8])],
}

impl SecretBody<'_> {
    /// As JSON, in memory that is wiped.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        to_json(&Body {
            api_version: "v1",
            kind: "Secret",
            metadata: Metadata {
                name: self.name,
                namespace: self.namespace,
                labels: self.labels,
                annotations: self.annotations,
                owner_references: self.owner_reference.as_slice(),
            },
            type_: self.type_,
            immutable: self.immutable,
            data: Data(self.items),
        })
    }
}

/// Serializes into one buffer that never grows, so that no part of it is left behind unwiped.
pub(crate) fn to_json(body: &impl Serialize) -> Zeroizing<Vec<u8>> {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, body).expect("texts are written");
    let mut octets = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *octets, body).expect("texts are written");
    octets
}

struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0 += octets.len();
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'b> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'b>,
    #[serde(rename = "type")]
    type_: &'b str,
    #[serde(skip_serializing_if = "Option::is_none")]
    immutable: Option<bool>,
    data: Data<'b>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'b> {
    name: &'b str,
    namespace: &'b str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'b BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'b BTreeMap<String, String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    owner_references: &'b [Value],
}

/// Items as the field `data`.
pub(crate) struct Data<'b>(pub(crate) &'b [(&'b str, &'b [u8])]);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (item, octets) in self.0 {
            map.serialize_entry(item, &Item(octets))?;
        }
        map.end()
    }
}

/// One value in base64, written without a text in between.
pub(crate) struct Item<'b>(pub(crate) &'b [u8]);

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_a_secret_and_has_no_room_to_grow() {
        let labels = BTreeMap::from([("kseal.dev/sealing-key".to_owned(), "active".to_owned())]);
        let none = BTreeMap::new();
        let body = SecretBody {
            namespace: "kseal-system",
            name: "kseal-1-6f0c",
            labels: &labels,
            annotations: &none,
            owner_reference: None,
            type_: "kseal.dev/sealing-key",
            immutable: Some(true),
            items: &[("seed", &[1, 2]), ("suite", b"X-Wing")],
        };
        let octets = body.to_json();
        assert_eq!(octets.len(), octets.capacity());
        let read: Value = serde_json::from_slice(&octets).unwrap();
        let expected = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"namespace": "kseal-system", "name": "kseal-1-6f0c", "labels": {"kseal.dev/sealing-key": "active"}},
            "type": "kseal.dev/sealing-key", "immutable": true, "data": {"seed": "AQI=", "suite": "WC1XaW5n"},
        });
        assert_eq!(read, expected);
        let bare = SecretBody { labels: &none, immutable: None, items: &[], ..body };
        let read: Value = serde_json::from_slice(&bare.to_json()).unwrap();
        assert!(read.get("immutable").is_none() && read["metadata"].get("labels").is_none());
    }
}
