//! A Secret on its way to the API server: the one place where opened values are written out.

use std::collections::BTreeMap;
use std::io;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use kseal_api::names;
use kseal_crypto::{Plaintext, Zeroizing};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Value, json};

use super::{Group, Request, live::Applied, ownership::ClaimedBy};

/// The Secret that a request asks for, to be created.
///
/// # Panics
/// Never: what is written is only texts.
#[must_use]
pub fn create(request: &Request, values: &BTreeMap<String, Plaintext>) -> Zeroizing<Vec<u8>> {
    let by = request.policy.claimed_by();
    let annotations = annotations(request, by, false, values);
    let owner_references: Vec<Value> = (by == ClaimedBy::Reference).then(|| reference(request)).into_iter().collect();
    to_vec(&Secret {
        api_version: "v1",
        kind: "Secret",
        metadata: Metadata {
            name: &request.name,
            namespace: &request.namespace,
            labels: &request.desired.labels,
            annotations: &annotations,
            owner_references: &owner_references,
        },
        type_: &request.desired.type_,
        immutable: immutable(request),
        data: Data(values),
    })
}

/// Stated always by our own kind, so that taking it back is refused by the API server and not passed over. Upstream
/// states it only where the template does.
pub(super) fn immutable(request: &Request) -> Option<bool> {
    (request.group == Group::Native || request.desired.immutable).then_some(request.desired.immutable)
}

/// Every annotation that the Secret shall have from us.
pub(super) fn annotations(
    request: &Request,
    by: ClaimedBy,
    merge: bool,
    values: &BTreeMap<String, Plaintext>,
) -> BTreeMap<String, String> {
    let mut annotations = request.desired.annotations.clone();
    if request.group == Group::Native {
        let applied = Applied {
            labels: request.desired.labels.keys().cloned().collect(),
            annotations: annotations.keys().cloned().collect(),
            items: values.keys().filter(|_| merge).cloned().collect(),
        };
        if applied != Applied::default() {
            annotations.insert(names::APPLIED.to_owned(), json!(applied).to_string());
        }
    }
    if by == ClaimedBy::Annotation {
        annotations.insert(names::OWNER_UID.to_owned(), request.uid.clone());
    }
    annotations
}

/// The ownerReference that makes a Secret go with its object.
pub(super) fn reference(request: &Request) -> Value {
    json!({
        "apiVersion": request.group.api_version(), "kind": names::SEALED_SECRET,
        "name": request.name, "uid": request.uid, "controller": true,
    })
}

/// Serializes into one buffer that never grows, so that no part of it is left behind unwiped.
pub(super) fn to_vec(body: &impl Serialize) -> Zeroizing<Vec<u8>> {
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
struct Secret<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    #[serde(rename = "type")]
    type_: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    immutable: Option<bool>,
    data: Data<'a>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    name: &'a str,
    namespace: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    owner_references: &'a [Value],
}

/// Opened values as the field `data`.
pub(super) struct Data<'a>(pub(super) &'a BTreeMap<String, Plaintext>);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (item, value) in self.0 {
            map.serialize_entry(item, &Item(value))?;
        }
        map.end()
    }
}

/// One opened value in base64, written without a text in between.
pub(super) struct Item<'a>(pub(super) &'a Plaintext);

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}
