//! What is known of `ServiceAccountTokens`, and whose turn it is, without a client: every event goes in, and jobs come out.
//!
//! Of Secrets and ServiceAccounts only those are kept in mind that a job looked at, as it left them: what passes by is compared
//! with that, so that our own writes are no news.

mod entry;
mod queue;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kseal_core::reconcile::{Digest, Retry};
use kseal_core::tokens::{SecretMetadata, TokenObject};
use tokio::time::Instant;

use entry::{Entry, Place, Standing};
use queue::Queue;

/// Who changes our Secrets is answered at most once in so long.
const ANSWER: Duration = Duration::from_secs(30);
/// Someone who comes back within this time is fighting.
const GRUDGE: Duration = Duration::from_mins(10);
/// What passes by and turns out to be nothing is looked at at most once in so long.
const CALM: Duration = Duration::from_secs(1);
/// The longest pause between two tries of what goes on by itself.
const MAX_BACKOFF: Duration = Duration::from_mins(1);
/// The longest pause before what waits for somebody is looked at again, in case that nothing told of it.
const MAX_WAIT: Duration = Duration::from_mins(5);
/// How often it is looked whether the wall clock has come to a time.
const WALL: Duration = Duration::from_mins(1);

/// Namespace and name.
pub(super) type Name = (String, String);

/// The present: by the clock that only goes on, and in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) instant: Instant,
    pub(super) wall: i64,
}

/// What one collection brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Objects,
    /// Those with our label, by their metadata.
    Secrets,
    Accounts,
}

impl Kind {
    pub(super) const fn resource(self) -> &'static str {
        match self {
            Self::Objects => "serviceaccounttokens.kseal.dev",
            Self::Secrets => "secrets",
            Self::Accounts => "serviceaccounts",
        }
    }
}

/// Work on one object.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) name: Name,
    pub(super) uid: String,
    /// All was right, and someone changed it.
    pub(super) drifted: bool,
    /// Someone changed it not long ago, too.
    pub(super) contested: bool,
    /// How often it failed in a row.
    pub(super) attempts: u32,
    /// Whether a Secret was written by one of those tries.
    pub(super) written: bool,
    ticket: u64,
}

/// What a job came to.
pub(super) struct Finished {
    pub(super) done: Done,
    /// What it saw last; none where it saw nothing.
    pub(super) settled: Option<Settled>,
    /// Whether a Secret had to be written.
    pub(super) written: bool,
}

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Done {
    /// All is right until then, in seconds since 1970.
    Right {
        until: Option<i64>,
        expires: Option<i64>,
        /// Somebody undid it while it was done.
        fought: bool,
    },
    /// Something stands in the way.
    Wrong {
        retry: Retry,
        /// What the server asks us to wait.
        after: Option<Duration>,
        /// Whether it waits for a policy.
        by_policy: bool,
        /// Whether it waits for Kubernetes to fill a Secret, which is to be seen at once.
        for_filling: bool,
    },
    /// It is not there, or is to be left alone.
    Left,
}

/// Secrets and ServiceAccount as a job left them.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// UID and resourceVersion by name.
    pub(super) secrets: BTreeMap<String, (String, u64)>,
    /// What tokens depend on of the account.
    pub(super) account: Option<Digest>,
}

/// A Secret that passed by while a job ran.
#[derive(Debug, Clone)]
struct Seen {
    name: String,
    uid: String,
    version: u64,
    gone: bool,
}

/// A ServiceAccount that passed by while a job ran; none of it where it went.
struct SeenAccount(Option<Digest>);

/// Everything that is known.
pub(super) struct State {
    objects: BTreeMap<Name, Entry>,
    /// Objects by UID, which is what labels name.
    uids: BTreeMap<String, Name>,
    queue: Queue,
    /// What lists that are being read have named so far.
    listings: BTreeMap<(Kind, Option<String>), BTreeSet<Name>>,
    tickets: u64,
}

impl State {
    /// `share`: how many objects of one namespace may be worked on at once.
    pub(super) fn new(share: usize) -> Self {
        Self {
            objects: BTreeMap::new(),
            uids: BTreeMap::new(),
            queue: Queue::new(share),
            listings: BTreeMap::new(),
            tickets: 0,
        }
    }

    pub(super) fn started(&mut self, kind: Kind, namespace: Option<&str>) {
        self.listings.insert((kind, namespace.map(ToOwned::to_owned)), BTreeSet::new());
    }

    /// What the list did not name is gone.
    pub(super) fn synced(&mut self, kind: Kind, namespace: Option<&str>, now: Now) {
        let Some(listed) = self.listings.remove(&(kind, namespace.map(ToOwned::to_owned))) else { return };
        let within = |name: &Name| namespace.is_none_or(|namespace| namespace == name.0);
        let names: Vec<Name> = self.objects.keys().filter(|name| within(name)).cloned().collect();
        for name in names {
            if kind == Kind::Objects {
                if !listed.contains(&name) {
                    self.forget(&name);
                }
                continue;
            }
            let Some(entry) = self.objects.get_mut(&name) else { continue };
            let place = |of: &str| (name.0.clone(), of.to_owned());
            if kind == Kind::Secrets {
                for seen in entry.unlisted(|secret| listed.contains(&place(secret))) {
                    self.pass(&name, seen, now);
                }
            } else if entry.knows_account() && !listed.contains(&place(&entry.account)) {
                self.pass_account(&name, None, now);
            }
        }
    }

    fn note(&mut self, kind: Kind, namespace: Option<&str>, name: &Name) {
        if let Some(listing) = self.listings.get_mut(&(kind, namespace.map(ToOwned::to_owned))) {
            listing.insert(name.clone());
        }
    }

    pub(super) fn saw_object(&mut self, namespace: Option<&str>, object: &TokenObject, now: Now) {
        let name = (object.namespace.clone(), object.name.clone());
        self.note(Kind::Objects, namespace, &name);
        if self.objects.get(&name).is_some_and(|entry| entry.uid != object.uid) {
            self.forget(&name);
        }
        if let Some(entry) = self.objects.get_mut(&name) {
            if entry.is_as(object) {
                return;
            }
            entry.turn_to(object);
        } else {
            self.uids.insert(object.uid.clone(), name.clone());
            self.objects.insert(name.clone(), Entry::new(object));
        }
        self.look(&name, now.instant, now);
    }

    pub(super) fn lost_object(&mut self, object: &TokenObject) {
        let name = (object.namespace.clone(), object.name.clone());
        if self.objects.get(&name).is_some_and(|entry| entry.uid == object.uid) {
            self.forget(&name);
        }
    }

    fn forget(&mut self, name: &Name) {
        let Some(entry) = self.objects.remove(name) else { return };
        self.uids.remove(&entry.uid);
        self.queue.forget(name);
    }

    /// A Secret with our label is there, or `gone`.
    pub(super) fn saw_secret(&mut self, namespace: Option<&str>, secret: &SecretMetadata, gone: bool, now: Now) {
        let Some(name) = secret.token_of.as_ref().and_then(|uid| self.uids.get(uid)).cloned() else { return };
        if name.0 != secret.namespace {
            return;
        }
        if !gone {
            self.note(Kind::Secrets, namespace, &(secret.namespace.clone(), secret.name.clone()));
        }
        let version = secret.resource_version.parse().unwrap_or(0);
        let seen = Seen { name: secret.name.clone(), uid: secret.uid.clone(), version, gone };
        self.pass(&name, seen, now);
    }

    fn pass(&mut self, name: &Name, seen: Seen, now: Now) {
        let Some(entry) = self.objects.get_mut(name) else { return };
        if let Place::Running { secrets, .. } = &mut entry.place {
            secrets.insert(seen.name.clone(), seen);
        } else if entry.is_news(&seen) {
            self.drifted(name, now);
        }
    }

    /// Our Secrets are not as they were left.
    fn drifted(&mut self, name: &Name, now: Now) {
        let Some(entry) = self.objects.get_mut(name) else { return };
        entry.drifted |= matches!(entry.standing, Standing::Right { .. });
        let at = entry.quiet_until.map_or(now.instant, |until| until.max(now.instant));
        self.look(name, at, now);
    }

    /// A ServiceAccount is there, or gone.
    pub(super) fn saw_account(&mut self, namespace: Option<&str>, place: &Name, account: Option<Digest>, now: Now) {
        let of_namespace = self.objects.range((place.0.clone(), String::new())..);
        let of_namespace = of_namespace.take_while(|(name, _)| name.0 == place.0);
        let named: Vec<Name> =
            of_namespace.filter(|(_, entry)| entry.account == place.1).map(|(name, _)| name.clone()).collect();
        if account.is_some() && !named.is_empty() {
            self.note(Kind::Accounts, namespace, place);
        }
        for name in named {
            self.pass_account(&name, account, now);
        }
    }

    fn pass_account(&mut self, name: &Name, seen: Option<Digest>, now: Now) {
        let Some(entry) = self.objects.get_mut(name) else { return };
        if let Place::Running { account, .. } = &mut entry.place {
            *account = Some(SeenAccount(seen));
        } else if entry.settled.as_ref().is_some_and(|settled| settled.account != seen) {
            entry.attempts = 0;
            self.look(name, now.instant, now);
        }
    }

    pub(super) fn policies_changed(&mut self, now: Now) {
        let waits = |entry: &Entry| matches!(entry.standing, Standing::Wrong { by_policy: true });
        let names: Vec<Name> =
            self.objects.iter().filter(|(_, entry)| waits(entry)).map(|(name, _)| name.clone()).collect();
        for name in names {
            self.look(&name, now.instant, now);
        }
    }

    /// Every object gets a turn now.
    pub(super) fn look_at_all(&mut self, now: Now) {
        let names: Vec<Name> = self.objects.keys().cloned().collect();
        for name in names {
            self.look(&name, now.instant, now);
        }
    }

    /// It gets a turn at that time, unless it has an earlier one.
    fn look(&mut self, name: &Name, at: Instant, now: Now) {
        let Some(entry) = self.objects.get_mut(name) else { return };
        if let Place::Running { again, .. } = &mut entry.place {
            *again = true;
            return;
        }
        if entry.is_idle() {
            return;
        }
        entry.look_at = Some(entry.look_at.map_or(at, |before| before.min(at)));
        self.arm(name, now);
    }

    fn arm(&mut self, name: &Name, now: Now) {
        let Some(entry) = self.objects.get(name) else { return };
        if let Some(wake) = entry.wake(now) {
            self.queue.set(name, wake);
        }
    }

    /// The next job, if there is one.
    pub(super) fn next(&mut self, now: Now) -> Option<Job> {
        loop {
            let name = self.queue.pop(now.instant)?;
            let Some(entry) = self.objects.get_mut(&name).filter(|entry| entry.is_due(now)) else {
                self.queue.end(&name);
                self.arm(&name, now);
                continue;
            };
            self.tickets += 1;
            let is_grudge = entry.answer.is_some_and(|(at, _)| now.instant < at + GRUDGE);
            if !is_grudge {
                entry.answer = None;
            }
            let drifted = std::mem::take(&mut entry.drifted);
            let job = Job {
                name,
                uid: entry.uid.clone(),
                drifted,
                contested: drifted && is_grudge,
                attempts: entry.attempts,
                written: std::mem::take(&mut entry.written),
                ticket: self.tickets,
            };
            entry.begin(job.ticket);
            return Some(job);
        }
    }

    /// A job came to an end. `jitter`: from 0 to 1.
    pub(super) fn done(&mut self, job: &Job, finished: Finished, jitter: f64, now: Now) {
        self.queue.end(&job.name);
        let Some(entry) = self.objects.get_mut(&job.name) else { return };
        let Some((again, secrets, account)) = entry.end(job.ticket) else { return };
        if finished.settled.is_some() {
            entry.settled = finished.settled;
        }
        entry.conclude(job, finished.done, finished.written, jitter, now);
        self.arm(&job.name, now);
        if again {
            self.look(&job.name, now.instant, now);
        }
        for seen in secrets.into_values() {
            self.pass(&job.name, seen, now);
        }
        if let Some(SeenAccount(account)) = account {
            self.pass_account(&job.name, account, now);
        }
    }

    /// When there may be a job again without anything happening.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.queue.deadline()
    }

    /// How many objects of each mode are in each state, and when the first of the good tokens expires.
    pub(super) fn census(&self) -> (BTreeMap<(&'static str, &'static str), usize>, Option<i64>) {
        let mut counts = BTreeMap::new();
        let mut expiry: Option<i64> = None;
        for entry in self.objects.values() {
            *counts.entry((entry.mode, entry.state())).or_default() += 1;
            let expires = entry.expires;
            expiry = expiry.into_iter().chain(expires).min();
        }
        (counts, expiry)
    }
}

/// Doubles from `first` to `most`, between half and all of it.
fn growing(first: Duration, most: Duration, attempts: u32, jitter: f64) -> Duration {
    most.min(first * 2_u32.saturating_pow(attempts.min(16))).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests;
