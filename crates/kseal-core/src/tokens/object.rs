//! A `ServiceAccountToken` as it was read.

use std::collections::BTreeMap;

use kseal_api::{ServiceAccountTokenSpec, ServiceAccountTokenStatus, TokenMode, names};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::name::is_name;
use crate::policy::SeenUnder;

/// Unless the object says otherwise.
const EXPIRATION_SECONDS: i64 = 3_600;
const OVERLAP_SECONDS: i64 = 3_600;
/// No token is followed by another more often, whatever the definition in the cluster admits.
const MIN_PERIOD_SECONDS: i64 = 600;

/// A `ServiceAccountToken`.
#[derive(Debug)]
pub struct TokenObject {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.creationTimestamp`.
    pub created: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether it is to be left alone.
    pub paused: bool,
    /// Another value than before makes the work be done again.
    pub reconcile_at: Option<String>,
    /// What was settled of the policy that looks at that, before it was read.
    pub(super) settled: Option<i64>,
    /// What it asks for; none where that is not of the shape of its kind.
    pub spec: Option<ServiceAccountTokenSpec>,
    /// What was told of it; nothing where that is not of the shape of its kind.
    pub status: ServiceAccountTokenStatus,
}

impl TokenObject {
    /// Reads an object; none where it has no name.
    #[must_use]
    pub fn read(object: &[u8]) -> Option<Self> {
        let Object { metadata, spec, status } = serde_json::from_slice(object).ok()?;
        let spec: Option<ServiceAccountTokenSpec> = spec.and_then(|spec| serde_json::from_str(spec.get()).ok());
        let annotations = metadata.annotations.unwrap_or_default();
        let read = Self {
            spec: spec.filter(|spec| is_sound(spec, &metadata.name)),
            status: status.and_then(|status| serde_json::from_str(status.get()).ok()).unwrap_or_default(),
            paused: annotations.get(names::PAUSED).is_some_and(|value| value == "true"),
            reconcile_at: annotations.get(names::RECONCILE_AT).cloned(),
            namespace: metadata.namespace,
            name: metadata.name,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            generation: metadata.generation,
            settled: None,
            created: metadata.creation_timestamp.unwrap_or_default(),
            deleting: metadata.deletion_timestamp.is_some(),
        };
        Some(read)
    }

    /// The name of the Secret that others read.
    #[must_use]
    pub fn secret_name(&self) -> &str {
        self.spec.as_ref().map_or(&self.name, |spec| spec.secret_name(&self.name))
    }

    /// The same, read after this was settled of the policy that looks at what it asks.
    #[must_use]
    pub fn read_under(self, settled: Option<i64>) -> Self {
        Self { settled, ..self }
    }

    /// Under which policy it was seen last.
    #[must_use]
    pub fn seen_under(&self) -> Option<SeenUnder> {
        SeenUnder::read(self.status.policies.as_ref()?)
    }

    /// Stands for what it asks, and for what is honoured of its metadata.
    pub(super) fn digest(&self) -> String {
        let parts = (&self.spec, &self.reconcile_at, self.paused);
        let text = serde_json::to_vec(&parts).expect("texts are written");
        hex(&Sha256::digest(text)[..16])
    }

    /// The policy under which it became what it is now.
    #[must_use]
    pub fn changed_under(&self) -> Option<i64> {
        self.seen_under()?.changed(&self.uid, &self.digest())
    }

    /// Whether this very request was honoured before.
    #[must_use]
    pub fn is_honoured(&self) -> bool {
        let is_it = self.status.honoured_uid.as_deref() == Some(&*self.uid);
        is_it && self.status.honoured_generation == Some(self.generation)
    }
}

/// Names become parts of paths, so one that is none must not get so far.
fn is_sound(spec: &ServiceAccountTokenSpec, name: &str) -> bool {
    let rotation = spec.rotation.is_none_or(|rotation| {
        rotation.period_seconds >= MIN_PERIOD_SECONDS && rotation.overlap_seconds.unwrap_or(0) >= 0
    });
    rotation && is_name(&spec.service_account_name) && is_name(spec.secret_name(name))
}

/// What a token is made for: another value of any of these takes another token.
pub(super) fn request_digest(spec: &ServiceAccountTokenSpec) -> String {
    let mode = match spec.mode {
        TokenMode::Bound => "Bound",
        TokenMode::Secret => "Secret",
    };
    let parts = (&spec.service_account_name, mode, &spec.audiences, expiration(spec));
    let text = serde_json::to_vec(&parts).expect("texts are written");
    hex(&Sha256::digest(text)[..16])
}

/// For how long a token of mode `Bound` is asked.
pub(super) fn expiration(spec: &ServiceAccountTokenSpec) -> i64 {
    spec.expiration_seconds.unwrap_or(EXPIRATION_SECONDS)
}

/// How long an old token is good after the next one was published.
pub(super) fn overlap(spec: &ServiceAccountTokenSpec) -> i64 {
    spec.rotation.and_then(|rotation| rotation.overlap_seconds).unwrap_or(OVERLAP_SECONDS)
}

pub(super) fn hex(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, byte| {
        // A String takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[derive(Deserialize)]
struct Object<'j> {
    metadata: Metadata,
    #[serde(borrow, default)]
    spec: Option<&'j RawValue>,
    #[serde(borrow, default)]
    status: Option<&'j RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    namespace: String,
    name: String,
    uid: String,
    resource_version: String,
    #[serde(default)]
    generation: i64,
    creation_timestamp: Option<String>,
    deletion_timestamp: Option<IgnoredAny>,
    annotations: Option<BTreeMap<String, String>>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(spec: &Value, status: &Value) -> TokenObject {
        let metadata = json!({"namespace": "prod", "name": "ci", "uid": "u1", "resourceVersion": "1", "generation": 3});
        TokenObject::read(json!({"metadata": metadata, "spec": spec, "status": status}).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_is_not_of_its_shape_is_still_an_object() {
        for spec in [
            json!(null),
            json!([]),
            json!({}),
            json!({"serviceAccountName": "ci", "mode": "Forever"}),
            json!({"serviceAccountName": "../secrets/db?", "mode": "Bound"}),
            json!({"serviceAccountName": "..", "mode": "Bound"}),
            json!({"serviceAccountName": "ci", "mode": "Bound", "secretName": "a/b"}),
            json!({"serviceAccountName": "ci", "mode": "Secret", "rotation": {"periodSeconds": 1}}),
            json!({"serviceAccountName": "ci", "mode": "Secret", "rotation": {"periodSeconds": 900, "overlapSeconds": -1}}),
        ] {
            assert!(read(&spec, &json!({"conditions": 7})).spec.is_none(), "{spec}");
        }
        assert!(TokenObject::read(b"{}").is_none() && TokenObject::read(b"\xff").is_none());
    }

    #[test]
    fn a_request_is_honoured_by_its_generation() {
        let spec = json!({"serviceAccountName": "ci.bot-1", "mode": "Bound"});
        assert!(read(&spec, &json!({"honouredGeneration": 3, "honouredUID": "u1"})).is_honoured());
        for other in [json!({"honouredGeneration": 2, "honouredUID": "u1"}), json!({"honouredGeneration": 3})] {
            assert!(!read(&spec, &other).is_honoured(), "{other}");
        }
        let copied = json!({"honouredGeneration": 3, "honouredUID": "u2"});
        assert!(!read(&spec, &copied).is_honoured(), "with its object");
        assert!(!read(&spec, &json!(null)).is_honoured());
    }

    #[test]
    fn only_what_a_token_depends_on_asks_for_another() {
        let digest = |spec: &Value| request_digest(read(spec, &json!(null)).spec.as_ref().unwrap());
        let bound = json!({"serviceAccountName": "ci", "mode": "Bound"});
        assert_eq!(
            digest(&bound),
            digest(
                &json!({"serviceAccountName": "ci", "mode": "Bound", "expirationSeconds": 3600, "kubeconfig": {}, "secretName": "x"})
            )
        );
        for other in [
            json!({"serviceAccountName": "ca", "mode": "Bound"}),
            json!({"serviceAccountName": "ci", "mode": "Secret"}),
            json!({"serviceAccountName": "ci", "mode": "Bound", "audiences": ["a"]}),
            json!({"serviceAccountName": "ci", "mode": "Bound", "expirationSeconds": 600}),
        ] {
            assert_ne!(digest(&bound), digest(&other), "{other}");
        }
    }
}
