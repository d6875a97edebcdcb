//! HPKE in base mode by hand over aws-lc: RFC 9180, sections 4.1 and 5.1, with HKDF-SHA256 and AES-256-GCM.
//!
//! The two key encapsulations are DHKEM(X25519, HKDF-SHA256), and X-Wing (draft-connolly-cfrg-xwing-kem) as
//! draft-ietf-hpke-pq registers it. Of X-Wing only the expansion of the seed is not aws-lc's, which cannot do it.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{self, PrivateKey, UnparsedPublicKey},
    digest, hkdf, hmac,
    kem::{DecapsulationKey, EncapsulationKey, ML_KEM_768},
};
use kseal_crypto::Suite;
use ml_kem::{FromSeed as _, MlKem768};
use shake::{ExtendableOutput as _, Shake256, Update as _, XofReader as _};

const ML_KEM_PUBLIC: usize = 1_184;
const ML_KEM_CIPHERTEXT: usize = 1_088;

/// Returns `enc` and the ciphertext.
pub(crate) fn seal(suite: Suite, public: &[u8], info: &[u8], aad: &[u8], plaintext: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (shared, enc) = match suite {
        Suite::X25519 => {
            let ephemeral = PrivateKey::generate(&agreement::X25519).unwrap();
            let enc = ephemeral.compute_public_key().unwrap().as_ref().to_vec();
            (dhkem_secret(&x25519(&ephemeral, public), &enc, public), enc)
        }
        Suite::XWing => {
            let (ml_kem, x) = public.split_at(ML_KEM_PUBLIC);
            let (ciphertext, ml_kem_secret) =
                EncapsulationKey::new(&ML_KEM_768, ml_kem).unwrap().encapsulate().unwrap();
            let ephemeral = PrivateKey::generate(&agreement::X25519).unwrap();
            let ephemeral_public = ephemeral.compute_public_key().unwrap();
            let shared = x_wing_secret(ml_kem_secret.as_ref(), &x25519(&ephemeral, x), ephemeral_public.as_ref(), x);
            (shared, [ciphertext.as_ref(), ephemeral_public.as_ref()].concat())
        }
    };
    let (key, nonce) = schedule(suite, &shared, info);
    let mut out = plaintext.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut out).unwrap();
    (enc, out)
}

/// The plaintext, if it opens.
pub(crate) fn open(
    suite: Suite,
    seed: &[u8; 32],
    enc: &[u8],
    info: &[u8],
    aad: &[u8],
    ciphertext: &[u8],
) -> Option<Vec<u8>> {
    let shared = match suite {
        Suite::X25519 => {
            let private = PrivateKey::from_private_key(&agreement::X25519, seed).unwrap();
            let public = private.compute_public_key().unwrap();
            dhkem_secret(&x25519(&private, enc), enc, public.as_ref())
        }
        Suite::XWing => {
            let mut expanded = [0; 96];
            Shake256::default().chain(seed).finalize_xof().read(&mut expanded);
            let ml_kem = DecapsulationKey::new(&ML_KEM_768, &expand_ml_kem(&expanded[..64])).unwrap();
            let private = PrivateKey::from_private_key(&agreement::X25519, &expanded[64..]).unwrap();
            let public = private.compute_public_key().unwrap();
            let (ml_kem_ciphertext, x) = enc.split_at(ML_KEM_CIPHERTEXT);
            let ml_kem_secret = ml_kem.decapsulate(ml_kem_ciphertext.into()).unwrap();
            x_wing_secret(ml_kem_secret.as_ref(), &x25519(&private, x), x, public.as_ref())
        }
    };
    let (key, nonce) = schedule(suite, &shared, info);
    let mut out = ciphertext.to_vec();
    let opened = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut out).ok()?;
    Some(opened.to_vec())
}

fn x25519(private: &PrivateKey, public: &[u8]) -> Vec<u8> {
    let public = UnparsedPublicKey::new(&agreement::X25519, public);
    agreement::agree(private, public, (), |secret| Ok(secret.to_vec())).unwrap()
}

/// `ExtractAndExpand(dh, enc ‖ pkR)`.
fn dhkem_secret(dh: &[u8], enc: &[u8], public: &[u8]) -> Vec<u8> {
    let id = [b"KEM", &Suite::X25519.kem_id().to_be_bytes()[..]].concat();
    let key = labeled_extract(&id, &[], b"eae_prk", dh);
    labeled_expand(&id, &key, b"shared_secret", &[enc, public].concat(), 32)
}

/// `SHA3-256(ML-KEM secret ‖ X25519 secret ‖ X25519 ciphertext ‖ X25519 public key ‖ label)`; the label is a picture of
/// an X-wing.
fn x_wing_secret(ml_kem: &[u8], x: &[u8], ciphertext: &[u8], public: &[u8]) -> Vec<u8> {
    let text = [ml_kem, x, ciphertext, public, br"\.//^\"].concat();
    digest::digest(&digest::SHA3_256, &text).as_ref().to_vec()
}

#[expect(deprecated, reason = "aws-lc-rs reads an ML-KEM private key in the expanded form only")]
fn expand_ml_kem(seed: &[u8]) -> Vec<u8> {
    use ml_kem::ExpandedKeyEncoding as _;
    MlKem768::from_seed(&seed.try_into().unwrap()).0.to_expanded_bytes().to_vec()
}

/// `KeySchedule(mode_base, shared_secret, info, "", "")`: the key and the nonce of the first message.
fn schedule(suite: Suite, shared: &[u8], info: &[u8]) -> (LessSafeKey, [u8; 12]) {
    let id = [b"HPKE", &suite.kem_id().to_be_bytes()[..], &[0, 1, 0, 2]].concat();
    let context =
        [&[0][..], &labeled_extract(&id, &[], b"psk_id_hash", &[]), &labeled_extract(&id, &[], b"info_hash", info)]
            .concat();
    let secret = labeled_extract(&id, shared, b"secret", &[]);
    let key = labeled_expand(&id, &secret, b"key", &context, 32);
    let nonce = labeled_expand(&id, &secret, b"base_nonce", &context, 12);
    (LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap()), nonce.try_into().unwrap())
}

fn labeled_extract(suite_id: &[u8], salt: &[u8], label: &[u8], secret: &[u8]) -> Vec<u8> {
    // HKDF-Extract is HMAC under the salt.
    let text = [b"HPKE-v1", suite_id, label, secret].concat();
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), &text).as_ref().to_vec()
}

fn labeled_expand(suite_id: &[u8], key: &[u8], label: &[u8], info: &[u8], len: u16) -> Vec<u8> {
    let info = [&len.to_be_bytes()[..], b"HPKE-v1", suite_id, label, info].concat();
    let mut out = vec![0; len.into()];
    let key = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, key);
    key.expand(&[&info], Length(len)).unwrap().fill(&mut out).unwrap();
    out
}

struct Length(u16);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0.into()
    }
}
