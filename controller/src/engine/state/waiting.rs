//! Objects that wait for keys: under each key that could open a part of them, and under none where their kind names none.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kseal_crypto::Fingerprint;

use crate::engine::table::Id;

/// The objects that wait for keys.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) by_key: BTreeMap<Option<Fingerprint>, BTreeSet<Id>>,
    pub(super) keys: HashMap<Id, BTreeSet<Option<Fingerprint>>>,
}

impl Waiting {
    pub(super) fn put(&mut self, id: &Id, keys: BTreeSet<Fingerprint>) {
        let mut keys: BTreeSet<_> = keys.into_iter().map(Some).collect();
        if keys.is_empty() {
            keys.insert(None);
        }
        for key in &keys {
            self.by_key.entry(*key).or_default().insert(id.clone());
        }
        self.keys.insert(id.clone(), keys);
    }

    pub(super) fn remove(&mut self, id: &Id) {
        for key in self.keys.remove(id).into_iter().flatten() {
            if let Some(ids) = self.by_key.get_mut(&key) {
                ids.remove(id);
                if ids.is_empty() {
                    self.by_key.remove(&key);
                }
            }
        }
    }

    pub(super) fn take(&mut self, keys: impl Iterator<Item = Option<Fingerprint>>) -> BTreeSet<Id> {
        let ids: BTreeSet<Id> = keys.filter_map(|key| self.by_key.get(&key)).flatten().cloned().collect();
        for id in &ids {
            self.remove(id);
        }
        ids
    }
}
