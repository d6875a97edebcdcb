//! `kind: SealedSecret` of `bitnami.com/v1alpha1`, as sealed-secrets defines it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::native::or_default;

/// The desired Secret with its values sealed by sealed-secrets' format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamSpec {
    /// Sealed values by item key.
    #[serde(default, deserialize_with = "or_default")]
    pub encrypted_data: BTreeMap<String, String>,
    /// The deprecated form: a whole Secret in one value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// What else the Secret shall be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<UpstreamTemplate>,
}

/// Upstream's template. Its metadata has more fields than kseal honours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamTemplate {
    /// The Secret's type.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// Whether the Secret can never change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub immutable: Option<bool>,
    /// Go templates by item key; `null` leaves an item out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<BTreeMap<String, Option<String>>>,
}
