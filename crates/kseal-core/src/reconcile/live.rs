//! A Secret as its metadata shows it. Its data is never read.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use kseal_api::names;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Uid, annotations::Annotations};

/// Whose a Secret is, as far as that concerns us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// The sealed object that it says it belongs to.
    pub owner: Option<Uid>,
    /// It consents to be taken over by a native object.
    pub managed: bool,
    /// It consents to be taken over by upstream's object.
    pub upstream_managed: bool,
    /// It consents to items of upstream's object being merged into it.
    pub upstream_patch: bool,
}

/// What is kept in mind of a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Shortened `metadata.uid`.
    pub uid: Uid,
    /// `metadata.resourceVersion` as the number that it is.
    pub resource_version: u64,
    /// Whose it is.
    pub claim: Claim,
}

impl Mark {
    /// Reads a Secret's metadata: its namespace, its name, and what is kept in mind.
    #[must_use]
    pub fn read(object: &[u8]) -> Option<(String, String, Self)> {
        let Partial { metadata } = serde_json::from_slice::<Partial<'_>>(object).ok()?;
        let mark = Self {
            uid: Uid::of(&metadata.uid),
            resource_version: metadata.resource_version.parse().unwrap_or(0),
            claim: Claim::of(&metadata),
        };
        Some((metadata.namespace.into_owned(), metadata.name.into_owned(), mark))
    }
}

impl Claim {
    fn of(metadata: &Metadata<'_>) -> Self {
        let reference = metadata.owner_references.iter().flatten().find(|reference| reference.is_sealed_object());
        let owner =
            reference.map(|reference| reference.uid.as_ref()).or_else(|| metadata.annotations.get(names::OWNER_UID));
        Self {
            owner: owner.map(Uid::of),
            managed: metadata.annotations.is_true(names::MANAGED),
            upstream_managed: metadata.annotations.is_true(names::UPSTREAM_MANAGED),
            upstream_patch: metadata.annotations.is_true(names::UPSTREAM_PATCH),
        }
    }
}

/// A Secret's metadata in full, for a patch.
#[derive(Debug)]
pub struct LiveSecret {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whose it is.
    pub claim: Claim,
    /// Whether it is a private key, by its labels.
    pub is_key: bool,
    pub(super) owner_references: Vec<Map<String, Value>>,
    pub(super) labels: BTreeSet<String>,
    pub(super) annotations: BTreeSet<String>,
    pub(super) owner_uid: Option<String>,
    pub(super) applied: Applied,
    managers: Vec<Manager>,
}

/// What we set of a Secret before, so that what the template no longer has can be taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Applied {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) labels: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) annotations: BTreeSet<String>,
    /// Items that were merged into a Secret of someone else.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) items: BTreeSet<String>,
}

/// One entry of `managedFields`.
#[derive(Debug, Deserialize)]
struct Manager {
    #[serde(default, rename = "manager")]
    name: String,
    #[serde(default)]
    time: String,
    #[serde(default, rename = "fieldsV1")]
    fields: Value,
}

/// Under these names upstream's controller wrote: that of its program.
const UPSTREAM_MANAGERS: [&str; 2] = ["controller", "sealed-secrets-controller"];

impl LiveSecret {
    /// Reads `PartialObjectMetadata`; none where it has no name.
    #[must_use]
    pub fn read(object: &[u8]) -> Option<Self> {
        let Partial { metadata } = serde_json::from_slice::<Partial<'_>>(object).ok()?;
        let full: Full = serde_json::from_slice(object).ok()?;
        let labels = full.metadata.labels.unwrap_or_default();
        let managers = full.metadata.managed_fields.unwrap_or_default();
        let applied = metadata.annotations.get(names::APPLIED).and_then(|text| serde_json::from_str(text).ok());
        Some(Self {
            deleting: metadata.deletion_timestamp.is_some(),
            claim: Claim::of(&metadata),
            is_key: labels.keys().any(|label| [names::KEY_STATE, names::UPSTREAM_KEY].contains(&label.as_str())),
            owner_references: full.metadata.owner_references.unwrap_or_default(),
            labels: labels.into_keys().collect(),
            annotations: metadata.annotations.names().map(ToOwned::to_owned).collect(),
            owner_uid: metadata.annotations.get(names::OWNER_UID).map(ToOwned::to_owned),
            applied: applied.unwrap_or_else(|| written_by_upstream(&managers)),
            managers,
            uid: metadata.uid.into_owned(),
            resource_version: metadata.resource_version.into_owned(),
        })
    }

    /// What is kept in mind of it.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let resource_version = self.resource_version.parse().unwrap_or(0);
        Mark { uid: Uid::of(&self.uid), resource_version, claim: self.claim }
    }

    /// Who wrote last, apart from us.
    #[must_use]
    pub fn last_foreign_manager(&self) -> Option<&str> {
        let foreign = self.managers.iter().filter(|entry| entry.name != names::CONTROLLER);
        foreign.max_by(|one, other| one.time.cmp(&other.time)).map(|entry| entry.name.as_str())
    }
}

/// Upstream notes nowhere what it set, but the API server does.
fn written_by_upstream(managers: &[Manager]) -> Applied {
    let mut applied = Applied::default();
    let ours = |entry: &&Manager| entry.name == names::CONTROLLER || UPSTREAM_MANAGERS.contains(&entry.name.as_str());
    for entry in managers.iter().filter(ours) {
        let names = |field: &str| {
            let names = entry.fields.get("f:metadata").and_then(|it| it.get(field)).and_then(Value::as_object);
            names.into_iter().flatten().filter_map(|(name, _)| Some(name.strip_prefix("f:")?.to_owned()))
        };
        applied.labels.extend(names("f:labels"));
        applied.annotations.extend(names("f:annotations"));
    }
    applied
}

#[derive(Deserialize)]
struct Partial<'j> {
    #[serde(borrow)]
    metadata: Metadata<'j>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'j> {
    #[serde(borrow)]
    name: Cow<'j, str>,
    #[serde(borrow, default)]
    namespace: Cow<'j, str>,
    #[serde(borrow)]
    uid: Cow<'j, str>,
    #[serde(borrow)]
    resource_version: Cow<'j, str>,
    #[serde(default)]
    deletion_timestamp: Option<IgnoredAny>,
    #[serde(borrow, default)]
    owner_references: Option<Vec<Reference<'j>>>,
    #[serde(borrow, default)]
    annotations: Annotations<'j>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference<'j> {
    #[serde(borrow)]
    api_version: Cow<'j, str>,
    #[serde(borrow)]
    kind: Cow<'j, str>,
    #[serde(borrow)]
    uid: Cow<'j, str>,
    #[serde(default)]
    controller: Option<bool>,
}

impl Reference<'_> {
    fn is_sealed_object(&self) -> bool {
        let group = self.api_version.split('/').next().unwrap_or_default();
        let kinds = [
            (names::GROUP, names::SEALED_SECRET),
            (names::GROUP, names::CLUSTER_SEALED_SECRET),
            (names::UPSTREAM_GROUP, names::SEALED_SECRET),
        ];
        self.controller == Some(true) && kinds.contains(&(group, &*self.kind))
    }
}

#[derive(Deserialize)]
struct Full {
    metadata: FullMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FullMetadata {
    labels: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<Map<String, Value>>>,
    managed_fields: Option<Vec<Manager>>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(more: &Value) -> Vec<u8> {
        let mut metadata = json!({"name": "db", "namespace": "prod", "uid": "s1", "resourceVersion": "40"});
        metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"metadata": metadata}).to_string().into_bytes()
    }

    fn reference(api_version: &str, controller: bool) -> Value {
        json!({"ownerReferences": [{"apiVersion": api_version, "kind": "SealedSecret", "uid": "u1", "name": "db", "controller": controller}]})
    }

    #[test]
    fn a_claim_is_a_controller_reference_or_an_annotation() {
        let claim = |more: &Value| Mark::read(&metadata(more)).unwrap().2.claim;
        assert_eq!(claim(&json!({})), Claim::default());
        assert_eq!(claim(&reference("kseal.dev/v1alpha1", true)).owner, Some(Uid::of("u1")));
        assert_eq!(claim(&reference("bitnami.com/v1alpha1", true)).owner, Some(Uid::of("u1")));
        assert_eq!(claim(&reference("kseal.dev/v1alpha1", false)).owner, None);
        assert_eq!(claim(&reference("evil.dev/v1alpha1", true)).owner, None);
        let of_cluster = |api_version: &str| {
            let mut it = reference(api_version, true);
            it["ownerReferences"][0]["kind"] = json!("ClusterSealedSecret");
            claim(&it).owner
        };
        assert_eq!(of_cluster("kseal.dev/v1alpha1"), Some(Uid::of("u1")));
        assert_eq!(of_cluster("bitnami.com/v1alpha1"), None);
        assert_eq!(claim(&json!({"annotations": {"kseal.dev/owner-uid": "u1"}})).owner, Some(Uid::of("u1")));
        let consents =
            claim(&json!({"annotations": {"kseal.dev/managed": "true", "sealedsecrets.bitnami.com/patch": "yes"}}));
        assert!(consents.managed && !consents.upstream_managed && !consents.upstream_patch);
    }

    #[test]
    fn what_upstream_set_is_known_from_managed_fields() {
        let fields =
            json!({"f:metadata": {"f:labels": {".": {}, "f:a": {}}, "f:annotations": {"f:b": {}}}, "f:data": {}});
        let entry = |manager: &str| json!({"manager": manager, "time": "2026-11-01T00:00:00Z", "fieldsV1": fields});
        let live = |manager: &str| LiveSecret::read(&metadata(&json!({"managedFields": [entry(manager)]}))).unwrap();
        let set = |name: &str| BTreeSet::from([name.to_owned()]);
        let applied = Applied { labels: set("a"), annotations: set("b"), items: BTreeSet::new() };
        assert_eq!(live("controller").applied, applied);
        assert_eq!(live("kseal-controller").applied, applied);
        assert_eq!(live("kubectl-edit").applied, Applied::default());
        assert_eq!(live("kubectl-edit").last_foreign_manager(), Some("kubectl-edit"));
        assert_eq!(live("kseal-controller").last_foreign_manager(), None);
    }

    #[test]
    fn nothing_foreign_is_kept_of_annotations_but_their_names() {
        let canary = json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2"}});
        let live = LiveSecret::read(&metadata(&canary)).unwrap();
        assert!(!format!("{live:?}").contains("hunter2"));
        assert_eq!(live.annotations.len(), 1);
    }
}
