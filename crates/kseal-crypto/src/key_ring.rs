//! The private keys at hand, of both formats.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    Fingerprint, Plaintext, PrivateKey, Reason, Work,
    sealed_secrets::{RsaPrivateKey, SealedBytes},
};

/// Opens both envelopes: the native one by fingerprint, so that its cost does not grow with the number of keys, that
/// of sealed-secrets by trial, which is all that its format allows.
///
/// A ring is not changed while others open with it: where keys come and go, a new one is built of the same keys, each of
/// which is in memory once.
#[derive(Default)]
pub struct KeyRing {
    native: BTreeMap<Fingerprint, Arc<PrivateKey>>,
    rsa: Vec<Arc<RsaPrivateKey>>,
    last_good: AtomicUsize,
}

impl KeyRing {
    /// Adds a native key.
    pub fn add(&mut self, key: impl Into<Arc<PrivateKey>>) {
        let key = key.into();
        self.native.insert(key.fingerprint(), key);
    }

    /// Adds an RSA key behind the others: the newest are added first. The same key is held once.
    pub fn add_rsa(&mut self, key: impl Into<Arc<RsaPrivateKey>>) {
        let key = key.into();
        if !self.rsa.iter().any(|held| held.public().fingerprint() == key.public().fingerprint()) {
            self.rsa.push(key);
        }
    }

    /// The native key of that name.
    #[must_use]
    pub fn get(&self, fingerprint: Fingerprint) -> Option<&PrivateKey> {
        self.native.get(&fingerprint).map(AsRef::as_ref)
    }

    /// The native keys, by fingerprint.
    pub fn native(&self) -> impl Iterator<Item = &PrivateKey> {
        self.native.values().map(AsRef::as_ref)
    }

    /// The RSA keys, in the order in which they were added.
    #[must_use]
    pub fn rsa(&self) -> &[Arc<RsaPrivateKey>] {
        &self.rsa
    }

    /// Whether there is no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.native.is_empty() && self.rsa.is_empty()
    }

    /// Whether a sealed-secrets value is of the size of any RSA key.
    pub(crate) fn fits_rsa(&self, sealed: &SealedBytes<'_>) -> bool {
        self.rsa.iter().any(|key| key.size() == sealed.key_size())
    }

    /// Opens one sealed-secrets value: last-good first, then in order; keys whose size does not fit the envelope cost
    /// nothing.
    pub(crate) fn open_rsa(
        &self,
        sealed: &SealedBytes<'_>,
        label: &[u8],
        work: &mut Work,
    ) -> Result<Plaintext, Reason> {
        let last_good = self.last_good.load(Ordering::Relaxed);
        let others = (0..self.rsa.len()).filter(|index| *index != last_good);
        let mut fits = false;
        for index in std::iter::once(last_good).chain(others) {
            let Some(key) = self.rsa.get(index).filter(|key| key.size() == sealed.key_size()) else { continue };
            fits = true;
            let opened = key.open(sealed, label);
            work.note(1, opened.as_ref().map(|_| key.public().fingerprint().to_string()));
            if let Some(value) = opened {
                self.last_good.store(index, Ordering::Relaxed);
                return Ok(value);
            }
        }
        Err(if fits { Reason::Open } else { Reason::NoKey })
    }
}
