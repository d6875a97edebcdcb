//! Sealing keys of the native format: one HPKE key pair of one suite.

use hpke::{Deserializable as _, Kem, Serializable as _};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{Fingerprint, Suite};

pub(crate) type X25519 = hpke::kem::X25519HkdfSha256;
pub(crate) type XWing = hpke::kem::XWing;

/// Why octets are not a usable key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The octets have the wrong length or are no valid encoding.
    #[error("not a {0} public key: {len} bytes were expected", len = .0.public_key_len())]
    Public(Suite),
    /// A private key of either suite is 32 bytes.
    #[error("not a private key: 32 bytes were expected")]
    Seed,
    /// A low-order point, with which there is no secret to share (RFC 9180, section 7.1.4).
    #[error("the {0} public key is one that no private key belongs to")]
    Weak(Suite),
}

/// What anyone may seal to.
#[derive(Clone)]
pub struct PublicKey {
    pub(crate) kem: KemPublic,
    fingerprint: Fingerprint,
}

#[derive(Clone)]
pub(crate) enum KemPublic {
    X25519(<X25519 as Kem>::PublicKey),
    // An expanded X-Wing key is several kilobytes.
    XWing(Box<<XWing as Kem>::PublicKey>),
}

impl PublicKey {
    /// Reads a public key in its HPKE serialization.
    ///
    /// # Errors
    /// If the octets are no public key of the suite.
    pub fn from_bytes(suite: Suite, bytes: &[u8]) -> Result<Self, KeyError> {
        let kem = match suite {
            Suite::X25519 => hpke::Deserializable::from_bytes(bytes).map(KemPublic::X25519),
            Suite::XWing => hpke::Deserializable::from_bytes(bytes).map(|key| KemPublic::XWing(Box::new(key))),
        };
        kem.map(Self::new).map_err(|_| KeyError::Public(suite))
    }

    fn new(kem: KemPublic) -> Self {
        let fingerprint = Fingerprint::of(kem.suite(), &kem.to_bytes());
        Self { kem, fingerprint }
    }

    /// The key's suite.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.kem.suite()
    }

    /// The key's name.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The HPKE serialization.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.kem.to_bytes()
    }
}

impl KemPublic {
    fn suite(&self) -> Suite {
        match self {
            Self::X25519(_) => Suite::X25519,
            Self::XWing(_) => Suite::XWing,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::X25519(key) => key.to_bytes().to_vec(),
            Self::XWing(key) => key.to_bytes().to_vec(),
        }
    }
}

/// What opens. Wiped when dropped.
pub struct PrivateKey {
    seed: Zeroizing<[u8; 32]>,
    pub(crate) kem: KemPrivate,
    public: PublicKey,
}

pub(crate) enum KemPrivate {
    X25519(<X25519 as Kem>::PrivateKey),
    XWing(Box<<XWing as Kem>::PrivateKey>),
}

impl PrivateKey {
    /// Makes a new private key.
    ///
    /// # Panics
    /// Never: 32 bytes are a private key of either suite.
    pub fn generate(suite: Suite, rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        Self::from_seed(suite, &*seed).expect("32 bytes are a private key of either suite")
    }

    /// Reads a private key: the 32 bytes that HPKE serializes.
    ///
    /// # Errors
    /// If these are not 32 bytes.
    pub fn from_seed(suite: Suite, seed: &[u8]) -> Result<Self, KeyError> {
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(seed.try_into().map_err(|_| KeyError::Seed)?);
        let (kem, public) = match suite {
            Suite::X25519 => {
                let key = <X25519 as Kem>::PrivateKey::from_bytes(&seed[..]).map_err(|_| KeyError::Seed)?;
                let public = KemPublic::X25519(X25519::sk_to_pk(&key));
                (KemPrivate::X25519(key), public)
            }
            Suite::XWing => {
                let key = <XWing as Kem>::PrivateKey::from_bytes(&seed[..]).map_err(|_| KeyError::Seed)?;
                let public = KemPublic::XWing(Box::new(XWing::sk_to_pk(&key)));
                (KemPrivate::XWing(Box::new(key)), public)
            }
        };
        Ok(Self { seed, kem, public: PublicKey::new(public) })
    }

    /// The 32 bytes to store.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The public half, recomputed from the seed and never taken from elsewhere.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The key's name.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.public.fingerprint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_rng::Counter;

    #[test]
    fn a_key_is_its_seed() {
        for suite in Suite::ALL {
            let key = PrivateKey::generate(suite, &mut Counter::default());
            let again = PrivateKey::from_seed(suite, key.seed()).unwrap();
            assert_eq!(key.fingerprint(), again.fingerprint());
            assert_eq!(key.public().suite(), suite);
            let public = PublicKey::from_bytes(suite, &key.public().to_bytes()).unwrap();
            assert_eq!(public.fingerprint(), key.fingerprint());
            assert_eq!(public.to_bytes().len(), suite.public_key_len());
        }
    }

    #[test]
    fn other_lengths_are_no_keys() {
        for suite in Suite::ALL {
            for len in [0, 31, 33, suite.public_key_len() - 1, suite.public_key_len() + 1] {
                assert_eq!(PublicKey::from_bytes(suite, &vec![1; len]).err(), Some(KeyError::Public(suite)));
            }
            for len in [0, 31, 33] {
                assert_eq!(PrivateKey::from_seed(suite, &vec![1; len]).err(), Some(KeyError::Seed));
            }
        }
    }

    #[test]
    fn an_ml_kem_key_out_of_range_is_refused() {
        // FIPS 203, section 7.2: each 12-bit coefficient must be below 3,329.
        let bytes = [0xff; 1_216];
        assert_eq!(PublicKey::from_bytes(Suite::XWing, &bytes).err(), Some(KeyError::Public(Suite::XWing)));
    }
}
