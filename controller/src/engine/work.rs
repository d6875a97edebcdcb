//! One job: look, open, write, tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kseal_core::reconcile::{
    Digest, Group, Observed, Policy, Request, Retry, Trouble, Uid, event_of, forbidden, ownership, status,
};
use kseal_crypto::{Plaintext, Work, Zeroizing};
use tokio::task::spawn_blocking;

use super::{Done, Engine, Job};
use crate::api::{ApiError, PatchKind};
use crate::events;
use crate::secrets::{Made, Refused, SecretWriter, TERMINATING, trouble, unreadable};
use crate::settings::rfc3339;

/// That the server is not well is told only where it did not help to try again so often.
const PATIENCE: u32 = 3;

/// What one job came to.
pub(super) struct Finished {
    pub(super) done: Done,
    /// The object as it was read.
    pub(super) seen: Option<(Uid, Digest)>,
    /// The keys that opened something of it.
    pub(super) opened_by: BTreeSet<String>,
    /// What it cost beyond a turn, in private-key operations.
    pub(super) cost: u64,
}

impl Engine {
    pub(super) async fn reconcile(&self, job: &Job) -> Finished {
        let left = |seen| Finished { done: Done::Left, seen, opened_by: BTreeSet::new(), cost: 0 };
        let request = match self.read(job).await {
            Ok(Some(request)) => Arc::new(request),
            Ok(None) => return left(None),
            Err(error) => {
                let (_, after) = trouble(&error);
                self.context.metrics.reconcile_failed(error.category());
                return Finished { done: again(after), ..left(None) };
            }
        };
        let seen = Some((request.short_uid(), request.digest));
        if request.deleting || request.paused {
            return left(seen);
        }
        let mut work = Work::default();
        let made = self.make(job, &request, &mut work).await;
        let cost = u64::try_from(work.operations).unwrap_or(u64::MAX);
        if cost > 0 {
            let kind = if request.group == Group::Native { "HPKE" } else { "RSA" };
            self.context.metrics.private_key_operations(kind, cost);
        }
        let done = match made {
            Ok(made) => {
                let pending = self.attach(&job.id, &request).await;
                self.tell_right(job, &request, &made, &work.keys, pending.as_ref()).await
            }
            Err((trouble, after)) => self.tell_wrong(job, &request, &trouble, &work.keys, after).await,
        };
        Finished { done, seen, opened_by: work.keys, cost }
    }

    /// The object, from memory or from the server; none if it is gone.
    async fn read(&self, job: &Job) -> Result<Option<Request>, ApiError> {
        if let Some(body) = &job.body {
            return Ok(Request::read(job.id.group, body));
        }
        let asked_at = (self.context.clock)();
        match self.context.api.get(&status::path(job.id.group, &job.id.namespace, &job.id.name, "")).await {
            Ok(body) => Ok(Request::read(job.id.group, &body).map(|request| {
                let settled = self.context.guard.to_note(request.policies(), &request.created, asked_at);
                request.read_under(settled)
            })),
            Err(error) if error.code() == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes the Secret right.
    async fn make(&self, job: &Job, request: &Arc<Request>, work: &mut Work) -> Result<Made, Refused> {
        let plain = |trouble| (trouble, None);
        if let Some(problem) = forbidden(request, &self.context.settings.own) {
            return Err(plain(problem));
        }
        if let Some(problem) = request.problem() {
            return Err(plain(problem.clone()));
        }
        // A new object's Secret is not looked for: creating it tells whether it is there.
        let merges = request.policy == Policy::Merge;
        let live = if job.secret.is_some() || merges { self.writer().look(request).await? } else { None };
        // What may not be written is not opened either.
        if let Some(live) = &live {
            ownership(request, live, job.predecessor).map_err(plain)?;
        } else if merges {
            return Err(plain(Trouble::TargetMissing));
        }
        self.consents(request).await?;
        let values = self.open(request, work).await.map_err(plain)?;
        self.writer().write(request, live, job.predecessor, &values).await
    }

    fn writer(&self) -> SecretWriter<'_> {
        SecretWriter { api: &self.context.api, metrics: &self.context.metrics }
    }

    /// Opens all values, or none.
    async fn open(&self, request: &Arc<Request>, work: &mut Work) -> Result<BTreeMap<String, Plaintext>, Trouble> {
        let held = Arc::clone(&self.context.keys.borrow());
        let opened = if request.group == Group::Native {
            request.sealed.open_noting(&held.ring, work)
        } else {
            // RSA takes milliseconds an item, and every key may have to be tried.
            let _permit = self.private_key_operations.acquire().await;
            let request = Arc::clone(request);
            let opening = spawn_blocking(move || {
                let mut work = Work::default();
                (request.sealed.open_noting(&held.ring, &mut work), work)
            });
            let (opened, done) = opening.await.map_err(|_| unreadable())?;
            *work = done;
            opened
        };
        opened.map_err(|failures| Trouble::contents(failures, request.sealed.moved()))
    }

    async fn tell_right(
        &self,
        job: &Job,
        request: &Request,
        made: &Made,
        opened_by: &BTreeSet<String>,
        pending: Option<&Trouble>,
    ) -> Done {
        let secret = &made.secret;
        let keys = opened_by.iter().cloned().collect();
        let attached = request.asks.pull.is_some() && pending.is_none();
        let observed = Observed::new(request, secret.uid.clone(), secret.resource_version.clone(), keys);
        let observed = Observed { attached, ..observed };
        let all_compromised = self.context.keys.borrow().ledger.compromised();
        let compromised: Vec<&str> = opened_by.intersection(&all_compromised).map(String::as_str).collect();
        let someone = made.last_foreign_manager.as_deref().unwrap_or("someone");
        let contested_by = (job.contested && made.written).then_some(someone);
        let outcome = status::Outcome::Right { observed: &observed, contested_by, compromised: &compromised, pending };
        let repaired = job.drifted && made.written;
        let (namespace, name) = (&*request.namespace, &*request.name);
        tracing::debug!(namespace, name, written = made.written, repaired, "the Secret is right");
        match self.tell(request, &outcome, repaired).await {
            Ok(()) => {
                self.told_of_accounts(&job.id, request, attached);
                Done::Right {
                    secret: secret.mark(),
                    written: made.written,
                    tells_of_compromised: pending.is_none() && !compromised.is_empty(),
                }
            }
            Err(after) => again(after),
        }
    }

    async fn tell_wrong(
        &self,
        job: &Job,
        request: &Request,
        trouble: &Trouble,
        opened_by: &BTreeSet<String>,
        after: Option<Duration>,
    ) -> Done {
        let category = trouble.category();
        let is_closed = matches!(trouble, Trouble::Contents { .. });
        if matches!(trouble, Trouble::HandedOver) {
            return Done::Wrong { retry: Retry::OnChange, after: None, keys: BTreeSet::new(), is_closed };
        }
        self.context.metrics.reconcile_failed(category);
        if category == TERMINATING {
            return Done::Left;
        }
        let passing = matches!(category, "unreachable" | "conflict" | "throttled" | "server");
        let (namespace, name) = (&*request.namespace, &*request.name);
        if passing && job.attempts < PATIENCE {
            tracing::debug!(namespace, name, category, "trying again");
            return again(after);
        }
        let reason = trouble.reason();
        tracing::warn!(namespace, name, reason, why = trouble.message(request.group, name), "the Secret is not right");
        match self.tell(request, &status::Outcome::Wrong { trouble, opened_by }, false).await {
            Ok(()) => {
                let retry = trouble.retry();
                let keys = if retry == Retry::OnKey { request.recipients() } else { BTreeSet::new() };
                Done::Wrong { retry, after, keys, is_closed }
            }
            Err(wait) => again(after.max(wait)),
        }
    }

    /// Writes the status where it changes, and then the event that belongs to that: a status that cannot be written is tried
    /// again for ever, and must not bring an event each time.
    async fn tell(
        &self,
        request: &Request,
        outcome: &status::Outcome<'_>,
        repaired: bool,
    ) -> Result<(), Option<Duration>> {
        let now = (self.context.clock)();
        let Some(body) = status::patch(request, outcome, &rfc3339(now)) else {
            return Ok(());
        };
        let path = status::path(request.group, &request.namespace, &request.name, "/status");
        self.context.metrics.status_written();
        match self.context.api.patch(&path, PatchKind::Merge, Zeroizing::new(body.into_bytes())).await {
            Ok(_) => {}
            // It is gone: the watch tells.
            Err(error) if error.code() == 404 => return Ok(()),
            // A conflict among them: another one may have its name, or others wrote too often. The next look tells.
            Err(error) => {
                tracing::debug!(category = error.category(), at = %now, "cannot write a status");
                return Err(Some(trouble(&error).1.unwrap_or_default()));
            }
        }
        if let Some(event) = event_of(request, outcome, repaired) {
            events::tell(&self.context.api, &self.context.metrics, &event, now).await;
        }
        Ok(())
    }
}

fn again(after: Option<Duration>) -> Done {
    Done::Wrong { retry: Retry::Backoff, after, keys: BTreeSet::new(), is_closed: false }
}
