//! `kind: ServiceAccountToken` of `kseal.dev/v1alpha1`: a token of a ServiceAccount, kept in a Secret.

use serde::{Deserialize, Serialize};

use crate::native::or_default;

/// The API server gives no token for less.
pub const MIN_EXPIRATION_SECONDS: i64 = 600;

/// Whose token, of what kind, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountTokenSpec {
    /// The ServiceAccount, of the same namespace.
    pub service_account_name: String,
    /// How long the token lives.
    pub mode: TokenMode,
    /// The Secret to write; that of the object's own name unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
    /// Whom a `Bound` token is for; the API server unless given.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// How long a `Bound` token shall live; an hour unless given. The API server may give less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_seconds: Option<i64>,
    /// When a token of mode `Secret` is followed by another; never unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// Whether the Secret shall hold a kubeconfig, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<Kubeconfig>,
}

impl ServiceAccountTokenSpec {
    /// The Secret to write, of an object of that name.
    #[must_use]
    pub fn secret_name<'s>(&'s self, name: &'s str) -> &'s str {
        self.secret_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(name)
    }
}

/// How long a token lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenMode {
    /// It expires, is renewed before that, and dies with the Secret that holds it (TokenRequest).
    Bound,
    /// It never expires: Kubernetes keeps it in a Secret of its own (`kubernetes.io/service-account-token`), which is deleted
    /// when the next one took its place.
    Secret,
}

/// When a token of mode `Secret` is followed by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// So long after it was made.
    pub period_seconds: i64,
    /// So long the old one is good after the new one was published; an hour unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_seconds: Option<i64>,
}

/// That a kubeconfig is wanted. Its server is what the controller is told with `--kubeconfig-server`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kubeconfig {}

/// What became of it. Never the token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountTokenStatus {
    /// The generation of the object to which this belongs.
    #[serde(default)]
    pub observed_generation: i64,
    /// `Ready`, `Reconciling`, `Stalled`, as kstatus reads them.
    #[serde(default, deserialize_with = "or_default")]
    pub conditions: Vec<serde_json::Value>,
    /// The Secret that holds the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
    /// The UID of the ServiceAccount whose token it is.
    #[serde(default, rename = "serviceAccountUID", skip_serializing_if = "Option::is_none")]
    pub service_account_uid: Option<String>,
    /// When the token expires, RFC 3339; none where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_timestamp: Option<String>,
    /// When it is followed by the next one, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal_timestamp: Option<String>,
    /// Under which admission policies the object was seen last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<serde_json::Value>,
    /// The generation whose request was honoured last: a policy that goes missing later does not stop its renewals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub honoured_generation: Option<i64>,
    /// The UID of the object then: a status that was copied with its object means nothing.
    #[serde(default, rename = "honouredUID", skip_serializing_if = "Option::is_none")]
    pub honoured_uid: Option<String>,
}
