//! The one body in which a private key leaves the process: a Secret for the API server, written into memory that is wiped.

use std::io;

use kseal_crypto::encode_base64;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use zeroize::Zeroizing;

/// A Secret that borrows everything.
pub(super) struct SecretBody<'b> {
    pub(super) namespace: &'b str,
    pub(super) name: &'b str,
    pub(super) label: Option<(&'b str, &'b str)>,
    pub(super) annotation: Option<(&'b str, &'b str)>,
    pub(super) type_: &'b str,
    pub(super) immutable: bool,
    pub(super) items: &'b [(&'b str, &'b [u8])],
}

/// Room for everything but the items.
const FRAME: usize = 1024;

impl SecretBody<'_> {
    /// As JSON.
    pub(super) fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let base64 = |(item, octets): &(&'_ str, &[u8])| (item.to_string(), Zeroizing::new(encode_base64(octets)));
        let items: Vec<(String, Zeroizing<String>)> = self.items.iter().map(base64).collect();
        let room = FRAME + items.iter().map(|(item, text)| item.len() + text.len() + 8).sum::<usize>();
        let mut wiped = Wiped(Zeroizing::new(Vec::with_capacity(room)));
        let body = Body {
            api_version: "v1",
            kind: "Secret",
            metadata: Metadata {
                namespace: self.namespace,
                name: self.name,
                labels: self.label.map(Pair),
                annotations: self.annotation.map(Pair),
            },
            type_: self.type_,
            immutable: self.immutable.then_some(true),
            data: Data(&items),
        };
        serde_json::to_writer(&mut wiped, &body).expect("text is written into memory");
        wiped.0
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
struct Metadata<'b> {
    namespace: &'b str,
    name: &'b str,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Pair<'b>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Pair<'b>>,
}

/// A map of one entry.
struct Pair<'b>((&'b str, &'b str));

impl Serialize for Pair<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([self.0])
    }
}

struct Data<'b>(&'b [(String, Zeroizing<String>)]);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (item, text) in self.0 {
            map.serialize_entry(item, text.as_str())?;
        }
        map.end()
    }
}

/// Memory that is wiped, also where it grows.
struct Wiped(Zeroizing<Vec<u8>>);

impl io::Write for Wiped {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let needed = self.0.len() + octets.len();
        if needed > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed * 2));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::io::Write as _;

    #[test]
    fn a_body_is_a_secret() {
        let body = SecretBody {
            namespace: "kseal-system",
            name: "kseal-1-6f0c",
            label: Some(("kseal.dev/sealing-key", "active")),
            annotation: None,
            type_: "kseal.dev/sealing-key",
            immutable: true,
            items: &[("seed", &[1, 2]), ("suite", b"X-Wing")],
        };
        let read: Value = serde_json::from_slice(&body.to_json()).unwrap();
        let expected = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"namespace": "kseal-system", "name": "kseal-1-6f0c", "labels": {"kseal.dev/sealing-key": "active"}},
            "type": "kseal.dev/sealing-key", "immutable": true, "data": {"seed": "AQI=", "suite": "WC1XaW5n"},
        });
        assert_eq!(read, expected);
        let bare = SecretBody { label: None, immutable: false, items: &[], ..body };
        let read: Value = serde_json::from_slice(&bare.to_json()).unwrap();
        assert!(read.get("immutable").is_none() && read["metadata"].get("labels").is_none());
    }

    #[test]
    fn what_grows_keeps_its_content() {
        let mut wiped = Wiped(Zeroizing::new(Vec::new()));
        for octet in 0..=255 {
            wiped.write_all(&[octet]).unwrap();
        }
        wiped.flush().unwrap();
        assert_eq!(*wiped.0, (0..=255).collect::<Vec<u8>>());
    }
}
