//! What is done next, and what became of it.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kseal_core::reconcile::{Digest, Retry, Uid};
use tokio::time::Instant;

use super::{Answer, Done, Failing, GRUDGE, Job, State};
use crate::engine::queue::Class;
use crate::engine::table::{Id, Place, Standing};

/// The longest pause between two tries.
pub(super) const MAX_BACKOFF: Duration = Duration::from_mins(1);

impl State {
    /// The next job, if there is one. While sealed objects are listed there is none: nothing fresh passes by before the list
    /// is whole, and an API server ends a streamed list when what is written meanwhile fills its small queue for that watch.
    pub(in crate::engine) fn next(&mut self, now: Instant) -> Option<Job> {
        self.wake(now);
        if self.is_reading() {
            return None;
        }
        let (millis, keys_arrived) = (self.millis(now), self.keys_arrived);
        let is_open = self.lists.knows_some_secrets();
        loop {
            let (lists, running, share) = (&self.lists, &self.running, self.share);
            let admits = |namespace: &Arc<str>, class| {
                let is_known = class == Class::Live || lists.knows_secrets(namespace);
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
            let (body, was_right) = (record.body.take(), matches!(record.standing, Standing::Right { .. }));
            self.bodies -= body.as_ref().map_or(0, |body| body.len());
            *self.running.entry(Arc::clone(&id.namespace)).or_default() += 1;
            let failing = self.failures.get(&id);
            let attempts = failing.map_or(0, |failing| failing.attempts);
            let drifted = was_right || failing.is_some_and(|failing| failing.drifted);
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

    /// A job came to an end. `seen`: the object as the worker had it; none if it had none. `opened_by`: the keys that opened
    /// something of it. `jitter`: from 0 to 1.
    pub(in crate::engine) fn done(
        &mut self,
        job: &Job,
        seen: Option<(Uid, Digest)>,
        done: Done,
        opened_by: &BTreeSet<String>,
        jitter: f64,
        now: Instant,
    ) {
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
                _ => !self.lists.has_passed(&id.namespace, secret.resource_version),
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
        let is_closed = matches!(done, Done::Wrong { is_closed: true, .. });
        let is_opened = matches!(done, Done::Right { .. }) || !opened_by.is_empty();
        // Whatever else is wrong with it, it needs what it needed.
        if is_closed || is_opened {
            record.keys = self.keysets.put(opened_by.iter().map(String::as_str));
            record.is_closed = is_closed;
        }
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
            Done::Right { secret, written, tells_of_compromised } => {
                record.tells_of_compromised = tells_of_compromised;
                record.standing = Standing::Right { secret: secret.uid, resource_version: secret.resource_version };
                self.doubt_untold(id);
                if job.drifted {
                    self.answered(id, written, now);
                }
            }
            Done::Wrong { retry, after, keys, is_closed: _ } => {
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
                        let failing = Failing { attempts: job.attempts + 1, due: Some(due), drifted: job.drifted };
                        self.failures.insert(id.clone(), failing);
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
}

/// Doubles from 200 ms, capped, between half and all of it.
pub(in crate::engine) fn backoff(attempts: u32, jitter: f64) -> Duration {
    let full = MAX_BACKOFF.min(Duration::from_millis(200) * 2_u32.saturating_pow(attempts.min(16)));
    full.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}
