//! Which objects need a key, told by the objects themselves: what the controller counted may be seconds old.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ClusterKeys, RSA_PREFIX};
use crate::{
    cluster::{Cluster, Listed, OpenedBy, Part, SealedKind, SealedMetadata, SealedObjects, SealedStatus, segment},
    error::{Error, Result},
};

/// An object of a cluster; sorted by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    pub namespace: String,
    pub name: String,
    pub kind: SealedKind,
}

/// What has to do with a key.
#[derive(Default)]
pub(crate) struct Needs {
    /// Opened by it, and to be opened by it again.
    pub needing: BTreeSet<Named>,
    /// No controller has looked at these as they are now, and it could be this key that opens them.
    pub unseen: BTreeSet<Named>,
    /// What they say cannot be read.
    pub unreadable: BTreeSet<Named>,
    /// Names it as a recipient, was looked at, and was not opened by it.
    pub claiming: BTreeSet<Named>,
    /// Where it was looked, if not everywhere; for people.
    pub only_in: Option<String>,
}

/// The parts of an object that are looked at; of any shape.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Item {
    metadata: Part<SealedMetadata>,
    spec: Part<Spec>,
    status: Part<SealedStatus>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    data_keys: Part<BTreeMap<String, Part<DataKey>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DataKey {
    recipients: Part<BTreeMap<String, Part<String>>>,
}

impl Needs {
    /// Looks at every object. Who may not list them all looks where the controller said that it looks, if it said so.
    ///
    /// # Errors
    /// If not all can be looked at.
    pub(crate) fn of(fingerprint: &str, cluster: &Cluster, keys: &ClusterKeys) -> Result<Self> {
        let mut needs = Self::default();
        let everywhere = SealedObjects { cluster, namespace: None };
        let mut is_installed = false;
        for kind in SealedKind::ALL {
            let found = everywhere.each_if_allowed(kind, |object| needs.add(fingerprint, kind, object))?;
            is_installed |= match found {
                Listed::All => true,
                Listed::NoSuchKind => false,
                Listed::Forbidden(error) => needs.add_watched(fingerprint, kind, cluster, keys, *error)?,
            };
        }
        if is_installed { Ok(needs) } else { Err(everywhere.none_installed()) }
    }

    /// Looks in the namespaces that the controller watches; else there is nothing to be done about `forbidden`.
    fn add_watched(
        &mut self,
        fingerprint: &str,
        kind: SealedKind,
        cluster: &Cluster,
        keys: &ClusterKeys,
        forbidden: Error,
    ) -> Result<bool> {
        let Some(usage) = keys.counted.known().filter(|usage| !usage.watched.is_empty()) else { return Err(forbidden) };
        if kind == SealedKind::Cluster {
            // A controller of some namespaces leaves them alone.
            return Ok(false);
        }
        let mut is_installed = false;
        for name in &usage.watched {
            let namespace = Some(segment("a namespace that is watched", name)?);
            let place = SealedObjects { cluster, namespace };
            is_installed |= place.each(kind, |object| self.add(fingerprint, kind, object))?;
        }
        self.only_in = Some(format!(
            "checked only in {}, as the controller said at {}",
            usage.watched.join(", "),
            usage.counted_at
        ));
        Ok(is_installed)
    }

    /// How many may need the key.
    pub(crate) fn number(&self) -> usize {
        self.needing.len() + self.unseen.len() + self.unreadable.len()
    }

    fn add(&mut self, fingerprint: &str, kind: SealedKind, object: &RawValue) {
        let (item, mut is_strange) = match Part::<Item>::read(object) {
            Part::Read(item) => (item, false),
            Part::Absent | Part::Strange => (Item::default(), true),
        };
        is_strange |= item.metadata.is_strange() || item.status.is_strange();
        let (metadata, status) = (item.metadata.or_default(), item.status.or_default());
        let text = |part: &Part<String>| part.get().cloned().unwrap_or_default();
        let named = Named { namespace: text(&metadata.namespace), name: text(&metadata.name), kind };
        let OpenedBy { keys, is_current } = status.opened_by(kind, &metadata);
        let is_recipient = is_recipient(&item.spec, fingerprint);
        let is_rsa = fingerprint.starts_with(RSA_PREFIX);
        let place = if keys.iter().any(|key| key == fingerprint) {
            &mut self.needing
        } else if is_strange {
            &mut self.unreadable
        } else {
            match (kind, is_current, is_recipient) {
                (_, true, Some(true)) => &mut self.claiming,
                (SealedKind::Native | SealedKind::Cluster, false, Some(true)) => &mut self.unseen,
                (SealedKind::Native | SealedKind::Cluster, false, None) => &mut self.unreadable,
                // They name no key: it may be any RSA key that opens them.
                (SealedKind::Upstream, false, _) if is_rsa => &mut self.unseen,
                _ => return,
            }
        };
        place.insert(named);
    }
}

/// Whether one of an object's data keys is wrapped for this key; `None` if that cannot be read.
fn is_recipient(spec: &Part<Spec>, fingerprint: &str) -> Option<bool> {
    let data_keys = match spec {
        Part::Absent => return Some(false),
        Part::Read(spec) => &spec.data_keys,
        Part::Strange => return None,
    };
    let data_keys = match data_keys {
        Part::Absent => return Some(false),
        Part::Read(data_keys) => data_keys,
        Part::Strange => return None,
    };
    let mut is_readable = true;
    for data_key in data_keys.values() {
        match data_key.get().map(|data_key| &data_key.recipients) {
            Some(Part::Read(recipients)) if recipients.contains_key(fingerprint) => return Some(true),
            Some(Part::Read(_) | Part::Absent) => {}
            Some(Part::Strange) | None => is_readable = false,
        }
    }
    is_readable.then_some(false)
}

impl Named {
    /// `namespace/name`, or `clustersealedsecrets/name`.
    pub(crate) fn path(&self) -> String {
        if self.name.is_empty() {
            return format!("an object of {} whose name cannot be read", self.kind.group());
        }
        if self.kind == SealedKind::Cluster {
            return format!("{}/{}", self.kind.plural(), self.name);
        }
        format!("{}/{}", self.namespace, self.name)
    }
}
