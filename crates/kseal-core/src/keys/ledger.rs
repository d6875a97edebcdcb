//! What key Secrets there are, and what follows from it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use kseal_api::KeyState;
use kseal_crypto::Fingerprint;

use super::{KEY_PREFIX, KeyFault, NativeKey, RsaKey, name};
use crate::{
    Bundle,
    bundle::{self, BundleKey},
};

/// Everything that is known of the key Secrets of a controller's namespace, without what opens.
#[derive(Clone, Default)]
pub struct Ledger {
    /// The native keys, retired ones included, in the order of their Secrets' names.
    pub native: Vec<NativeKey>,
    /// The RSA keys that are loaded: the newest first, by upstream's order.
    pub rsa: Vec<RsaKey>,
    /// What was passed over.
    pub malformed: Vec<Malformed>,
    /// The names of all key Secrets, whatever is in them.
    pub names: BTreeSet<String>,
}

/// A key Secret that was passed over, or part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Its name.
    pub secret: String,
    /// Its UID.
    pub uid: String,
    /// Why.
    pub fault: KeyFault,
}

/// The native keys that a bundle must list.
pub struct Wanted {
    /// By fingerprint.
    pub keys: Vec<BundleKey>,
    /// Published, not retired, and there is no Secret of it: the key may be lost. By fingerprint.
    pub missing: Vec<Fingerprint>,
}

impl Ledger {
    /// The key that this cluster's users seal for; none if there is no active one.
    #[must_use]
    pub fn sealing_key(&self, cluster_uid: &str) -> Option<BundleKey> {
        bundle::sealing_key(self.keys(cluster_uid).values()).cloned()
    }

    /// The epoch of the next key: 1 + the highest among key Secrets, malformed ones included, and what is published,
    /// whatever the clock says. `taken`: names up to this epoch are known to be taken by something else.
    ///
    /// None if the epochs are used up.
    #[must_use]
    pub fn next_epoch(&self, prefix: &str, published: Option<&Bundle>, taken: u32) -> Option<u32> {
        let named = self.names.iter().filter_map(|name| name::parse(prefix, name)).map(|(epoch, _)| epoch);
        let listed = published.into_iter().flat_map(|bundle| &bundle.keys).map(|key| key.epoch);
        named.chain(listed).max().unwrap_or(0).max(taken).checked_add(1)
    }

    /// The newest RSA key that has a certificate: the one that people seal for.
    #[must_use]
    pub fn certified(&self) -> Option<&RsaKey> {
        self.rsa.iter().find(|key| key.certificate.is_some())
    }

    /// Its certificate.
    #[must_use]
    pub fn certificate(&self) -> Option<&str> {
        self.certified()?.certificate.as_deref()
    }

    /// The names of the native keys that are compromised, as [`kseal_crypto::Work`] notes them: what they opened must say so.
    #[must_use]
    pub fn compromised(&self) -> BTreeSet<String> {
        let keys = self.native.iter().filter(|key| key.state == KeyState::Compromised);
        keys.map(|key| key.public.fingerprint().to_string()).collect()
    }

    /// What a bundle must list. `published` is what this cluster's identity signed last: a key of it whose Secret is
    /// missing stays listed, so that nobody takes it for a foreign one, but nobody seals for it any more.
    #[must_use]
    pub fn wanted(&self, cluster_uid: &str, published: Option<&Bundle>) -> Wanted {
        let mut keys = self.keys(cluster_uid);
        let mut missing = Vec::new();
        for listed in published.into_iter().flat_map(|bundle| &bundle.keys) {
            let fingerprint = listed.public.fingerprint();
            keys.entry(fingerprint).or_insert_with(|| {
                // A retired key is no longer loaded: who deletes it means to.
                if listed.state != KeyState::Retired {
                    missing.push(fingerprint);
                }
                let state = if listed.state == KeyState::Active { KeyState::Retiring } else { listed.state };
                BundleKey { state, ..listed.clone() }
            });
        }
        Wanted { keys: keys.into_values().collect(), missing }
    }

    /// The native keys as they are listed. A key that stands in two Secrets is what the one of the higher epoch says,
    /// and compromised if either says so.
    fn keys(&self, cluster_uid: &str) -> BTreeMap<Fingerprint, BundleKey> {
        let mut keys: BTreeMap<Fingerprint, BundleKey> = BTreeMap::new();
        for key in &self.native {
            let listed = listed(key, cluster_uid);
            let entry = keys.entry(key.public.fingerprint()).or_insert_with(|| listed.clone());
            let is_compromised = [entry.state, listed.state].contains(&KeyState::Compromised);
            if listed.epoch > entry.epoch {
                *entry = listed;
            }
            if is_compromised {
                entry.state = KeyState::Compromised;
            }
        }
        keys
    }

    /// Brings the RSA keys into upstream's order: the newest first, of equally new ones the one whose Secret is older.
    pub fn sort(&mut self) {
        self.native.sort_by(|a, b| a.secret.cmp(&b.secret));
        self.rsa
            .sort_by(|a, b| (Reverse(a.since), a.created, &a.secret).cmp(&(Reverse(b.since), b.created, &b.secret)));
    }
}

/// A key that another cluster's controller made still opens here, but does not seal: the other cluster could read what
/// is sealed for this one. An imported key, named by its fingerprint, has epoch 0: relabelled `active` it seals once no
/// key of this cluster's own is active.
fn listed(key: &NativeKey, cluster_uid: &str) -> BundleKey {
    let (epoch, is_foreign) = match name::parse(KEY_PREFIX, &key.secret) {
        Some((epoch, cluster)) => (epoch, cluster != name::short(cluster_uid)),
        None => (0, false),
    };
    let state = if is_foreign && key.state == KeyState::Active { KeyState::Retiring } else { key.state };
    BundleKey { public: key.public.clone(), epoch, created_at: key.created_at.clone(), state }
}

#[cfg(test)]
mod tests;
