//! Which objects need which key, as the controller counts it and `kseal keys list` and `kseal keys usage` show it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What stands in the ConfigMap `kseal-key-usage`. It is written once every object was seen, and whenever it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyUsage {
    /// When it was counted, in RFC 3339.
    pub counted_at: String,
    /// The namespaces in which it was counted; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub watched: Vec<String>,
    /// By fingerprint: `k…` of a native key, `SHA256:…` of an RSA key.
    #[serde(default)]
    pub keys: BTreeMap<String, UsedKey>,
}

/// One key: what is known of it, and what needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsedKey {
    /// `X-Wing`, `X25519`, or `RSA`.
    pub suite: String,
    /// One of [`crate::KeyState`]; `missing` where the key is published and its Secret is gone.
    pub state: String,
    /// The name of its Secret; empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub secret: String,
    /// When it was made, in RFC 3339.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created_at: String,
    /// How many objects it opened, and would have to open again.
    pub objects: usize,
    /// How many objects name it and did not open. Anyone who may create objects can claim that, so it holds nothing up.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub claimed: usize,
    /// How many of `objects` there are in each namespace: the first ones by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub namespaces: BTreeMap<String, usize>,
    /// Some of `objects`, as `namespace/name`: the first ones by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<String>,
}

/// How many namespaces of one key are named.
pub const MAX_NAMESPACES: usize = 16;
/// How many objects of one key are named.
pub const MAX_FIRST: usize = 16;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
