use std::collections::BTreeMap;

use kseal_crypto::sealed_secrets::{Certificate, RsaSize, Validity};

use super::*;
use crate::{
    key_secret::{CREATED_AT, SEED, SUITE, TLS_KEY},
    testing::rng,
};

type Items<'i> = BTreeMap<&'i str, &'i [u8]>;

fn facts(type_: &'static str, label: &'static str) -> KeySecretFacts<'static> {
    KeySecretFacts { name: "kseal-1-6f0c1a2b", uid: "u", type_, label: Some(label), stated: None, created: 5 }
}

fn native_items(created_at: &str) -> Items<'_> {
    [(SUITE, &b"X25519"[..]), (SEED, &[7; 32]), (CREATED_AT, created_at.as_bytes())].into()
}

fn fault(type_: &'static str, label: &'static str, items: &Items<'_>) -> String {
    read_native(&facts(type_, label), |name| items.get(name).copied()).map(drop).unwrap_err().to_string()
}

#[test]
fn a_native_key_is_what_its_label_and_its_items_say() {
    let items = native_items("2026-11-01T00:00:00Z");
    for state in KeyState::ALL {
        let facts = facts(names::SEALING_KEY_TYPE, state.as_str());
        let (native, key) = read_native(&facts, |name| items.get(name).copied()).unwrap();
        assert_eq!(native.public.fingerprint(), key.fingerprint());
        assert_eq!((native.state, native.created_at.as_str()), (state, "2026-11-01T00:00:00Z"));
        assert_eq!((native.secret.as_str(), native.uid.as_str()), ("kseal-1-6f0c1a2b", "u"));
    }
}

#[test]
fn each_fault_of_a_native_key_is_told() {
    let items = native_items("2026-11-01T00:00:00Z");
    let type_ = "the Secret is not of type kseal.dev/sealing-key";
    for other in ["kubernetes.io/tls", "Opaque", ""] {
        assert_eq!(fault(other, "active", &items), type_);
    }
    let state = "the label kseal.dev/sealing-key is none of active, retiring, retired and compromised";
    for label in ["", "Active", "retireing"] {
        assert_eq!(fault(names::SEALING_KEY_TYPE, label, &items), state);
    }
    let long = "2".repeat(LONGEST_TIME + 1);
    for time in ["2026-11-01 00:00", "\n", &long] {
        let items = native_items(time);
        assert_eq!(fault(names::SEALING_KEY_TYPE, "active", &items), "the item createdAt is not a time");
    }
    let mut short = native_items("2026-11-01T00:00:00Z");
    short.insert(SEED, &[7; 31]);
    let told = "the item seed is not a private key: not a private key: 32 bytes were expected";
    assert_eq!(fault(names::SEALING_KEY_TYPE, "active", &short), told);
    short.remove(SEED);
    assert_eq!(fault(names::SEALING_KEY_TYPE, "active", &short), "the item seed is missing");
}

struct Rsa {
    key: RsaPrivateKey,
    certificate: Certificate,
}

fn rsa() -> Rsa {
    let key = RsaPrivateKey::generate(RsaSize::Bits2048).unwrap();
    let validity = Validity { not_before: 1_795_324_800, not_after: 1_800_000_000 };
    let certificate = Certificate::self_signed(&key, validity, &mut rng()).unwrap();
    Rsa { key, certificate }
}

fn upstream(type_: &'static str, items: &Items<'_>) -> Result<(RsaKey, Option<KeyFault>), KeyFault> {
    let read = read_upstream(&facts(type_, "active"), |name| items.get(name).copied());
    read.map(|(rsa, key, fault)| {
        assert_eq!(rsa.fingerprint, *key.public().fingerprint());
        (rsa, fault)
    })
}

#[test]
fn upstreams_key_counts_from_its_certificate() {
    let Rsa { key, certificate } = rsa();
    let pem = key.to_pkcs1_pem();
    let items = [(TLS_KEY, pem.as_bytes()), (TLS_CRT, certificate.to_pem().as_bytes())].into();
    // People bring their own in Secrets of any type.
    for type_ in [TLS_TYPE, "Opaque"] {
        let (rsa, fault) = upstream(type_, &items).unwrap();
        assert_eq!((rsa.since, rsa.created, fault), (1_795_324_800, 5, None));
        assert_eq!(rsa.certificate.as_deref(), Some(certificate.to_pem()));
    }
}

#[test]
fn a_key_opens_though_its_certificate_is_of_no_use() {
    let Rsa { key, .. } = rsa();
    let other = rsa();
    let pem = key.to_pkcs1_pem();
    let with = |crt: Option<&[u8]>| {
        let mut items: Items<'_> = [(TLS_KEY, pem.as_bytes())].into();
        items.extend(crt.map(|crt| (TLS_CRT, crt)));
        let (rsa, fault) = upstream(TLS_TYPE, &items).unwrap();
        assert_eq!((rsa.certificate, rsa.since), (None, 5));
        fault.unwrap().to_string()
    };
    let beside = "the key opens, but its certificate is not published";
    let own = "the certificate in tls.crt belongs to another key than tls.key";
    assert_eq!(with(Some(other.certificate.to_pem().as_bytes())), format!("{own}; {beside}"));
    assert_eq!(with(Some(b"PEM")), format!("the item tls.crt is not a certificate that can be used; {beside}"));
    assert_eq!(with(None), format!("the item tls.crt is missing; {beside}"));
}

#[test]
fn kseals_own_secrets_are_no_keys_of_upstreams() {
    let Rsa { key, .. } = rsa();
    let pem = key.to_pkcs1_pem();
    let items: Items<'_> = [(TLS_KEY, pem.as_bytes())].into();
    for type_ in [names::SEALING_KEY_TYPE, names::IDENTITY_KEY_TYPE] {
        assert!(matches!(upstream(type_, &items), Err(KeyFault::Content(_))));
    }
    let told = upstream(TLS_TYPE, &Items::new()).unwrap_err().to_string();
    assert_eq!(told, "the item tls.key is missing");
}
