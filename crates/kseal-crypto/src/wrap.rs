//! Wrapping a data key for one recipient.
//!
//! ```text
//! wrap = enc ‖ HPKE.SealBase(recipient, info = "kseal/1/wrap", aad = place, plaintext = data key)
//! ```
//! RFC 9180, section 6.1, base mode, single shot.

use hpke::{
    Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _, aead::AesGcm256, kdf::HkdfSha256, single_shot_open,
    single_shot_seal_with_rng,
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    KeyError, Place, PrivateKey, PublicKey, Suite,
    data_key::DataKey,
    native_key::{KemPrivate, KemPublic, X25519, XWing},
};

const INFO: &[u8] = b"kseal/1/wrap";

/// Wraps a data key for a recipient.
///
/// # Errors
/// [`KeyError::Weak`] if the public key is a low-order point.
pub(crate) fn wrap(
    key: &DataKey,
    recipient: &PublicKey,
    place: &Place,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, KeyError> {
    match &recipient.kem {
        KemPublic::X25519(public) => wrap_with::<X25519>(key, public, place, rng),
        KemPublic::XWing(public) => wrap_with::<XWing>(key, public, place, rng),
    }
    .ok_or(KeyError::Weak(recipient.suite()))
}

/// Unwraps a data key; one opaque failure, whatever the cause.
pub(crate) fn unwrap(wrapped: &[u8], key: &PrivateKey, place: &Place) -> Option<Zeroizing<Vec<u8>>> {
    match &key.kem {
        KemPrivate::X25519(private) => unwrap_with::<X25519>(wrapped, private, Suite::X25519, place),
        KemPrivate::XWing(private) => unwrap_with::<XWing>(wrapped, private, Suite::XWing, place),
    }
}

fn wrap_with<K: Kem>(
    key: &DataKey,
    recipient: &K::PublicKey,
    place: &Place,
    rng: &mut impl CryptoRng,
) -> Option<Vec<u8>> {
    let (enc, ciphertext) = single_shot_seal_with_rng::<AesGcm256, HkdfSha256, K>(
        &OpModeS::Base,
        recipient,
        INFO,
        key.as_bytes(),
        &place.to_bytes(),
        rng,
    )
    .ok()?;
    Some([&enc.to_bytes(), &*ciphertext].concat())
}

fn unwrap_with<K: Kem>(wrapped: &[u8], key: &K::PrivateKey, suite: Suite, place: &Place) -> Option<Zeroizing<Vec<u8>>> {
    let (enc, ciphertext) = wrapped.split_at_checked(suite.enc_len())?;
    let enc = K::EncappedKey::from_bytes(enc).ok()?;
    single_shot_open::<AesGcm256, HkdfSha256, K>(&OpModeR::Base, key, &enc, INFO, ciphertext, &place.to_bytes())
        .ok()
        .map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_rng::Counter;

    fn place() -> Place {
        Place::NamespaceWide { namespace: "prod".into() }
    }

    #[test]
    fn a_wrap_has_the_length_of_its_suite_and_opens_in_its_place_only() {
        for suite in Suite::ALL {
            let mut rng = Counter::default();
            let private = PrivateKey::generate(suite, &mut rng);
            let key = DataKey::generate(&mut rng);
            let wrapped = wrap(&key, private.public(), &place(), &mut rng).unwrap();
            assert_eq!(wrapped.len(), suite.wrap_len());
            assert_eq!(&**unwrap(&wrapped, &private, &place()).unwrap(), key.as_bytes());
            assert!(unwrap(&wrapped, &private, &Place::ClusterWide).is_none());
            assert!(unwrap(&wrapped[1..], &private, &place()).is_none());
            assert!(unwrap(&[], &private, &place()).is_none());
            let other = PrivateKey::generate(suite, &mut rng);
            assert!(unwrap(&wrapped, &other, &place()).is_none());
        }
    }

    #[test]
    fn no_secret_is_shared_with_a_low_order_point() {
        let mut rng = Counter::default();
        let key = DataKey::generate(&mut rng);
        let low = PublicKey::from_bytes(Suite::X25519, &[0; 32]).unwrap();
        assert_eq!(wrap(&key, &low, &place(), &mut rng).err(), Some(KeyError::Weak(Suite::X25519)));
    }
}
