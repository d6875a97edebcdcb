//! Whose turn it is: what is due, of each namespace one in turn, so that a flood in one is not in the way of the others.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::Name;

/// What waits for its time or for a worker.
pub(super) struct Queue {
    timers: BTreeSet<(Instant, Name)>,
    times: BTreeMap<Name, Instant>,
    /// What is due.
    ready: BTreeSet<Name>,
    /// How many jobs are under way in each namespace.
    running: BTreeMap<String, usize>,
    share: usize,
    /// The namespace whose turn it was.
    last: String,
}

impl Queue {
    /// `share`: how many of one namespace may be under way at once.
    pub(super) fn new(share: usize) -> Self {
        Self {
            timers: BTreeSet::new(),
            times: BTreeMap::new(),
            ready: BTreeSet::new(),
            running: BTreeMap::new(),
            share,
            last: String::new(),
        }
    }

    /// It is due then, and at no other time.
    pub(super) fn set(&mut self, name: &Name, at: Instant) {
        if let Some(before) = self.times.insert(name.clone(), at) {
            self.timers.remove(&(before, name.clone()));
        }
        self.timers.insert((at, name.clone()));
    }

    pub(super) fn forget(&mut self, name: &Name) {
        if let Some(before) = self.times.remove(name) {
            self.timers.remove(&(before, name.clone()));
        }
        self.ready.remove(name);
    }

    /// The next that is due; it is under way until it `end`s.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Name> {
        while self.timers.first().is_some_and(|(at, _)| *at <= now) {
            let (_, name) = self.timers.pop_first()?;
            self.times.remove(&name);
            self.ready.insert(name);
        }
        // No name comes between a namespace and this one.
        let after = (format!("{}\0", self.last), String::new());
        let has_room = |name: &&Name| self.running.get(&name.0).is_none_or(|count| *count < self.share);
        let next = self.ready.range(after..).find(has_room).or_else(|| self.ready.iter().find(has_room)).cloned()?;
        self.ready.remove(&next);
        self.last.clone_from(&next.0);
        *self.running.entry(next.0.clone()).or_default() += 1;
        Some(next)
    }

    pub(super) fn end(&mut self, name: &Name) {
        if let Some(count) = self.running.get_mut(&name.0) {
            *count -= 1;
            if *count == 0 {
                self.running.remove(&name.0);
            }
        }
    }

    /// When the next one is due that is not yet.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }
}
