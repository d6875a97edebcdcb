//! The two HPKE suites. Both use HKDF-SHA256 (KDF 0x0001) and AES-256-GCM (AEAD 0x0002); only the KEM differs.

use std::{fmt, str::FromStr};

/// How a data key is wrapped for a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    /// DHKEM(X25519, HKDF-SHA256), RFC 9180: for small files. A collected ciphertext falls to a quantum computer.
    X25519,
    /// ML-KEM-768 with X25519 (draft-ietf-hpke-pq): the default, since ciphertext in git can be collected today and
    /// broken later.
    XWing,
}

impl Suite {
    /// Both suites, the weaker first.
    pub const ALL: [Self; 2] = [Self::X25519, Self::XWing];

    /// The registered HPKE identifier of the key encapsulation mechanism.
    #[must_use]
    pub const fn kem_id(self) -> u16 {
        match self {
            Self::X25519 => 0x0020,
            Self::XWing => 0x647a,
        }
    }

    /// The three HPKE identifiers, big-endian: KEM, KDF, AEAD.
    #[must_use]
    pub fn ids(self) -> [u8; 6] {
        let kem = self.kem_id().to_be_bytes();
        [kem[0], kem[1], 0, 1, 0, 2]
    }

    /// Length in bytes of a public key.
    #[must_use]
    pub const fn public_key_len(self) -> usize {
        match self {
            Self::X25519 => 32,
            Self::XWing => 1_216,
        }
    }

    /// Length in bytes of the encapsulated key (`enc`).
    #[must_use]
    pub const fn enc_len(self) -> usize {
        match self {
            Self::X25519 => 32,
            Self::XWing => 1_120,
        }
    }

    /// Length in bytes of a wrapped data key: `enc`, 32 bytes of ciphertext, 16 bytes of tag.
    #[must_use]
    pub const fn wrap_len(self) -> usize {
        self.enc_len() + 32 + 16
    }

    /// The suite of a wrapped data key, which its length tells without a key.
    #[must_use]
    pub fn of_wrap_len(len: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.wrap_len() == len)
    }

    /// Whether a ciphertext collected today stays closed to a quantum computer.
    #[must_use]
    pub const fn is_post_quantum(self) -> bool {
        matches!(self, Self::XWing)
    }

    /// The suite's name in bundles, key Secrets and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X25519 => "X25519",
            Self::XWing => "X-Wing",
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no suite of HPKE that kseal knows.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown suite, expected X-Wing or X25519")]
pub struct UnknownSuite;

impl FromStr for Suite {
    type Err = UnknownSuite;

    fn from_str(text: &str) -> Result<Self, UnknownSuite> {
        Self::ALL.into_iter().find(|suite| suite.name() == text).ok_or(UnknownSuite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_wrap_tells_its_suite() {
        assert_eq!(Suite::of_wrap_len(80), Some(Suite::X25519));
        assert_eq!(Suite::of_wrap_len(1_168), Some(Suite::XWing));
        for len in [0, 79, 81, 1_167, 1_169] {
            assert_eq!(Suite::of_wrap_len(len), None);
        }
    }

    #[test]
    fn identifiers_are_the_registered_ones() {
        assert_eq!(Suite::X25519.ids(), [0x00, 0x20, 0x00, 0x01, 0x00, 0x02]);
        assert_eq!(Suite::XWing.ids(), [0x64, 0x7a, 0x00, 0x01, 0x00, 0x02]);
    }

    #[test]
    fn names_read_back() {
        for suite in Suite::ALL {
            assert_eq!(suite.to_string().parse(), Ok(suite));
        }
        assert_eq!("x-wing".parse::<Suite>(), Err(UnknownSuite));
        assert!(Suite::XWing.is_post_quantum());
        assert!(!Suite::X25519.is_post_quantum());
    }
}
