//! One sealed object, whatever its format.

mod read;

use std::collections::BTreeMap;

use kseal_api::{Scope, SealedFor};
use kseal_crypto::{Envelope, Failure, Failures, KeyRing, Place, Plaintext, Reason, Subject, Work, sealed_secrets};

use crate::{Moved, ObjectRef, PlaceError, place};

/// More compact JSON than this is malformed: etcd takes 1.5 MiB.
pub const MAX_OBJECT_BYTES: usize = 1_400_000;
/// More compact JSON than this deserves a warning: clients and etcd get slow.
pub const WARN_OBJECT_BYTES: usize = 256 * 1_024;

/// How the values are sealed and where they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `kind: SealedSecret` of `kseal.dev`.
    Native,
    /// `kind: Secret` with sealed values.
    InPlace,
    /// `kind: SealedSecret` of `bitnami.com`.
    Upstream,
}

/// A sealed object, parsed. What does not hold in it is found by [`SealedObject::failures`].
pub struct SealedObject {
    /// How it is sealed.
    pub format: Format,
    /// Where it may be opened.
    pub scope: Scope,
    /// Its own name, from its metadata.
    pub object: ObjectRef,
    /// The place that it says it was sealed for; empty for upstream's format, which does not say.
    pub sealed_for: SealedFor,
    cluster_scoped: bool,
    contents: Contents,
    failures: Vec<Failure>,
}

enum Contents {
    Native(Envelope),
    Upstream(BTreeMap<String, String>),
}

impl SealedObject {
    /// Every rule of shape that does not hold, known without a key.
    #[must_use]
    pub fn failures(&self) -> Vec<Failure> {
        let mut failures = self.failures.clone();
        match &self.contents {
            Contents::Native(envelope) => failures.extend_from_slice(envelope.failures()),
            Contents::Upstream(items) => failures.extend(items.iter().filter_map(|(item, text)| {
                let reason = upstream_shape(text).err()?;
                Some(Failure { subject: Subject::Item(item.clone()), reason })
            })),
        }
        failures
    }

    /// The native envelope, of both native formats.
    #[must_use]
    pub const fn envelope(&self) -> Option<&Envelope> {
        match &self.contents {
            Contents::Native(envelope) => Some(envelope),
            Contents::Upstream(_) => None,
        }
    }

    /// The keys of all items, sorted.
    #[must_use]
    pub fn items(&self) -> Vec<&str> {
        match &self.contents {
            Contents::Native(envelope) => envelope.values().keys().map(String::as_str).collect(),
            Contents::Upstream(items) => items.keys().map(String::as_str).collect(),
        }
    }

    /// The texts of upstream's items; empty for the native formats.
    pub fn upstream_items(&self) -> impl Iterator<Item = (&str, &str)> {
        let items = match &self.contents {
            Contents::Upstream(items) => Some(items),
            Contents::Native(_) => None,
        };
        items.into_iter().flatten().map(|(item, text)| (item.as_str(), text.as_str()))
    }

    /// Where its values may be opened.
    ///
    /// # Errors
    /// If the object does not state what its scope binds.
    pub fn place(&self) -> Result<Place, PlaceError> {
        if self.cluster_scoped {
            let name = self.object.name.clone().filter(|name| !name.is_empty());
            return Ok(Place::ClusterSealedSecret { name: name.ok_or(PlaceError::NoName)? });
        }
        place(self.scope, &self.object)
    }

    /// If the object stands elsewhere than it says it was sealed for.
    #[must_use]
    pub fn moved(&self) -> Option<Moved> {
        Moved::find(self.scope, &self.sealed_for, &self.object)
    }

    /// Opens all items.
    ///
    /// # Errors
    /// All failures, if there is any: then nothing is given out.
    pub fn open(&self, ring: &KeyRing) -> Result<BTreeMap<String, Plaintext>, Failures> {
        self.open_noting(ring, &mut Work::default())
    }

    /// As [`Self::open`], and notes in `work` what it cost and which keys did it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_noting(&self, ring: &KeyRing, work: &mut Work) -> Result<BTreeMap<String, Plaintext>, Failures> {
        let mut failures = self.failures.clone();
        let mut opened = BTreeMap::new();
        match (&self.contents, self.place()) {
            (_, Err(_)) => failures.push(Failure { subject: Subject::Object, reason: Reason::NoPlace }),
            (Contents::Native(envelope), Ok(place)) => match envelope.open_noting(ring, &place, work) {
                Ok(values) => opened = values,
                Err(found) => failures.extend(found.iter().cloned()),
            },
            (Contents::Upstream(_), Ok(place)) => {
                for (item, value) in self.open_upstream(ring, &place, work) {
                    match value {
                        Ok(value) => drop(opened.insert(item, value)),
                        Err(reason) => failures.push(Failure { subject: Subject::Item(item), reason }),
                    }
                }
            }
        }
        match Failures::from_vec(failures) {
            Some(failures) => Err(failures),
            None => Ok(opened),
        }
    }

    /// Opens what can be opened, for editors and reports.
    #[must_use]
    pub fn open_each(&self, ring: &KeyRing) -> BTreeMap<String, Result<Plaintext, Reason>> {
        let Ok(place) = self.place() else {
            return self.items().into_iter().map(|item| (item.to_owned(), Err(Reason::NoPlace))).collect();
        };
        match &self.contents {
            Contents::Native(envelope) => {
                let each = envelope.open_each(ring, &place).into_iter();
                each.map(|(item, value)| (item.to_owned(), value)).collect()
            }
            Contents::Upstream(_) => self.open_upstream(ring, &place, &mut Work::default()),
        }
    }

    fn open_upstream(
        &self,
        ring: &KeyRing,
        place: &Place,
        work: &mut Work,
    ) -> BTreeMap<String, Result<Plaintext, Reason>> {
        let label = sealed_secrets::label(place).unwrap_or_default();
        let opened = sealed_secrets::open(ring, self.upstream_items(), &label);
        *work = opened.work;
        opened.items
    }
}

fn upstream_shape(text: &str) -> Result<(), Reason> {
    let bytes = kseal_crypto::decode_base64(text).ok_or(Reason::EnvelopeBase64)?;
    sealed_secrets::SealedBytes::parse(&bytes).map(drop)
}

#[cfg(test)]
mod tests;
