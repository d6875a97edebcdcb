//! The Secrets of a `ServiceAccountToken`: their metadata, and those that are read whole.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kseal_api::names;
use kseal_crypto::Plaintext;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Record, TokenObject, seconds};

/// A Secret's metadata, as far as it concerns us.
#[derive(Clone, Debug)]
pub struct SecretMetadata {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// The UID of the ServiceAccountToken that its label names.
    pub token_of: Option<String>,
    /// When it was created, by the API server's clock; 0 where it does not say.
    pub created: i64,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The UID of the ServiceAccountToken that is its controller by its ownerReferences.
    pub(super) owner: Option<String>,
    /// Of a token Secret: whose token it shall hold.
    pub(super) account_name: Option<String>,
    /// Of a token Secret that Kubernetes has filled: the UID of that ServiceAccount.
    pub(super) account_uid: Option<String>,
    /// Of a published Secret: what it holds.
    pub(super) record: Option<Record>,
    /// Whether it has any labels, or annotations, to which one can be added.
    pub(super) has_labels: bool,
    pub(super) has_annotations: bool,
    managers: Vec<(String, String)>,
}

impl SecretMetadata {
    /// Reads a Secret's metadata; none where it has no name.
    #[must_use]
    pub fn read(object: &[u8]) -> Option<Self> {
        let Partial { metadata } = serde_json::from_slice(object).ok()?;
        Some(metadata.into())
    }

    /// Whether it is an object's by reference, and not only by label.
    #[must_use]
    pub fn belongs_to(&self, object: &TokenObject) -> bool {
        self.owner.as_deref() == Some(&object.uid)
    }

    /// Who wrote last, apart from us.
    #[must_use]
    pub fn last_foreign_manager(&self) -> Option<&str> {
        let foreign = self.managers.iter().filter(|(manager, _)| manager != names::CONTROLLER);
        foreign.max_by(|one, other| one.1.cmp(&other.1)).map(|(manager, _)| manager.as_str())
    }
}

/// A Secret with its data. It cannot be printed, and is wiped.
pub struct WholeSecret {
    /// Its metadata.
    pub metadata: SecretMetadata,
    pub(super) type_: String,
    pub(super) data: BTreeMap<String, Plaintext>,
}

impl WholeSecret {
    /// Reads a Secret; none where it has no name, or data that is none.
    #[must_use]
    pub fn read(object: &[u8]) -> Option<Self> {
        let Whole { metadata, type_, data } = serde_json::from_slice(object).ok()?;
        let data = data.unwrap_or_default().into_iter().map(|(item, value)| {
            let octets = STANDARD.decode(value.unwrap_or_default()).ok()?;
            Some((item.to_owned(), Plaintext::from(octets)))
        });
        Some(Self { metadata: metadata.into(), type_: type_.into_owned(), data: data.collect::<Option<_>>()? })
    }

    /// An item; empty where there is none.
    pub(super) fn item(&self, item: &str) -> &[u8] {
        self.data.get(item).map_or(&[], Plaintext::as_slice)
    }
}

#[derive(Deserialize)]
struct Partial<'j> {
    #[serde(borrow)]
    metadata: Metadata<'j>,
}

#[derive(Deserialize)]
struct Whole<'j> {
    #[serde(borrow)]
    metadata: Metadata<'j>,
    #[serde(borrow, default, rename = "type")]
    type_: Cow<'j, str>,
    /// Base64 has nothing that JSON escapes, so no copy is made that is not wiped.
    #[serde(borrow, default)]
    data: Option<BTreeMap<&'j str, Option<&'j str>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'j> {
    #[serde(default)]
    namespace: String,
    name: String,
    uid: String,
    resource_version: String,
    creation_timestamp: Option<String>,
    deletion_timestamp: Option<IgnoredAny>,
    labels: Option<Labels>,
    #[serde(borrow)]
    annotations: Option<Annotations<'j>>,
    owner_references: Option<Vec<Reference>>,
    managed_fields: Option<Vec<Manager>>,
}

#[derive(Default, Deserialize)]
struct Labels {
    #[serde(rename = "kseal.dev/service-account-token")]
    token_of: Option<String>,
}

/// All others are passed over as they come: `kubectl.kubernetes.io/last-applied-configuration` of a Secret carries plaintext.
#[derive(Default, Deserialize)]
struct Annotations<'j> {
    #[serde(borrow, rename = "kseal.dev/token")]
    record: Option<Cow<'j, str>>,
    #[serde(rename = "kubernetes.io/service-account.name")]
    account_name: Option<String>,
    #[serde(rename = "kubernetes.io/service-account.uid")]
    account_uid: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    api_version: String,
    kind: String,
    uid: String,
    controller: Option<bool>,
}

#[derive(Deserialize)]
struct Manager {
    #[serde(default)]
    manager: String,
    #[serde(default)]
    time: String,
}

impl Reference {
    fn is_ours(&self) -> bool {
        let group = self.api_version.split('/').next().unwrap_or_default();
        self.controller == Some(true) && group == names::GROUP && self.kind == names::SERVICE_ACCOUNT_TOKEN
    }
}

impl From<Metadata<'_>> for SecretMetadata {
    fn from(metadata: Metadata<'_>) -> Self {
        let (has_labels, has_annotations) = (metadata.labels.is_some(), metadata.annotations.is_some());
        let annotations = metadata.annotations.unwrap_or_default();
        let managers = metadata.managed_fields.unwrap_or_default().into_iter().map(|it| (it.manager, it.time));
        Self {
            namespace: metadata.namespace,
            name: metadata.name,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            token_of: metadata.labels.unwrap_or_default().token_of,
            created: metadata.creation_timestamp.and_then(|time| seconds(&time)).unwrap_or(0),
            deleting: metadata.deletion_timestamp.is_some(),
            owner: metadata.owner_references.into_iter().flatten().find(Reference::is_ours).map(|it| it.uid),
            account_name: annotations.account_name,
            account_uid: annotations.account_uid.filter(|uid| !uid.is_empty()),
            record: annotations.record.and_then(|text| serde_json::from_str(&text).ok()),
            has_labels,
            has_annotations,
            managers: managers.collect(),
        }
    }
}

const _: () = assert!(matches!(names::TOKEN_OF.as_bytes(), b"kseal.dev/service-account-token"));
const _: () = assert!(matches!(names::TOKEN.as_bytes(), b"kseal.dev/token"));
const _: () = assert!(matches!(names::SERVICE_ACCOUNT_NAME.as_bytes(), b"kubernetes.io/service-account.name"));

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn whole(more: &Value) -> Option<WholeSecret> {
        let mut secret = json!({"metadata": {"name": "db", "uid": "s1", "resourceVersion": "4"}, "type": "Opaque"});
        secret.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        WholeSecret::read(secret.to_string().as_bytes())
    }

    #[test]
    fn data_is_read_as_octets() {
        let secret = whole(&json!({"data": {"token": "aGk=", "empty": null}})).unwrap();
        assert_eq!((secret.item("token"), secret.item("empty"), secret.item("none")), (&b"hi"[..], &b""[..], &b""[..]));
        assert!(whole(&json!({"data": {"token": "!"}})).is_none());
        assert!(whole(&json!({"data": null})).unwrap().data.is_empty());
    }

    #[test]
    fn foreign_annotations_are_passed_over() {
        let annotations = json!({"kubectl.kubernetes.io/last-applied-configuration": "\"hunter2\"\n", "kseal.dev/token": "no record"});
        let metadata = json!({"name": "db", "uid": "s1", "resourceVersion": "4", "annotations": annotations});
        let secret = SecretMetadata::read(json!({"metadata": metadata}).to_string().as_bytes()).unwrap();
        assert!(secret.record.is_none() && secret.has_annotations && !format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn an_owner_is_a_controller_of_our_kind() {
        let owner = |version: &str, kind: &str, controller: bool| {
            let references =
                json!([{"apiVersion": version, "kind": kind, "name": "ci", "uid": "u1", "controller": controller}]);
            let metadata = json!({"name": "db", "uid": "s1", "resourceVersion": "4", "ownerReferences": references});
            SecretMetadata::read(json!({"metadata": metadata}).to_string().as_bytes()).unwrap().owner
        };
        assert_eq!(owner("kseal.dev/v1alpha1", "ServiceAccountToken", true).as_deref(), Some("u1"));
        assert_eq!(owner("kseal.dev/v1alpha1", "ServiceAccountToken", false), None);
        assert_eq!(owner("kseal.dev/v1alpha1", "SealedSecret", true), None);
        assert_eq!(owner("evil.dev/v1", "ServiceAccountToken", true), None);
    }
}
