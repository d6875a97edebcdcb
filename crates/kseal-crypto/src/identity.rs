//! A cluster's identity: the Ed25519 key that signs its key bundles, and the fingerprint that a repository pins.

use std::{fmt, str::FromStr};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

use crate::{
    KeyError,
    fingerprint::{base32, first_16, parse_base32},
};

/// The private half; it signs. Wiped by aws-lc when dropped.
pub struct IdentityKey(Ed25519KeyPair);

impl IdentityKey {
    /// Reads the 32-byte seed of RFC 8032.
    ///
    /// # Errors
    /// If these are not 32 bytes.
    pub fn from_seed(seed: &[u8]) -> Result<Self, KeyError> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(|_| KeyError::Seed)
    }

    /// Signs a message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }

    /// The public half.
    ///
    /// # Panics
    /// Never: an Ed25519 public key is 32 bytes.
    #[must_use]
    pub fn public(&self) -> Identity {
        Identity(self.0.public_key().as_ref().try_into().expect("an Ed25519 public key is 32 bytes"))
    }
}

/// The public half of a cluster's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity([u8; 32]);

impl Identity {
    /// Whether the signature is this identity's.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }

    /// `"i" + base32(SHA-256("kseal/1/identity" ‖ public key)[..16])`.
    #[must_use]
    pub fn fingerprint(&self) -> IdentityFingerprint {
        let hash = Sha256::new_with_prefix(b"kseal/1/identity").chain_update(self.0).finalize();
        IdentityFingerprint(first_16(&hash))
    }

    /// The 32 bytes, to be written as base64.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Identity {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// What a repository pins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IdentityFingerprint([u8; 16]);

impl fmt::Display for IdentityFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "i{}", base32().encode(&self.0))
    }
}

impl fmt::Debug for IdentityFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not `i` and 26 characters of lower-case base32.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identity: expected `i` and 26 characters of lower-case base32")]
pub struct NotAnIdentity;

impl FromStr for IdentityFingerprint {
    type Err = NotAnIdentity;

    fn from_str(text: &str) -> Result<Self, NotAnIdentity> {
        parse_base32('i', text).map(Self).ok_or(NotAnIdentity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_rfc_8032() {
        // Section 7.1, test 1.
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let key = IdentityKey::from_seed(&seed).unwrap();
        let public = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert_eq!(key.public().as_bytes().as_slice(), public);
        let signature = key.sign(b"");
        assert!(data_encoding::HEXLOWER.encode(&signature).starts_with("e5564300c360ac729086e2cc806e828a"));
        assert!(key.public().verifies(b"", &signature));
        assert!(!key.public().verifies(b"x", &signature));
        assert!(!Identity::from([1; 32]).verifies(b"", &signature));
        assert_eq!(IdentityKey::from_seed(&seed[1..]).err(), Some(KeyError::Seed));
    }

    #[test]
    fn the_fingerprint_reads_back() {
        let fingerprint = Identity::from([1; 32]).fingerprint();
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        assert_eq!(format!("{fingerprint:?}"), fingerprint.to_string());
        assert_eq!("kabc".parse::<IdentityFingerprint>(), Err(NotAnIdentity));
    }
}
