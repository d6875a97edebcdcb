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

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use kseal_crypto::{
        KeyRing, Suite, decode_base64,
        sealed_secrets::{RsaPrivateKey, RsaSize},
    };

    use super::*;
    use crate::{SealedObject, testing};

    #[test]
    fn items_are_sealed_under_one_data_key_for_all_recipients() {
        let (a, b) = (testing::key(Suite::XWing), testing::key(Suite::X25519));
        let items = [("user", &b"admin"[..]), ("password", b"hunter2")];
        let sealed = seal_native(&testing::strict(), &[a.public(), b.public()], items, &mut testing::rng()).unwrap();
        let (handle, data_key) = sealed.data_key.unwrap();
        let names: Vec<&String> = data_key.recipients.keys().collect();
        let mut wanted = [a.fingerprint(), b.fingerprint()].map(|name| name.to_string());
        wanted.sort();
        assert_eq!(names, wanted.iter().collect::<Vec<_>>());
        assert_eq!(decode_base64(&data_key.recipients[&a.fingerprint().to_string()]).unwrap().len(), 1_168);
        assert_eq!(decode_base64(&data_key.commitment).unwrap().len(), 32);
        assert_eq!(sealed.values.keys().collect::<Vec<_>>(), ["password", "user"]);
        assert!(sealed.values.values().all(|text| text.starts_with(&format!("ks1.{handle}."))));
    }

    #[test]
    fn without_items_there_is_no_data_key() {
        let key = testing::key(Suite::X25519);
        let sealed = seal_native(&Place::ClusterWide, &[key.public()], [], &mut testing::rng()).unwrap();
        assert!(sealed.data_key.is_none());
        assert!(sealed.values.is_empty());
    }

    #[test]
    fn a_recipient_for_whom_nothing_can_be_sealed_is_named() {
        let weak = testing::weak();
        let items = [("password", &b"hunter2"[..])];
        let error = seal_native(&Place::ClusterWide, &[&weak], items, &mut testing::rng()).map(drop).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot seal for {}", weak.fingerprint()));
        assert_eq!(error.source().unwrap().to_string(), KeyError::Weak(Suite::X25519).to_string());
    }

    #[test]
    fn upstreams_values_open_under_the_places_label() {
        let key = RsaPrivateKey::generate(RsaSize::Bits2048).unwrap();
        let items = [("user", &b"admin"[..]), ("password", b"hunter2")];
        let encrypted_data = seal_upstream(&testing::strict(), key.public(), items, &mut testing::rng()).unwrap();
        let mut ring = KeyRing::default();
        ring.add_rsa(key);
        let spec = kseal_api::UpstreamSpec { encrypted_data, ..kseal_api::UpstreamSpec::default() };
        let open = |name| SealedObject::upstream(testing::object("prod", name), |_| None, &spec).open(&ring);
        assert_eq!(open("db").unwrap()["password"].as_slice(), b"hunter2");
        assert_eq!(open("db").unwrap()["user"].as_slice(), b"admin");
        assert!(open("web").is_err());
    }

    #[test]
    fn upstreams_format_has_no_cluster_scoped_objects() {
        let key = RsaPrivateKey::generate(RsaSize::Bits2048).unwrap();
        let place = Place::ClusterSealedSecret { name: "db".into() };
        let error = seal_upstream(&place, key.public(), [], &mut testing::rng()).unwrap_err();
        assert_eq!(error.to_string(), "the sealed-secrets format knows no cluster-scoped objects");
        let error = SealError::from(RsaError::Unusable);
        assert_eq!(error.to_string(), "cannot seal with the certificate's key");
    }
}
