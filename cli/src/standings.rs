//! What the bundles at hand say of those who can open an object.

use std::collections::BTreeMap;

use kseal_core::{Bundle, SealedObject, Standing, Taint, standing};
use kseal_crypto::Fingerprint;

/// Names of the clusters that a key belongs to.
pub(crate) fn clusters(recipient: Fingerprint, bundles: &[Bundle]) -> Vec<&str> {
    bundles.iter().filter(|bundle| bundle.get(recipient).is_some()).map(|bundle| bundle.name.as_str()).collect()
}

/// A standing in one word.
pub(crate) const fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Current => "current",
        Standing::Outdated => "outdated",
        Standing::Compromised => "compromised",
        Standing::Unknown => "unknown",
    }
}

/// Why a data key is tainted.
pub(crate) fn why(taint: &Taint) -> String {
    match taint.standing {
        Standing::Compromised => format!("{} is compromised", taint.recipient.short()),
        _ => format!("{} is in no configured bundle", taint.recipient.short()),
    }
}

/// Something about the recipients of an object that is not as configured.
pub(crate) struct Objection {
    pub message: String,
    pub hint: &'static str,
}

/// Compares the recipients of all data keys with the bundles.
pub(crate) fn objections(sealed: &SealedObject, bundles: &[Bundle], allow_outdated: bool) -> Vec<Objection> {
    let data_keys = sealed.envelope().into_iter().flat_map(|envelope| envelope.data_keys().values());
    let mut recipients: BTreeMap<Fingerprint, Standing> = BTreeMap::new();
    let mut missing: Vec<&str> = Vec::new();
    for data_key in data_keys {
        recipients.extend(data_key.recipients.keys().map(|key| (*key, standing(*key, bundles))));
        let lacks = |bundle: &&Bundle| {
            bundle.sealing_key().is_some() && !data_key.recipients.keys().any(|key| bundle.get(*key).is_some())
        };
        missing.extend(bundles.iter().filter(lacks).map(|bundle| bundle.name.as_str()));
    }
    missing.sort_unstable();
    missing.dedup();
    let recipients =
        recipients.into_iter().filter_map(|(key, standing)| objection(key, standing, bundles, allow_outdated));
    let missing = missing.into_iter().map(|cluster| Objection {
        message: format!("cluster {cluster} cannot open all of it"),
        hint: "kseal reencrypt seals it for all configured clusters",
    });
    recipients.chain(missing).collect()
}

fn objection(key: Fingerprint, standing: Standing, bundles: &[Bundle], allow_outdated: bool) -> Option<Objection> {
    let clusters = clusters(key, bundles).join(", ");
    let (message, hint) = match standing {
        Standing::Current => return None,
        Standing::Outdated if allow_outdated => return None,
        Standing::Outdated => (
            format!("recipient {} is not the newest key of {clusters}", key.short()),
            "kseal reencrypt seals it for the newest one",
        ),
        Standing::Compromised => (
            format!("recipient {} of {clusters} is compromised", key.short()),
            "change the secrets themselves, and seal the new ones",
        ),
        Standing::Unknown => (
            format!("recipient {} is a key of no configured cluster: of one that was removed, or planted", key.short()),
            "if nobody knows it, change the secrets themselves; kseal reencrypt seals them anew without it",
        ),
    };
    Some(Objection { message, hint })
}
