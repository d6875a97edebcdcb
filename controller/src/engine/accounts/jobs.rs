//! What is done next, and what became of it.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use kseal_core::reconcile::{self, Trouble, Uid};
use tokio::time::Instant;

use super::{ANSWER, Accounts, Answer, Failing, GRUDGE, Name, Step, kept};
use crate::engine::state::backoff;

/// What does not pass by itself is told at once, and anything else after so many tries.
const PATIENCE: u32 = 3;
/// The pause after a conflict grows so often.
const CONFLICTS: u32 = 4;

/// Work on one account.
pub(in crate::engine) struct AccountJob {
    pub(in crate::engine) name: Name,
    /// What it shall have.
    pub(in crate::engine) add: BTreeSet<Arc<str>>,
    /// What it may keep of ours; none while that is not known: then all of it.
    pub(in crate::engine) keep: Option<BTreeSet<Arc<str>>>,
    /// Whether something is put back that somebody took out.
    is_answer: bool,
}

/// What became of it.
pub(in crate::engine) enum AccountDone {
    /// It is as it shall be.
    Right {
        /// The account as it is now.
        account: reconcile::Account,
        /// Whether it had to be changed.
        written: bool,
    },
    /// It is not there, or going.
    Gone,
    /// It could not be done.
    Failed {
        /// Why.
        trouble: Trouble,
        /// Whether that passes by itself.
        passing: bool,
        /// How long the server asks to wait.
        after: Option<Duration>,
    },
}

impl Accounts {
    /// The next one: of each namespace one in turn.
    pub(in crate::engine) fn next(&mut self, now: Instant) -> Option<AccountJob> {
        self.wake(now);
        loop {
            let name = self.take_turn()?;
            let needs = self.needs(&name);
            let Some(account) = self.account_mut(&name) else { continue };
            if !needs {
                account.step = Step::Rest;
                self.idle(&name.0);
                continue;
            }
            account.step = Step::Running;
            let add = self.wanted(&name).filter(|(_, active)| *active).map(|(secret, _)| Arc::clone(secret)).collect();
            let keep = self.objects_known.then(|| self.wanted(&name).map(|(secret, _)| Arc::clone(secret)).collect());
            let is_answer = self.missing(&name).any(|(_, was_there)| was_there);
            return Some(AccountJob { name, add, keep, is_answer });
        }
    }

    fn take_turn(&mut self) -> Option<Name> {
        let of_next = self.last.clone().and_then(|last| {
            // No name of an account is beyond this one.
            let after = (last, Arc::from("\u{10ffff}"));
            self.queue.range((Bound::Excluded(after), Bound::Unbounded)).next().cloned()
        });
        let name = of_next.or_else(|| self.queue.first().cloned())?;
        self.queue.remove(&name);
        self.last = Some(Arc::clone(&name.0));
        Some(name)
    }

    /// A job came to an end. `jitter`: from 0 to 1.
    pub(in crate::engine) fn done(&mut self, job: &AccountJob, done: AccountDone, jitter: f64, now: Instant) {
        let name = &job.name;
        self.idle(&name.0);
        let failing = self.failing.remove(name);
        self.stirred |= failing.is_some();
        let attempts = failing.map_or(0, |failing| failing.attempts);
        let Some(known) = self.account_mut(name) else { return };
        known.step = Step::Rest;
        match done {
            AccountDone::Right { account, written } if known.uid == Uid::of(&account.uid) => {
                self.refresh(name, &account);
                self.note_had(name);
                if job.is_answer && written {
                    self.answered(name, account.last_foreign_manager, now);
                }
            }
            // Another one has its name, which passes by.
            AccountDone::Right { .. } | AccountDone::Gone => {}
            AccountDone::Failed { trouble, passing, after } => {
                // Who is quicker every time must not keep it waiting for long.
                let most = if trouble.category() == "conflict" { CONFLICTS } else { u32::MAX };
                let due = now + after.unwrap_or_default().max(backoff(attempts.min(most), jitter));
                let trouble = (!passing || attempts >= PATIENCE).then_some(trouble);
                self.stirred = true;
                self.failing.insert(name.clone(), Failing { attempts: attempts + 1, due, trouble });
                self.timers.push(Reverse((due, name.clone())));
                return;
            }
        }
        self.judge(name, now);
    }

    /// Takes what was written over, where it is newer.
    fn refresh(&mut self, name: &Name, now: &reconcile::Account) {
        let kept = kept(now, self.claims.get(&name.0));
        let resource_version = now.resource_version.parse().unwrap_or(0);
        if let Some(known) = self.account_mut(name).filter(|known| known.resource_version <= resource_version) {
            known.resource_version = resource_version;
            (known.present, known.recorded) = kept;
        }
    }

    fn answered(&mut self, name: &Name, by: Option<String>, now: Instant) {
        let before = self.answers.get(name).filter(|answer| now < answer.at + GRUDGE).map_or(0, |answer| answer.times);
        let by = by.unwrap_or_else(|| "someone".to_owned());
        self.stirred = true;
        self.answers.insert(name.clone(), Answer { at: now, times: before + 1, by });
        self.timers.push(Reverse((now + GRUDGE, name.clone())));
    }

    /// Whether the account is not as it shall be.
    fn needs(&self, name: &Name) -> bool {
        let Some(account) = self.account(name).filter(|account| !account.deleting) else { return false };
        let is_asked = |entry: &str| self.wanted(name).any(|(secret, _)| **secret == *entry);
        let misses = self.missing(name).next().is_some();
        misses || (self.objects_known && account.recorded.iter().any(|entry| !is_asked(entry)))
    }

    /// What the account shall have and has not, and whether it was seen to have it.
    fn missing(&self, name: &Name) -> impl Iterator<Item = (&Arc<str>, bool)> {
        let account = self.account(name);
        let has = |names: &[Box<str>], secret: &str| names.iter().any(|entry| **entry == *secret);
        let active = self.wanted(name).filter(|(_, active)| *active);
        active.filter_map(move |(secret, _)| {
            let account = account?;
            (!has(&account.present, secret)).then(|| (secret, has(&account.had, secret)))
        })
    }

    /// Keeps in mind what it has of what it shall have.
    pub(super) fn note_had(&mut self, name: &Name) {
        let Some(account) = self.account(name) else { return };
        let has =
            |secret: &str| [&account.present, &account.had].iter().any(|all| all.iter().any(|it| **it == *secret));
        let had = self.wanted(name).filter(|(secret, _)| has(secret)).map(|(secret, _)| Box::from(&**secret)).collect();
        if let Some(account) = self.account_mut(name) {
            account.had = had;
        }
    }

    /// Queues it where there is something to do, now or when it is time.
    pub(super) fn judge(&mut self, name: &Name, now: Instant) {
        if !self.needs(name) || self.failing.get(name).is_some_and(|failing| failing.due > now) {
            return;
        }
        let answer = self.answers.get(name).map(|answer| answer.at + ANSWER);
        let is_answer = self.missing(name).next().is_some() && self.missing(name).all(|(_, was_there)| was_there);
        if let Some(due) = answer.filter(|due| is_answer && *due > now) {
            self.timers.push(Reverse((due, name.clone())));
            return;
        }
        let Some(account) = self.account_mut(name) else { return };
        // Whoever works on it looks again when that is done.
        if account.step == Step::Rest {
            account.step = Step::Queued;
            self.queue.insert(name.clone());
            let busy = self.busy.entry(Arc::clone(&name.0)).or_default();
            self.stirred |= *busy == 0;
            *busy += 1;
        }
    }

    pub(super) fn judge_all(&mut self, namespace: Option<&Arc<str>>, now: Instant) {
        let all: Vec<Name> = self.each(namespace, |_| true).collect();
        for name in all {
            // What a list did not name yet may be gone.
            if self.is_listed(&name.0) {
                self.judge(&name, now);
            }
        }
    }

    /// Takes note of what is due.
    pub(in crate::engine) fn wake(&mut self, now: Instant) {
        while self.timers.peek().is_some_and(|Reverse((due, _))| *due <= now) {
            let Some(Reverse((_, name))) = self.timers.pop() else { return };
            if self.answers.get(&name).is_some_and(|answer| now >= answer.at + GRUDGE) {
                self.answers.remove(&name);
                self.stirred = true;
            }
            self.judge(&name, now);
        }
    }

    /// When there may be a job again without anything happening.
    pub(in crate::engine) fn deadline(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((due, _))| *due)
    }
}
