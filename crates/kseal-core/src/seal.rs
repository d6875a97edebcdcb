//! Sealing the items of one object, as texts for its file.

use std::collections::BTreeMap;

use kseal_api::DataKey;
use kseal_crypto::{
    Fingerprint, KeyError, Place, PublicKey, Sealer, encode_base64,
    envelope::SealedDataKey,
    sealed_secrets::{self, RsaError, RsaPublicKey},
};
use rand_core::CryptoRng;

/// Why sealing failed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The public key of a recipient is a low-order point.
    #[error("cannot seal for {0}")]
    Recipient(Fingerprint, #[source] KeyError),
    /// aws-lc cannot use the RSA key.
    #[error("cannot seal with the certificate's key")]
    Rsa(#[from] RsaError),
    /// Upstream's format has no such place.
    #[error("the sealed-secrets format knows no cluster-scoped objects")]
    Place,
}

/// What one act of sealing adds to a file.
pub struct SealedItems {
    /// The new data key by its handle; none if there were no items.
    pub data_key: Option<(String, DataKey)>,
    /// The new texts by item key.
    pub values: BTreeMap<String, String>,
}

/// Seals items for a native object under one fresh data key.
///
/// # Errors
/// [`SealError::Recipient`].
pub fn seal_native<'i>(
    place: &Place,
    recipients: &[&PublicKey],
    items: impl IntoIterator<Item = (&'i str, &'i [u8])>,
    rng: &mut impl CryptoRng,
) -> Result<SealedItems, SealError> {
    let mut items = items.into_iter().peekable();
    if items.peek().is_none() {
        return Ok(SealedItems { data_key: None, values: BTreeMap::new() });
    }
    let sealer = Sealer::new(place, recipients.iter().copied(), rng)
        .map_err(|(recipient, error)| SealError::Recipient(recipient, error))?;
    let values = items.map(|(item, value)| (item.to_owned(), sealer.seal(item, value, rng).to_string())).collect();
    let data_key = sealer.data_key();
    Ok(SealedItems { data_key: Some((data_key.handle().to_string(), data_key_text(data_key))), values })
}

/// Seals items for an object of upstream's kind: one RSA operation each.
///
/// # Errors
/// [`SealError::Rsa`], [`SealError::Place`].
pub fn seal_upstream<'i>(
    place: &Place,
    recipient: &RsaPublicKey,
    items: impl IntoIterator<Item = (&'i str, &'i [u8])>,
    rng: &mut impl CryptoRng,
) -> Result<BTreeMap<String, String>, SealError> {
    let label = sealed_secrets::label(place).ok_or(SealError::Place)?;
    items
        .into_iter()
        .map(|(item, value)| Ok((item.to_owned(), sealed_secrets::seal(recipient, &label, value, rng)?)))
        .collect()
}

/// A data key as a file holds it.
#[must_use]
pub fn data_key_text(data_key: &SealedDataKey) -> DataKey {
    DataKey {
        commitment: encode_base64(data_key.commitment.as_bytes()),
        recipients: data_key.recipients.iter().map(|(key, wrap)| (key.to_string(), encode_base64(wrap))).collect(),
    }
}
