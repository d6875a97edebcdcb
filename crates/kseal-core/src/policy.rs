//! The admission policies that the controller relies on: they see to it that who asks for something could do it himself, since
//! a custom resource does not say who made it.

mod digest;

use std::collections::BTreeMap;

pub use digest::digest;

/// An admission policy that must be in force before a request of its kind is honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// Who may ask for tokens of ServiceAccounts, by ServiceAccountTokens and by SealedSecrets of that Secret type.
    ServiceAccountTokens,
    /// Who may have Secrets added to `imagePullSecrets`.
    ImagePullSecrets,
    /// Who may create ClusterSealedSecrets.
    ClusterSealedSecrets,
    /// Who may have data keys wrapped.
    RewrapRequests,
}

/// Of a policy that young it is not certain that every API server knew it: it reaches them by a watch.
pub const GRACE_SECONDS: i64 = 10;

/// Since when each policy is in force as it should be, in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce(BTreeMap<Policy, i64>);

/// Whether a request was looked at by its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was: who asked may do so himself.
    Checked,
    /// The policy, or its binding, is not there as it should be.
    NotInForce,
    /// The request is older than the policy.
    Older,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::ServiceAccountTokens, Self::ImagePullSecrets, Self::ClusterSealedSecrets, Self::RewrapRequests];

    /// The name of the ValidatingAdmissionPolicy, and of its binding.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServiceAccountTokens => "kseal-service-account-tokens",
            Self::ImagePullSecrets => "kseal-image-pull-secrets",
            Self::ClusterSealedSecrets => "kseal-cluster-sealed-secrets",
            Self::RewrapRequests => "kseal-rewrap-requests",
        }
    }
}

impl InForce {
    /// The policy is as it should be since then.
    #[must_use]
    pub fn with(mut self, policy: Policy, since: i64) -> Self {
        self.0.insert(policy, since);
        self
    }

    /// Whether the policy is as it should be.
    #[must_use]
    pub fn has(&self, policy: Policy) -> bool {
        self.0.contains_key(&policy)
    }

    /// Judges a request that was created then, in seconds since 1970, by the API server's clock as the policy was.
    #[must_use]
    pub fn verdict(&self, policy: Policy, created: Option<i64>) -> Verdict {
        match (self.0.get(&policy), created) {
            (None, _) => Verdict::NotInForce,
            (Some(since), Some(created)) if created >= since + GRACE_SECONDS => Verdict::Checked,
            (Some(_), _) => Verdict::Older,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_after_the_policy_was_looked_at() {
        let in_force = InForce::default().with(Policy::ServiceAccountTokens, 100);
        let verdict = |created| in_force.verdict(Policy::ServiceAccountTokens, created);
        assert_eq!(verdict(Some(110)), Verdict::Checked);
        assert_eq!(verdict(Some(109)), Verdict::Older);
        assert_eq!(verdict(None), Verdict::Older);
        assert_eq!(in_force.verdict(Policy::ImagePullSecrets, Some(110)), Verdict::NotInForce);
    }
}
