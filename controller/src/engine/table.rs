//! What is kept in mind of every object and its Secret: about 200 bytes each, and no value.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::sync::Arc;

use super::keysets::KeySet;
use kseal_core::reconcile::{Claim, Digest, Group, Mark, Observed, Retry, Sighting, Uid};

/// Names one sealed object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) group: Group,
    pub(super) namespace: Arc<str>,
    pub(super) name: Arc<str>,
}

/// All objects, by namespace and name.
#[derive(Default)]
pub(super) struct Table {
    namespaces: HashMap<Arc<str>, HashMap<Arc<str>, Entry>>,
}

/// What bears one name: objects of either group, and the Secret.
#[derive(Default)]
pub(super) struct Entry {
    native: Option<Box<Record>>,
    upstream: Option<Box<Record>>,
    /// The Secret, with the round of the list that it was last seen in; none where only the answer to our own write told it.
    pub(super) secret: Option<(Mark, Option<Round>)>,
}

/// Which list something was seen in: what a whole list did not name is gone. Lists that broke off count, too.
pub(super) type Round = u32;

/// What is kept in mind of an object.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Record {
    pub(super) uid: Uid,
    pub(super) digest: Digest,
    pub(super) standing: Standing,
    pub(super) place: Place,
    pub(super) round: Round,
    pub(super) idle: bool,
    pub(super) hands_over: bool,
    /// Whether its status says that a compromised key opened it.
    pub(super) tells_of_compromised: bool,
    /// The keys that opened something of it when it was last tried.
    pub(super) keys: KeySet,
    /// Whether it did not open then: it only claims these keys.
    pub(super) is_closed: bool,
    /// When it began to wait, in milliseconds since the state was made.
    pub(super) since: u32,
    /// The object as it was seen, while it waits and there is room.
    pub(super) body: Option<Box<[u8]>>,
}

/// How an object stood when it was last looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was not looked at as it is now.
    Unknown,
    /// Its Secret was right, and was this one.
    Right {
        /// The Secret's UID.
        secret: Uid,
        /// The Secret's resourceVersion.
        resource_version: u64,
    },
    /// Something stood in the way.
    Wrong(Retry),
}

/// Where an object is on its way through the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere: nothing is to be done.
    Rest,
    /// In a queue.
    Queued(super::queue::Class),
    /// With a worker.
    Running {
        /// Which job it is: a name may be forgotten and come back while the worker that has it goes on.
        ticket: u16,
        /// It has to be looked at once more.
        again: bool,
        /// Its Secret came, went, or changed hands meanwhile, or may change them now: what the worker saw may be over.
        stirred: bool,
    },
}

impl Record {
    pub(super) fn new(sighting: &Sighting, round: Round) -> Self {
        Self {
            uid: sighting.uid,
            digest: sighting.digest,
            standing: standing(sighting),
            place: Place::Rest,
            round,
            idle: sighting.deleting || sighting.paused,
            hands_over: sighting.hands_over,
            tells_of_compromised: sighting.tells_of_compromised,
            keys: KeySet::default(),
            is_closed: false,
            since: 0,
            body: None,
        }
    }

    /// Its Secret came, went, changed hands, or may change them now.
    pub(super) fn stir(&mut self) {
        if let Place::Running { stirred, .. } = &mut self.place {
            *stirred = true;
        }
    }
}

/// What the object's own status says. Equality with the Secret decides whether it is believed.
pub(super) fn standing(sighting: &Sighting) -> Standing {
    // What it asks of ServiceAccounts was not done when that was written.
    let asks_in_vain = |observed: &Observed| sighting.asks.pull.is_some() && !observed.attached;
    match sighting.observed.as_ref().filter(|observed| !asks_in_vain(observed)) {
        Some(observed) => Standing::Right {
            secret: Uid::of(&observed.secret_uid),
            resource_version: observed.secret_resource_version.parse().unwrap_or(0),
        },
        None => Standing::Unknown,
    }
}

/// Whether a Secret is kept in mind before any object of its name was seen: it says that it is a sealed object's, or consents
/// to be written, which is all that some Secrets of upstream's objects say.
pub(super) fn concerns_us(mark: &Mark) -> bool {
    mark.claim != Claim::default()
}

impl Entry {
    pub(super) fn get(&self, group: Group) -> Option<&Record> {
        match group {
            Group::Native => self.native.as_deref(),
            Group::Upstream => self.upstream.as_deref(),
        }
    }

    pub(super) fn get_mut(&mut self, group: Group) -> Option<&mut Record> {
        match group {
            Group::Native => self.native.as_deref_mut(),
            Group::Upstream => self.upstream.as_deref_mut(),
        }
    }

    pub(super) fn slot(&mut self, group: Group) -> &mut Option<Box<Record>> {
        match group {
            Group::Native => &mut self.native,
            Group::Upstream => &mut self.upstream,
        }
    }

    /// Whether the object of `group` has work: what it knows of its Secret is not what there is.
    pub(super) fn has_work(&self, group: Group) -> bool {
        let Some(record) = self.get(group) else { return false };
        if record.idle || self.is_handed_over(group) {
            return false;
        }
        match record.standing {
            Standing::Unknown => true,
            Standing::Wrong(_) => false,
            Standing::Right { secret, resource_version } => {
                self.secret.is_none_or(|(mark, _)| (mark.uid, mark.resource_version) != (secret, resource_version))
            }
        }
    }

    /// Upstream's object that hands over leaves its Secret to whichever sealed object has it. Whether that is the native
    /// one of its name is not asked: after a restart it may not have passed by yet.
    fn is_handed_over(&self, group: Group) -> bool {
        let owner = self.secret.and_then(|(mark, _)| mark.claim.owner);
        let upstream = self.upstream.as_ref().filter(|record| record.hands_over && group == Group::Upstream);
        upstream.is_some_and(|record| owner.is_some_and(|owner| owner != record.uid))
    }

    /// Upstream's object whose Secret the native one may take.
    pub(super) fn predecessor(&self, group: Group) -> Option<Uid> {
        let upstream = self.upstream.as_ref().filter(|record| record.hands_over)?;
        (group == Group::Native).then_some(upstream.uid)
    }

    fn is_empty(&self) -> bool {
        self.native.is_none() && self.upstream.is_none() && self.secret.is_none_or(|(mark, _)| !concerns_us(&mark))
    }
}

impl Table {
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&Entry> {
        self.namespaces.get(namespace)?.get(name)
    }

    pub(super) fn get_mut(&mut self, namespace: &str, name: &str) -> Option<&mut Entry> {
        self.namespaces.get_mut(namespace)?.get_mut(name)
    }

    pub(super) fn record(&self, id: &Id) -> Option<&Record> {
        self.get(&id.namespace, &id.name)?.get(id.group)
    }

    pub(super) fn record_mut(&mut self, id: &Id) -> Option<&mut Record> {
        self.get_mut(&id.namespace, &id.name)?.get_mut(id.group)
    }

    /// The entry of that name, made if it is not there, with the shared form of both names.
    pub(super) fn entry(&mut self, namespace: &str, name: &str) -> (Arc<str>, Arc<str>, &mut Entry) {
        let shared =
            self.namespaces.get_key_value(namespace).map_or_else(|| namespace.into(), |(key, _)| Arc::clone(key));
        let entries = self.namespaces.entry(Arc::clone(&shared)).or_default();
        let name = entries.get_key_value(name).map_or_else(|| name.into(), |(key, _)| Arc::clone(key));
        let entry = entries.entry(Arc::clone(&name)).or_default();
        (shared, name, entry)
    }

    /// The id of an object that is there.
    pub(super) fn id(&self, group: Group, namespace: &str, name: &str) -> Option<Id> {
        let (namespace, entries) = self.namespaces.get_key_value(namespace)?;
        let (name, entry) = entries.get_key_value(name)?;
        entry.get(group)?;
        Some(Id { group, namespace: Arc::clone(namespace), name: Arc::clone(name) })
    }

    /// Forgets a name that bears nothing any more.
    pub(super) fn tidy(&mut self, namespace: &str, name: &str) {
        let Some(entries) = self.namespaces.get_mut(namespace) else { return };
        if entries.get(name).is_some_and(Entry::is_empty) {
            entries.remove(name);
        }
        if entries.is_empty() {
            self.namespaces.remove(namespace);
        }
    }

    /// Every entry of one namespace, or of all.
    pub(super) fn iter<'t>(
        &'t self,
        namespace: Option<&'t str>,
    ) -> impl Iterator<Item = (&'t Arc<str>, &'t Arc<str>, &'t Entry)> {
        let wanted = move |key: &&Arc<str>| namespace.is_none_or(|namespace| namespace == Borrow::<str>::borrow(*key));
        self.namespaces
            .iter()
            .filter(move |(key, _)| wanted(key))
            .flat_map(|(namespace, entries)| entries.iter().map(move |(name, entry)| (namespace, name, entry)))
    }

    /// The names of the objects of `group` that are as `wanted`.
    pub(super) fn ids<'t>(
        &'t self,
        group: Group,
        namespace: Option<&'t str>,
        wanted: impl Fn(&Entry, &Record) -> bool + 't,
    ) -> impl Iterator<Item = Id> + 't {
        self.iter(namespace).filter_map(move |(namespace, name, entry)| {
            let record = entry.get(group)?;
            wanted(entry, record).then(|| Id { group, namespace: Arc::clone(namespace), name: Arc::clone(name) })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_as_small_as_the_memory_budget_assumes() {
        // With its name, its share of two hash tables and the allocator's rounding about 200 bytes.
        assert!(size_of::<Record>() <= 104, "{}", size_of::<Record>());
        assert!(size_of::<Entry>() <= 80, "{}", size_of::<Entry>());
    }
}
