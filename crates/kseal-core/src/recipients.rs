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
