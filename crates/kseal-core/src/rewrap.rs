//! What becomes of a data key when sealing keys rotate, are compromised, or clusters come and go.
//!
//! A recipient that is compromised, or that no configured bundle knows, could open the data key: wrapping it anew would
//! only hide that. So the data key is *tainted*: its values are sealed anew under a fresh one, and the secrets
//! themselves have to be changed, since whoever held the old ciphertext still holds it.

mod cluster;

use std::collections::BTreeSet;

use kseal_api::KeyState;
use kseal_crypto::{Fingerprint, PublicKey, envelope::SealedDataKey};

pub use cluster::{Exchanges, OwnKeys};

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

#[cfg(test)]
mod tests {
    use kseal_crypto::{PrivateKey, Sealer, Suite};

    use super::*;
    use crate::testing::{bundle, key, listed, rng, strict};

    fn keys<const N: usize>() -> [PrivateKey; N] {
        std::array::from_fn(|_| key(Suite::X25519))
    }

    fn sealed_for(recipients: &[&PrivateKey]) -> SealedDataKey {
        let place = strict();
        let sealer = Sealer::new(&place, recipients.iter().map(|key| key.public()), &mut rng()).unwrap();
        sealer.data_key().clone()
    }

    /// `keep`, or what is removed and added, or who taints.
    fn told(plan: Plan<'_>) -> (Vec<Fingerprint>, Vec<Fingerprint>, Vec<(Fingerprint, Standing)>) {
        match plan {
            Plan::Keep => (vec![], vec![], vec![]),
            Plan::Rewrap { remove, add } => (remove, add.into_iter().map(PublicKey::fingerprint).collect(), vec![]),
            Plan::Reseal(taints) => {
                (vec![], vec![], taints.into_iter().map(|taint| (taint.recipient, taint.standing)).collect())
            }
        }
    }

    #[test]
    fn a_recipient_stands_as_the_bundles_say() {
        let [old, new, retired, compromised, stranger] = keys();
        let bundles = [bundle(
            "prod",
            vec![
                listed(&old, 1, KeyState::Active),
                listed(&new, 2, KeyState::Active),
                listed(&retired, 3, KeyState::Retired),
                listed(&compromised, 4, KeyState::Compromised),
            ],
        )];
        let of = |key: &PrivateKey| standing(key.fingerprint(), &bundles);
        assert_eq!(of(&old), Standing::Outdated);
        assert_eq!(of(&new), Standing::Current);
        assert_eq!(of(&retired), Standing::Outdated);
        assert_eq!(of(&compromised), Standing::Compromised);
        assert_eq!(of(&stranger), Standing::Unknown);
        assert_eq!(standing(new.fingerprint(), &[]), Standing::Unknown);
    }

    #[test]
    fn of_two_bundles_the_worse_word_counts_and_then_the_better() {
        let [shared, other] = keys();
        let lists = |state| bundle("prod", vec![listed(&shared, 1, state), listed(&other, 2, KeyState::Active)]);
        let current = || bundle("stage", vec![listed(&shared, 1, KeyState::Active)]);
        let of = |bundles: &[Bundle]| standing(shared.fingerprint(), bundles);
        assert_eq!(of(&[current(), lists(KeyState::Compromised)]), Standing::Compromised);
        assert_eq!(of(&[lists(KeyState::Retiring), current()]), Standing::Current);
    }

    #[test]
    fn wanted_recipients_are_kept_and_others_exchanged() {
        let [old, new, second] = keys();
        let prod = vec![listed(&old, 1, KeyState::Retiring), listed(&new, 2, KeyState::Active)];
        let bundles = [bundle("prod", prod), bundle("stage", vec![listed(&second, 1, KeyState::Active)])];
        let plan = |present: &[&PrivateKey], wanted: &[&PrivateKey]| {
            let wanted: Vec<&PublicKey> = wanted.iter().map(|key| key.public()).collect();
            told(plan(&sealed_for(present), &wanted, &bundles))
        };
        let (old_name, new_name) = (old.fingerprint(), new.fingerprint());
        assert_eq!(plan(&[&new], &[&new]), (vec![], vec![], vec![]));
        assert_eq!(plan(&[&old], &[&new]), (vec![old_name], vec![new_name], vec![]));
        assert_eq!(plan(&[&new], &[&new, &second]), (vec![], vec![second.fingerprint()], vec![]));
        assert_eq!(plan(&[&old, &new], &[&new]), (vec![old_name], vec![], vec![]));
    }

    #[test]
    fn a_compromised_or_unknown_recipient_taints() {
        let [good, compromised, stranger] = keys();
        let prod = vec![listed(&good, 2, KeyState::Active), listed(&compromised, 1, KeyState::Compromised)];
        let bundles = [bundle("prod", prod)];
        let plan = |present: &[&PrivateKey]| told(plan(&sealed_for(present), &[good.public()], &bundles)).2;
        assert_eq!(plan(&[&good, &compromised]), [(compromised.fingerprint(), Standing::Compromised)]);
        assert_eq!(plan(&[&good, &stranger]), [(stranger.fingerprint(), Standing::Unknown)]);
        assert_eq!(plan(&[&good, &stranger, &compromised]).len(), 2);
        assert_eq!(plan(&[&good]), []);
    }

    #[test]
    fn keep_is_not_an_empty_exchange() {
        let [good] = keys();
        let bundles = [bundle("prod", vec![listed(&good, 1, KeyState::Active)])];
        assert!(matches!(plan(&sealed_for(&[&good]), &[good.public()], &bundles), Plan::Keep));
    }
}
