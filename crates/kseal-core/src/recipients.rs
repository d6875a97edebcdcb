//! Whom a new data key is wrapped for: the newest active key of each configured cluster, and nobody else.

use kseal_crypto::{PublicKey, Suite};

use crate::Bundle;

/// What recipients must be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Floor {
    /// The weakest suite that may be used.
    pub min_suite: Option<Suite>,
    /// Whether a classical recipient may stand beside a post-quantum one.
    pub allow_classical: bool,
}

/// Why there are no recipients.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecipientError {
    /// No bundle at all.
    #[error("no cluster is configured to seal for")]
    None,
    /// A bundle without an active key.
    #[error("the bundle of {0} has no active key")]
    NoActiveKey(String),
    /// A key below the floor.
    #[error("the newest key of {cluster} is {suite}, below the minimum {floor}")]
    BelowFloor {
        /// The bundle's name.
        cluster: String,
        /// Its newest key's suite.
        suite: Suite,
        /// What is wanted at least.
        floor: Suite,
    },
    /// Who can break the classical wrap opens everything, so the post-quantum one would be for show.
    #[error("the keys of {classical} are classical and those of {post_quantum} are post-quantum")]
    MixedClasses {
        /// A cluster with a classical key.
        classical: String,
        /// A cluster with a post-quantum key.
        post_quantum: String,
    },
}

/// The recipients of a new data key.
///
/// # Errors
/// [`RecipientError`].
pub fn sealing_keys<'b>(bundles: &'b [Bundle], floor: Floor) -> Result<Vec<&'b PublicKey>, RecipientError> {
    let mut recipients: Vec<&'b PublicKey> = Vec::new();
    let (mut classical, mut post_quantum) = (None, None);
    for bundle in bundles {
        let key = bundle.sealing_key().ok_or_else(|| RecipientError::NoActiveKey(bundle.name.clone()))?;
        let suite = key.public.suite();
        if let Some(floor) = floor.min_suite.filter(|floor| suite < *floor) {
            return Err(RecipientError::BelowFloor { cluster: bundle.name.clone(), suite, floor });
        }
        *(if suite.is_post_quantum() { &mut post_quantum } else { &mut classical }) = Some(&bundle.name);
        if !recipients.iter().any(|held| held.fingerprint() == key.public.fingerprint()) {
            recipients.push(&key.public);
        }
    }
    match (classical, post_quantum) {
        (None, None) => Err(RecipientError::None),
        (Some(classical), Some(post_quantum)) if !floor.allow_classical => {
            Err(RecipientError::MixedClasses { classical: classical.clone(), post_quantum: post_quantum.clone() })
        }
        _ => Ok(recipients),
    }
}

#[cfg(test)]
mod tests {
    use kseal_api::KeyState;
    use kseal_crypto::PrivateKey;

    use super::*;
    use crate::testing::{bundle, key, listed};

    fn active(name: &str, key: &PrivateKey) -> Bundle {
        bundle(name, vec![listed(key, 1, KeyState::Active)])
    }

    fn names(bundles: &[Bundle], floor: Floor) -> Result<Vec<kseal_crypto::Fingerprint>, RecipientError> {
        Ok(sealing_keys(bundles, floor)?.into_iter().map(PublicKey::fingerprint).collect())
    }

    fn floor(min_suite: Option<Suite>, allow_classical: bool) -> Floor {
        Floor { min_suite, allow_classical }
    }

    #[test]
    fn each_cluster_gives_its_sealing_key_once() {
        let (a, b) = (key(Suite::XWing), key(Suite::XWing));
        let bundles = [active("prod", &a), active("stage", &b), active("again", &a)];
        assert_eq!(names(&bundles, Floor::default()), Ok(vec![a.fingerprint(), b.fingerprint()]));
    }

    #[test]
    fn without_a_cluster_or_an_active_key_there_are_no_recipients() {
        assert_eq!(names(&[], Floor::default()), Err(RecipientError::None));
        assert_eq!(RecipientError::None.to_string(), "no cluster is configured to seal for");
        let (old, new) = (key(Suite::XWing), key(Suite::XWing));
        let bundles = [active("prod", &new), bundle("stage", vec![listed(&old, 1, KeyState::Retiring)])];
        let error = names(&bundles, Floor::default()).unwrap_err();
        assert_eq!(error, RecipientError::NoActiveKey("stage".into()));
        assert_eq!(error.to_string(), "the bundle of stage has no active key");
    }

    #[test]
    fn the_floor_is_the_weakest_suite_that_may_be_used() {
        let (classical, post_quantum) = (key(Suite::X25519), key(Suite::XWing));
        let below = names(&[active("prod", &classical)], floor(Some(Suite::XWing), true)).unwrap_err();
        assert_eq!(below.to_string(), "the newest key of prod is X25519, below the minimum X-Wing");
        for suite in Suite::ALL {
            assert!(names(&[active("prod", &post_quantum)], floor(Some(suite), false)).is_ok());
        }
        assert!(names(&[active("prod", &classical)], floor(Some(Suite::X25519), false)).is_ok());
        assert!(names(&[active("prod", &classical)], Floor::default()).is_ok());
    }

    #[test]
    fn classes_are_mixed_on_request_only() {
        let (classical, post_quantum) = (key(Suite::X25519), key(Suite::XWing));
        let bundles = [active("old", &classical), active("new", &post_quantum)];
        let error = names(&bundles, Floor::default()).unwrap_err();
        assert_eq!(error.to_string(), "the keys of old are classical and those of new are post-quantum");
        let both = vec![classical.fingerprint(), post_quantum.fingerprint()];
        assert_eq!(names(&bundles, floor(None, true)), Ok(both));
    }
}
