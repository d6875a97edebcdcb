//! `kind: SealedSecret` of `kseal.dev/v1alpha1`.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize};

/// Reads `null` as a missing field, as Kubernetes does.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Where the values of an object may be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// In one object: namespace and name are bound.
    #[default]
    Strict,
    /// Under any name of one namespace.
    NamespaceWide,
    /// Anywhere in the cluster.
    ClusterWide,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strict => "Strict",
            Self::NamespaceWide => "NamespaceWide",
            Self::ClusterWide => "ClusterWide",
        })
    }
}

/// The desired Secret with its values sealed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealedSecretSpec {
    /// Where the values may be opened. A SealedSecret must say it, a ClusterSealedSecret has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// What the scope bound when the values were sealed; only for error texts and tools, never for opening.
    #[serde(default, deserialize_with = "or_default")]
    pub sealed_for: SealedFor,
    /// Data keys by handle.
    #[serde(default, deserialize_with = "or_default")]
    pub data_keys: BTreeMap<String, DataKey>,
    /// Sealed values by item key.
    #[serde(default, deserialize_with = "or_default")]
    pub encrypted_data: BTreeMap<String, String>,
    /// What else the Secret shall be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// How the Secret is owned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Which ServiceAccounts shall pull images with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_secret: Option<ImagePullSecret>,
}

/// The place for which values were sealed, as far as the scope binds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedFor {
    /// Bound by Strict and NamespaceWide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Bound by Strict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A data key: committed to, and wrapped for each recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataKey {
    /// Base64 of 32 bytes.
    pub commitment: String,
    /// Base64 of HPKE's `enc ‖ ciphertext`, by the recipient's fingerprint.
    #[serde(default, deserialize_with = "or_default")]
    pub recipients: BTreeMap<String, String>,
}

/// What the Secret shall be besides its values. Nothing in it is authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The Secret's type; Opaque if empty.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// Whether the Secret can never change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub immutable: Option<bool>,
    /// The Secret's labels and annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TemplateMetadata>,
}

/// The part of the metadata that is copied to the Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateMetadata {
    /// Labels to set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations to set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// How the Secret is owned, in the words of external-secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Owner unless given.
    #[serde(default)]
    pub creation_policy: CreationPolicy,
}

/// What becomes of the Secret when the object goes, and whose it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CreationPolicy {
    /// The Secret belongs to the object and goes with it.
    #[default]
    Owner,
    /// Items are merged into a Secret of someone else, who consents.
    Merge,
    /// The Secret is made and kept right, and outlives the object.
    Orphan,
}

/// The desired Secret of many namespaces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSealedSecretSpec {
    /// Which namespaces get the Secret: Kubernetes' `LabelSelector`, an empty one for all.
    pub namespace_selector: serde_json::Value,
    /// Namespaces that do not, although they are selected.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub excluded_namespaces: Vec<String>,
    /// What the Secret shall be. Its place is the name of the object alone, so there is no scope.
    #[serde(flatten)]
    pub sealed: SealedSecretSpec,
}

/// Which ServiceAccounts get the Secret in their `imagePullSecrets`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImagePullSecret {
    /// Exactly one way to choose.
    pub service_accounts: Selection,
}

/// Exactly one of its fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// By name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// By label selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<serde_json::Value>,
    /// All of the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<bool>,
}
