//! What is kept in mind of a sealed object that passes by.

use std::borrow::Cow;

use kseal_api::names;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Asks, Digest, Group, Observed, Uid, annotations::Annotations, status::Seen};

/// One look at a sealed object: enough to know whether anything has to be done.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Sighting {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// Shortened `metadata.uid`.
    pub uid: Uid,
    /// `metadata.resourceVersion` as the number that it is.
    pub resource_version: u64,
    /// Of the spec and the metadata that is honoured.
    pub digest: Digest,
    /// What the status says was done for just this digest, by this version of the logic.
    pub observed: Option<Observed>,
    /// The keys that opened it when it last opened, as far as that is not in `observed`.
    pub needed: Vec<String>,
    /// Whether the status says that a compromised key opened it.
    pub tells_of_compromised: bool,
    /// Whether any status was ever written.
    pub has_status: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether it is to be left alone.
    pub paused: bool,
    /// Whether its Secret passes to the native object of the same name.
    pub hands_over: bool,
    /// What it asks of ServiceAccounts.
    pub asks: Asks,
    /// What was settled of the policies that look at that, when it was seen last.
    pub seen_under: Option<i64>,
    /// `metadata.creationTimestamp`, where it asks for something.
    pub created: String,
}

impl Sighting {
    /// Reads one object; none where it has no name, which no API server sends.
    #[must_use]
    pub fn read(group: Group, object: &[u8]) -> Option<Self> {
        let Object { metadata, spec, status } = serde_json::from_slice(object).ok()?;
        let digest = digest(group, &metadata.annotations, spec);
        let asks = Asks::read(group, spec);
        let uid = Uid::of(&metadata.uid);
        let has_status = status.is_some();
        let seen = status.map(|status| Seen::read(group, status)).unwrap_or_default();
        let tells_of_compromised = seen.tells_of_compromised(group);
        let seen_under = seen.seen_under.as_ref().filter(|it| Uid::of(&it.uid) == uid).map(|it| it.since);
        let observed = seen.observed.filter(|observed| observed.holds_for(uid, digest));
        let needed = if observed.is_some() { Vec::new() } else { seen.needed };
        Some(Self {
            uid,
            digest,
            observed,
            needed,
            tells_of_compromised,
            has_status,
            resource_version: metadata.resource_version.parse().unwrap_or(0),
            deleting: metadata.deletion_timestamp.is_some(),
            paused: metadata.annotations.is_true(names::PAUSED),
            hands_over: hands_over(group, &metadata.annotations),
            created: if asks.is_nothing() { String::new() } else { metadata.creation_timestamp.into_owned() },
            asks,
            seen_under,
            namespace: metadata.namespace.into_owned(),
            name: metadata.name.into_owned(),
        })
    }
}

/// A changed `reconcile-at` is another digest, which is all that it takes to do the work again.
pub(super) fn digest(group: Group, annotations: &Annotations<'_>, spec: Option<&RawValue>) -> Digest {
    let honoured = |name| annotations.get(name).unwrap_or_default();
    let scopes = match group {
        Group::Native => ["", ""],
        Group::Upstream => [honoured(names::UPSTREAM_CLUSTER_WIDE), honoured(names::UPSTREAM_NAMESPACE_WIDE)],
    };
    let spec = spec.map_or("", RawValue::get);
    Digest::of([group.as_str(), spec, honoured(names::RECONCILE_AT)].into_iter().chain(scopes))
}

pub(super) fn hands_over(group: Group, annotations: &Annotations<'_>) -> bool {
    group == Group::Upstream && annotations.get(names::HAND_OVER) == Some(names::HAND_OVER_NATIVE)
}

#[derive(Deserialize)]
pub(super) struct Object<'j> {
    #[serde(borrow)]
    pub(super) metadata: Metadata<'j>,
    #[serde(borrow, default)]
    pub(super) spec: Option<&'j RawValue>,
    #[serde(borrow, default)]
    pub(super) status: Option<&'j RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata<'j> {
    #[serde(borrow)]
    pub(super) name: Cow<'j, str>,
    #[serde(borrow, default)]
    pub(super) namespace: Cow<'j, str>,
    #[serde(borrow)]
    pub(super) uid: Cow<'j, str>,
    #[serde(borrow)]
    pub(super) resource_version: Cow<'j, str>,
    #[serde(default)]
    pub(super) generation: i64,
    #[serde(borrow, default)]
    pub(super) creation_timestamp: Cow<'j, str>,
    #[serde(default)]
    pub(super) deletion_timestamp: Option<serde::de::IgnoredAny>,
    #[serde(borrow, default)]
    pub(super) annotations: Annotations<'j>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(annotations: &Value, spec: &Value) -> Vec<u8> {
        json!({
            "metadata": {"name": "db", "namespace": "prod", "uid": "u1", "resourceVersion": "17", "annotations": annotations,
                "managedFields": [{"manager": "x"}]},
            "spec": spec,
        })
        .to_string()
        .into_bytes()
    }

    fn read(group: Group, annotations: &Value, spec: &Value) -> Sighting {
        Sighting::read(group, &object(annotations, spec)).unwrap()
    }

    #[test]
    fn the_digest_covers_the_spec_and_what_is_honoured_of_the_metadata() {
        let plain = read(Group::Native, &json!({}), &json!({"a": 1}));
        let same = |annotations: Value, spec: Value| read(Group::Native, &annotations, &spec).digest == plain.digest;
        assert!(same(json!({"x": "y", "kseal.dev/paused": "true"}), json!({"a": 1})));
        assert!(!same(json!({}), json!({"a": 2})));
        assert!(!same(json!({"kseal.dev/reconcile-at": "now"}), json!({"a": 1})));
        let scope = json!({"sealedsecrets.bitnami.com/cluster-wide": "true"});
        assert!(same(scope.clone(), json!({"a": 1})), "the native scope is in the spec");
        let upstream = |annotations: &Value| read(Group::Upstream, annotations, &json!({"a": 1})).digest;
        assert_ne!(upstream(&scope), upstream(&json!({})));
        assert_ne!(upstream(&json!({})), plain.digest);
    }

    #[test]
    fn only_upstreams_objects_hand_over() {
        let annotations = json!({"kseal.dev/hand-over": "native", "kseal.dev/paused": "true"});
        assert!(read(Group::Upstream, &annotations, &json!({})).hands_over);
        assert!(!read(Group::Native, &annotations, &json!({})).hands_over);
        assert!(read(Group::Native, &annotations, &json!({})).paused);
    }

    #[test]
    fn an_object_of_any_shape_is_seen_as_long_as_it_has_a_name() {
        for spec in [json!(null), json!([]), json!("x"), json!({"encryptedData": {"a": {"b": 1}}})] {
            let seen = read(Group::Upstream, &json!(null), &spec);
            assert_eq!((seen.namespace.as_str(), seen.name.as_str(), seen.resource_version), ("prod", "db", 17));
            assert!(!seen.has_status && seen.observed.is_none());
        }
        assert!(Sighting::read(Group::Native, b"{}").is_none());
    }
}
