//! The admission policies that the controller relies on: they see to it that who asks for something could do it himself, since
//! a custom resource does not say who made it.

mod digest;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// After so long every API server knows it, and clocks that differ do not matter: what an object changes into from then on was
/// looked at.
pub const SETTLED_SECONDS: i64 = 60;

/// To be raised with every change of what a note's hash covers: else objects would seem to have changed that did not.
const VERSION: u32 = 1;

/// Since when each policy is in force as it should be, in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce(BTreeMap<Policy, i64>);

/// Under which policies an object was seen last, as what: kept in its status, which only the controller writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenUnder {
    /// The object's own UID: a status that was copied with its object means nothing.
    pub uid: String,
    /// Its `metadata.generation` then.
    pub generation: i64,
    /// Stands for what the object was then: its spec, and what is honoured of its metadata.
    pub hash: String,
    /// How that is computed.
    #[serde(default)]
    version: u32,
    /// What was settled of the policies that look at what it asks: see [`InForce::to_note`].
    pub since: i64,
}

impl SeenUnder {
    /// Reads a note; none where it is none, or of a release whose hashes cannot be compared with those of this one.
    #[must_use]
    pub fn read(note: &Value) -> Option<Self> {
        Self::deserialize(note).ok().filter(|note| note.version == VERSION)
    }

    /// The policies under which the object became what it is now; none where it is what it was, or another one.
    ///
    /// A generation alone proves nothing: the API server counts one when `1` is written as `1.0`, which is no change to the
    /// policies.
    #[must_use]
    pub fn changed(&self, uid: &str, hash: &str) -> Option<i64> {
        (self.uid == uid && self.hash != hash).then_some(self.since)
    }

    /// What is kept from now on. Of the same policies the first note stays, so that what the object became since then is known
    /// to have been looked at; where they are in doubt, it stays too. What is served otherwise without another generation was
    /// changed by nobody.
    #[must_use]
    pub fn next(before: Option<&Self>, since: Option<i64>, uid: &str, generation: i64, hash: String) -> Option<Self> {
        let before = before.filter(|before| before.uid == uid);
        let Some(since) = since else { return before.cloned() };
        let same = before.filter(|before| before.since == since && before.generation != generation).cloned();
        same.or_else(|| Some(Self { uid: uid.to_owned(), generation, hash, version: VERSION, since }))
    }
}

/// Whether a request was looked at by its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was: who asked may do so himself.
    Checked,
    /// The policy, or its binding, is not there as it should be.
    NotInForce(Policy),
    /// The request is older than the policy.
    Older(Policy),
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

    /// Judges a request that these policies look at, in seconds since 1970. `created`: when its object was, by the API server's
    /// clock as the policies were. `seen_under`: what was noted of the object when it was something else than it
    /// is now: if that still holds, it became what it is under the same policies.
    #[must_use]
    pub fn verdict(&self, policies: &[Policy], created: Option<i64>, seen_under: Option<i64>) -> Verdict {
        let youngest = policies.iter().try_fold((i64::MIN, Policy::ALL[0]), |youngest, policy| {
            let since = *self.0.get(policy).ok_or(*policy)?;
            Ok(youngest.max((since, *policy)))
        });
        match youngest {
            Err(missing) => Verdict::NotInForce(missing),
            Ok((since, _)) if created.is_some_and(|created| created >= since + GRACE_SECONDS) => Verdict::Checked,
            Ok((since, _)) if seen_under == Some(since) => Verdict::Checked,
            Ok((_, youngest)) => Verdict::Older(youngest),
        }
    }

    /// What to keep with an object that was created then and read at that time or later: since when all of these policies are
    /// as they are, which any change of one of them makes another number. None where not every API server may know them, and
    /// where the object came after them, which is all that has to be known.
    #[must_use]
    pub fn to_note(&self, policies: &[Policy], created: Option<i64>, read: i64) -> Option<i64> {
        let since = self.settles_at(policies)? - SETTLED_SECONDS;
        let is_younger = created.is_some_and(|created| created >= since + GRACE_SECONDS);
        (read >= since + SETTLED_SECONDS && !is_younger).then_some(since)
    }

    /// When every API server knows these policies as they are; none where one is missing.
    #[must_use]
    pub fn settles_at(&self, policies: &[Policy]) -> Option<i64> {
        let all: Option<Vec<i64>> = policies.iter().map(|policy| self.0.get(policy).copied()).collect();
        all?.into_iter().max().map(|since| since + SETTLED_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_came_after_the_policy_was_looked_at() {
        let in_force = InForce::default().with(Policy::ServiceAccountTokens, 100);
        let policy = Policy::ServiceAccountTokens;
        let verdict = |created| in_force.verdict(&[policy], created, None);
        assert_eq!(verdict(Some(110)), Verdict::Checked);
        assert_eq!(verdict(Some(109)), Verdict::Older(policy));
        assert_eq!(verdict(None), Verdict::Older(policy));
        let missing = Policy::ImagePullSecrets;
        assert_eq!(in_force.verdict(&[missing], Some(110), None), Verdict::NotInForce(missing));
        assert_eq!(in_force.verdict(&[policy, missing], Some(110), None), Verdict::NotInForce(missing));
    }

    #[test]
    fn what_an_object_became_under_the_same_policies_stays_known() {
        let next = |before: Option<&SeenUnder>, since, generation, hash: &str| {
            SeenUnder::next(before, since, "u1", generation, hash.to_owned())
        };
        assert_eq!(next(None, None, 1, "a"), None);
        let first = next(None, Some(100), 1, "a").unwrap();
        assert_eq!(first.changed("u1", "a"), None, "it is what it was");
        assert_eq!(first.changed("u1", "b"), Some(100));
        assert_eq!(first.changed("u2", "b"), None, "another object");
        for later in [next(Some(&first), Some(100), 2, "b"), next(Some(&first), None, 2, "b")] {
            assert_eq!(later.unwrap().changed("u1", "b"), Some(100));
        }
        let second = next(Some(&first), Some(200), 2, "b").unwrap();
        assert_eq!(second.changed("u1", "b"), None, "other policies, which have not looked at it");
        let served_otherwise = next(Some(&first), Some(100), 1, "b").unwrap();
        assert_eq!(served_otherwise.changed("u1", "b"), None, "of the same generation");
        assert_eq!(SeenUnder::next(Some(&first), None, "u2", 1, String::new()), None);
        let mut note = json!(first);
        assert_eq!(SeenUnder::read(&note), Some(first));
        note["version"] = json!(0);
        assert_eq!(SeenUnder::read(&note), None, "another release took something else for its hash");
    }

    #[test]
    fn what_changed_under_the_very_policy_was_looked_at_however_old_its_object_is() {
        let in_force = InForce::default().with(Policy::ImagePullSecrets, 100).with(Policy::ClusterSealedSecrets, 130);
        let both = [Policy::ClusterSealedSecrets, Policy::ImagePullSecrets];
        assert_eq!(in_force.to_note(&both, Some(1), 189), None, "an API server may not know it yet");
        assert_eq!(in_force.to_note(&both, Some(140), 190), None, "it came after them anyway");
        let seen = in_force.to_note(&both, Some(1), 190);
        assert_eq!((seen, in_force.settles_at(&both)), (Some(130), Some(190)));
        assert_eq!(in_force.verdict(&both, Some(1), seen), Verdict::Checked);
        assert_eq!(in_force.verdict(&both, Some(1), None), Verdict::Older(Policy::ClusterSealedSecrets));
        for changed in both {
            let now = in_force.clone().with(changed, 200);
            assert_eq!(now.verdict(&both, Some(1), seen), Verdict::Older(changed), "another policy since then");
        }
    }
}
