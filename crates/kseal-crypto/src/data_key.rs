//! The data key of one act of sealing, and its public commitment.
//!
//! AES-GCM does not commit to its key: a ciphertext can be made that opens to something under each of two keys. The
//! commitment closes that gap, and its beginning, the handle, names the data key in the file.

use std::{fmt, str::FromStr};

use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::fingerprint::{base32, parse_base32};

/// 32 random bytes from which the key of the values and the commitment are derived. Wiped when dropped.
pub(crate) struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *key);
        Self(key)
    }

    /// Takes an unwrapped data key if it is the committed one.
    pub(crate) fn committed(bytes: &[u8], commitment: &Commitment) -> Option<Self> {
        let key = Self(Zeroizing::new(bytes.try_into().ok()?));
        // The commitment is public, so an early exit of the comparison tells nothing.
        (key.commitment() == *commitment).then_some(key)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// `HKDF-SHA256(data key, no salt, info "kseal/1/commit")`, 32 bytes.
    pub(crate) fn commitment(&self) -> Commitment {
        let mut out = [0; 32];
        self.derive(b"kseal/1/commit", &mut out);
        Commitment(out)
    }

    /// `HKDF-SHA256(data key, no salt, info "kseal/1/encrypt")`, 32 bytes: the AES-256 key of the values.
    pub(crate) fn value_key(&self) -> Zeroizing<[u8; 32]> {
        let mut out = Zeroizing::new([0; 32]);
        self.derive(b"kseal/1/encrypt", &mut out);
        out
    }

    fn derive(&self, info: &[u8], out: &mut [u8; 32]) {
        Hkdf::<Sha256>::new(None, &*self.0).expand(info, out).expect("HKDF-SHA256 gives up to 8,160 bytes");
    }
}

/// What the file says of a data key without revealing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment([u8; 32]);

impl Commitment {
    /// The handle: the commitment's first 10 bytes.
    #[must_use]
    pub fn handle(&self) -> Handle {
        let mut out = [0; 10];
        out.copy_from_slice(&self.0[..10]);
        Handle(out)
    }

    /// The 32 bytes, to be written as base64.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Commitment {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// The name of a data key within its object: `d` and 16 characters of base32, which YAML never reads as a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle([u8; 10]);

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d{}", base32().encode(&self.0))
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not `d` and 16 characters of lower-case base32.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a handle: expected `d` and 16 characters of lower-case base32")]
pub struct NotAHandle;

impl FromStr for Handle {
    type Err = NotAHandle;

    fn from_str(text: &str) -> Result<Self, NotAHandle> {
        parse_base32('d', text).map(Self).ok_or(NotAHandle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_rng::Counter;

    #[test]
    fn the_handle_is_the_beginning_of_the_commitment() {
        let commitment = DataKey::generate(&mut Counter::default()).commitment();
        let handle = commitment.handle();
        assert_eq!(handle.to_string().len(), 17);
        assert_eq!(handle.to_string().parse(), Ok(handle));
        assert_eq!(format!("{handle:?}"), handle.to_string());
        assert_eq!(handle.0, commitment.as_bytes()[..10]);
        assert_eq!("k234567234567234a".parse::<Handle>(), Err(NotAHandle));
        assert_eq!("d234567".parse::<Handle>(), Err(NotAHandle));
    }

    #[test]
    fn only_the_committed_key_is_taken() {
        let key = DataKey::generate(&mut Counter::default());
        let commitment = key.commitment();
        assert!(DataKey::committed(key.as_bytes(), &commitment).is_some());
        assert!(DataKey::committed(&[0; 32], &commitment).is_none());
        assert!(DataKey::committed(&key.as_bytes()[..31], &commitment).is_none());
    }

    #[test]
    fn commitment_and_value_key_are_independent() {
        let key = DataKey::generate(&mut Counter::default());
        assert_ne!(key.commitment().as_bytes(), &*key.value_key());
        assert_ne!(key.as_bytes(), &*key.value_key());
    }
}
