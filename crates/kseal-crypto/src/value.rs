//! One sealed value.
//!
//! ```text
//! bytes = nonce ‖ AES-256-GCM[HKDF(data key, "kseal/1/encrypt")](nonce, aad, pad(value))
//! aad   = "kseal/1/value" ‖ place ‖ lp(item key)
//! text  = "ks1" . handle . base64(bytes)
//! ```
//! The nonce is 96 random bits. A data key seals at most 4,096 values, so two nonces of one key are equal with a
//! probability below 2^-72.

use std::fmt;

use aes_gcm::{Aes256Gcm, KeyInit as _, aead::AeadInOut as _};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    Handle, Place, Plaintext, Reason, base64, lp,
    padding::{pad, unpad},
};

const NONCE: usize = 12;
const TAG: usize = 16;
/// The smallest bucket of the padding between nonce and tag.
const SHORTEST: usize = NONCE + 32 + TAG;

/// A value as it stands in a file. It can be opened only with its data key, in its place, under its item key.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedValue {
    handle: Handle,
    bytes: Vec<u8>,
}

impl SealedValue {
    /// Whether a text claims to be a sealed value of any version: `ks`, digits, a dot.
    #[must_use]
    pub fn is_claimed_by(text: &str) -> bool {
        version(text).is_some()
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// The reason, of class `unsupported` for another version and else `malformed`.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let (version, rest) = version(text).ok_or(Reason::NotAValue)?;
        if version != "1" {
            return Err(Reason::ValueVersion);
        }
        let (handle, bytes) = rest.split_once('.').ok_or(Reason::NotAValue)?;
        let handle = handle.parse().map_err(|_| Reason::NotAHandle)?;
        let bytes = base64::decode(bytes).ok_or(Reason::ValueBase64)?;
        if bytes.len() < SHORTEST {
            return Err(Reason::ValueTooShort);
        }
        Ok(Self { handle, bytes })
    }

    /// The data key that seals it.
    #[must_use]
    pub const fn handle(&self) -> Handle {
        self.handle
    }

    /// The length in bytes that the value was padded to.
    #[must_use]
    pub fn padded_len(&self) -> usize {
        self.bytes.len() - NONCE - TAG
    }
}

impl fmt::Display for SealedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ks1.{}.{}", self.handle, base64::encode(&self.bytes))
    }
}

/// The key of all values under one data key, ready for use. Wiped when dropped.
pub(crate) struct ValueKey {
    cipher: Aes256Gcm,
    handle: Handle,
}

impl ValueKey {
    pub(crate) fn new(key: &[u8; 32], handle: Handle) -> Self {
        Self { cipher: Aes256Gcm::new(key.into()), handle }
    }

    pub(crate) fn seal(&self, item: &str, value: &[u8], place: &Place, rng: &mut impl CryptoRng) -> SealedValue {
        let mut nonce = [0; NONCE];
        rng.fill_bytes(&mut nonce);
        let mut sealed = pad(value, TAG);
        self.cipher
            .encrypt_in_place(&nonce.into(), &aad(place, item), &mut *sealed)
            .expect("a value is far shorter than 64 GiB");
        SealedValue { handle: self.handle, bytes: [&nonce[..], &sealed].concat() }
    }

    /// Opens a value; one opaque failure, whatever the cause.
    pub(crate) fn open(&self, item: &str, value: &SealedValue, place: &Place) -> Option<Plaintext> {
        let (nonce, ciphertext) = value.bytes.split_first_chunk::<NONCE>()?;
        let mut opened = Zeroizing::new(ciphertext.to_vec());
        self.cipher.decrypt_in_place(&(*nonce).into(), &aad(place, item), &mut *opened).ok()?;
        unpad(opened).map(Plaintext::from)
    }
}

fn aad(place: &Place, item: &str) -> Vec<u8> {
    let mut out = b"kseal/1/value".to_vec();
    out.extend_from_slice(&place.to_bytes());
    lp::push(&mut out, item.as_bytes());
    out
}

/// Splits `ksN.` off; N is one or more digits.
fn version(text: &str) -> Option<(&str, &str)> {
    let (version, rest) = text.strip_prefix("ks")?.split_once('.')?;
    let digits = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some((version, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{data_key::DataKey, test_rng::Counter};

    fn key(rng: &mut Counter) -> ValueKey {
        let key = DataKey::generate(rng);
        ValueKey::new(&key.value_key(), key.commitment().handle())
    }

    #[test]
    fn a_value_opens_under_its_item_key_in_its_place_only() {
        let mut rng = Counter::default();
        let key = key(&mut rng);
        let sealed = key.seal("password", b"hunter2", &Place::ClusterWide, &mut rng);
        assert_eq!(&*key.open("password", &sealed, &Place::ClusterWide).unwrap(), b"hunter2");
        assert!(key.open("Password", &sealed, &Place::ClusterWide).is_none());
        let elsewhere = Place::NamespaceWide { namespace: String::new() };
        assert!(key.open("password", &sealed, &elsewhere).is_none());
        assert_eq!(sealed.padded_len(), 32);
        assert_eq!(sealed.handle(), key.handle);
    }

    #[test]
    fn the_text_reads_back() {
        let mut rng = Counter::default();
        let sealed = key(&mut rng).seal("a", b"", &Place::ClusterWide, &mut rng);
        assert!(SealedValue::parse(&sealed.to_string()) == Ok(sealed));
    }

    #[test]
    fn each_fault_of_the_text_has_its_reason() {
        let handle = format!("d{}", "a".repeat(16));
        let short = base64::encode(&[0; 59]);
        let reason = |text: &str| SealedValue::parse(text).err();
        assert_eq!(reason("plain"), Some(Reason::NotAValue));
        assert_eq!(reason("ks.x"), Some(Reason::NotAValue));
        assert_eq!(reason("ks1"), Some(Reason::NotAValue));
        assert_eq!(reason("ksx.d"), Some(Reason::NotAValue));
        assert_eq!(reason("ks2.anything"), Some(Reason::ValueVersion));
        assert_eq!(reason("ks11.anything"), Some(Reason::ValueVersion));
        assert_eq!(reason(&format!("ks1.{handle}")), Some(Reason::NotAValue));
        assert_eq!(reason("ks1.dead.AA=="), Some(Reason::NotAHandle));
        assert_eq!(reason(&format!("ks1.{handle}.A")), Some(Reason::ValueBase64));
        assert_eq!(reason(&format!("ks1.{handle}.{short}")), Some(Reason::ValueTooShort));
        assert!(reason(&format!("ks1.{handle}.{}", base64::encode(&[0; 60]))).is_none());
        assert!(SealedValue::is_claimed_by("ks9.") && !SealedValue::is_claimed_by("ks."));
    }
}
