//! Whether the admission policies are in force on which requests for rights rely. A custom resource does not say who made it,
//! so without them the controller would do for everyone what it may do itself.

mod date;
mod follow;
mod live;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use kseal_core::policy::{InForce, Policy, Verdict};
use kseal_core::reconcile::Trouble;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::settings::Clock;

pub use date::{Dating, date};
pub use follow::follow;
use live::Edition;

/// The policies that are as they should be.
pub type Editions = BTreeMap<Policy, Edition>;

/// Judges requests by what is in force.
#[derive(Clone)]
pub struct Guard {
    in_force: watch::Receiver<InForce>,
    /// Something else decides who may ask.
    is_elsewhere: bool,
    clock: Clock,
}

impl Guard {
    /// By what is in force, or by nothing, where something else decides who may ask.
    #[must_use]
    pub fn new(in_force: watch::Receiver<InForce>, is_elsewhere: bool, clock: Clock) -> Self {
        Self { in_force, is_elsewhere, clock }
    }

    /// Judges a request that these policies look at. `created`: its `metadata.creationTimestamp`. `seen_under`: what was noted
    /// when its object was something else than it is now.
    ///
    /// # Errors
    /// Why it is not honoured, or not yet.
    pub fn check(&self, policies: &[Policy], created: &str, seen_under: Option<i64>) -> Result<(), Trouble> {
        if self.is_elsewhere {
            return Ok(());
        }
        match self.in_force.borrow().verdict(policies, seconds(created), seen_under) {
            Verdict::Checked => Ok(()),
            Verdict::NotInForce(policy) => Err(Trouble::PolicyMissing(policy)),
            Verdict::Older(policy) => Err(Trouble::OlderThanPolicy(policy)),
        }
    }

    /// What is to be kept with an object that was created then and read at this time or later, so that it is known of its next
    /// change that these policies looked at it. None where they are not settled, and where its age is proof enough.
    #[must_use]
    pub fn to_note(&self, policies: &[Policy], created: &str, read: Timestamp) -> Option<i64> {
        if policies.is_empty() || self.is_elsewhere {
            return None;
        }
        self.in_force.borrow().to_note(policies, seconds(created), read.as_second())
    }

    /// The same of one that is written now as it was known, if it is still that.
    #[must_use]
    pub fn to_note_now(&self, policies: &[Policy], created: &str) -> Option<i64> {
        self.to_note(policies, created, (self.clock)())
    }

    /// Waits until every API server knows other policies than `before`, and answers since when they are in force.
    pub async fn settles(&mut self, policies: &[Policy], before: Option<i64>) -> i64 {
        loop {
            let now = (self.clock)();
            // Of what was there before all of them.
            let since = self.to_note(policies, "", now).filter(|since| Some(*since) != before);
            if let Some(since) = since {
                return since;
            }
            let at = self.in_force.borrow_and_update().settles_at(policies).filter(|_| !self.is_elsewhere);
            match at.map(|at| at - now.as_second()).filter(|left| *left > 0) {
                Some(left) => drop(timeout(Duration::from_secs(left.unsigned_abs()), self.changed()).await),
                None => self.changed().await,
            }
        }
    }

    /// Waits until something else is in force.
    pub async fn changed(&mut self) {
        if self.in_force.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits while the policy is not in force.
    pub async fn until_in_force(&mut self, policy: Policy) {
        if !self.is_elsewhere && self.in_force.wait_for(|in_force| in_force.has(policy)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Seconds since 1970.
pub(crate) fn seconds(time: &str) -> Option<i64> {
    time.parse::<Timestamp>().ok().map(Timestamp::as_second)
}
