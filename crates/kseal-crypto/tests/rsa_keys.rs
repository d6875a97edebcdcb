//! RSA keys in the PEM forms that a cluster's key Secrets hold, and what is no such key.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use der::pem::{LineEnding, encode_string};
use kseal_crypto::{
    KeyRing, encode_base64,
    sealed_secrets::{self, Certificate, RsaError, RsaPrivateKey, RsaPublicKey, RsaSize, Validity},
};
use rand_core::UnwrapErr;
use rsa::{Oaep, pkcs1::DecodeRsaPrivateKey as _};
use sha2::Sha256;

/// Keys made for these tests alone; they protect nothing.
const PKCS1: &str = include_str!("fixtures/test-key-rsa-2048-pkcs1.pem");
const PKCS8: &str = include_str!("fixtures/test-key-rsa-2048-pkcs8.pem");
const TOO_SMALL: &str = include_str!("fixtures/test-key-rsa-1024-pkcs1.pem");
const EC_SEC1: &str = include_str!("fixtures/test-key-ec-p256-sec1.pem");
const EC_PKCS8: &str = include_str!("fixtures/test-key-ec-p256-pkcs8.pem");

/// What `ssh-keygen -lf` says of the first two.
const FINGERPRINT: &str = "SHA256:YBDmrLZxrRnX1nONucxhrVZ8ZpnVLAtsVA9ehCBKAl8";

fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

fn refused(pem: &str) -> RsaError {
    RsaPrivateKey::from_pem(pem).err().unwrap()
}

fn certificate_of(key: &RsaPrivateKey) -> Certificate {
    let validity = Validity { not_before: 0, not_after: 1 };
    Certificate::self_signed(key, validity, &mut rng()).unwrap()
}

#[test]
fn both_pem_forms_are_the_same_key_under_the_name_that_ssh_gives_it() {
    for pem in [PKCS1, PKCS8] {
        let key = RsaPrivateKey::from_pem(pem).unwrap();
        assert_eq!(key.public().fingerprint().to_string(), FINGERPRINT);
        assert_eq!(key.public().bits(), 2_048);
        assert_eq!(&*key.to_pkcs1_pem(), PKCS1);
    }
}

#[test]
fn both_pem_forms_open_the_same_value() {
    let public = RsaPrivateKey::from_pem(PKCS8).unwrap();
    let sealed = sealed_secrets::seal(public.public(), b"label", b"value", &mut rng()).unwrap();
    for pem in [PKCS1, PKCS8] {
        let mut ring = KeyRing::default();
        ring.add_rsa(RsaPrivateKey::from_pem(pem).unwrap());
        let opened = sealed_secrets::open(&ring, [("item", sealed.as_str())], b"label");
        assert_eq!(opened.items["item"].as_ref().unwrap().as_slice(), b"value");
    }
}

#[test]
fn the_public_half_alone_has_the_same_name() {
    let key = RsaPrivateKey::from_pem(PKCS1).unwrap();
    let public = RsaPublicKey::from_spki(key.public().spki()).unwrap();
    assert_eq!(public.fingerprint(), key.public().fingerprint());
    assert_eq!(public.spki(), key.public().spki());
}

#[test]
fn a_new_key_of_each_size_reads_back_here_and_in_another_implementation() {
    let sizes = [(RsaSize::Bits2048, 2_048), (RsaSize::Bits3072, 3_072), (RsaSize::Bits4096, 4_096)];
    for (size, bits) in sizes {
        let key = RsaPrivateKey::generate(size).unwrap();
        let pem = key.to_pkcs1_pem();
        assert!(pem.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
        let again = RsaPrivateKey::from_pem(&pem).unwrap();
        assert_eq!(again.public().fingerprint(), key.public().fingerprint());
        assert_eq!(again.public().bits(), bits);
        rsa::PrivateKey::from_pkcs1_pem(&pem).unwrap().validate().unwrap();
    }
}

#[test]
fn line_ends_and_what_stands_around_the_key_do_not_matter() {
    let key = RsaPrivateKey::from_pem(PKCS1).unwrap();
    let certificate = certificate_of(&key);
    let certificate = certificate.to_pem();
    let parameters = encode_string("EC PARAMETERS", LineEnding::LF, &[5, 0]).unwrap();
    let texts = [
        PKCS1.replace('\n', "\r\n"),
        PKCS1.trim_end().to_owned(),
        format!("Bag Attributes\n    localKeyID: 01\n{PKCS1}"),
        format!("\n{PKCS1}\n\n"),
        format!("{PKCS1}garbage"),
        format!("{certificate}{PKCS1}"),
        format!("{PKCS1}{certificate}"),
        format!("{parameters}{PKCS8}"),
        format!("{PKCS8}{TOO_SMALL}"),
    ];
    for pem in texts {
        let key = RsaPrivateKey::from_pem(&pem).unwrap();
        assert_eq!(key.public().fingerprint().to_string(), FINGERPRINT, "{pem}");
    }
}

#[test]
fn the_first_private_key_of_a_text_decides() {
    assert_eq!(refused(&format!("{EC_SEC1}{PKCS1}")), RsaError::NotRsa);
    assert_eq!(refused(&format!("{TOO_SMALL}{PKCS1}")), RsaError::Unusable);
}

#[test]
fn a_key_of_another_algorithm_is_named_as_such() {
    let ed25519 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let p256 =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let pem = |der: &[u8]| encode_string("PRIVATE KEY", LineEnding::LF, der).unwrap();
    for key in [EC_SEC1, EC_PKCS8, &pem(ed25519.as_ref()), &pem(p256.as_ref())] {
        assert_eq!(refused(key), RsaError::NotRsa);
    }
}

#[test]
fn keys_below_2048_bits_are_refused() {
    assert_eq!(refused(TOO_SMALL), RsaError::Unusable);
}

#[test]
fn what_is_no_private_key_is_refused() {
    let key = RsaPrivateKey::from_pem(PKCS1).unwrap();
    let certificate = certificate_of(&key);
    let public = encode_string("PUBLIC KEY", LineEnding::LF, key.public().spki()).unwrap();
    let openssh = encode_string("OPENSSH PRIVATE KEY", LineEnding::LF, b"openssh-key-v1\0").unwrap();
    let encrypted = encode_string("ENCRYPTED PRIVATE KEY", LineEnding::LF, &[0x30, 0]).unwrap();
    let not_a_sequence = encode_string("RSA PRIVATE KEY", LineEnding::LF, &[1, 1, 0xff]).unwrap();
    let half = &PKCS1[..PKCS1.len() / 2];
    for text in [
        "",
        "garbage",
        "-----BEGIN RSA PRIVATE KEY-----",
        half,
        &public,
        &openssh,
        &encrypted,
        &not_a_sequence,
        certificate.to_pem(),
    ] {
        assert_eq!(refused(text), RsaError::NoPrivateKey, "{text}");
    }
}

#[test]
fn a_block_whose_der_is_no_key_is_refused() {
    for label in ["RSA PRIVATE KEY", "PRIVATE KEY"] {
        for der in [&[0x30, 0][..], &[0x30, 3, 2, 1, 0]] {
            let pem = encode_string(label, LineEnding::LF, der).unwrap();
            assert_eq!(refused(&pem), RsaError::Unusable, "{pem}");
        }
    }
}

#[test]
fn a_key_whose_parts_do_not_fit_together_is_refused_or_does_not_open() {
    let key = RsaPrivateKey::from_pem(PKCS1).unwrap();
    let der = der::SecretDocument::from_pem(PKCS1).unwrap().1;
    let rsa = rsa::PrivateKey::from_pkcs1_pem(PKCS1).unwrap();
    let session_key = rsa.as_public_key().encrypt(&mut rng(), Oaep::<Sha256>::new(), &[7; 32]);
    let envelope = encode_base64(&[&[1, 0][..], &session_key.unwrap(), &[0; 16]].concat());
    for position in (40..der.as_bytes().len()).step_by(97) {
        let mut bytes = der.as_bytes().to_vec();
        bytes[position] ^= 1;
        let pem = encode_string("RSA PRIVATE KEY", LineEnding::LF, &bytes).unwrap();
        let Ok(changed) = RsaPrivateKey::from_pem(&pem) else { continue };
        assert_ne!(changed.public().fingerprint(), key.public().fingerprint(), "byte {position}");
        let mut ring = KeyRing::default();
        ring.add_rsa(changed);
        assert!(sealed_secrets::open(&ring, [("item", envelope.as_str())], b"").items["item"].is_err());
    }
}

#[test]
fn a_public_key_of_another_algorithm_or_size_is_refused() {
    // The public half of `TOO_SMALL` is read by another implementation, since kseal refuses the private one.
    let small = rsa::PrivateKey::from_pkcs1_pem(TOO_SMALL).unwrap();
    let small = pkcs8::EncodePublicKey::to_public_key_der(small.as_public_key()).unwrap();
    for der in [small.as_bytes(), b"", b"garbage", &[0x30, 0]] {
        assert_eq!(RsaPublicKey::from_spki(der).err(), Some(RsaError::Unusable));
    }
}
