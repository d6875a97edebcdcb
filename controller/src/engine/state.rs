//! What the engine knows and what it does next, without a client: every event goes in, and jobs come out.

mod census;
mod waiting;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use kseal_core::reconcile::{Digest, Group, Mark, Retry, Sighting, Uid};
use kseal_crypto::Fingerprint;
use tokio::time::Instant;

use super::queue::{Class, Queue};
use super::table::{Entry, Id, Place, Record, Round, Standing, Table, concerns_us, standing};
use waiting::Waiting;

/// Bodies of waiting objects may take so many bytes in all; beyond that an object is fetched when its turn comes.
const BODIES: usize = 16 << 20;
/// Of which the backlog may take so many, so that there is always room for fresh changes.
const BODIES_OF_BACKLOG: usize = 12 << 20;
/// A Secret that someone else changes is put right at most once in so long.
pub(super) const ANSWER: Duration = Duration::from_secs(30);
/// Someone who comes back within this time is fighting.
const GRUDGE: Duration = Duration::from_mins(10);
/// A list of sealed objects is read first for so long.
const LISTING: Duration = Duration::from_secs(30);
/// The longest pause between two tries.
const MAX_BACKOFF: Duration = Duration::from_mins(1);

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
    },
    /// Something stands in the way.
    Wrong {
        /// When to try again.
        retry: Retry,
        /// What the server asks us to wait.
        after: Option<Duration>,
        /// The keys that it waits for; none are named by upstream's kind.
        keys: BTreeSet<Fingerprint>,
    },
    /// It is not there, or is to be left alone.
    Left,
}

/// Everything that is known.
pub(super) struct State {
    table: Table,
    queue: Queue,
    rounds: HashMap<Source, Listing>,
    timers: BinaryHeap<Reverse<(Instant, Id)>>,
    failures: HashMap<Id, Failing>,
    answers: HashMap<Id, Answer>,
    waiting: Waiting,
    running: HashMap<Arc<str>, usize>,
    /// How many objects of one namespace may be worked on at once.
    share: usize,
    bodies: usize,
    keys_arrived: u64,
    tickets: u16,
    origin: Instant,
}

#[derive(Default)]
struct Listing {
    round: Round,
    synced: bool,
    /// Since when it is being read.
    reading: Option<Instant>,
    /// The newest resourceVersion that was seen.
    newest: u64,
}

struct Failing {
    attempts: u32,
    due: Option<Instant>,
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
            rounds: HashMap::new(),
            timers: BinaryHeap::new(),
            failures: HashMap::new(),
            answers: HashMap::new(),
            waiting: Waiting::default(),
            running: HashMap::new(),
            share,
            bodies: 0,
            keys_arrived: 0,
            tickets: 0,
            origin: now,
        }
    }

    /// A list begins.
    pub(super) fn started(&mut self, source: &Source, now: Instant) {
        let listing = self.rounds.entry(source.clone()).or_default();
        listing.round = listing.round.wrapping_add(1);
        listing.synced = false;
        listing.reading = matches!(source.0, Kind::Sealed(_)).then_some(now);
    }

    /// Whether sealed objects are being listed.
    pub(super) fn is_reading(&self) -> bool {
        self.rounds.values().any(|listing| listing.reading.is_some())
    }

    /// A list broke off, or a watch.
    pub(super) fn lost(&mut self, source: &Source) {
        self.rounds.entry(source.clone()).or_default().reading = None;
    }

    /// A list is whole: what it did not name is gone.
    pub(super) fn synced(&mut self, source: &Source, resource_version: u64, now: Instant) {
        let listing = self.rounds.entry(source.clone()).or_default();
        listing.synced = true;
        listing.reading = None;
        // A restored etcd counts on from an earlier number, and may have used it for something else.
        let went_back = resource_version != 0 && resource_version < listing.newest;
        listing.newest = resource_version;
        let round = listing.round;
        let namespace = source.1.as_deref();
        match source.0 {
            Kind::Sealed(group) => {
                let gone: Vec<Id> = self.table.ids(group, namespace, |_, record| record.round != round).collect();
                for id in gone {
                    self.forget(&id);
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

    /// Whether the Secrets of a namespace are known whole: only then a status of there can be believed. A namespace that
    /// may not be looked at holds up no other.
    pub(super) fn knows_secrets(&self, namespace: &Arc<str>) -> bool {
        knows_secrets(&self.rounds, namespace)
    }

    /// Queues what has work, of a collection's namespace or of all.
    fn judge_all(&mut self, of: Option<&Arc<str>>, now: Instant) {
        if !lists_secrets(&self.rounds, of) {
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

    /// A sealed object passes by.
    pub(super) fn saw_object(
        &mut self,
        source: &Source,
        sighting: &Sighting,
        body: &[u8],
        initial: bool,
        now: Instant,
    ) {
        let Kind::Sealed(group) = source.0 else { return };
        let listing = self.rounds.entry(source.clone()).or_default();
        let round = listing.round;
        listing.newest = listing.newest.max(sighting.resource_version);
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
            record.hands_over = sighting.hands_over;
            if changed {
                record.standing = standing(sighting);
            } else if woken && matches!(record.standing, Standing::Wrong(_)) {
                record.standing = Standing::Unknown;
            }
            if let (true, Place::Running { again, .. }) = (changed || woken, &mut record.place) {
                *again = true;
            }
        } else {
            let place = slot.as_deref().map_or(Place::Rest, |record| record.place);
            let mut record = Box::new(Record::new(sighting, round));
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
        // What was never looked at is as urgent when it comes with a list.
        let class = if initial && sighting.has_status { Class::Backlog } else { Class::Live };
        let unbelieved = matches!(self.table.record(&id), Some(record) if record.standing == Standing::Unknown);
        if (unbelieved || self.knows_secrets(&id.namespace)) && self.has_work(&id) {
            self.enqueue(&id, class, now);
        }
        self.keep_body(&id, body, initial);
        self.heir_changed(&id, now);
    }

    /// The native object may be waiting for upstream's one to hand over.
    fn heir_changed(&mut self, id: &Id, now: Instant) {
        if id.group == Group::Upstream {
            let native = Id { group: Group::Native, ..id.clone() };
            let waits = |record: &Record| record.standing == Standing::Wrong(Retry::OnChange);
            if self.table.get(&id.namespace, &id.name).is_some_and(|entry| entry.predecessor(Group::Native).is_some())
                && self.table.record(&native).is_some_and(waits)
            {
                self.look_again(&native, now);
            }
        }
    }

    /// A sealed object is gone. Its Secret is the garbage collector's affair.
    pub(super) fn lost_object(&mut self, source: &Source, sighting: &Sighting) {
        let Kind::Sealed(group) = source.0 else { return };
        let Some(id) = self.table.id(group, &sighting.namespace, &sighting.name) else { return };
        if self.table.record(&id).is_some_and(|record| record.uid == sighting.uid) {
            self.forget(&id);
        }
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
    pub(super) fn saw_secret(&mut self, source: &Source, namespace: &str, name: &str, mark: Mark, now: Instant) {
        let listing = self.rounds.entry(source.clone()).or_default();
        let round = listing.round;
        listing.newest = listing.newest.max(mark.resource_version);
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
    pub(super) fn lost_secret(&mut self, source: &Source, namespace: &str, name: &str, mark: Mark, now: Instant) {
        let listing = self.rounds.entry(source.clone()).or_default();
        listing.newest = listing.newest.max(mark.resource_version);
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
            if !self.knows_secrets(&id.namespace) {
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

    /// The next job, if there is one. While sealed objects are listed there is none: nothing fresh passes by before the list
    /// is whole, and an API server ends a streamed list when what is written meanwhile fills its small queue for that watch.
    pub(super) fn next(&mut self, now: Instant) -> Option<Job> {
        self.wake(now);
        if self.is_reading() {
            return None;
        }
        let (millis, keys_arrived) = (self.millis(now), self.keys_arrived);
        let is_open = self.rounds.iter().any(|((kind, _), listing)| *kind == Kind::Secrets && listing.synced);
        loop {
            let (rounds, running, share) = (&self.rounds, &self.running, self.share);
            let admits = |namespace: &Arc<str>, class| {
                let is_known = class == Class::Live || knows_secrets(rounds, namespace);
                is_known && running.get(namespace).is_none_or(|count| *count < share)
            };
            let id = self.queue.pop(is_open, admits)?;
            let Some(entry) = self.table.get_mut(&id.namespace, &id.name) else { continue };
            let (secret, predecessor) = (entry.secret.map(|(mark, _)| mark), entry.predecessor(id.group));
            let has_work = entry.has_work(id.group);
            let Some(record) = entry.get_mut(id.group) else { continue };
            let Place::Queued(_) = record.place else { continue };
            if !has_work {
                // Since it was queued, it was handed over, or what had changed was changed back.
                record.place = Place::Rest;
                self.bodies -= record.body.take().map_or(0, |body| body.len());
                continue;
            }
            self.tickets = self.tickets.wrapping_add(1);
            let ticket = self.tickets;
            record.place = Place::Running { ticket, again: false, stirred: false };
            let waited = Duration::from_millis(millis.saturating_sub(record.since).into());
            let (body, drifted) = (record.body.take(), matches!(record.standing, Standing::Right { .. }));
            self.bodies -= body.as_ref().map_or(0, |body| body.len());
            *self.running.entry(Arc::clone(&id.namespace)).or_default() += 1;
            let attempts = self.failures.get(&id).map_or(0, |failing| failing.attempts);
            let contested = drifted && self.answers.get(&id).is_some_and(|answer| now < answer.at + GRUDGE);
            return Some(Job {
                id,
                body,
                secret,
                predecessor,
                drifted,
                contested,
                attempts,
                waited,
                keys_arrived,
                ticket,
            });
        }
    }

    /// A job came to an end. `seen`: the object as the worker had it; none if it had none. `jitter`: from 0 to 1.
    pub(super) fn done(&mut self, job: &Job, seen: Option<(Uid, Digest)>, done: Done, jitter: f64, now: Instant) {
        let id = &job.id;
        if let Some(count) = self.running.get_mut(&id.namespace) {
            *count -= 1;
            if *count == 0 {
                self.running.remove(&id.namespace);
            }
        }
        let Some(entry) = self.table.get_mut(&id.namespace, &id.name) else { return };
        let place = entry.get(id.group).map(|record| record.place);
        let Some(Place::Running { ticket, again, stirred }) = place else { return };
        if ticket != job.ticket {
            return;
        }
        if let Done::Right { secret, .. } = &done {
            // Of the same Secret the newer is true. Of another one, or of none, what the watch told, if it came so far.
            let is_news = match entry.secret {
                Some((known, _)) if known.uid == secret.uid => known.resource_version < secret.resource_version,
                _ => !has_passed(&self.rounds, &id.namespace, secret.resource_version),
            };
            if is_news {
                entry.secret = Some((*secret, None));
            }
        }
        let Some(record) = entry.get_mut(id.group) else { return };
        record.place = Place::Rest;
        if again {
            record.standing = Standing::Unknown;
            self.enqueue(id, Class::Live, now);
            return;
        }
        // What was fetched may be newer than what passed by.
        (record.uid, record.digest) = seen.unwrap_or((record.uid, record.digest));
        self.settle(id);
        self.conclude(job, done, stirred, jitter, now);
        if self.has_work(id) {
            self.enqueue(id, Class::Live, now);
        }
    }

    fn conclude(&mut self, job: &Job, done: Done, stirred: bool, jitter: f64, now: Instant) {
        let id = &job.id;
        let Some(record) = self.table.record_mut(id) else { return };
        match done {
            Done::Right { secret, written } => {
                record.standing = Standing::Right { secret: secret.uid, resource_version: secret.resource_version };
                if job.drifted {
                    self.answered(id, written, now);
                }
            }
            Done::Wrong { retry, after, keys } => {
                record.standing = Standing::Wrong(retry);
                match retry {
                    // It may have happened already.
                    Retry::OnChange if stirred => record.standing = Standing::Unknown,
                    Retry::OnChange => {}
                    // It may have been opened with what was held before.
                    Retry::OnKey if job.keys_arrived != self.keys_arrived => record.standing = Standing::Unknown,
                    Retry::OnKey => self.waiting.put(id, keys),
                    Retry::Backoff => {
                        let due = now + after.unwrap_or_default().max(backoff(job.attempts, jitter));
                        self.failures.insert(id.clone(), Failing { attempts: job.attempts + 1, due: Some(due) });
                        self.timers.push(Reverse((due, id.clone())));
                    }
                }
            }
            // It is fetched no more until something is heard of it.
            Done::Left => record.standing = Standing::Wrong(Retry::OnChange),
        }
    }

    /// Notes that a foreign change was looked at, so that the next one waits.
    fn answered(&mut self, id: &Id, written: bool, now: Instant) {
        let before = self.answers.get(id).filter(|answer| now < answer.at + GRUDGE).map_or(0, |answer| answer.times);
        let times = before + u32::from(written);
        self.answers.insert(id.clone(), Answer { at: now, times, scheduled: false });
        if times > 1 {
            // When the fight is long over, its condition goes.
            self.timers.push(Reverse((now + GRUDGE, id.clone())));
        }
        if self.answers.len() > 1_024 {
            self.answers.retain(|_, answer| now < answer.at + GRUDGE);
        }
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
        for listing in self.rounds.values_mut() {
            listing.reading = listing.reading.filter(|since| now < *since + LISTING);
        }
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
        let read = self.rounds.values().filter_map(|listing| Some(listing.reading? + LISTING));
        due.into_iter().chain(read).min()
    }
}

fn knows_secrets(rounds: &HashMap<Source, Listing>, namespace: &Arc<str>) -> bool {
    lists_secrets(rounds, None) || lists_secrets(rounds, Some(namespace))
}

fn lists_secrets(rounds: &HashMap<Source, Listing>, of: Option<&Arc<str>>) -> bool {
    rounds.get(&(Kind::Secrets, of.cloned())).is_some_and(|listing| listing.synced)
}

/// Whether the watch of a namespace's Secrets has told everything up to a resourceVersion.
fn has_passed(rounds: &HashMap<Source, Listing>, namespace: &Arc<str>, resource_version: u64) -> bool {
    let of = |namespace| rounds.get(&(Kind::Secrets, namespace));
    let listing = of(None).or_else(|| of(Some(Arc::clone(namespace))));
    listing.is_some_and(|listing| listing.synced && resource_version <= listing.newest)
}

/// Doubles from 200 ms, capped, between half and all of it.
fn backoff(attempts: u32, jitter: f64) -> Duration {
    let full = MAX_BACKOFF.min(Duration::from_millis(200) * 2_u32.saturating_pow(attempts.min(16)));
    full.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests;
