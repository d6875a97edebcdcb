//! What a controller says of the use of keys, and objects that it opened.

#![allow(dead_code, reason = "each test file uses a part of it")]

use kseal_api::{KeyUsage, UsedKey, names};
use serde_json::{Value, json};

/// Where the controller says what needs the keys.
pub(crate) const USAGE: &str = "/api/v1/namespaces/kseal-system/configmaps/kseal-key-usage";
/// Where Secrets of keys are.
pub(crate) const SECRETS: &str = "/api/v1/namespaces/kseal-system/secrets";

/// The ConfigMap in which it is said.
pub(crate) fn usage(keys: &[(&str, UsedKey)]) -> Value {
    let keys = keys.iter().map(|(fingerprint, used)| ((*fingerprint).to_owned(), used.clone())).collect();
    let usage = KeyUsage { counted_at: "2026-11-22T05:00:00Z".to_owned(), watched: Vec::new(), keys };
    usage_map(&usage)
}

/// The same, with everything.
pub(crate) fn usage_map(usage: &KeyUsage) -> Value {
    json!({"metadata": {"name": names::KEY_USAGE}, "data": {names::KEY_USAGE_ITEM: serde_json::to_string(usage).expect("JSON")}})
}

/// A key that opened so many objects in namespaces.
pub(crate) fn used(suite: &str, state: &str, secret: &str, namespaces: &[(&str, usize)]) -> UsedKey {
    UsedKey {
        suite: suite.to_owned(),
        state: state.to_owned(),
        secret: secret.to_owned(),
        created_at: "2020-01-01T00:00:00Z".to_owned(),
        objects: namespaces.iter().map(|(_, objects)| objects).sum(),
        namespaces: namespaces.iter().map(|(name, objects)| ((*name).to_owned(), *objects)).collect(),
        ..UsedKey::default()
    }
}

/// The path of all objects of a group.
pub(crate) fn collection(group: &str) -> String {
    format!("/apis/{group}/v1alpha1/sealedsecrets?limit=500")
}

pub(crate) fn page(items: &[Value]) -> Value {
    json!({"metadata": {}, "items": items})
}

/// A native object, sealed for some keys and opened by others.
pub(crate) fn native(namespace: &str, name: &str, recipients: &[&str], opened: &[&str]) -> Value {
    let recipients: serde_json::Map<_, _> = recipients.iter().map(|key| ((*key).to_owned(), "AA==".into())).collect();
    json!({
        "metadata": {"namespace": namespace, "name": name, "generation": 1},
        "spec": {"dataKeys": {"d7q2m4kd5v5xw3c5t": {"commitment": "AA==", "recipients": recipients}}},
        "status": {"observedGeneration": 1, "observed": {"keys": opened}},
    })
}

/// An object of sealed-secrets, opened by keys.
pub(crate) fn upstream(namespace: &str, name: &str, opened: &[&str]) -> Value {
    let record = json!({"uid": "u", "keys": opened}).to_string();
    json!({
        "metadata": {"namespace": namespace, "name": name, "generation": 1},
        "spec": {"encryptedData": {"a": "AgB"}},
        "status": {"observedGeneration": 1, "conditions": [
            {"type": "Synced", "status": "True"},
            {"type": "kseal.dev/record", "status": "True", "message": record},
        ]},
    })
}

/// The same with something in its spec that is deeper than a parser has stack for, and who set it.
pub(crate) fn deep(mut object: Value) -> Value {
    let deep = (0..150).fold(Value::Null, |inner, _| json!({"a": inner}));
    object["spec"]["template"] = json!({"metadata": deep});
    object["metadata"]["managedFields"] = json!([{"manager": "x", "fieldsV1": {"f:spec": deep}}]);
    object
}
