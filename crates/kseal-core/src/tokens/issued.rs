//! What TokenRequest answers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kseal_crypto::{Plaintext, Zeroizing};
use serde::Deserialize;

use super::seconds;

/// A token as it was issued. It cannot be printed, and is wiped.
pub struct Issued {
    /// The token.
    pub token: Plaintext,
    /// How long it really lives, in seconds: the API server may give less than was asked for, or more.
    pub life: i64,
    /// When it expires, in seconds since 1970, as far as that is told.
    pub(super) expires: Option<i64>,
    /// The UID of the ServiceAccount whose token it is, as far as that is told.
    account: Option<String>,
}

impl Issued {
    /// Reads an answer; none where it has no token.
    #[must_use]
    pub fn read(answer: &[u8]) -> Option<Self> {
        let Answer { metadata, spec, status } = serde_json::from_slice(answer).ok()?;
        let token = Plaintext::from(status.token.as_bytes().to_vec());
        // Both by one clock. Some servers do not tell the first, but all how long they made it.
        let made = metadata.creation_timestamp.as_deref().and_then(seconds);
        let expires = status.expiration_timestamp.as_deref().and_then(seconds);
        let told = made.zip(expires).map(|(made, expires)| expires.saturating_sub(made));
        Some(Self { life: told.or(spec.expiration_seconds)?, expires, account: account(&token), token })
    }

    /// Whether it may be a token of the account with this UID. API servers before 1.34 pass over the UID in the request.
    #[must_use]
    pub fn is_of(&self, account: &str) -> bool {
        self.account.as_deref().is_none_or(|uid| uid == account)
    }
}

/// What the token itself says of whose it is, where it is a JWT that does.
fn account(token: &[u8]) -> Option<String> {
    let claims = token.split(|byte| *byte == b'.').nth(1)?;
    let claims = Zeroizing::new(URL_SAFE_NO_PAD.decode(claims).ok()?);
    let Claims { kubernetes } = serde_json::from_slice(&claims).ok()?;
    Some(kubernetes.account.uid)
}

#[derive(Deserialize)]
struct Answer<'j> {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(borrow)]
    status: Status<'j>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    creation_timestamp: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    expiration_seconds: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status<'j> {
    /// A JWT has nothing that JSON escapes, so no copy is made that is not wiped.
    token: &'j str,
    expiration_timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(rename = "kubernetes.io")]
    kubernetes: Kubernetes,
}

#[derive(Deserialize)]
struct Kubernetes {
    #[serde(rename = "serviceaccount")]
    account: Reference,
}

#[derive(Deserialize)]
struct Reference {
    uid: String,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(answer: &Value) -> Option<Issued> {
        Issued::read(answer.to_string().as_bytes())
    }

    #[test]
    fn a_life_is_what_the_server_gave() {
        let answer = |created: &Value, seconds: &Value| {
            read(&json!({
                "metadata": {"creationTimestamp": created}, "spec": {"expirationSeconds": seconds},
                "status": {"token": "t", "expirationTimestamp": "2026-11-27T01:00:00Z"},
            }))
            .map(|issued| issued.life)
        };
        assert_eq!(answer(&json!("2026-11-27T00:50:00Z"), &json!(3600)), Some(600));
        assert_eq!(answer(&json!(null), &json!(900)), Some(900));
        assert_eq!(answer(&json!(null), &json!(null)), None);
        assert!(read(&json!({"status": {}})).is_none());
    }

    #[test]
    fn a_token_of_another_account_is_told() {
        let of = |claims: &Value| {
            let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
            read(&json!({"spec": {"expirationSeconds": 600}, "status": {"token": token}})).unwrap()
        };
        let known = of(&json!({"kubernetes.io": {"serviceaccount": {"name": "ci", "uid": "a1"}}}));
        assert!(known.is_of("a1") && !known.is_of("a2"));
        assert!(of(&json!({})).is_of("a2"), "it does not tell");
    }
}
