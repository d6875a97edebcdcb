//! What becomes of a data key when sealing keys rotate, are compromised, or clusters come and go.
//!
//! A recipient that is compromised, or that no configured bundle knows, could open the data key: wrapping it anew would
//! only hide that. So the data key is *tainted*: its values are sealed anew under a fresh one, and the secrets
//! themselves have to be changed, since whoever held the old ciphertext still holds it.

use std::collections::BTreeSet;

use kseal_api::KeyState;
use kseal_crypto::{Fingerprint, PublicKey, envelope::SealedDataKey};

use crate::Bundle;

/// What the configured bundles say of one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The newest active key of a configured cluster.
    Current,
    /// An older key of a configured cluster, or one that only opens.
    Outdated,
    /// Compromised, in whatever bundle.
    Compromised,
    /// In no configured bundle: of a removed cluster, or planted.
    Unknown,
}

/// Why a data key is tainted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taint {
    /// The recipient.
    pub recipient: Fingerprint,
    /// [`Standing::Compromised`] or [`Standing::Unknown`].
    pub standing: Standing,
}

/// What to do with one data key.
pub enum Plan<'b> {
    /// Its recipients are the wanted ones.
    Keep,
    /// Wrap it for `add` and drop `remove`; the values keep their bytes.
    Rewrap {
        /// Recipients that go.
        remove: Vec<Fingerprint>,
        /// Recipients that come.
        add: Vec<&'b PublicKey>,
    },
    /// Seal its values anew, and tell the user to change the secrets.
    Reseal(Vec<Taint>),
}

/// What the configured bundles say of one recipient.
#[must_use]
pub fn standing(recipient: Fingerprint, bundles: &[Bundle]) -> Standing {
    let known: Vec<_> = bundles.iter().filter_map(|bundle| Some((bundle, bundle.get(recipient)?))).collect();
    let current = |bundle: &Bundle| bundle.sealing_key().is_some_and(|key| key.public.fingerprint() == recipient);
    if known.iter().any(|(_, key)| key.state == KeyState::Compromised) {
        Standing::Compromised
    } else if known.iter().any(|(bundle, _)| current(bundle)) {
        Standing::Current
    } else if known.is_empty() {
        Standing::Unknown
    } else {
        Standing::Outdated
    }
}

/// Plans for one data key. `wanted` are the recipients that a new data key would get.
#[must_use]
pub fn plan<'b>(data_key: &SealedDataKey, wanted: &[&'b PublicKey], bundles: &[Bundle]) -> Plan<'b> {
    let present: BTreeSet<Fingerprint> = data_key.recipients.keys().copied().collect();
    let taints: Vec<Taint> = present
        .iter()
        .map(|recipient| Taint { recipient: *recipient, standing: standing(*recipient, bundles) })
        .filter(|taint| matches!(taint.standing, Standing::Compromised | Standing::Unknown))
        .collect();
    if !taints.is_empty() {
        return Plan::Reseal(taints);
    }
    let add: Vec<&PublicKey> = wanted.iter().copied().filter(|key| !present.contains(&key.fingerprint())).collect();
    let remove: Vec<Fingerprint> =
        present.into_iter().filter(|old| !wanted.iter().any(|key| key.fingerprint() == *old)).collect();
    if add.is_empty() && remove.is_empty() { Plan::Keep } else { Plan::Rewrap { remove, add } }
}
