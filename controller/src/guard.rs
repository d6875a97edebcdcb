//! Whether the admission policies are in force on which requests for rights rely. A custom resource does not say who made it,
//! so without them the controller would do for everyone what it may do itself.

mod follow;
mod live;

use jiff::Timestamp;
use kseal_core::policy::{InForce, Policy, Verdict};
use kseal_core::reconcile::Trouble;
use tokio::sync::watch;

pub use follow::follow;

/// Judges requests by what is in force.
#[derive(Clone)]
pub struct Guard {
    in_force: watch::Receiver<InForce>,
    /// Something else decides who may ask.
    is_elsewhere: bool,
}

impl Guard {
    /// By what is in force, or by nothing, where something else decides who may ask.
    #[must_use]
    pub fn new(in_force: watch::Receiver<InForce>, is_elsewhere: bool) -> Self {
        Self { in_force, is_elsewhere }
    }

    /// Judges a request that its `metadata.creationTimestamp` says was created then.
    ///
    /// # Errors
    /// Why it is not honoured, or not yet.
    pub fn check(&self, policy: Policy, created: &str) -> Result<(), Trouble> {
        if self.is_elsewhere {
            return Ok(());
        }
        let created = created.parse::<Timestamp>().ok().map(Timestamp::as_second);
        match self.in_force.borrow().verdict(policy, created) {
            Verdict::Checked => Ok(()),
            Verdict::NotInForce => Err(Trouble::PolicyMissing(policy)),
            Verdict::Older => Err(Trouble::OlderThanPolicy(policy)),
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
