//! What is kept in mind of one object.

use std::collections::BTreeMap;
use std::time::Duration;

use kseal_api::TokenMode;
use kseal_core::reconcile::{Digest, Retry};
use kseal_core::tokens::TokenObject;
use tokio::time::Instant;

use super::{ANSWER, CALM, Done, GRUDGE, Job, MAX_BACKOFF, MAX_WAIT, Now, Seen, SeenAccount, Settled, WALL, growing};

/// One object.
pub(super) struct Entry {
    pub(super) uid: String,
    generation: i64,
    /// Stands for the time at which the object asked for a look.
    reconcile_at: Digest,
    attention: Attention,
    pub(super) mode: &'static str,
    /// The name of the ServiceAccount; none of that name where the object does not say.
    pub(super) account: String,
    pub(super) place: Place,
    pub(super) standing: Standing,
    /// Secrets and ServiceAccount as the last job left them.
    pub(super) settled: Option<Settled>,
    /// When it is to be looked at again.
    pub(super) look_at: Option<Instant>,
    /// When the token expires, in seconds since 1970.
    pub(super) expires: Option<i64>,
    pub(super) attempts: u32,
    /// All was right, and someone changed it.
    pub(super) drifted: bool,
    /// A Secret was written since then, and it is not right yet.
    pub(super) written: bool,
    /// When a change by someone was last put right, and how often in a row.
    pub(super) answer: Option<(Instant, u32)>,
    /// Until then what passes by waits.
    pub(super) quiet_until: Option<Instant>,
}

/// Whether anything is to be done about it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Attention {
    Wanted,
    Paused,
    Deleting,
}

impl Attention {
    const fn of(object: &TokenObject) -> Self {
        match object {
            TokenObject { deleting: true, .. } => Self::Deleting,
            TokenObject { paused: true, .. } => Self::Paused,
            _ => Self::Wanted,
        }
    }
}

/// Where it is.
pub(super) enum Place {
    Rest,
    /// A job is under way, and this passed by meanwhile.
    Running {
        ticket: u64,
        again: bool,
        secrets: BTreeMap<String, Seen>,
        account: Option<SeenAccount>,
    },
}

/// What the last job came to.
pub(super) enum Standing {
    Unknown,
    /// All is right until then, in seconds since 1970.
    Right {
        until: Option<i64>,
    },
    Wrong {
        by_policy: bool,
    },
}

/// What passed by while a job was under way: whether the object changed, Secrets, and the ServiceAccount.
type Passed = (bool, BTreeMap<String, Seen>, Option<SeenAccount>);

impl Entry {
    pub(super) fn new(object: &TokenObject) -> Self {
        let mut entry = Self {
            uid: object.uid.clone(),
            generation: 0,
            reconcile_at: Digest::default(),
            attention: Attention::Wanted,
            mode: "unknown",
            account: String::new(),
            place: Place::Rest,
            standing: Standing::Unknown,
            settled: None,
            look_at: None,
            expires: None,
            attempts: 0,
            drifted: false,
            written: false,
            answer: None,
            quiet_until: None,
        };
        entry.turn_to(object);
        entry
    }

    /// Whether nothing of it changed but its status.
    pub(super) fn is_as(&self, object: &TokenObject) -> bool {
        self.generation == object.generation
            && self.reconcile_at == reconcile_at(object)
            && self.attention == Attention::of(object)
    }

    pub(super) fn turn_to(&mut self, object: &TokenObject) {
        self.generation = object.generation;
        self.reconcile_at = reconcile_at(object);
        self.attention = Attention::of(object);
        let spec = object.spec.as_ref();
        self.account = spec.map(|spec| spec.service_account_name.clone()).unwrap_or_default();
        self.mode = match spec.map(|spec| spec.mode) {
            Some(TokenMode::Bound) => "Bound",
            Some(TokenMode::Secret) => "Secret",
            None => "unknown",
        };
        self.attempts = 0;
        if self.is_idle() {
            self.look_at = None;
        }
    }

    /// Whether it is to be left alone.
    pub(super) fn is_idle(&self) -> bool {
        self.attention != Attention::Wanted
    }

    pub(super) fn knows_account(&self) -> bool {
        self.settled.as_ref().is_some_and(|settled| settled.account.is_some())
    }

    /// The Secrets that are known and were not listed, as gone.
    pub(super) fn unlisted(&self, is_listed: impl Fn(&str) -> bool) -> Vec<Seen> {
        let known = self.settled.iter().flat_map(|settled| &settled.secrets);
        known
            .filter(|(name, _)| !is_listed(name))
            .map(|(name, (uid, version))| Seen { name: name.clone(), uid: uid.clone(), version: *version, gone: true })
            .collect()
    }

    /// Whether a Secret is another than the last job left. Before there was one, it is still to come.
    pub(super) fn is_news(&self, seen: &Seen) -> bool {
        let Some(settled) = &self.settled else { return false };
        match settled.secrets.get(&seen.name) {
            Some((uid, version)) if *uid == seen.uid => seen.gone || *version < seen.version,
            _ => !seen.gone,
        }
    }

    /// When something is to be done, as far as that is known. The wall clock may jump, so it is looked at from time to time.
    pub(super) fn wake(&self, now: Now) -> Option<Instant> {
        let until = match self.standing {
            Standing::Right { until } if !self.is_idle() => until,
            _ => None,
        };
        let left = until.map(|until| {
            let left = Duration::from_secs(until.saturating_sub(now.wall).max(0).unsigned_abs());
            now.instant + left.min(WALL)
        });
        self.look_at.into_iter().chain(left).min()
    }

    pub(super) fn is_due(&self, now: Now) -> bool {
        let over = matches!(self.standing, Standing::Right { until: Some(until) } if until <= now.wall);
        !self.is_idle()
            && matches!(self.place, Place::Rest)
            && (over || self.look_at.is_some_and(|at| at <= now.instant))
    }

    pub(super) fn begin(&mut self, ticket: u64) {
        self.look_at = None;
        self.place = Place::Running { ticket, again: false, secrets: BTreeMap::new(), account: None };
    }

    /// What passed by meanwhile; none where it is another job that runs.
    pub(super) fn end(&mut self, job: u64) -> Option<Passed> {
        match std::mem::replace(&mut self.place, Place::Rest) {
            Place::Running { ticket, again, secrets, account } if ticket == job => Some((again, secrets, account)),
            other => {
                self.place = other;
                None
            }
        }
    }

    pub(super) fn conclude(&mut self, job: &Job, done: Done, written: bool, jitter: f64, now: Now) {
        let at = now.instant;
        let written = written || job.written;
        match done {
            Done::Right { until, expires, fought } => {
                self.standing = Standing::Right { until };
                self.expires = expires;
                self.attempts = 0;
                let answered = (job.drifted || fought) && written;
                self.quiet_until = Some(at + if answered { ANSWER } else { CALM });
                if answered {
                    let times = self.answer.map_or(0, |(_, times)| times) + 1;
                    self.answer = Some((at, times));
                }
                // When a fight is long over, its condition goes.
                let over = self.answer.filter(|(_, times)| *times > 1).map(|(since, _)| since + GRUDGE);
                self.drifted = fought;
                self.look_at = if fought { Some(at + ANSWER) } else { over };
            }
            Done::Wrong { retry, after, by_policy, for_filling } => {
                self.standing = Standing::Wrong { by_policy };
                // Who brought it about is still to be answered.
                self.drifted |= job.drifted;
                self.written = written;
                let pause = match retry {
                    Retry::Backoff => growing(Duration::from_millis(200), MAX_BACKOFF, self.attempts, jitter),
                    Retry::OnChange | Retry::OnKey => growing(Duration::from_secs(5), MAX_WAIT, self.attempts, jitter),
                };
                self.attempts = self.attempts.saturating_add(1);
                self.look_at = Some(at + pause.max(after.unwrap_or_default()));
                self.quiet_until = (!for_filling).then(|| at + CALM);
            }
            Done::Left => {
                self.standing = Standing::Unknown;
                // If it is gone, the watch tells; an API server that has just started may not know its kind yet.
                self.look_at = Some(at + MAX_BACKOFF);
                self.expires = None;
            }
        }
    }

    /// A label for metrics.
    pub(super) fn state(&self) -> &'static str {
        match self.standing {
            _ if self.attention == Attention::Paused => "paused",
            Standing::Unknown => "pending",
            Standing::Right { .. } => "ready",
            Standing::Wrong { .. } => "failing",
        }
    }
}

fn reconcile_at(object: &TokenObject) -> Digest {
    Digest::of(object.reconcile_at.as_deref())
}
