//! What was listed, and how far each watch has come.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Kind, Source};
use crate::engine::table::Round;

/// A list of sealed objects is read first for so long.
const LISTING: Duration = Duration::from_secs(30);

/// Every collection that is followed.
#[derive(Default)]
pub(super) struct Lists(HashMap<Source, List>);

#[derive(Default)]
struct List {
    round: Round,
    is_whole: bool,
    /// Whether it was whole at some time, or is one of a kind that is not there.
    was_whole: bool,
    /// Since when it is being read, of sealed objects.
    reading: Option<Instant>,
    /// The newest resourceVersion that passed by.
    newest: u64,
}

impl Lists {
    pub(super) fn started(&mut self, source: &Source, now: Instant) {
        let list = self.list(source);
        list.round = list.round.wrapping_add(1);
        list.is_whole = false;
        list.reading = matches!(source.0, Kind::Sealed(_)).then_some(now);
    }

    /// A list broke off, or a watch. `is_absent`: the server does not know the kind.
    pub(super) fn lost(&mut self, source: &Source, is_absent: bool) {
        let list = self.list(source);
        list.reading = None;
        list.was_whole |= is_absent;
    }

    /// Whether every sealed object there is was seen.
    pub(super) fn were_whole(&self) -> bool {
        self.0.iter().all(|((kind, _), list)| *kind == Kind::Secrets || list.was_whole)
    }

    /// Answers which list it was, and whether the server's store went back: one that was restored counts on from an earlier
    /// number, and may have used it for something else.
    pub(super) fn synced(&mut self, source: &Source, resource_version: u64) -> (Round, bool) {
        let list = self.list(source);
        list.is_whole = true;
        list.was_whole = true;
        list.reading = None;
        let went_back = resource_version != 0 && resource_version < list.newest;
        list.newest = resource_version;
        (list.round, went_back)
    }

    /// Something passes by. Answers in which list.
    pub(super) fn pass(&mut self, source: &Source, resource_version: u64) -> Round {
        let list = self.list(source);
        list.newest = list.newest.max(resource_version);
        list.round
    }

    /// Whether sealed objects are being listed.
    pub(super) fn is_reading(&self) -> bool {
        self.0.values().any(|list| list.reading.is_some())
    }

    /// Takes note of what takes too long.
    pub(super) fn wake(&mut self, now: Instant) {
        for list in self.0.values_mut() {
            list.reading = list.reading.filter(|since| now < *since + LISTING);
        }
    }

    /// When that is.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.values().filter_map(|list| Some(list.reading? + LISTING)).min()
    }

    /// Whether some Secrets are known.
    pub(super) fn knows_some_secrets(&self) -> bool {
        self.0.iter().any(|((kind, _), list)| *kind == Kind::Secrets && list.is_whole)
    }

    /// Whether the Secrets of a namespace are known whole: only then a status of there can be believed. A namespace that may
    /// not be looked at holds up no other.
    pub(super) fn knows_secrets(&self, namespace: &Arc<str>) -> bool {
        self.covering(namespace).is_some_and(|list| list.is_whole)
    }

    /// Whether the list of Secrets of a namespace, or that of all, is whole.
    pub(super) fn has_secrets(&self, of: Option<&Arc<str>>) -> bool {
        self.0.get(&(Kind::Secrets, of.cloned())).is_some_and(|list| list.is_whole)
    }

    /// Whether everything was told of a namespace's Secrets up to a resourceVersion.
    pub(super) fn has_passed(&self, namespace: &Arc<str>, resource_version: u64) -> bool {
        self.covering(namespace).is_some_and(|list| list.is_whole && resource_version <= list.newest)
    }

    /// The list that has a namespace's Secrets: that of all, or its own.
    fn covering(&self, namespace: &Arc<str>) -> Option<&List> {
        let of = |namespace| self.0.get(&(Kind::Secrets, namespace));
        of(None).or_else(|| of(Some(Arc::clone(namespace))))
    }

    fn list(&mut self, source: &Source) -> &mut List {
        self.0.entry(source.clone()).or_default()
    }
}
