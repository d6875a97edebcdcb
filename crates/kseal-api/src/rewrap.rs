//! `kind: RewrapRequest` of `kseal.dev/v1alpha1`: a question to the controller, and its answer.
//!
//! Data keys go in as they stand in sealed objects, and come back wrapped for the cluster's current sealing key. No value and
//! no data key is ever in the open.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{DataKey, Scope, native::or_default};

/// What shall be wrapped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewrapRequestSpec {
    /// The sealed objects whose data keys these are; all of the namespace of the request.
    #[serde(default, deserialize_with = "or_default")]
    pub objects: Vec<RewrapObject>,
}

/// The data keys of one sealed object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RewrapObject {
    /// Where its values may be opened. A data key that was sealed with another scope does not open.
    pub scope: Scope,
    /// The name of the object; bound by Strict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// By handle: the commitment, and the wraps for this cluster's keys.
    #[serde(default, deserialize_with = "or_default")]
    pub data_keys: BTreeMap<String, DataKey>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RewrapRequestStatus {
    /// The generation of the request that was answered.
    #[serde(default)]
    pub observed_generation: i64,
    /// One for each of the request's objects, in its order.
    #[serde(default, deserialize_with = "or_default")]
    pub objects: Vec<RewrappedObject>,
    /// `Complete`, once it is answered.
    #[serde(default, deserialize_with = "or_default")]
    pub conditions: Vec<serde_json::Value>,
}

/// What became of the data keys of one object: each is in one of the two maps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RewrappedObject {
    /// By handle: the wrap for the current sealing key, under that key's fingerprint.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub data_keys: BTreeMap<String, BTreeMap<String, String>>,
    /// By handle: why not. One of [`RewrapFailure`].
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<String, RewrapFailure>,
}

/// Why a data key was not wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RewrapFailure {
    /// It is not of the shape that it must have.
    Malformed,
    /// Its wraps are of a later suite.
    Unsupported,
    /// No key of this cluster is among its recipients.
    NoKey,
    /// It does not open in this place.
    Open,
    /// A compromised key could open it: its values have to be sealed anew, and the secrets changed.
    Compromised,
}

/// The condition type of a [`RewrapRequestStatus`].
pub const REWRAP_COMPLETE: &str = "Complete";
/// The most objects of one request.
pub const MAX_REWRAP_OBJECTS: usize = 64;
/// The most data keys of one request. The answer stands in the same object: wrapped for X-Wing they have 420 KB.
pub const MAX_REWRAP_DATA_KEYS: usize = 256;
/// The most wraps of one data key in a request: those for keys of one cluster.
pub const MAX_REWRAP_RECIPIENTS: usize = 16;
