//! The short name of a sealing key: 128 bits of a hash, in letters that YAML never reads as a number.

use std::{fmt, str::FromStr};

use data_encoding::{BASE32_NOPAD, Encoding};
use sha2::{Digest as _, Sha256};

use crate::{Suite, lp};

/// How many characters of a fingerprint are shown to people.
const SHORT: usize = 13;

/// A sealing key's fingerprint.
///
/// ```text
/// fingerprint = "k" + base32(SHA-256("kseal/1/key" ‖ kem ‖ kdf ‖ aead ‖ lp(public key))[..16])
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Computes the fingerprint of a public key in its HPKE serialization.
    #[must_use]
    pub fn of(suite: Suite, public_key: &[u8]) -> Self {
        let mut text = b"kseal/1/key".to_vec();
        text.extend_from_slice(&suite.ids());
        lp::push(&mut text, public_key);
        Self(first_16(&Sha256::digest(&text)))
    }

    /// The form shown to people: 13 characters.
    #[must_use]
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(SHORT);
        text
    }
}

/// The first 16 bytes of a hash.
pub(crate) fn first_16(hash: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&hash[..16]);
    out
}

/// Base32 of RFC 4648 in lower case without padding; trailing bits must be zero.
pub(crate) fn base32() -> &'static Encoding {
    static LOWER: std::sync::LazyLock<Encoding> = std::sync::LazyLock::new(|| {
        let mut spec = BASE32_NOPAD.specification();
        spec.symbols = spec.symbols.to_lowercase();
        spec.encoding().expect("the RFC's alphabet in lower case is an alphabet")
    });
    &LOWER
}

/// Reads `prefix` + base32 of exactly `N` bytes.
pub(crate) fn parse_base32<const N: usize>(prefix: char, text: &str) -> Option<[u8; N]> {
    let bytes = base32().decode(text.strip_prefix(prefix)?.as_bytes()).ok()?;
    bytes.try_into().ok()
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{}", base32().encode(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not `k` and 26 characters of lower-case base32.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a fingerprint: expected `k` and 26 characters of lower-case base32")]
pub struct NotAFingerprint;

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        parse_base32('k', text).map(Self).ok_or(NotAFingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_reads_back_and_nothing_else_does() {
        let fingerprint = Fingerprint::of(Suite::X25519, &[7; 32]);
        let text = fingerprint.to_string();
        assert_eq!(text.len(), 27);
        assert_eq!(text.parse(), Ok(fingerprint));
        assert_eq!(fingerprint.short(), text[..13]);
        assert_eq!(format!("{fingerprint:?}"), text);
        for bad in [&text[1..], &text[..26], &text.to_uppercase(), &format!("{text}a"), ""] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(NotAFingerprint), "{bad}");
        }
    }

    #[test]
    fn trailing_bits_must_be_zero() {
        // 16 bytes are 25.6 characters: the last one carries two bits of padding.
        let zeros = "a".repeat(26);
        assert!(format!("k{zeros}").parse::<Fingerprint>().is_ok());
        assert!(format!("k{}b", &zeros[1..]).parse::<Fingerprint>().is_err());
    }

    #[test]
    fn the_suite_is_part_of_the_name() {
        assert_ne!(Fingerprint::of(Suite::X25519, b"key"), Fingerprint::of(Suite::XWing, b"key"));
    }
}
