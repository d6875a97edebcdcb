//! Which objects need which keys.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kseal_api::{MAX_FIRST, MAX_NAMESPACES};
use kseal_core::keys::Need;
use kseal_core::reconcile::Group;
use tokio::time::Instant;

use super::State;
use crate::engine::queue::Class;
use crate::engine::table::{Id, Place, Record, Standing};

/// What needs one key, while it is counted.
#[derive(Default)]
struct Tally<'t> {
    claimed: usize,
    namespaces: BTreeMap<&'t str, usize>,
    first: BTreeSet<(&'t str, &'t str)>,
}

impl State {
    /// What needs each key, by its name. None while it is not known whole. Claims are counted for the keys that are `known`:
    /// others may be made up, any number of them.
    pub(in crate::engine) fn usage(&mut self, known: &BTreeSet<String>) -> Option<BTreeMap<String, Need>> {
        if !self.lists.were_whole() {
            return None;
        }
        let mut tallies: BTreeMap<String, Tally<'_>> = BTreeMap::new();
        let mut used = BTreeSet::new();
        for (namespace, name, entry) in self.table.iter(None) {
            for record in Group::ALL.into_iter().filter_map(|group| entry.get(group)) {
                used.insert(record.keys);
                for key in self.keysets.get(record.keys) {
                    if !tallies.contains_key(key) {
                        tallies.insert(key.to_owned(), Tally::default());
                    }
                    let Some(tally) = tallies.get_mut(key) else { continue };
                    if record.is_closed {
                        tally.claimed += 1;
                    } else {
                        tally.needed_by(namespace, name);
                    }
                }
            }
        }
        for (key, ids) in &self.waiting.by_key {
            let Some(key) = key.map(|key| key.to_string()) else { continue };
            if known.contains(&key) || tallies.contains_key(&key) {
                tallies.entry(key).or_default().claimed += ids.len();
            }
        }
        let needs = tallies.into_iter().map(|(key, tally)| (key, tally.need())).collect();
        self.keysets.keep_only(&used);
        Some(needs)
    }

    /// Keys are compromised, or no longer: what they opened has to say so, or no longer.
    pub(in crate::engine) fn compromised(&mut self, keys: BTreeSet<String>, now: Instant) {
        let changed: BTreeSet<String> = self.compromised.symmetric_difference(&keys).cloned().collect();
        if changed.is_empty() {
            return;
        }
        // At first it is what the statuses say that tells what they do not say yet.
        let is_first = !std::mem::replace(&mut self.knows_compromised, true);
        self.compromised = keys;
        let concerns =
            |record: &Record| self.is_untold(record) || (!is_first && self.keysets.meets(record.keys, &changed));
        let of = |group| self.table.ids(group, None, |_, record| concerns(record)).collect::<Vec<Id>>();
        for id in Group::ALL.into_iter().flat_map(of).collect::<Vec<Id>>() {
            let Some(record) = self.table.record_mut(&id) else { continue };
            if let Place::Running { again, .. } = &mut record.place {
                *again = true;
            } else if matches!(record.standing, Standing::Right { .. }) {
                record.standing = Standing::Unknown;
                if self.lists.knows_secrets(&id.namespace) {
                    self.enqueue(&id, Class::Backlog, now);
                }
            }
        }
    }

    /// Whether an object does not say of its keys what it must.
    pub(super) fn is_untold(&self, record: &Record) -> bool {
        matches!(record.standing, Standing::Right { .. })
            && record.tells_of_compromised != self.keysets.meets(record.keys, &self.compromised)
    }

    /// The object does not say what it must: it is looked at once more.
    pub(super) fn doubt_untold(&mut self, id: &Id) {
        if self.table.record(id).is_some_and(|record| self.is_untold(record))
            && let Some(record) = self.table.record_mut(id)
        {
            record.standing = Standing::Unknown;
        }
    }
}

impl<'t> Tally<'t> {
    fn needed_by(&mut self, namespace: &'t Arc<str>, name: &'t Arc<str>) {
        *self.namespaces.entry(namespace).or_default() += 1;
        let object: (&str, &str) = (namespace, name);
        if self.first.len() == MAX_FIRST && self.first.last().is_some_and(|last| object > *last) {
            return;
        }
        self.first.insert(object);
        if self.first.len() > MAX_FIRST {
            self.first.pop_last();
        }
    }

    fn need(self) -> Need {
        Need {
            objects: self.namespaces.values().sum(),
            claimed: self.claimed,
            namespaces: self.namespaces.into_iter().take(MAX_NAMESPACES).map(|(it, n)| (it.to_owned(), n)).collect(),
            first: self.first.into_iter().map(|(namespace, name)| format!("{namespace}/{name}")).collect(),
        }
    }
}
