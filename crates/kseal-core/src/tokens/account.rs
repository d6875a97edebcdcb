//! A ServiceAccount, as far as its tokens go.

use kseal_api::names;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// A ServiceAccount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `metadata.uid`: one that was deleted and made again is another one.
    pub uid: String,
    /// Whether it is being deleted. Its tokens are good no more.
    pub deleting: bool,
    /// For whom it allows its tokens to be kept in Secrets.
    allowed: Vec<String>,
}

impl Account {
    /// Reads a ServiceAccount, or its metadata.
    #[must_use]
    pub fn read(object: &[u8]) -> Option<Self> {
        let Object { metadata } = serde_json::from_slice(object).ok()?;
        let Allowed { entries } = metadata.annotations.unwrap_or_default();
        let entries = entries.as_deref().unwrap_or_default().split(',').map(str::trim);
        Some(Self {
            uid: metadata.uid,
            deleting: metadata.deletion_timestamp.is_some(),
            allowed: entries.filter(|entry| !entry.is_empty()).map(ToOwned::to_owned).collect(),
        })
    }

    /// Whether it consents: the name of a ServiceAccountToken, or `sealedsecrets/NAME`.
    #[must_use]
    pub fn allows(&self, entry: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed == entry)
    }
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    uid: String,
    deletion_timestamp: Option<IgnoredAny>,
    annotations: Option<Allowed>,
}

#[derive(Default, Deserialize)]
struct Allowed {
    #[serde(rename = "kseal.dev/allow-token-for")]
    entries: Option<String>,
}

const _: () = assert!(matches!(names::ALLOW_TOKEN_FOR.as_bytes(), b"kseal.dev/allow-token-for"));

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn account(annotations: &Value) -> Account {
        Account::read(json!({"metadata": {"uid": "a1", "annotations": annotations}}).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn consent_is_given_by_name() {
        let allows = |text: &str, entry| account(&json!({"kseal.dev/allow-token-for": text})).allows(entry);
        assert!(allows("ci", "ci") && allows("a, ci ,b", "ci") && allows("sealedsecrets/ci", "sealedsecrets/ci"));
        for text in ["", ",", "cI", "ci2", "*", "sealedsecrets/ci", "c i"] {
            assert!(!allows(text, "ci"), "{text}");
        }
        assert!(!account(&json!(null)).allows(""));
        assert!(!account(&json!({"kseal.dev/allow-token-for": ","})).allows(""));
    }
}
