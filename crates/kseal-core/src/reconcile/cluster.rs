//! What a ClusterSealedSecret asks for: one Secret in many namespaces. Of each namespace it makes the [`Request`] that an
//! object of that namespace would be; past that, Secrets are written and refused by the same rules.

mod event;
mod mark;
pub mod status;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use kseal_api::{ClusterSealedSecretSpec, names};
use kseal_crypto::{KeyRing, Plaintext, Work};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Digest, Group, Own, Request, Selection, Trouble, Uid, annotations::Annotations, forbidden, request::Desired,
};
use crate::{LabelSelector, SealedObject, policy::Policy};

pub use mark::ClusterMark;
pub use status::{ClusterObserved, secrets_digest};

/// The fields of a spec that say where its Secret goes and who uses it, and not what it is.
const NOT_CONTENT: [&str; 3] = ["namespaceSelector", "excludedNamespaces", "imagePullSecret"];

/// What one object asks for.
pub struct ClusterRequest {
    /// `metadata.name`, its Secrets' too.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion` as the number that it is.
    pub resource_version: u64,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.creationTimestamp`.
    pub created: String,
    /// Of the spec and the metadata that is honoured.
    pub digest: Digest,
    /// Of what its Secrets shall be, wherever they are.
    pub content: Digest,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether it is to be left alone.
    pub paused: bool,
    /// Which ServiceAccounts shall pull images with its Secrets.
    pub pulls: Option<Selection>,
    /// What its status says now.
    pub status: status::Seen,
    sealed: SealedObject,
    pub(super) desired: Desired,
    selector: LabelSelector,
    excluded: BTreeSet<String>,
    problem: Option<Trouble>,
}

impl ClusterRequest {
    /// Reads one object; none where it has no name, which no API server sends.
    #[must_use]
    pub fn read(object: &[u8]) -> Option<Self> {
        let Object { metadata, spec, status } = serde_json::from_slice(object).ok()?;
        let text = spec.map_or("null", RawValue::get);
        let parsed = serde_json::from_str::<ClusterSealedSecretSpec>(text);
        let mut problem = parsed.is_err().then_some(Trouble::Shape);
        let parsed = parsed.unwrap_or_default();
        let selector = LabelSelector::read(&parsed.namespace_selector);
        if selector.is_none() {
            problem = problem.or(Some(Trouble::NamespaceSelector));
        }
        let pulls = parsed.sealed.image_pull_secret.as_ref().map(Selection::native).transpose();
        let pulls = pulls.unwrap_or_else(|trouble| {
            problem.get_or_insert(trouble);
            None
        });
        let name = metadata.name.into_owned();
        let again = metadata.annotations.get(names::RECONCILE_AT).unwrap_or_default();
        Some(Self {
            digest: Digest::of([names::CLUSTER_SEALED_SECRET, text, again]),
            content: content(text, again),
            sealed: SealedObject::cluster(Some(name.clone()), &parsed.sealed, text.len()),
            desired: Desired::of(parsed.sealed.template.unwrap_or_default()),
            selector: selector.unwrap_or_default(),
            excluded: parsed.excluded_namespaces.into_iter().collect(),
            uid: metadata.uid.into_owned(),
            resource_version: metadata.resource_version.parse().unwrap_or(0),
            generation: metadata.generation,
            created: metadata.creation_timestamp.into_owned(),
            deleting: metadata.deletion_timestamp.is_some(),
            paused: metadata.annotations.is_true(names::PAUSED),
            status: status.map(status::Seen::read).unwrap_or_default(),
            name,
            pulls,
            problem,
        })
    }

    /// The policies that look at what it asks.
    #[must_use]
    pub fn policies(&self) -> &'static [Policy] {
        match self.pulls {
            Some(_) => &[Policy::ClusterSealedSecrets, Policy::ImagePullSecrets],
            None => &[Policy::ClusterSealedSecrets],
        }
    }

    /// Why it is done nowhere, known without a key and without any Secret.
    #[must_use]
    pub fn problem(&self, own: &Own) -> Option<Trouble> {
        if self.problem.is_some() {
            return self.problem.clone();
        }
        let type_ = &self.desired.type_;
        // A token is one ServiceAccount's, of one namespace.
        if type_ == names::SERVICE_ACCOUNT_TOKEN_TYPE {
            return Some(Trouble::ForbiddenType(type_.clone()));
        }
        let is_for_pulling = names::DOCKER_TYPES.contains(&type_.as_str());
        let not_for_pulling = (self.pulls.is_some() && !is_for_pulling).then(|| Trouble::NotForPulling(type_.clone()));
        forbidden(&Request::in_namespace(self, ""), own).or(not_for_pulling)
    }

    /// Whether a namespace with such labels shall have the Secret. `label`: the value of one, if it is there.
    pub fn selects<'l>(&self, namespace: &str, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.problem.is_none() && !self.excluded.contains(namespace) && self.selector.matches(label)
    }

    /// What it asks for in one namespace. The values are not in it.
    #[must_use]
    pub fn in_namespace(&self, namespace: &str) -> Request {
        let mut request = Request::in_namespace(self, namespace);
        request.desired.labels.insert(names::CLUSTER_SEALED_SECRET_OF.to_owned(), self.uid.clone());
        request
    }

    /// Opens all values, or none; notes in `work` what it cost and which keys did it.
    ///
    /// # Errors
    /// Why they do not open.
    pub fn open(&self, ring: &KeyRing, work: &mut Work) -> Result<BTreeMap<String, Plaintext>, Trouble> {
        self.sealed.open_noting(ring, work).map_err(|failures| Trouble::contents(failures, self.sealed.moved()))
    }

    /// Names of the keys that could open a part of it, held or not.
    #[must_use]
    pub fn recipients(&self) -> BTreeSet<String> {
        let data_keys = self.sealed.envelope().into_iter().flat_map(|envelope| envelope.data_keys().values());
        data_keys.flat_map(|data_key| data_key.recipients.keys().map(ToString::to_string)).collect()
    }

    /// The record of what was done for just this object as it is.
    #[must_use]
    pub fn observed(&self) -> Option<&ClusterObserved> {
        self.status.observed.as_ref().filter(|observed| observed.holds_for(&self.uid, self.digest))
    }

    /// The shortened UID.
    #[must_use]
    pub fn short_uid(&self) -> Uid {
        Uid::of(&self.uid)
    }
}

/// What is not read whole is another one whenever it changes.
fn content(text: &str, again: &str) -> Digest {
    match serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(text) {
        Ok(fields) => {
            let fields = fields.iter().filter(|(name, _)| !NOT_CONTENT.contains(&name.as_ref()));
            Digest::of([again].into_iter().chain(fields.flat_map(|(name, value)| [name.as_ref(), value.get()])))
        }
        Err(_) => Digest::of([again, text]),
    }
}

/// The path of the collection.
#[must_use]
pub fn collection() -> String {
    format!("/apis/{}/clustersealedsecrets", Group::Native.api_version())
}

#[derive(Deserialize)]
struct Object<'j> {
    #[serde(borrow)]
    metadata: Metadata<'j>,
    #[serde(borrow, default)]
    spec: Option<&'j RawValue>,
    #[serde(borrow, default)]
    status: Option<&'j RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'j> {
    #[serde(borrow)]
    name: Cow<'j, str>,
    #[serde(borrow)]
    uid: Cow<'j, str>,
    #[serde(borrow)]
    resource_version: Cow<'j, str>,
    #[serde(default)]
    generation: i64,
    #[serde(borrow, default)]
    creation_timestamp: Cow<'j, str>,
    #[serde(default)]
    deletion_timestamp: Option<serde::de::IgnoredAny>,
    #[serde(borrow, default)]
    annotations: Annotations<'j>,
}

#[cfg(test)]
mod tests;
