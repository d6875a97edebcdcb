//! Project Wycheproof's vectors against every primitive, through the very crates and types that are shipped.
//!
//! Each set's number of executed vectors is asserted, so that a set that is empty, renamed or filtered away fails.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use aes_gcm::{
    Aes128Gcm, Aes256Gcm, AesGcm, KeyInit, Nonce,
    aead::{AeadInOut, consts::U12},
    aes::Aes192,
};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use hkdf::Hkdf;
use kseal_crypto::{
    Envelope, FailureClass, KeyError, KeyRing, Place, PrivateKey, PublicKey, Reason, Sealer, Suite, encode_base64,
    envelope::DataKeyText,
    sealed_secrets::{self, RsaError, RsaPrivateKey},
};
use ml_kem::{
    EncapsulationKey768, FromSeed as _, MlKem768,
    kem::{Decapsulate as _, KeyExport as _, TryKeyInit as _},
};
use rand_core::UnwrapErr;
use sha2::Sha256;
use wycheproof::{HashFunction, TestResult, aead, hkdf as hkdf_vectors, mlkem, rsa_oaep, xdh};

/// The nonce of a sealed-secrets envelope, and the length of every nonce here.
const NONCE: usize = 12;

fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

#[test]
fn x25519_gives_the_shared_secrets_of_518_vectors() {
    let (mut executed, mut zero) = (0, 0);
    for test in xdh_vectors() {
        let (private, public) = (array(&test.private_key), array(&test.public_key));
        let shared =
            x25519_dalek::StaticSecret::from(private).diffie_hellman(&x25519_dalek::PublicKey::from(public)).to_bytes();
        assert_eq!(shared.as_slice(), test.shared_secret.as_slice(), "vector {}", test.tc_id);
        let key = PrivateKey::from_seed(Suite::X25519, &private).unwrap();
        let expected = x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(private));
        assert_eq!(key.public().to_bytes(), expected.as_bytes(), "vector {}", test.tc_id);
        zero += usize::from(shared == [0; 32]);
        executed += 1;
    }
    assert_eq!((executed, zero), (518, 31));
}

#[test]
fn nobody_seals_to_the_31_low_order_points_and_everybody_to_the_other_points() {
    let (mut refused, mut sealed) = (0, 0);
    for test in xdh_vectors() {
        let public = PublicKey::from_bytes(Suite::X25519, &test.public_key).unwrap();
        let low_order = test.shared_secret.iter().all(|byte| *byte == 0);
        if let Err((fingerprint, error)) = Sealer::new(&Place::ClusterWide, [&public], &mut rng()) {
            assert!(low_order, "vector {}", test.tc_id);
            assert_eq!((fingerprint, error), (public.fingerprint(), KeyError::Weak(Suite::X25519)));
            refused += 1;
        } else {
            assert!(!low_order, "vector {}", test.tc_id);
            sealed += 1;
        }
    }
    assert_eq!((refused, sealed), (31, 487));
}

#[test]
fn no_wrap_opens_whose_encapsulated_key_is_a_low_order_point() {
    let key = PrivateKey::generate(Suite::X25519, &mut rng());
    let place = Place::ClusterWide;
    let sealer = Sealer::new(&place, [key.public()], &mut rng()).unwrap();
    let value = sealer.seal("item", b"value", &mut rng()).to_string();
    let fingerprint = key.fingerprint();
    let mut ring = KeyRing::default();
    ring.add(key);
    let data_key = sealer.data_key();
    let (handle, name) = (data_key.handle().to_string(), fingerprint.to_string());
    let commitment = encode_base64(data_key.commitment.as_bytes());
    let class = |wrap: &[u8]| {
        let wrap = encode_base64(wrap);
        let text = DataKeyText { commitment: &commitment, recipients: vec![(&name, &wrap)] };
        let envelope = Envelope::read([(handle.as_str(), text)], [("item", value.as_str())]);
        envelope.open(&ring, &place).err().map(|failures| failures.class())
    };
    let genuine = data_key.recipients[&fingerprint].clone();
    assert_eq!(class(&genuine), None);
    let mut executed = 0;
    for test in xdh_vectors().into_iter().filter(|test| test.shared_secret.iter().all(|byte| *byte == 0)) {
        let wrap = [test.public_key.as_slice(), &genuine[32..]].concat();
        assert_eq!(class(&wrap), Some(FailureClass::Open), "vector {}", test.tc_id);
        executed += 1;
    }
    assert_eq!(executed, 31);
}

#[test]
fn aes_gcm_with_96_bit_nonces_passes_for_each_key_size() {
    assert_eq!(aes_gcm::<Aes128Gcm>(128), Executed { valid: 40, invalid: 27 });
    assert_eq!(aes_gcm::<AesGcm<Aes192, U12>>(192), Executed { valid: 37, invalid: 27 });
    assert_eq!(aes_gcm::<Aes256Gcm>(256), Executed { valid: 39, invalid: 27 });
}

fn aes_gcm<C: KeyInit + AeadInOut<NonceSize = U12>>(key_size: usize) -> Executed {
    let mut executed = Executed::default();
    let groups = aead::TestSet::load(aead::TestName::AesGcm).unwrap().test_groups;
    for group in groups.into_iter().filter(|group| (group.key_size, group.nonce_size) == (key_size, NONCE * 8)) {
        assert_eq!(group.tag_size, 128);
        for test in group.tests {
            let cipher = C::new_from_slice(&test.key).unwrap();
            let nonce = Nonce::<U12>::try_from(test.nonce.as_slice()).unwrap();
            let sealed = [test.ct.as_slice(), &test.tag].concat();
            let mut opened = sealed.clone();
            let result = cipher.decrypt_in_place(&nonce, &test.aad, &mut opened);
            if executed.count(test.result, test.tc_id) {
                result.unwrap();
                assert_eq!(opened, *test.pt, "vector {}", test.tc_id);
                cipher.encrypt_in_place(&nonce, &test.aad, &mut opened).unwrap();
                assert_eq!(opened, sealed, "vector {}", test.tc_id);
            } else {
                assert!(result.is_err(), "vector {}", test.tc_id);
            }
        }
    }
    executed
}

#[test]
fn hkdf_sha256_gives_the_keys_of_86_vectors() {
    let (mut executed, mut without_salt) = (Executed::default(), 0);
    for test in hkdf_vectors::TestSet::load(hkdf_vectors::TestName::HkdfSha256)
        .unwrap()
        .test_groups
        .into_iter()
        .flat_map(|group| group.tests)
    {
        // No salt and an empty one are the same in RFC 5869; kseal's call has none.
        let salts = if test.salt.is_empty() { vec![None, Some(&[][..])] } else { vec![Some(test.salt.as_slice())] };
        without_salt += usize::from(test.salt.is_empty());
        let valid = executed.count(test.result, test.tc_id);
        for salt in salts {
            let mut key = vec![0; test.size];
            let result = Hkdf::<Sha256>::new(salt, &test.ikm).expand(&test.info, &mut key);
            assert_eq!(result.is_ok(), valid, "vector {}", test.tc_id);
            assert!(!valid || key == *test.okm, "vector {}", test.tc_id);
        }
    }
    assert_eq!(executed, Executed { valid: 83, invalid: 3 });
    assert_eq!(without_salt, 23);
}

#[test]
fn ml_kem_768_makes_the_keys_of_100_seeds() {
    let mut executed = 0;
    for test in ml_kem(mlkem::TestName::MlKem768KeyGenSeed) {
        let (_, public) = MlKem768::from_seed(&test.seed.unwrap().as_slice().try_into().unwrap());
        assert_eq!(public.to_bytes().as_slice(), test.encaps_key.unwrap().as_slice(), "vector {}", test.tc_id);
        executed += 1;
    }
    assert_eq!(executed, 100);
}

#[test]
fn ml_kem_768_decapsulates_201_vectors_as_it_must() {
    let mut executed = Executed::default();
    for test in ml_kem(mlkem::TestName::MlKem768) {
        // What is invalid here is a seed or a ciphertext of the wrong length; a changed ciphertext of the right one is
        // implicitly rejected: it gives another secret, and the vector holds it.
        let seed = test.seed.unwrap().as_slice().try_into();
        let ciphertext = test.ct.unwrap().as_slice().try_into();
        if !executed.count(test.result, test.tc_id) {
            assert!(seed.is_err() || ciphertext.is_err(), "vector {}", test.tc_id);
            continue;
        }
        let (private, public) = MlKem768::from_seed(&seed.unwrap());
        assert_eq!(public.to_bytes().as_slice(), test.encaps_key.unwrap().as_slice(), "vector {}", test.tc_id);
        let shared = private.decapsulate(&ciphertext.unwrap());
        assert_eq!(shared.as_slice(), test.shared_secret.unwrap().as_slice(), "vector {}", test.tc_id);
    }
    assert_eq!(executed, Executed { valid: 161, invalid: 40 });
}

#[test]
fn ml_kem_768_encapsulates_265_vectors_as_it_must() {
    let mut executed = Executed::default();
    for test in ml_kem(mlkem::TestName::MlKem768Encaps) {
        let encoded = test.encaps_key.unwrap();
        let public = EncapsulationKey768::new_from_slice(&encoded);
        // The same key with any X25519 key behind it, as HPKE's X-Wing serializes it, must meet the same fate in kseal.
        let hybrid = PublicKey::from_bytes(Suite::XWing, &[encoded.as_slice(), &[9; 32]].concat());
        if executed.count(test.result, test.tc_id) {
            let (ciphertext, shared) =
                public.unwrap().encapsulate_deterministic(&test.msg.unwrap().as_slice().try_into().unwrap());
            assert_eq!(ciphertext.as_slice(), test.ct.unwrap().as_slice(), "vector {}", test.tc_id);
            assert_eq!(shared.as_slice(), test.shared_secret.unwrap().as_slice(), "vector {}", test.tc_id);
            assert_eq!(hybrid.unwrap().to_bytes()[..1_184], **encoded);
        } else {
            assert!(public.is_err(), "vector {}", test.tc_id);
            assert_eq!(hybrid.err(), Some(KeyError::Public(Suite::XWing)), "vector {}", test.tc_id);
        }
    }
    assert_eq!(executed, Executed { valid: 133, invalid: 132 });
}

#[test]
fn rsa_oaep_passes_at_2048_bits() {
    assert_eq!(rsa_oaep(rsa_oaep::TestName::Rsa2048Sha256Mgf1Sha256), PER_SIZE);
}

#[test]
fn rsa_oaep_passes_at_3072_bits() {
    assert_eq!(rsa_oaep(rsa_oaep::TestName::Rsa3072Sha256Mgf1Sha256), PER_SIZE);
}

#[test]
fn rsa_oaep_passes_at_4096_bits() {
    assert_eq!(rsa_oaep(rsa_oaep::TestName::Rsa4096Sha256Mgf1Sha256), PER_SIZE);
}

#[test]
fn rsa_oaep_passes_at_unusual_sizes_and_refuses_keys_of_1024_and_1536_bits() {
    let expected = RsaExecuted { valid: 26, refused: 2, sessions: 0, refused_keys: 2 };
    assert_eq!(rsa_oaep(rsa_oaep::TestName::RsaMisc), expected);
}

/// Of each size's valid messages one is as long as a session key.
const PER_SIZE: RsaExecuted = RsaExecuted { valid: 18, refused: 19, sessions: 1, refused_keys: 0 };

#[derive(Debug, Default, PartialEq)]
struct RsaExecuted {
    valid: usize,
    refused: usize,
    /// How many envelopes opened, those whose message is an AES key.
    sessions: usize,
    refused_keys: usize,
}

/// Runs the groups with SHA-256 and MGF1-SHA-256: twice, through aws-lc as [`RsaPrivateKey`] calls it, and as the
/// session keys of envelopes.
fn rsa_oaep(name: rsa_oaep::TestName) -> RsaExecuted {
    let mut executed = RsaExecuted::default();
    let hash = HashFunction::Sha2_256;
    let groups = rsa_oaep::TestSet::load(name).unwrap().test_groups;
    for group in groups.into_iter().filter(|group| (group.hash, group.mgf_hash) == (hash, hash)) {
        let private = RsaPrivateKey::from_pem(&group.pem);
        if group.key_size < 2_048 {
            assert_eq!(private.err(), Some(RsaError::Unusable));
            executed.refused_keys += 1;
            continue;
        }
        let private = private.unwrap();
        assert_eq!(private.public().bits(), group.key_size);
        let mut ring = KeyRing::default();
        ring.add_rsa(private);
        let key = PrivateDecryptingKey::from_pkcs8(&group.pkcs8).unwrap();
        let key = OaepPrivateDecryptingKey::new(key).unwrap();
        for test in group.tests {
            let mut out = vec![0; key.min_output_size()];
            let opened = key.decrypt(&OAEP_SHA256_MGF1SHA256, &test.ct, &mut out, Some(&test.label)).ok();
            // Two vectors are acceptable, those whose ciphertext is the number 1: aws-lc refuses them.
            let valid = test.result == TestResult::Valid;
            assert_eq!(opened.map(|opened| &*opened), valid.then_some(test.pt.as_slice()), "vector {}", test.tc_id);
            executed.valid += usize::from(valid);
            executed.refused += usize::from(!valid);
            executed.sessions += usize::from(opens_as_a_session_key(&ring, &test, key.key_size_bytes()));
        }
    }
    executed
}

fn opens_as_a_session_key(ring: &KeyRing, test: &rsa_oaep::Test, key_size: usize) -> bool {
    let mut value = b"value".to_vec();
    let nonce = Nonce::<U12>::default();
    match test.pt.len() {
        16 => Aes128Gcm::new_from_slice(&test.pt).unwrap().encrypt_in_place(&nonce, &[], &mut value),
        24 => AesGcm::<Aes192, U12>::new_from_slice(&test.pt).unwrap().encrypt_in_place(&nonce, &[], &mut value),
        32 => Aes256Gcm::new_from_slice(&test.pt).unwrap().encrypt_in_place(&nonce, &[], &mut value),
        _ => Ok(()),
    }
    .unwrap();
    let len = u16::try_from(test.ct.len()).unwrap().to_be_bytes();
    let envelope = encode_base64(&[&len[..], &test.ct, &value].concat());
    let opened = sealed_secrets::open(ring, [("item", envelope.as_str())], &test.label);
    assert_eq!(opened.work.operations, usize::from(test.ct.len() == key_size), "vector {}", test.tc_id);
    match &opened.items["item"] {
        Ok(opened) => {
            assert!(test.result == TestResult::Valid && opened.as_slice() == b"value", "vector {}", test.tc_id);
            true
        }
        Err(reason) => {
            let expected = if opened.work.operations == 0 { Reason::NoKey } else { Reason::Open };
            assert_eq!(*reason, expected, "vector {}", test.tc_id);
            let session_key = matches!(test.pt.len(), 16 | 24 | 32);
            assert!(test.result != TestResult::Valid || !session_key, "vector {}", test.tc_id);
            false
        }
    }
}

#[derive(Debug, Default, PartialEq)]
struct Executed {
    valid: usize,
    invalid: usize,
}

impl Executed {
    /// Counts a vector; whether it is valid. No set that is run by this leaves the answer open.
    fn count(&mut self, result: TestResult, id: usize) -> bool {
        match result {
            TestResult::Valid => self.valid += 1,
            TestResult::Invalid => self.invalid += 1,
            TestResult::Acceptable => panic!("vector {id} has no expected result"),
        }
        result == TestResult::Valid
    }
}

fn xdh_vectors() -> Vec<xdh::Test> {
    let groups = xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups;
    groups.into_iter().flat_map(|group| group.tests).collect()
}

fn ml_kem(name: mlkem::TestName) -> Vec<mlkem::Test> {
    let groups = mlkem::TestSet::load(name).unwrap().test_groups;
    groups.into_iter().flat_map(|group| group.tests).collect()
}

fn array(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().unwrap()
}
