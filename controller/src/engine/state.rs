//! What the engine knows and what it does next, without a client: every event goes in, and jobs come out.

mod census;
mod jobs;
mod lists;
mod passing;
mod usage;
mod waiting;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use kseal_core::reconcile::{Group, Mark, Retry, Uid};
use kseal_crypto::Fingerprint;
use tokio::time::Instant;

use super::keysets::KeySets;
use super::queue::{Class, Queue};
use super::table::{Id, Place, Standing, Table};
pub(super) use jobs::backoff;
use lists::Lists;
use waiting::Waiting;

/// A Secret that someone else changes is put right at most once in so long.
pub(super) const ANSWER: Duration = Duration::from_secs(30);
/// Someone who comes back within this time is fighting.
pub(super) const GRUDGE: Duration = Duration::from_mins(10);

/// What one collection brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Sealed objects.
    Sealed(Group),
    /// Secrets' metadata.
    Secrets,
}

/// A collection: a kind in one namespace, or in all.
pub(super) type Source = (Kind, Option<Arc<str>>);

/// Work on one object.
pub(super) struct Job {
    pub(super) id: Id,
    /// The object, if there was room to keep it.
    pub(super) body: Option<Box<[u8]>>,
    /// Its Secret, as far as it is known.
    pub(super) secret: Option<Mark>,
    /// Upstream's object whose Secret it may take.
    pub(super) predecessor: Option<Uid>,
    /// The Secret was right, and someone changed it.
    pub(super) drifted: bool,
    /// Someone changed it not long ago, too.
    pub(super) contested: bool,
    /// How often it failed in a row.
    pub(super) attempts: u32,
    /// For how long it waited.
    pub(super) waited: Duration,
    /// How often keys had arrived when it began.
    keys_arrived: u64,
    ticket: u16,
}

/// What became of a job.
pub(super) enum Done {
    /// Its Secret is right, and is this one.
    Right {
        /// The Secret.
        secret: Mark,
        /// Whether it had to be written.
        written: bool,
        /// Whether the object says that a compromised key opened it.
        tells_of_compromised: bool,
    },
    /// Something stands in the way.
    Wrong {
        /// When to try again.
        retry: Retry,
        /// What the server asks us to wait.
        after: Option<Duration>,
        /// The keys that it waits for; none are named by upstream's kind.
        keys: BTreeSet<Fingerprint>,
        /// Whether it is its contents that are wrong.
        is_closed: bool,
    },
    /// It is not there, or is to be left alone.
    Left,
}

/// Everything that is known.
pub(super) struct State {
    table: Table,
    queue: Queue,
    lists: Lists,
    timers: BinaryHeap<Reverse<(Instant, Id)>>,
    failures: HashMap<Id, Failing>,
    answers: HashMap<Id, Answer>,
    waiting: Waiting,
    keysets: KeySets,
    /// The keys that are compromised.
    compromised: BTreeSet<String>,
    /// Whether that was told once.
    knows_compromised: bool,
    running: HashMap<Arc<str>, usize>,
    /// How many objects of one namespace may be worked on at once.
    share: usize,
    bodies: usize,
    keys_arrived: u64,
    tickets: u16,
    origin: Instant,
}

struct Failing {
    attempts: u32,
    due: Option<Instant>,
    /// Whether it is the answer to a foreign change that does not succeed.
    drifted: bool,
}

#[derive(Clone, Copy)]
struct Answer {
    at: Instant,
    /// How often in a row the Secret had to be written.
    times: u32,
    /// The next one has its time already.
    scheduled: bool,
}

impl State {
    /// `share`: how many objects of one namespace may be worked on at once.
    pub(super) fn new(share: usize, now: Instant) -> Self {
        Self {
            table: Table::default(),
            queue: Queue::default(),
            lists: Lists::default(),
            timers: BinaryHeap::new(),
            failures: HashMap::new(),
            answers: HashMap::new(),
            waiting: Waiting::default(),
            keysets: KeySets::default(),
            compromised: BTreeSet::new(),
            knows_compromised: false,
            running: HashMap::new(),
            share,
            bodies: 0,
            keys_arrived: 0,
            tickets: 0,
            origin: now,
        }
    }

    /// Whether sealed objects are being listed.
    pub(super) fn is_reading(&self) -> bool {
        self.lists.is_reading()
    }

    /// Whether every sealed object there is was seen.
    pub(super) fn objects_are_known(&self) -> bool {
        self.lists.were_whole()
    }

    /// What an object asks for beside its Secret stands another way, or may do so now.
    pub(super) fn tell_again(&mut self, ids: &[Id], now: Instant) {
        for id in ids {
            self.look_again(id, now);
        }
    }

    /// What is in the way of those of these objects that are not right, or may just be found so, may be gone.
    pub(super) fn try_again(&mut self, ids: &[Id], now: Instant) {
        for id in ids {
            let waits =
                |standing, place| matches!(standing, Standing::Wrong(_)) || matches!(place, Place::Running { .. });
            if self.table.record(id).is_some_and(|record| waits(record.standing, record.place)) {
                self.look_again(id, now);
            }
        }
    }

    /// Keys are held that were not before; `others`: of upstream's kind, whose objects name none.
    pub(super) fn keys_arrived(&mut self, keys: &[Fingerprint], others: bool, now: Instant) {
        self.keys_arrived += 1;
        for id in self.waiting.take(keys.iter().copied().map(Some).chain(others.then_some(None))) {
            self.look_again(&id, now);
        }
    }

    fn look_again(&mut self, id: &Id, now: Instant) {
        if let Some(record) = self.table.record_mut(id) {
            record.standing = Standing::Unknown;
            if let Place::Running { again, .. } = &mut record.place {
                *again = true;
            }
            self.enqueue(id, Class::Live, now);
        }
    }

    fn has_work(&self, id: &Id) -> bool {
        self.table.get(&id.namespace, &id.name).is_some_and(|entry| entry.has_work(id.group))
    }

    fn enqueue(&mut self, id: &Id, class: Class, now: Instant) {
        let Some(record) = self.table.record(id) else { return };
        if record.idle {
            return;
        }
        if let (Standing::Right { .. }, Some(answer)) = (record.standing, self.answers.get_mut(id)) {
            let due = answer.at + ANSWER;
            if due > now {
                if !std::mem::replace(&mut answer.scheduled, true) {
                    self.timers.push(Reverse((due, id.clone())));
                }
                return;
            }
        }
        let since = self.millis(now);
        let Some(record) = self.table.record_mut(id) else { return };
        match record.place {
            Place::Rest => {
                record.since = since;
                record.place = Place::Queued(class);
                self.queue.push(id.clone(), class);
            }
            Place::Queued(Class::Backlog) if class == Class::Live => {
                record.place = Place::Queued(Class::Live);
                self.queue.promote(id);
            }
            Place::Queued(_) | Place::Running { .. } => {}
        }
    }

    fn millis(&self, now: Instant) -> u32 {
        u32::try_from(now.duration_since(self.origin).as_millis()).unwrap_or(u32::MAX)
    }

    /// Forgets what an object waited for.
    fn settle(&mut self, id: &Id) {
        self.failures.remove(id);
        self.waiting.remove(id);
    }

    /// Notes what an object cost beyond its turn.
    pub(super) fn charge(&mut self, namespace: &Arc<str>, cost: u64) {
        self.queue.charge(namespace, cost);
    }

    /// Takes note of what is due.
    pub(super) fn wake(&mut self, now: Instant) {
        self.lists.wake(now);
        while self.timers.peek().is_some_and(|Reverse((due, _))| *due <= now) {
            let Some(Reverse((_, id))) = self.timers.pop() else { return };
            let due = self.failures.get_mut(&id).filter(|failing| failing.due.is_some_and(|due| due <= now));
            if let Some(failing) = due {
                failing.due = None;
                if let Some(record) = self.table.record_mut(&id) {
                    record.standing = Standing::Unknown;
                }
            }
            if self.answers.get(&id).is_some_and(|answer| now >= answer.at + GRUDGE) {
                self.answers.remove(&id);
                if let Some(record) = self.table.record_mut(&id) {
                    record.standing = Standing::Unknown;
                }
            }
            if self.has_work(&id) {
                self.enqueue(&id, Class::Live, now);
            }
        }
    }

    /// When there may be a job again without anything happening.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = self.timers.peek().map(|Reverse((due, _))| *due);
        due.into_iter().chain(self.lists.deadline()).min()
    }
}

#[cfg(test)]
mod tests;
