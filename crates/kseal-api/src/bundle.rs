//! `kind: SealingKeyBundle`: what a cluster publishes and a repository keeps.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A cluster's public sealing keys. Never applied to a cluster, but shaped like everything that is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealingKeyBundle {
    /// [`crate::names::API_VERSION`].
    pub api_version: String,
    /// [`crate::names::SEALING_KEY_BUNDLE`].
    pub kind: String,
    /// Its name.
    pub metadata: BundleMetadata,
    /// Its keys.
    pub spec: SealingKeyBundleSpec,
}

/// A bundle's metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleMetadata {
    /// The cluster's name for people.
    pub name: String,
}

/// A bundle's keys and who signed them. A bundle of local keys has no UID, identity, serial, time and signature.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealingKeyBundleSpec {
    /// The UID of the cluster's namespace `kube-system`.
    #[serde(rename = "clusterUID", default, skip_serializing_if = "Option::is_none")]
    pub cluster_uid: Option<String>,
    /// Base64 of the cluster's Ed25519 public key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Grows with each publication; about Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<u64>,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<String>,
    /// All keys, retired ones included.
    pub keys: Vec<KeyEntry>,
    /// PEM of the current RSA key's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Base64 of the identity's signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// One sealing key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyEntry {
    /// As stated; recomputed on reading.
    pub fingerprint: String,
    /// `X-Wing` or `X25519`.
    pub suite: String,
    /// Base64 of HPKE's serialization.
    pub public_key: String,
    /// The generation: sealing uses the highest active one.
    pub epoch: u32,
    /// RFC 3339.
    pub created_at: String,
    /// What the key may still do.
    pub state: KeyState,
}

/// What a sealing key may still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// The newest one seals.
    Active,
    /// Opens only.
    Retiring,
    /// Kept, not loaded.
    Retired,
    /// Opens, and everything that still uses it says so.
    Compromised,
}

impl KeyState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Active, Self::Retiring, Self::Retired, Self::Compromised];

    /// Reads what [`Self::as_str`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether a key of this state is loaded and opens.
    #[must_use]
    pub const fn opens(self) -> bool {
        !matches!(self, Self::Retired)
    }

    /// As it is written in bundles, labels, and what a bundle's signature covers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
            Self::Compromised => "compromised",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
