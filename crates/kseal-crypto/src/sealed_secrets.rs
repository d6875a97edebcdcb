//! The envelope of sealed-secrets (`bitnami.com/v1alpha1`), one for each value.
//!
//! ```text
//! session key = 32 random bytes
//! bytes = u16 len(RSA ciphertext) ‖ RSA-OAEP[SHA-256, MGF1-SHA-256, label](session key)
//!           ‖ AES-GCM[session key](nonce = 12 zero bytes, no aad, value)
//! text  = base64(bytes)
//! ```
//! The nonce may be constant because a session key seals one value only. The label is the scope's: `namespace/name`,
//! `namespace`, or empty. The item key is *not* bound, so items of one object can be swapped by whoever edits the
//! file; kseal's own format closes that.
//!
//! RSA is that of aws-lc: the crate `rsa` has a timing side channel (RUSTSEC-2023-0071).

mod certificate;
mod pem;
mod rsa_key;

use std::collections::BTreeMap;

use aes_gcm::{
    Aes128Gcm, Aes256Gcm, AesGcm, KeyInit,
    aead::{AeadInOut, consts::U12},
    aes::Aes192,
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{KeyRing, Place, Plaintext, Reason, Work, base64};

pub use certificate::{Certificate, CertificateError, Validity};
pub use rsa_key::{RsaError, RsaFingerprint, RsaPrivateKey, RsaPublicKey, RsaSize};

/// After so many items of one object failed under all keys, the rest is not tried: each costs a private-key operation
/// per key.
pub const MAX_FAILED_ITEMS: usize = 8;

/// The OAEP label of a place. A cluster-scoped object has none: `None`.
#[must_use]
pub fn label(place: &Place) -> Option<Vec<u8>> {
    match place {
        Place::Strict { namespace, name } => Some(format!("{namespace}/{name}").into_bytes()),
        Place::NamespaceWide { namespace } => Some(namespace.clone().into_bytes()),
        Place::ClusterWide => Some(Vec::new()),
        Place::ClusterSealedSecret { .. } => None,
    }
}

/// Seals one value; returns the text form.
///
/// # Errors
/// If aws-lc cannot use the key.
pub fn seal(
    recipient: &RsaPublicKey,
    label: &[u8],
    value: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<String, RsaError> {
    let mut session_key = Zeroizing::new([0; 32]);
    rng.fill_bytes(&mut *session_key);
    let wrapped = recipient.encrypt(&*session_key, label)?;
    let len = u16::try_from(wrapped.len()).map_err(|_| RsaError::Unusable)?;
    let mut sealed = Zeroizing::new(Vec::with_capacity(value.len() + 16));
    sealed.extend_from_slice(value);
    Aes256Gcm::new((&*session_key).into())
        .encrypt_in_place(&[0; 12].into(), &[], &mut *sealed)
        .map_err(|_| RsaError::Unusable)?;
    Ok(base64::encode(&[&len.to_be_bytes()[..], &wrapped, &sealed].concat()))
}

/// A sealed value, taken apart.
pub struct SealedBytes<'b> {
    wrapped: &'b [u8],
    ciphertext: &'b [u8],
}

impl<'b> SealedBytes<'b> {
    /// Takes the decoded text apart.
    ///
    /// # Errors
    /// [`Reason::EnvelopeTooShort`], with upstream's words.
    pub fn parse(bytes: &'b [u8]) -> Result<Self, Reason> {
        let (len, rest) = bytes.split_first_chunk::<2>().ok_or(Reason::EnvelopeTooShort)?;
        let len = usize::from(u16::from_be_bytes(*len));
        let (wrapped, ciphertext) = rest.split_at_checked(len).ok_or(Reason::EnvelopeTooShort)?;
        Ok(Self { wrapped, ciphertext })
    }

    /// The size in bytes of the RSA key that it was sealed to.
    #[must_use]
    pub const fn key_size(&self) -> usize {
        self.wrapped.len()
    }
}

impl RsaPrivateKey {
    /// Opens one value in its text form, if it was sealed for this key.
    #[must_use]
    pub fn open_text(&self, text: &str, label: &[u8]) -> Option<Plaintext> {
        let bytes = base64::decode(text)?;
        let sealed = SealedBytes::parse(&bytes).ok().filter(|sealed| sealed.key_size() == self.size())?;
        self.open(&sealed, label)
    }

    /// Opens one value; one opaque failure, whatever the cause.
    pub(crate) fn open(&self, sealed: &SealedBytes<'_>, label: &[u8]) -> Option<Plaintext> {
        let session_key = self.decrypt(sealed.wrapped, label)?;
        // Upstream's reader takes any AES key size, and other writers have used 128 bits.
        match session_key.len() {
            16 => open_with::<Aes128Gcm>(&session_key, sealed.ciphertext),
            24 => open_with::<AesGcm<Aes192, U12>>(&session_key, sealed.ciphertext),
            32 => open_with::<Aes256Gcm>(&session_key, sealed.ciphertext),
            _ => None,
        }
    }
}

fn open_with<C: AeadInOut + KeyInit>(key: &[u8], ciphertext: &[u8]) -> Option<Plaintext> {
    let mut opened = Zeroizing::new(ciphertext.to_vec());
    let cipher = C::new_from_slice(key).ok()?;
    cipher.decrypt_in_place(&aes_gcm::Nonce::default(), &[], &mut *opened).ok()?;
    Some(opened.into())
}

/// What came of opening one object.
pub struct Opened {
    /// Each item, opened or not.
    pub items: BTreeMap<String, Result<Plaintext, Reason>>,
    /// What it cost.
    pub work: Work,
}

/// Opens the items of one object as far as they open.
pub fn open<'t>(ring: &KeyRing, items: impl IntoIterator<Item = (&'t str, &'t str)>, label: &[u8]) -> Opened {
    let mut opened = Opened { items: BTreeMap::new(), work: Work::default() };
    let mut failed = 0;
    for (item, text) in items {
        let value = open_one(ring, text, label, failed < MAX_FAILED_ITEMS, &mut opened.work);
        failed += usize::from(matches!(value, Err(Reason::Open)));
        opened.items.insert(item.to_owned(), value);
    }
    opened
}

/// What can be told without a private-key operation is told of every item, so that an object's class does not depend
/// on how many failed before.
fn open_one(ring: &KeyRing, text: &str, label: &[u8], try_keys: bool, work: &mut Work) -> Result<Plaintext, Reason> {
    let bytes = base64::decode(text).ok_or(Reason::EnvelopeBase64)?;
    let sealed = SealedBytes::parse(&bytes)?;
    if !try_keys && ring.fits_rsa(&sealed) {
        return Err(Reason::NotTried);
    }
    ring.open_rsa(&sealed, label, work)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_rng::Counter;

    #[test]
    fn what_needs_no_private_key_operation_is_told_of_every_item() {
        let key = RsaPrivateKey::generate(RsaSize::Bits2048).unwrap();
        let sealed = seal(key.public(), b"prod/db", b"hunter2", &mut Counter::default()).unwrap();
        let mut ring = KeyRing::default();
        ring.add_rsa(key);
        // A length of one, one octet of RSA and no AES.
        let other_size = base64::encode(&[0, 1, 7]);
        let mut items: Vec<(String, &str)> =
            (0..=MAX_FAILED_ITEMS).map(|index| (format!("a{index}"), &*sealed)).collect();
        items.extend([("b".to_owned(), "!"), ("c".to_owned(), "AA=="), ("d".to_owned(), &other_size)]);
        let opened = open(&ring, items.iter().map(|(item, text)| (item.as_str(), *text)), b"prod/web");
        let reason = |item: &str| opened.items[item].as_ref().err().copied();
        assert_eq!(opened.work.operations, MAX_FAILED_ITEMS);
        assert_eq!(reason("a7"), Some(Reason::Open));
        assert_eq!(reason("a8"), Some(Reason::NotTried));
        assert_eq!(reason("b"), Some(Reason::EnvelopeBase64));
        assert_eq!(reason("c"), Some(Reason::EnvelopeTooShort));
        assert_eq!(reason("d"), Some(Reason::NoKey));
    }
}
