//! What the watches tell.

use std::sync::Arc;

use kseal_core::reconcile::{Group, Mark, Retry, Sighting};
use tokio::time::Instant;

use super::{Kind, Source, State};
use crate::engine::queue::Class;
use crate::engine::table::{Entry, Id, Place, Record, Round, Standing, concerns_us, standing};

/// Bodies of waiting objects may take so many bytes in all; beyond that an object is fetched when its turn comes.
const BODIES: usize = 16 << 20;
/// Of which the backlog may take so many, so that there is always room for fresh changes.
pub(super) const BODIES_OF_BACKLOG: usize = 12 << 20;

impl State {
    /// A list begins.
    pub(in crate::engine) fn started(&mut self, source: &Source, now: Instant) {
        self.lists.started(source, now);
    }

    /// A list broke off, or a watch. `is_absent`: the server does not know the kind.
    pub(in crate::engine) fn lost(&mut self, source: &Source, is_absent: bool) {
        self.lists.lost(source, is_absent);
    }

    /// A list is whole: what it did not name is gone. Answers which objects those are.
    pub(in crate::engine) fn synced(&mut self, source: &Source, resource_version: u64, now: Instant) -> Vec<Id> {
        let (round, went_back) = self.lists.synced(source, resource_version);
        let namespace = source.1.as_deref();
        let mut forgotten = Vec::new();
        match source.0 {
            Kind::Sealed(group) => {
                forgotten = self.table.ids(group, namespace, |_, record| record.round != round).collect();
                for id in &forgotten {
                    self.forget(id);
                }
                if went_back {
                    self.distrust(group, namespace, |_| true);
                }
            }
            Kind::Secrets => {
                // What we wrote since the list was taken is not in it.
                let is_gone = |(mark, seen): (Mark, Option<Round>)| {
                    let is_later = seen.is_none() && mark.resource_version > resource_version;
                    seen != Some(round) && (went_back || !is_later)
                };
                let gone: Vec<_> = self
                    .table
                    .iter(namespace)
                    .filter(|(_, _, entry)| entry.secret.is_some_and(is_gone))
                    .map(|(namespace, name, _)| (Arc::clone(namespace), Arc::clone(name)))
                    .collect();
                for (namespace, name) in gone {
                    if let Some(entry) = self.table.get_mut(&namespace, &name) {
                        entry.secret = None;
                    }
                    self.table.tidy(&namespace, &name);
                }
                // What an object waited for may have happened while nobody watched.
                let doubtful = |standing| went_back || standing == Standing::Wrong(Retry::OnChange);
                for group in Group::ALL {
                    self.distrust(group, namespace, doubtful);
                }
            }
        }
        self.judge_all(source.1.as_ref(), now);
        forgotten
    }

    fn distrust(&mut self, group: Group, namespace: Option<&str>, doubtful: impl Fn(Standing) -> bool) {
        let is_doubtful = |record: &Record| doubtful(record.standing) || matches!(record.place, Place::Running { .. });
        let all: Vec<Id> = self.table.ids(group, namespace, |_, record| is_doubtful(record)).collect();
        for id in all {
            if let Some(record) = self.table.record_mut(&id) {
                record.standing = Standing::Unknown;
                record.stir();
            }
        }
    }

    /// Queues what has work, of a collection's namespace or of all.
    fn judge_all(&mut self, of: Option<&Arc<str>>, now: Instant) {
        if !self.lists.has_secrets(of) {
            return;
        }
        for group in Group::ALL {
            let has_work = |entry: &Entry, record: &Record| record.place == Place::Rest && entry.has_work(group);
            let all: Vec<Id> = self.table.ids(group, of.map(AsRef::as_ref), has_work).collect();
            for id in all {
                self.enqueue(&id, Class::Backlog, now);
            }
        }
    }

    /// A sealed object passes by. Answers with its shared names.
    pub(in crate::engine) fn saw_object(
        &mut self,
        source: &Source,
        sighting: &Sighting,
        body: &[u8],
        initial: bool,
        now: Instant,
    ) -> Option<Id> {
        let Kind::Sealed(group) = source.0 else { return None };
        let round = self.lists.pass(source, sighting.resource_version);
        let (namespace, name, entry) = self.table.entry(&sighting.namespace, &sighting.name);
        let id = Id { group, namespace, name };
        let slot = entry.slot(group);
        let known = slot.as_deref_mut().filter(|record| record.uid == sighting.uid);
        if let Some(record) = known {
            let changed = record.digest != sighting.digest;
            let woken = record.idle && !(sighting.deleting || sighting.paused);
            record.round = round;
            record.digest = sighting.digest;
            record.idle = sighting.deleting || sighting.paused;
            // Who may have the Secret is another question then.
            let woken = woken || record.hands_over != sighting.hands_over;
            record.hands_over = sighting.hands_over;
            record.tells_of_compromised = sighting.tells_of_compromised;
            if changed {
                record.standing = standing(sighting);
            } else if woken && (matches!(record.standing, Standing::Wrong(_)) || sighting.asks.pull.is_some()) {
                record.standing = Standing::Unknown;
            }
            if let (true, Place::Running { again, .. }) = (changed || woken, &mut record.place) {
                *again = true;
            }
        } else {
            let place = slot.as_deref().map_or(Place::Rest, |record| record.place);
            let mut record = Box::new(Record::new(sighting, round));
            record.keys = self.keysets.put(sighting.needed.iter().map(String::as_str));
            // A worker, or a queue, holds the name of the one before; what it has of it is no longer true.
            record.place = match place {
                Place::Running { ticket, stirred, .. } => Place::Running { ticket, again: true, stirred },
                place => place,
            };
            if let Some(before) = slot.replace(record) {
                self.bodies -= before.body.map_or(0, |body| body.len());
            }
            self.settle(&id);
        }
        self.note_keys(&id, sighting);
        // What was never looked at is as urgent when it comes with a list.
        let class = if initial && sighting.has_status { Class::Backlog } else { Class::Live };
        let unbelieved = matches!(self.table.record(&id), Some(record) if record.standing == Standing::Unknown);
        if (unbelieved || self.lists.knows_secrets(&id.namespace)) && self.has_work(&id) {
            self.enqueue(&id, class, now);
        }
        self.keep_body(&id, body, initial);
        self.heir_changed(&id, now);
        Some(id)
    }

    /// What its status says of the keys that opened it, if it is of the object as it is.
    fn note_keys(&mut self, id: &Id, sighting: &Sighting) {
        let Some(observed) = &sighting.observed else { return };
        let keys = self.keysets.put(observed.keys.iter().map(String::as_str));
        if let Some(record) = self.table.record_mut(id) {
            (record.keys, record.is_closed) = (keys, false);
        }
        self.doubt_untold(id);
    }

    /// Only what waits keeps its body.
    fn keep_body(&mut self, id: &Id, body: &[u8], initial: bool) {
        let Some(record) = self.table.record_mut(id) else { return };
        self.bodies -= record.body.take().map_or(0, |body| body.len());
        let room = if initial { BODIES_OF_BACKLOG } else { BODIES };
        if matches!(record.place, Place::Queued(_)) && self.bodies + body.len() <= room {
            self.bodies += body.len();
            record.body = Some(body.into());
        }
    }

    /// The native object may be waiting for upstream's one to hand over, or about to find that it has to.
    fn heir_changed(&mut self, id: &Id, now: Instant) {
        let native = Id { group: Group::Native, ..id.clone() };
        let Some(entry) = self.table.get_mut(&id.namespace, &id.name) else { return };
        if id.group == Group::Native || entry.predecessor(Group::Native).is_none() {
            return;
        }
        let Some(record) = entry.get_mut(Group::Native) else { return };
        record.stir();
        if record.standing == Standing::Wrong(Retry::OnChange) {
            self.look_again(&native, now);
        }
    }

    /// A sealed object is gone. Its Secret is the garbage collector's affair. Answers which one that was, if it was known.
    pub(in crate::engine) fn lost_object(&mut self, source: &Source, sighting: &Sighting) -> Option<Id> {
        let Kind::Sealed(group) = source.0 else { return None };
        let id = self.table.id(group, &sighting.namespace, &sighting.name)?;
        let is_that_one = self.table.record(&id).is_some_and(|record| record.uid == sighting.uid);
        is_that_one.then(|| {
            self.forget(&id);
            id
        })
    }

    fn forget(&mut self, id: &Id) {
        self.settle(id);
        self.answers.remove(id);
        let Some(entry) = self.table.get_mut(&id.namespace, &id.name) else { return };
        if let Some(record) = entry.slot(id.group).take() {
            self.bodies -= record.body.map_or(0, |body| body.len());
        }
        self.table.tidy(&id.namespace, &id.name);
    }

    /// A Secret passes by.
    pub(in crate::engine) fn saw_secret(
        &mut self,
        source: &Source,
        namespace: &str,
        name: &str,
        mark: Mark,
        now: Instant,
    ) {
        let round = self.lists.pass(source, mark.resource_version);
        if self.table.get(namespace, name).is_none() && !concerns_us(&mark) {
            return;
        }
        let (_, _, entry) = self.table.entry(namespace, name);
        let before = entry.secret;
        // What we wrote ourselves is known before it passes by, and what passes by before that is over.
        let own = before.filter(|(own, seen)| seen.is_none() && own.resource_version > mark.resource_version);
        entry.secret = own.or(Some((mark, Some(round))));
        let other = before.is_none_or(|(before, _)| (before.uid, before.claim) != (mark.uid, mark.claim));
        self.secret_changed(namespace, name, own.is_none() && other, now);
    }

    /// A Secret is gone.
    pub(in crate::engine) fn lost_secret(
        &mut self,
        source: &Source,
        namespace: &str,
        name: &str,
        mark: Mark,
        now: Instant,
    ) {
        self.lists.pass(source, mark.resource_version);
        let Some(entry) = self.table.get_mut(namespace, name) else { return };
        // The deletion of one before it may be told after we made the next.
        if entry.secret.is_some_and(|(before, _)| before.uid != mark.uid) {
            return;
        }
        entry.secret = None;
        self.secret_changed(namespace, name, true, now);
        self.table.tidy(namespace, name);
    }

    fn secret_changed(&mut self, namespace: &str, name: &str, other: bool, now: Instant) {
        for group in Group::ALL {
            let Some(id) = self.table.id(group, namespace, name) else { continue };
            if let (true, Some(record)) = (other, self.table.record_mut(&id)) {
                record.stir();
            }
            if !self.lists.knows_secrets(&id.namespace) {
                return;
            }
            let Some(record) = self.table.record(&id) else { continue };
            match record.standing {
                // Its time comes by itself, and not before the server wants it: what changed may be what we wrote.
                Standing::Wrong(Retry::Backoff) => {}
                Standing::Wrong(_) if other => self.look_again(&id, now),
                Standing::Right { .. } | Standing::Unknown if self.has_work(&id) => self.enqueue(&id, Class::Live, now),
                _ => {}
            }
        }
    }
}
