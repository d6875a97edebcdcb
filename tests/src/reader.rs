//! From the JSON object of a vector to `kseal-core`, as the edges of the command line and the controller do it.

use std::collections::BTreeMap;

use kseal_api::{SealedSecretSpec, SealingKeyBundle, UpstreamSpec, names};
use kseal_core::{Bundle, KeySecret, ObjectRef, SealedObject};
use kseal_crypto::{FailureClass, KeyRing, decode_base64};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::vector::{Contents, Vector};

/// Reads the object of a vector.
///
/// # Errors
/// The failure class.
pub fn read(vector: &Vector) -> Result<Contents, FailureClass> {
    let object = &vector.object;
    match vector.format.as_str() {
        "native" => open(&native(object)?, &vector.ring),
        "in-place" => open(&in_place(object)?, &vector.ring),
        "sealed-secrets" => open(&upstream(object)?, &vector.ring),
        "bundle" => bundle(object),
        "key" => key(object),
        _ => Err(FailureClass::Unsupported),
    }
}

/// The part of every object that says what and where it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    api_version: String,
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    namespace: Option<String>,
    name: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    annotations: BTreeMap<String, String>,
}

/// What a Secret holds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Secret {
    #[serde(rename = "type", default)]
    type_: String,
    #[serde(default, deserialize_with = "or_default")]
    data: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default")]
    string_data: BTreeMap<String, String>,
}

/// `null` is the same as missing.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Head {
    fn is(&self, api_version: &str, kind: &str) -> bool {
        self.api_version == api_version && self.kind == kind
    }

    fn object(&self) -> ObjectRef {
        ObjectRef { namespace: self.metadata.namespace.clone(), name: self.metadata.name.clone() }
    }
}

/// What does not have the types of its kind breaks a rule of shape.
fn shaped<T: DeserializeOwned>(value: &Value) -> Result<T, FailureClass> {
    serde_json::from_value(value.clone()).map_err(|_| FailureClass::Malformed)
}

fn native(value: &Value) -> Result<SealedObject, FailureClass> {
    let head: Head = shaped(value)?;
    let spec: SealedSecretSpec = shaped(&value["spec"])?;
    if head.is(names::API_VERSION, names::CLUSTER_SEALED_SECRET) {
        Ok(SealedObject::cluster(head.metadata.name, &spec, json_len(value)))
    } else if head.is(names::API_VERSION, names::SEALED_SECRET) {
        Ok(SealedObject::native(head.object(), &spec, json_len(value)))
    } else {
        Err(FailureClass::Malformed)
    }
}

fn in_place(value: &Value) -> Result<SealedObject, FailureClass> {
    let head: Head = shaped(value)?;
    let secret: Secret = shaped(value)?;
    if !head.is("v1", "Secret") {
        return Err(FailureClass::Malformed);
    }
    let annotations = texts(&head.metadata.annotations);
    let items = texts(&secret.data).chain(texts(&secret.string_data));
    Ok(SealedObject::in_place(head.object(), annotations, items, json_len(value)))
}

fn upstream(value: &Value) -> Result<SealedObject, FailureClass> {
    let head: Head = shaped(value)?;
    let spec: UpstreamSpec = shaped(&value["spec"])?;
    if !head.is(names::UPSTREAM_API_VERSION, names::SEALED_SECRET) {
        return Err(FailureClass::Malformed);
    }
    let annotation = |name: &str| head.metadata.annotations.get(name).map(String::as_str);
    Ok(SealedObject::upstream(head.object(), annotation, &spec))
}

fn open(object: &SealedObject, ring: &KeyRing) -> Result<Contents, FailureClass> {
    let opened = object.open(ring).map_err(|failures| failures.class())?;
    let items = opened.into_iter().map(|(item, value)| (item, value.to_vec())).collect();
    Ok(Contents { items, ..Contents::default() })
}

fn bundle(value: &Value) -> Result<Contents, FailureClass> {
    let text: SealingKeyBundle = shaped(value)?;
    let bundle = Bundle::read(&text).map_err(|error| error.class())?;
    Ok(Contents {
        identity: bundle.publisher.as_ref().map(|publisher| publisher.identity.fingerprint().to_string()),
        sealing_key: bundle.sealing_key().map(|key| key.public.fingerprint().to_string()),
        ..Contents::default()
    })
}

fn key(value: &Value) -> Result<Contents, FailureClass> {
    let head: Head = shaped(value)?;
    let secret: Secret = shaped(value)?;
    if !head.is("v1", "Secret") {
        return Err(FailureClass::Malformed);
    }
    let octets: Option<BTreeMap<&str, Vec<u8>>> =
        secret.data.iter().map(|(item, text)| Some((item.as_str(), decode_base64(text)?))).collect();
    let octets = octets.ok_or(FailureClass::Malformed)?;
    let stated = head.metadata.annotations.get(names::FINGERPRINT).map(String::as_str);
    let item = |name: &str| octets.get(name).map(Vec::as_slice);
    match KeySecret::read(&secret.type_, stated, item) {
        Ok(KeySecret::Native { key, .. }) => {
            Ok(Contents { fingerprint: Some(key.fingerprint().to_string()), ..Contents::default() })
        }
        // The vectors' private keys are kseal's own; every fault of one is a fault of shape.
        Ok(KeySecret::Rsa { .. }) | Err(_) => Err(FailureClass::Malformed),
    }
}

fn json_len(value: &Value) -> usize {
    value.to_string().len()
}

fn texts(map: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    map.iter().map(|(key, text)| (key.as_str(), text.as_str()))
}
