//! Two implementations of everything: what kseal seals is opened by code that shares neither its crates nor its lines,
//! and the reverse.
//!
//! The native format is written down a second time in [`format`] over aws-lc and [`hpke`], which is itself held against
//! a published vector; RSA-OAEP of aws-lc is met by the crate `rsa`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[path = "second_opinion/format.rs"]
mod format;
#[path = "second_opinion/hpke.rs"]
mod hpke;

use std::{convert::Infallible, sync::LazyLock};

use ::hpke::{
    Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _, aead::AesGcm256, kdf::HkdfSha256,
    kem::X25519HkdfSha256, single_shot_open, single_shot_seal_with_rng,
};
use aws_lc_rs::aead::{self, AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use data_encoding::HEXLOWER;
use kseal_crypto::{
    Envelope, KeyRing, Place, PrivateKey, Reason, Sealer, Suite, decode_base64, encode_base64,
    envelope::DataKeyText,
    sealed_secrets::{self, RsaPrivateKey, RsaPublicKey, RsaSize},
};
use proptest::prelude::*;
use rand_core::{TryCryptoRng, TryRng, UnwrapErr};
use rsa::{Oaep, pkcs1::DecodeRsaPrivateKey as _};
use sha2::Sha256;

fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Names of objects: what Kubernetes allows, and anything at all, since people seal such names too.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9]([a-z0-9.-]{0,60}[a-z0-9])?", any::<String>()]
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        (name(), name()).prop_map(|(namespace, name)| Place::Strict { namespace, name }),
        name().prop_map(|namespace| Place::NamespaceWide { namespace }),
        Just(Place::ClusterWide),
        name().prop_map(|name| Place::ClusterSealedSecret { name }),
    ]
}

fn suite() -> impl Strategy<Value = Suite> {
    prop::sample::select(&Suite::ALL)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..300), prop::collection::vec(any::<u8>(), 300..6_000)]
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn what_kseal_seals_opens_by_hand(
        suite in suite(), seed: [u8; 32], place in place(), item in name(), value in value(),
    ) {
        let key = PrivateKey::from_seed(suite, &seed).unwrap();
        let sealer = Sealer::new(&place, [key.public()], &mut rng()).unwrap();
        let text = sealer.seal(&item, &value, &mut rng()).to_string();
        let sealed = sealer.data_key();
        let fingerprint = format::fingerprint(suite, &key.public().to_bytes());
        prop_assert_eq!(key.fingerprint().to_string(), fingerprint);
        let data_key = format::unwrap(suite, &seed, &place, &sealed.recipients[&key.fingerprint()]).unwrap();
        prop_assert_eq!(sealed.commitment.as_bytes(), &format::commitment(&data_key));
        prop_assert_eq!(sealed.handle().to_string(), format::handle(&data_key));
        prop_assert_eq!(format::open_value(&data_key, &place, &item, &text), Some(value));
        prop_assert_eq!(format::open_value(&data_key, &place, &format!("{item}x"), &text), None);
    }

    #[test]
    fn what_is_sealed_by_hand_opens_in_kseal(
        suite in suite(), seed: [u8; 32], data_key: [u8; 32], nonce: [u8; 12], place in place(), item in name(),
        value in value(),
    ) {
        let key = PrivateKey::from_seed(suite, &seed).unwrap();
        let public = key.public().to_bytes();
        let (handle, fingerprint) = (format::handle(&data_key), format::fingerprint(suite, &public));
        let commitment = encode_base64(&format::commitment(&data_key));
        let wrap = encode_base64(&format::wrap(suite, &public, &place, &data_key));
        let text = format::seal_value(&data_key, &place, &item, &value, nonce);
        let data_key = DataKeyText { commitment: &commitment, recipients: vec![(&fingerprint, &wrap)] };
        let envelope = Envelope::read([(handle.as_str(), data_key)], [(item.as_str(), text.as_str())]);
        let mut ring = KeyRing::default();
        ring.add(key);
        prop_assert_eq!(&*envelope.open(&ring, &place).unwrap()[&item], &value);
    }
}

/// The vector of the CFRG's `test-vectors.json` (the file that RFC 9180, appendix A, is printed from) for mode 0, KEM
/// 0x0020, KDF 0x0001, AEAD 0x0002 and the first message.
mod vector {
    pub(super) const INFO: &str = "4f6465206f6e2061204772656369616e2055726e";
    pub(super) const EPHEMERAL_SEED: &str = "2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f9";
    pub(super) const RECIPIENT_SEED: &str = "dac33b0e9db1b59dbbea58d59a14e7b5896e9bdf98fad6891e99d1686492b9ee";
    pub(super) const PRIVATE: &str = "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d";
    pub(super) const PUBLIC: &str = "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c";
    pub(super) const ENC: &str = "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256";
    pub(super) const AAD: &str = "436f756e742d30";
    pub(super) const PLAINTEXT: &str = "4265617574792069732074727574682c20747275746820626561757479";
    pub(super) const CIPHERTEXT: &str =
        "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a";
}

#[test]
fn hpke_with_x25519_seals_and_opens_the_published_vector() {
    let (info, aad, plaintext) = (hex(vector::INFO), hex(vector::AAD), hex(vector::PLAINTEXT));
    let (private, public) = X25519HkdfSha256::derive_keypair(&hex(vector::RECIPIENT_SEED));
    assert_eq!(public.to_bytes().as_slice(), hex(vector::PUBLIC));
    let stated = <X25519HkdfSha256 as ::hpke::Kem>::PrivateKey::from_bytes(&hex(vector::PRIVATE)).unwrap();
    assert!(private == stated);
    let (enc, ciphertext) = single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &public,
        &info,
        &plaintext,
        &aad,
        &mut Fixed(hex(vector::EPHEMERAL_SEED)),
    )
    .unwrap();
    assert_eq!(enc.to_bytes().as_slice(), hex(vector::ENC));
    assert_eq!(ciphertext, hex(vector::CIPHERTEXT));
    let opened = single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &stated,
        &enc,
        &info,
        &ciphertext,
        &aad,
    );
    assert_eq!(opened.unwrap(), plaintext);
}

#[test]
fn hpke_by_hand_opens_the_published_vector() {
    let private = hex(vector::PRIVATE).try_into().unwrap();
    let (enc, info, aad) = (hex(vector::ENC), hex(vector::INFO), hex(vector::AAD));
    let opened = hpke::open(Suite::X25519, &private, &enc, &info, &aad, &hex(vector::CIPHERTEXT));
    assert_eq!(opened.unwrap(), hex(vector::PLAINTEXT));
}

/// A generator that gives these bytes once.
struct Fixed(Vec<u8>);

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("HPKE asks for bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("HPKE asks for bytes")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.copy_from_slice(&std::mem::take(&mut self.0));
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

/// One RSA key in both implementations.
struct Pair {
    ring: KeyRing,
    rsa: rsa::PrivateKey,
}

impl Pair {
    fn new(size: RsaSize) -> Self {
        let key = RsaPrivateKey::generate(size).unwrap();
        let rsa = rsa::PrivateKey::from_pkcs1_pem(&key.to_pkcs1_pem()).unwrap();
        let mut ring = KeyRing::default();
        ring.add_rsa(key);
        Self { ring, rsa }
    }

    fn public(&self) -> &RsaPublicKey {
        self.ring.rsa()[0].public()
    }

    /// Opens what kseal sealed; the value.
    fn open_by_hand(&self, envelope: &str, label: &str) -> Option<Vec<u8>> {
        let bytes = decode_base64(envelope).unwrap();
        let (len, rest) = bytes.split_first_chunk::<2>().unwrap();
        let (wrapped, ciphertext) = rest.split_at(u16::from_be_bytes(*len).into());
        let session_key = self.rsa.decrypt(Oaep::<Sha256>::new_with_label(label.as_bytes()), wrapped).ok()?;
        assert_eq!(session_key.len(), 32);
        let mut value = ciphertext.to_vec();
        Some(session_cipher(&session_key).open_in_place(zero_nonce(), Aad::empty(), &mut value).unwrap().to_vec())
    }

    /// Seals by hand and opens in kseal.
    fn open_in_kseal(&self, session_key: &[u8], label: &str, value: &[u8]) -> Result<Vec<u8>, Reason> {
        let padding = Oaep::<Sha256>::new_with_label(label.as_bytes());
        let wrapped = self.rsa.as_public_key().encrypt(&mut rng(), padding, session_key).unwrap();
        let mut sealed = value.to_vec();
        session_cipher(session_key).seal_in_place_append_tag(zero_nonce(), Aad::empty(), &mut sealed).unwrap();
        let len = u16::try_from(wrapped.len()).unwrap().to_be_bytes();
        let envelope = encode_base64(&[&len[..], &wrapped, &sealed].concat());
        let mut opened = sealed_secrets::open(&self.ring, [("item", envelope.as_str())], label.as_bytes());
        assert_eq!(opened.work.operations, 1);
        opened.items.remove("item").unwrap().map(|value| value.to_vec())
    }
}

/// Of a length that is no AES key's the first bytes are taken, as a careless writer might.
fn session_cipher(session_key: &[u8]) -> LessSafeKey {
    let algorithm: &aead::Algorithm = match session_key.len() {
        0..24 => &AES_128_GCM,
        24..32 => &AES_192_GCM,
        _ => &AES_256_GCM,
    };
    let mut key = session_key.to_vec();
    key.resize(algorithm.key_len(), 0);
    LessSafeKey::new(UnboundKey::new(algorithm, &key).unwrap())
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

static KEY_2048: LazyLock<Pair> = LazyLock::new(|| Pair::new(RsaSize::Bits2048));

/// The places that sealed-secrets has, with the label that upstream gives each.
fn labelled() -> impl Strategy<Value = (Place, String)> {
    place().prop_filter_map("sealed-secrets has no cluster-scoped objects", |place| {
        let label = match &place {
            Place::Strict { namespace, name } => format!("{namespace}/{name}"),
            Place::NamespaceWide { namespace } => namespace.clone(),
            Place::ClusterWide => String::new(),
            Place::ClusterSealedSecret { .. } => return None,
        };
        Some((place, label))
    })
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn what_kseal_seals_for_sealed_secrets_opens_by_hand((place, text) in labelled(), value in value()) {
        let label = sealed_secrets::label(&place).unwrap();
        let envelope = sealed_secrets::seal(KEY_2048.public(), &label, &value, &mut rng()).unwrap();
        prop_assert_eq!(KEY_2048.open_by_hand(&envelope, &format!("{text}x")), None);
        prop_assert_eq!(KEY_2048.open_by_hand(&envelope, &text), Some(value));
    }

    #[test]
    fn what_is_sealed_by_hand_for_sealed_secrets_opens_in_kseal(
        (place, text) in labelled(), value in value(), session_key: [u8; 32],
        len in prop::sample::select(&[16, 24, 32]),
    ) {
        prop_assert_eq!(sealed_secrets::label(&place).unwrap(), text.as_bytes());
        let session_key = &session_key[..len];
        prop_assert_eq!(KEY_2048.open_in_kseal(session_key, &text, &value), Ok(value));
    }
}

#[test]
fn session_keys_that_are_no_aes_keys_are_refused() {
    let mut accepted = Vec::new();
    for len in 0..=190 {
        match KEY_2048.open_in_kseal(&vec![7; len], "prod/db", b"value") {
            Ok(value) => {
                assert_eq!(value, b"value");
                accepted.push(len);
            }
            Err(reason) => assert_eq!(reason, Reason::Open),
        }
    }
    assert_eq!(accepted, [16, 24, 32]);
}

#[test]
fn both_implementations_agree_at_4096_bits() {
    let key = Pair::new(RsaSize::Bits4096);
    let place = Place::Strict { namespace: "prod".into(), name: "db".into() };
    let label = sealed_secrets::label(&place).unwrap();
    for value in [&b""[..], b"value", &[7; 5_000]] {
        let envelope = sealed_secrets::seal(key.public(), &label, value, &mut rng()).unwrap();
        assert!(envelope.starts_with("Ag"));
        assert_eq!(decode_base64(&envelope).unwrap().len(), 530 + value.len());
        assert_eq!(key.open_by_hand(&envelope, "prod/db").as_deref(), Some(value));
        for len in [16, 24, 32] {
            assert_eq!(key.open_in_kseal(&vec![9; len], "prod/db", value).as_deref(), Ok(value));
        }
    }
}

#[test]
fn a_cluster_scoped_object_has_no_label() {
    assert_eq!(sealed_secrets::label(&Place::ClusterSealedSecret { name: "db".into() }), None);
}
