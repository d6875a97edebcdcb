//! The certificate that sealed-secrets' users fetch: each fact of upstream's, read back by another parser.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::convert::Infallible;

use aws_lc_rs::{
    digest,
    signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use der::{
    Decode as _, Encode as _,
    asn1::{Null, ObjectIdentifier, OctetString},
    oid::AssociatedOid,
    pem::LineEnding,
};
use kseal_crypto::sealed_secrets::{Certificate, CertificateError, RsaError, RsaPrivateKey, Validity};
use rand_core::{TryCryptoRng, TryRng, UnwrapErr};
use rsa::{Pkcs1v15Sign, pkcs1::DecodeRsaPrivateKey as _};
use sha2::{Digest as _, Sha256};
use x509_cert::{
    Version,
    ext::pkix::{BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier},
    time::Time,
};

const KEY: &str = include_str!("fixtures/test-key-rsa-2048-pkcs1.pem");
const EC_CERTIFICATE: &str = include_str!("fixtures/test-certificate-ec-p256.pem");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// 2026-11-01T00:00:00Z, and ten years of 365 days later.
const VALIDITY: Validity = Validity { not_before: 1_793_491_200, not_after: 1_793_491_200 + 87_600 * 3_600 };
/// 2049-12-31T23:59:59Z, the last second that X.509 writes with two digits of the year.
const LAST_UTC_TIME: u64 = 2_524_607_999;

fn key() -> RsaPrivateKey {
    RsaPrivateKey::from_pem(KEY).unwrap()
}

fn made(validity: Validity) -> (Certificate, x509_cert::Certificate) {
    let made = Certificate::self_signed(&key(), validity, &mut UnwrapErr(getrandom::SysRng)).unwrap();
    let parsed = parse(&made);
    (made, parsed)
}

fn parse(certificate: &Certificate) -> x509_cert::Certificate {
    let [parsed] = x509_cert::Certificate::load_pem_chain(certificate.to_pem().as_bytes()).unwrap().try_into().unwrap();
    parsed
}

#[test]
fn names_version_and_algorithm_are_upstreams() {
    let (_, parsed) = made(VALIDITY);
    let tbs = parsed.tbs_certificate();
    assert_eq!(tbs.version(), Version::V3);
    assert_eq!(tbs.issuer(), tbs.subject());
    assert_eq!(tbs.subject().to_der().unwrap(), [0x30, 0], "an empty RDNSequence");
    for algorithm in [tbs.signature(), parsed.signature_algorithm()] {
        assert_eq!(algorithm.oid, SHA256_WITH_RSA);
        assert_eq!(algorithm.parameters, Some(Null.into()));
    }
    assert_eq!(tbs.subject_public_key_info().to_der().unwrap(), key().public().spki());
    assert!(tbs.issuer_unique_id().is_none() && tbs.subject_unique_id().is_none());
}

#[test]
fn the_extensions_are_upstreams_three_and_no_more() {
    let (_, parsed) = made(VALIDITY);
    let extensions = parsed.tbs_certificate().extensions().unwrap();
    let kinds: Vec<_> = extensions.iter().map(|extension| (extension.extn_id, extension.critical)).collect();
    let expected = [(KeyUsage::OID, true), (BasicConstraints::OID, true), (SubjectKeyIdentifier::OID, false)];
    assert_eq!(kinds, expected);
    let usage = KeyUsage::from_der(extensions[0].extn_value.as_bytes()).unwrap();
    assert_eq!(usage, KeyUsage(KeyUsages::EncipherOnly.into()));
    let constraints = BasicConstraints::from_der(extensions[1].extn_value.as_bytes()).unwrap();
    assert_eq!(constraints, BasicConstraints { ca: true, path_len_constraint: None });
    // RFC 5280, section 4.2.1.2, method 1: SHA-1 of the public key without the bit string's header.
    let identifier = OctetString::from_der(extensions[2].extn_value.as_bytes()).unwrap();
    let public = parsed.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes();
    let expected = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, public);
    assert_eq!(identifier.as_bytes(), expected.as_ref());
}

#[test]
fn the_signature_is_the_keys_own_in_two_implementations() {
    let (_, parsed) = made(VALIDITY);
    let message = parsed.tbs_certificate().to_der().unwrap();
    let signature = parsed.signature().as_bytes().unwrap();
    let public = parsed.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).verify(&message, signature).unwrap();
    let public = rsa::PrivateKey::from_pkcs1_pem(KEY).unwrap().to_public_key();
    public.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(&message), signature).unwrap();
    assert!(public.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(b"other"), signature).is_err());
}

#[test]
fn the_validity_reads_back_on_both_sides_of_2050() {
    let periods = [
        (VALIDITY.not_before, VALIDITY.not_after),
        (0, LAST_UTC_TIME),
        (LAST_UTC_TIME, LAST_UTC_TIME + 1),
        (LAST_UTC_TIME + 1, 253_402_300_799), // 9999-12-31T23:59:59Z, which says that there is no end
    ];
    for (not_before, not_after) in periods {
        let validity = Validity { not_before, not_after };
        let (certificate, parsed) = made(validity);
        assert_eq!(certificate.validity, validity);
        assert_eq!(Certificate::from_pem(certificate.to_pem()).unwrap().validity, validity);
        let written = parsed.tbs_certificate().validity();
        for (time, seconds) in [(&written.not_before, not_before), (&written.not_after, not_after)] {
            assert_eq!(time.to_unix_duration().as_secs(), seconds);
            // RFC 5280, section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050.
            assert_eq!(matches!(time, Time::UtcTime(_)), seconds <= LAST_UTC_TIME, "{seconds}");
        }
    }
}

#[test]
fn dates_that_x509_cannot_hold_are_refused() {
    for seconds in [253_402_300_800, u64::MAX] {
        let validity = Validity { not_before: 0, not_after: seconds };
        let result = Certificate::self_signed(&key(), validity, &mut UnwrapErr(getrandom::SysRng));
        assert_eq!(result.err(), Some(CertificateError::Make));
    }
}

#[test]
fn the_serial_number_is_128_random_bits_and_never_negative() {
    let cases: [([u8; 16], &[u8]); 4] = [
        ([0xff; 16], &[&[0][..], &[0xff; 16]].concat()),
        ([0x7f; 16], &[0x7f; 16]),
        (
            [0, 0, 0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
            &[0, 0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
        ),
        ([0; 16], &[0]),
    ];
    for (random, contents) in cases {
        let made = Certificate::self_signed(&key(), VALIDITY, &mut Fixed(random)).unwrap();
        let serial = parse(&made).tbs_certificate().serial_number().to_der().unwrap();
        let len = u8::try_from(contents.len()).unwrap();
        assert_eq!(serial, [&[2, len][..], contents].concat());
    }
    let (one, other) = (made(VALIDITY).1, made(VALIDITY).1);
    assert_ne!(one.tbs_certificate().serial_number(), other.tbs_certificate().serial_number());
}

#[test]
fn it_is_one_pem_block_and_reads_back_as_the_same_key() {
    let (certificate, _) = made(VALIDITY);
    assert_eq!(certificate.to_pem().matches("-----BEGIN CERTIFICATE-----\n").count(), 1);
    assert!(certificate.to_pem().ends_with("-----END CERTIFICATE-----\n"));
    let again = Certificate::from_pem(certificate.to_pem()).unwrap();
    assert_eq!(again.to_pem(), certificate.to_pem());
    assert_eq!(again.public.fingerprint(), key().public().fingerprint());
}

#[test]
fn of_several_certificates_the_first_is_taken() {
    let first = made(VALIDITY).0;
    let second = made(Validity { not_before: 1, not_after: 2 }).0;
    let both = format!("{}{}", first.to_pem(), second.to_pem());
    let read = Certificate::from_pem(&both).unwrap();
    assert_eq!(read.validity, VALIDITY);
    assert_eq!(read.to_pem(), first.to_pem());
}

#[test]
fn line_ends_and_what_stands_around_the_certificate_do_not_matter() {
    let (certificate, _) = made(VALIDITY);
    let pem = certificate.to_pem();
    let texts = [
        pem.replace('\n', "\r\n"),
        pem.trim_end().to_owned(),
        format!("Bag Attributes\n    localKeyID: 01\nsubject=\n{pem}"),
        format!("\n{pem}\n\n"),
        format!("{pem}garbage"),
        format!("{KEY}{pem}"),
        format!("{pem}{KEY}"),
        format!("{pem}subject=\n{pem}"),
    ];
    for text in texts {
        assert_eq!(Certificate::from_pem(&text).unwrap().to_pem(), pem, "{text}");
    }
}

#[test]
fn what_is_no_certificate_is_refused_in_upstreams_words() {
    let block = der::pem::encode_string("CERTIFICATE", LineEnding::LF, &[0x30, 0]).unwrap();
    for text in ["", "garbage", KEY, &block, "-----BEGIN CERTIFICATE-----\n"] {
        let error = Certificate::from_pem(text).err().unwrap();
        assert_eq!(error, CertificateError::None, "{text}");
        assert_eq!(error.to_string(), "failed to read any certificates");
    }
}

#[test]
fn a_certificate_of_another_algorithm_is_refused() {
    let error = Certificate::from_pem(EC_CERTIFICATE).err();
    assert_eq!(error, Some(CertificateError::Key(RsaError::Unusable)));
}

/// A generator that gives these bytes again and again.
struct Fixed([u8; 16]);

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("a serial number is bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("a serial number is bytes")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.copy_from_slice(&self.0[..out.len()]);
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}
