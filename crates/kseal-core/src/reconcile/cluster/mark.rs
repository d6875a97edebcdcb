//! What is kept in mind of a Secret that says it is a ClusterSealedSecret's.

use std::borrow::Cow;
use std::collections::BTreeMap;

use kseal_api::names;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// A Secret with the label of ClusterSealedSecrets, by its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterMark {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion` as the number that it is.
    pub resource_version: u64,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The object whose it is, by its UID: label and controller ownerReference say the same.
    pub owner: Option<String>,
}

impl ClusterMark {
    /// Reads a Secret's metadata: its namespace, its name, and what is kept in mind.
    #[must_use]
    pub fn read(object: &[u8]) -> Option<(String, String, Self)> {
        let Partial { metadata } = serde_json::from_slice::<Partial<'_>>(object).ok()?;
        let labelled = metadata.labels.as_ref().and_then(|labels| labels.get(names::CLUSTER_SEALED_SECRET_OF));
        let reference = metadata.owner_references.iter().flatten().find(|reference| reference.is_ours());
        let owner = reference.map(|reference| &reference.uid).filter(|uid| Some(*uid) == labelled);
        let mark = Self {
            owner: owner.map(|uid| uid.clone().into_owned()),
            deleting: metadata.deletion_timestamp.is_some(),
            resource_version: metadata.resource_version.parse().unwrap_or(0),
            uid: metadata.uid.into_owned(),
        };
        Some((metadata.namespace.into_owned(), metadata.name.into_owned(), mark))
    }
}

#[derive(Deserialize)]
struct Partial<'j> {
    #[serde(borrow)]
    metadata: Metadata<'j>,
}

/// Annotations are passed over: those of other programs may carry plaintext.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'j> {
    #[serde(borrow)]
    namespace: Cow<'j, str>,
    #[serde(borrow)]
    name: Cow<'j, str>,
    #[serde(borrow)]
    uid: Cow<'j, str>,
    #[serde(borrow)]
    resource_version: Cow<'j, str>,
    #[serde(default)]
    deletion_timestamp: Option<IgnoredAny>,
    #[serde(borrow, default)]
    labels: Option<BTreeMap<Cow<'j, str>, Cow<'j, str>>>,
    #[serde(borrow, default)]
    owner_references: Option<Vec<Reference<'j>>>,
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
    fn is_ours(&self) -> bool {
        self.controller == Some(true)
            && self.kind == names::CLUSTER_SEALED_SECRET
            && self.api_version.split('/').next() == Some(names::GROUP)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn owner(label: &str, reference: &Value) -> Option<String> {
        let metadata = json!({"name": "regcred", "namespace": "shop", "uid": "s1", "resourceVersion": "7",
            "labels": {"kseal.dev/cluster-sealed-secret": label}, "ownerReferences": [reference]});
        let (namespace, name, mark) = ClusterMark::read(json!({"metadata": metadata}).to_string().as_bytes()).unwrap();
        assert_eq!((namespace.as_str(), name.as_str(), mark.resource_version), ("shop", "regcred", 7));
        mark.owner
    }

    #[test]
    fn a_secret_is_an_objects_if_label_and_controller_reference_say_the_same() {
        let reference = |kind: &str, group: &str, uid: &str, controller: bool| {
            json!({"apiVersion": format!("{group}/v1alpha1"), "kind": kind, "name": "regcred", "uid": uid,
                "controller": controller})
        };
        let ours = |uid: &str| reference("ClusterSealedSecret", "kseal.dev", uid, true);
        assert_eq!(owner("u1", &ours("u1")), Some("u1".to_owned()));
        assert_eq!(owner("u2", &ours("u1")), None, "the label is of another one");
        for strange in [
            reference("SealedSecret", "kseal.dev", "u1", true),
            reference("ClusterSealedSecret", "bitnami.com", "u1", true),
            reference("ClusterSealedSecret", "kseal.dev", "u1", false),
        ] {
            assert_eq!(owner("u1", &strange), None, "{strange}");
        }
    }
}
