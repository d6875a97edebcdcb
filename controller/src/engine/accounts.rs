//! ServiceAccounts, and whose images they shall pull with which Secrets: every event goes in, and jobs come out. No client.
//!
//! An account is changed at once when it appears or when a Secret for it is right, and at most every 30 seconds against
//! another writer who keeps taking an entry out. What was put there by us is taken out when nobody asks for it any more, which
//! is known only once every sealed object was seen.

mod claims;
mod jobs;
mod standing;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use kseal_core::reconcile::{self, Digest, Group, Selection, Trouble, Uid};
use tokio::time::Instant;

use super::state::{ANSWER, GRUDGE};
use super::table::{Id, Round};
use crate::pull_claims;
pub(super) use claims::Asked;
use claims::{Asker, Claim, Note};
pub(super) use jobs::{AccountDone, AccountJob};
pub(super) use standing::{Standing, unfinished};

/// What is kept in mind of an account's labels, and of its record: so many octets, or nothing.
const MAX_KEPT: usize = 4_096;

/// Namespace and name of an account.
pub(super) type Name = (Arc<str>, Arc<str>);
/// Where accounts are listed: one namespace, or all.
pub(super) type Place = Option<Arc<str>>;

/// Everything that is known of ServiceAccounts.
#[derive(Default)]
pub(super) struct Accounts {
    /// By namespace.
    claims: HashMap<Arc<str>, Claims>,
    /// Objects whose Secret shall hold a token of the account of that name.
    token_waiters: HashMap<Arc<str>, BTreeMap<Arc<str>, BTreeSet<Id>>>,
    known: HashMap<Arc<str>, BTreeMap<Arc<str>, Account>>,
    lists: HashMap<Place, List>,
    /// Whether every sealed object was seen: before that nothing is taken out.
    objects_known: bool,
    /// What waits for a worker, and the namespace whose turn it was.
    queue: BTreeSet<Name>,
    last: Option<Arc<str>>,
    /// How many accounts of a namespace wait for a worker or are with one.
    busy: HashMap<Arc<str>, usize>,
    timers: BinaryHeap<Reverse<(Instant, Name)>>,
    failing: BTreeMap<Name, Failing>,
    answers: BTreeMap<Name, Answer>,
    /// Of each object that asks for something.
    notes: HashMap<Id, Note>,
    /// What ClusterSealedSecrets ask, as it was taken in.
    asked_by_cluster: pull_claims::Claims,
    /// Whether it may stand otherwise with what is asked than when it was looked last.
    stirred: bool,
}

/// What is asked for in a namespace: by the name of the Secret, and who asks.
type Claims = BTreeMap<(Arc<str>, Asker), Claim>;

#[derive(Default)]
struct List {
    round: Round,
    is_whole: bool,
    /// It cannot be had now, so that it is no use to wait for it.
    is_lost: bool,
}

/// What is kept in mind of one.
struct Account {
    uid: Uid,
    resource_version: u64,
    round: Round,
    deleting: bool,
    /// Of what is in its list only what is asked for or recorded: lists can be as long as their authors like.
    present: Names,
    /// None where the record is longer than any of ours.
    recorded: Names,
    /// None where they are more than anyone needs.
    labels: Option<Labels>,
    /// Stands for the tokens that it consents to.
    consent: Digest,
    step: Step,
    /// What it shall have and was seen to have: if that is missing, somebody took it out.
    had: Names,
}

/// Few have more than two.
type Names = Box<[Box<str>]>;
type Labels = Box<[(Box<str>, Box<str>)]>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Rest,
    Queued,
    Running,
}

struct Failing {
    attempts: u32,
    due: Instant,
    /// Once it is worth telling.
    trouble: Option<Trouble>,
}

/// An entry that had to be put back.
struct Answer {
    at: Instant,
    times: u32,
    by: String,
}

impl Accounts {
    /// A list begins.
    pub(super) fn started(&mut self, place: &Place) {
        self.stirred = true;
        let list = self.lists.entry(place.clone()).or_default();
        list.round = list.round.wrapping_add(1);
        list.is_whole = false;
    }

    /// A list broke off, or a watch.
    pub(super) fn broke_off(&mut self, place: &Place) {
        self.stirred = true;
        self.lists.entry(place.clone()).or_default().is_lost = true;
    }

    /// A list is whole: what it did not name is gone.
    pub(super) fn synced(&mut self, place: &Place, now: Instant) {
        self.stirred = true;
        let list = self.lists.entry(place.clone()).or_default();
        (list.is_whole, list.is_lost) = (true, false);
        let round = list.round;
        let is_gone = |account: &Account| account.round != round;
        let gone: Vec<Name> = self.each(place.as_ref(), is_gone).collect();
        for name in gone {
            self.forget(&name);
        }
        self.judge_all(place.as_ref(), now);
    }

    /// Whether every sealed object was seen.
    pub(super) fn objects_are_known(&mut self, known: bool, now: Instant) {
        if known && !std::mem::replace(&mut self.objects_known, known) {
            self.judge_all(None, now);
        }
    }

    /// An account passes by. Answers which objects waited for it, or for another word of it.
    pub(super) fn saw(&mut self, place: &Place, seen: &reconcile::Account, now: Instant) -> Vec<Id> {
        let round = self.lists.entry(place.clone()).or_default().round;
        let name = self.shared(&seen.namespace, &seen.name);
        let mut fresh = Account::new(seen, round, self.claims.get(&name.0));
        let mut is_news = true;
        if let Some(known) = self.account_mut(&name) {
            fresh.step = known.step;
            if known.uid == fresh.uid {
                known.round = round;
                if known.resource_version >= fresh.resource_version {
                    // What was written by us is known before it passes by.
                    return Vec::new();
                }
                is_news = known.consent != fresh.consent;
                fresh.had = std::mem::take(&mut known.had);
            } else {
                self.failing.remove(&name);
                self.answers.remove(&name);
                self.stirred = true;
            }
        }
        self.known.entry(Arc::clone(&name.0)).or_default().insert(Arc::clone(&name.1), fresh);
        self.note_had(&name);
        self.judge(&name, now);
        let waiters = self.token_waiters.get(&name.0).and_then(|all| all.get(&name.1));
        waiters.filter(|_| is_news).into_iter().flatten().cloned().collect()
    }

    /// An account is gone.
    pub(super) fn lost(&mut self, seen: &reconcile::Account) {
        let name = self.shared(&seen.namespace, &seen.name);
        if self.account(&name).is_some_and(|known| known.uid == Uid::of(&seen.uid)) {
            self.forget(&name);
        }
    }

    fn forget(&mut self, name: &Name) {
        self.stirred = true;
        self.failing.remove(name);
        self.answers.remove(name);
        let Some(of_namespace) = self.known.get_mut(&name.0) else { return };
        let step = of_namespace.remove(&name.1).map(|account| account.step);
        if of_namespace.is_empty() {
            self.known.remove(&name.0);
        }
        if step.is_some_and(|step| step == Step::Queued) {
            self.queue.remove(name);
            self.idle(&name.0);
        }
    }

    /// One less of the namespace waits or is worked on.
    fn idle(&mut self, namespace: &Arc<str>) {
        if let Some(count) = self.busy.get_mut(namespace) {
            *count -= 1;
            if *count == 0 {
                self.busy.remove(namespace);
                self.stirred = true;
            }
        }
    }

    /// Both names in the form that is kept already.
    fn shared(&self, namespace: &str, name: &str) -> Name {
        let Some((namespace, all)) = self.known.get_key_value(namespace) else {
            let namespace = self.claims.get_key_value(namespace).map_or_else(|| namespace.into(), |(it, _)| it.clone());
            return (namespace, name.into());
        };
        (Arc::clone(namespace), all.get_key_value(name).map_or_else(|| name.into(), |(it, _)| Arc::clone(it)))
    }

    fn account(&self, name: &Name) -> Option<&Account> {
        self.known.get(&name.0)?.get(&name.1)
    }

    fn account_mut(&mut self, name: &Name) -> Option<&mut Account> {
        self.known.get_mut(&name.0)?.get_mut(&name.1)
    }

    /// The names of the accounts of one namespace, or of all, that are as `wanted`.
    fn each<'a>(
        &'a self,
        namespace: Option<&'a Arc<str>>,
        wanted: impl Fn(&Account) -> bool + 'a,
    ) -> impl Iterator<Item = Name> + 'a {
        let is_meant = move |(of, _): &(&Arc<str>, _)| namespace.is_none_or(|namespace| *of == namespace);
        let all = self.known.iter().filter(is_meant).flat_map(|(of, all)| all.iter().map(move |it| (of, it)));
        all.filter(move |(_, (_, account))| wanted(account)).map(|(of, (name, _))| (Arc::clone(of), Arc::clone(name)))
    }

    /// Whether the accounts of a namespace are known whole.
    fn is_listed(&self, namespace: &Arc<str>) -> bool {
        self.list_of(namespace).is_some_and(|list| list.is_whole)
    }

    fn list_of(&self, namespace: &Arc<str>) -> Option<&List> {
        self.lists.get(&None).or_else(|| self.lists.get(&Some(Arc::clone(namespace))))
    }
}

impl Account {
    fn new(seen: &reconcile::Account, round: Round, claims: Option<&Claims>) -> Self {
        let labels = seen.labels.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into()));
        let is_sane = seen.labels.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() <= MAX_KEPT;
        let (present, recorded) = kept(seen, claims);
        Self {
            uid: Uid::of(&seen.uid),
            resource_version: seen.resource_version.parse().unwrap_or(0),
            round,
            deleting: seen.deleting,
            present,
            recorded,
            labels: is_sane.then(|| labels.collect()),
            consent: seen.consent(),
            step: Step::Rest,
            had: Box::default(),
        }
    }

    /// Whether an account of that name is meant.
    fn is_taken_by(&self, selection: &Selection, name: &str) -> bool {
        let labels = match (&self.labels, selection) {
            (None, Selection::Labels(_)) => return false,
            (labels, _) => labels.as_deref().unwrap_or_default(),
        };
        selection.takes(name, |key| labels.iter().find(|(name, _)| &**name == key).map(|(_, value)| &**value))
    }
}

/// What is kept in mind of an account's list and record.
fn kept(account: &reconcile::Account, claims: Option<&Claims>) -> (Names, Names) {
    let is_sane = account.recorded.iter().map(String::len).sum::<usize>() <= MAX_KEPT;
    let recorded: Names = account.recorded.iter().filter(|_| is_sane).map(|name| name.as_str().into()).collect();
    let listed: HashSet<&str> = account.present.iter().map(String::as_str).collect();
    let claimed = claims.into_iter().flatten().map(|((secret, _), _)| &**secret);
    let present: BTreeSet<&str> =
        recorded.iter().map(|name| &**name).chain(claimed).filter(|name| listed.contains(name)).collect();
    (present.into_iter().map(Into::into).collect(), recorded)
}

#[cfg(test)]
mod tests;
