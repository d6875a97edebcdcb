//! One namespace that shall have a Secret, and how that Secret stands.

use std::time::Duration;

use kseal_core::reconcile::{ClusterMark, Digest, Retry, Trouble};
use tokio::time::Instant;

use crate::secrets::TERMINATING;

/// A Secret that someone else changes is put right at most once in so long.
pub(super) const ANSWER: Duration = Duration::from_secs(30);
/// Someone who comes back within this time is fighting.
pub(super) const GRUDGE: Duration = Duration::from_mins(10);
/// The longest pause between two tries. What waits for somebody is tried too: Secrets of others do not pass by here.
const MAX_BACKOFF: Duration = Duration::from_mins(1);
/// That the server is not well is told only where it did not help to try again so often.
const PATIENCE: u32 = 3;

/// A namespace that is selected.
#[derive(Default)]
pub(super) struct Space {
    pub(super) standing: Standing,
    pub(super) place: Place,
    /// How often it failed in a row.
    pub(super) attempts: u32,
    /// When it gets another turn.
    pub(super) due: Option<Instant>,
    /// Whether what is to be written is the answer to a foreign change, however often it takes to succeed.
    pub(super) is_answer: bool,
    /// When a foreign change was answered last.
    pub(super) answered: Option<Instant>,
    /// Who keeps changing the Secret.
    pub(super) contested: Option<Box<str>>,
}

/// How the Secret stood when it was last looked at.
#[derive(Default)]
pub(super) enum Standing {
    /// It was not looked at, or is to be written anew.
    #[default]
    Unknown,
    /// It was right, and was this one.
    Right(Right),
    /// That, and then somebody changed it.
    Drifted,
    /// Something stood in the way.
    Wrong(Trouble),
}

/// A Secret that is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Right {
    pub(super) uid: Box<str>,
    pub(super) resource_version: u64,
    /// What it holds.
    pub(super) content: Digest,
}

/// Where it is on its way.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere.
    #[default]
    Rest,
    /// Waiting for a worker.
    Queued,
    /// With a worker, who has this ticket.
    Running(u64),
}

impl Space {
    /// Whether its Secret was right when it was last worked on.
    pub(super) const fn is_right(&self) -> bool {
        matches!(self.standing, Standing::Right(_) | Standing::Drifted)
    }

    /// When a change by somebody else may be answered.
    pub(super) fn answer_at(&self, now: Instant) -> Instant {
        self.answered.map_or(now, |at| now.max(at + ANSWER))
    }

    /// Whether somebody changed the Secret not long ago, too.
    pub(super) fn is_fought(&self, now: Instant) -> bool {
        self.answered.is_some_and(|at| now < at + GRUDGE)
    }

    /// When to try again what failed. `jitter`: from 0 to 1.
    pub(super) fn retry_at(&self, trouble: &Trouble, after: Option<Duration>, jitter: f64, now: Instant) -> Instant {
        let first = match trouble.retry() {
            Retry::Backoff => Duration::from_millis(200),
            Retry::OnChange | Retry::OnKey => Duration::from_secs(2),
        };
        now + after.unwrap_or_default().max(growing(first, MAX_BACKOFF, self.attempts, jitter))
    }

    /// Whether what stands in the way is likely to pass by itself, and need not be told.
    pub(super) fn is_passing(&self) -> bool {
        let passes = |category| matches!(category, "unreachable" | "conflict" | "throttled" | "server" | TERMINATING);
        matches!(&self.standing, Standing::Wrong(trouble) if passes(trouble.category())) && self.attempts <= PATIENCE
    }
}

impl Right {
    /// Whether it is this one, unchanged.
    pub(super) fn is(&self, mark: &ClusterMark) -> bool {
        *self.uid == *mark.uid && self.resource_version == mark.resource_version
    }
}

/// Doubles, capped, between half and all of it.
pub(super) fn growing(first: Duration, most: Duration, attempts: u32, jitter: f64) -> Duration {
    let full = most.min(first.saturating_mul(2_u32.saturating_pow(attempts.min(16))));
    full.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}
