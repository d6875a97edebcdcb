use kseal_crypto::{
    PrivateKey, Suite,
    identity::IdentityKey,
    sealed_secrets::{CertificateError, RsaPrivateKey, RsaSize, Validity},
};

use super::*;
use crate::testing::{key, listed, rng};

const UID: &str = "6f0c";

fn identity() -> IdentityKey {
    IdentityKey::from_seed(&[7; 32]).unwrap()
}

fn certificate() -> Certificate {
    let key = RsaPrivateKey::generate(RsaSize::Bits2048).unwrap();
    let validity = Validity { not_before: 1_795_324_800, not_after: 1_800_000_000 };
    Certificate::self_signed(&key, validity, &mut rng()).unwrap()
}

fn local(keys: Vec<BundleKey>) -> SealingKeyBundle {
    Bundle::local("prod", keys, None).to_local_text()
}

/// Publishes a bundle, as it now is.
fn publish(text: &mut SealingKeyBundle) {
    let keys: Vec<BundleKey> = text.spec.keys.iter().map(|key| read_key(key).unwrap()).collect();
    let content = SignedContent {
        name: &text.metadata.name,
        cluster_uid: UID,
        serial: 9,
        issued_at: "now",
        keys: &keys.iter().map(signed_key).collect::<Vec<_>>(),
        certificate: text.spec.certificate.as_deref().unwrap_or_default(),
    };
    let signature = identity().sign(&content.to_bytes());
    text.spec.cluster_uid = Some(UID.to_owned());
    text.spec.identity = Some(encode_base64(identity().public().as_bytes()));
    text.spec.serial = Some(9);
    text.spec.issued_at = Some("now".to_owned());
    text.spec.signature = Some(encode_base64(&signature));
}

fn published() -> SealingKeyBundle {
    let mut text =
        local(vec![listed(&key(Suite::XWing), 2, KeyState::Active), listed(&key(Suite::X25519), 1, KeyState::Retired)]);
    publish(&mut text);
    text
}

fn fault(text: &SealingKeyBundle) -> BundleError {
    Bundle::read(text).map(drop).unwrap_err()
}

/// What is wrong with a published bundle that was changed.
fn changed(change: impl FnOnce(&mut SealingKeyBundle)) -> BundleError {
    let mut text = published();
    change(&mut text);
    fault(&text)
}

#[test]
fn local_keys_read_back() {
    let (low, high) = (key(Suite::X25519), key(Suite::XWing));
    let keys = vec![listed(&low, 1, KeyState::Retiring), listed(&high, 2, KeyState::Active)];
    let text = Bundle::local("mine", keys, Some(certificate())).to_local_text();
    let bundle = Bundle::read(&text).unwrap();
    assert_eq!(bundle.name, "mine");
    assert!(bundle.publisher.is_none());
    assert!(bundle.certificate.is_some());
    let read = bundle.get(low.fingerprint()).unwrap();
    assert_eq!((read.epoch, read.created_at.as_str()), (1, "2026-11-01T00:00:00Z"));
    assert_eq!(read.state, KeyState::Retiring);
    assert!(bundle.get(key(Suite::X25519).fingerprint()).is_none());
    let entry = text.spec.keys.iter().find(|entry| entry.suite == "X-Wing").unwrap();
    assert_eq!(entry.fingerprint, high.fingerprint().to_string());
    assert_eq!(entry.public_key, encode_base64(&high.public().to_bytes()));
    let mut fingerprints: Vec<_> = bundle.keys.iter().map(|key| key.public.fingerprint()).collect();
    assert!(fingerprints.is_sorted());
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 2);
}

#[test]
fn a_published_bundle_says_who_published_it() {
    let mut text = published();
    text.spec.certificate = Some(certificate().to_pem().to_owned());
    publish(&mut text);
    let publisher = Bundle::read(&text).unwrap().publisher.unwrap();
    assert_eq!(publisher.cluster_uid, UID);
    assert_eq!(publisher.identity, identity().public());
    assert_eq!(publisher.serial, 9);
    assert_eq!(publisher.issued_at, "now");
}

#[test]
fn another_kind_of_object_is_no_bundle() {
    assert_eq!(changed(|text| text.kind = "Secret".to_owned()), BundleError::Kind);
    let error = changed(|text| text.api_version = "v1".to_owned());
    assert_eq!(error.to_string(), "not a SealingKeyBundle of kseal.dev/v1alpha1");
}

#[test]
fn a_key_is_what_it_says_it_is() {
    let error = changed(|text| text.spec.keys[0].suite = "X448".to_owned());
    assert!(matches!(error, BundleError::Key(_)));
    let error = changed(|text| text.spec.keys[0].public_key = "!".to_owned());
    assert!(matches!(error, BundleError::Key(_)));
    let mut text = published();
    text.spec.keys[0].public_key = encode_base64(&[7; 31]);
    let stated = text.spec.keys[0].fingerprint.clone();
    assert_eq!(fault(&text).to_string(), format!("key {stated} is not a valid key of its suite"));
    let mut text = published();
    let computed = text.spec.keys[0].fingerprint.clone();
    text.spec.keys[0].fingerprint = "k".to_owned();
    assert_eq!(fault(&text).to_string(), format!("key k has in truth the fingerprint {computed}"));
}

#[test]
fn a_key_is_listed_once() {
    let (twice, other) = (key(Suite::X25519), key(Suite::X25519));
    let text = local(vec![
        listed(&twice, 1, KeyState::Active),
        listed(&other, 2, KeyState::Active),
        listed(&twice, 3, KeyState::Compromised),
    ]);
    assert_eq!(fault(&text), BundleError::Twice(twice.fingerprint()));
    assert_eq!(fault(&text).to_string(), format!("key {} is listed twice", twice.fingerprint()));
}

#[test]
fn who_published_it_is_said_in_full_or_not_at_all() {
    let clear: [fn(&mut SealingKeyBundleSpec); 5] = [
        |spec| spec.cluster_uid = None,
        |spec| spec.identity = None,
        |spec| spec.serial = None,
        |spec| spec.issued_at = None,
        |spec| spec.signature = None,
    ];
    for clear in clear {
        assert_eq!(changed(|text| clear(&mut text.spec)), BundleError::Incomplete);
    }
    let mut text = published();
    for clear in clear {
        clear(&mut text.spec);
    }
    assert!(Bundle::read(&text).unwrap().publisher.is_none());
    assert_eq!(
        BundleError::Incomplete.to_string(),
        "clusterUID, identity, serial, issuedAt and signature belong together, and some of them are missing"
    );
}

#[test]
fn identity_and_signature_are_base64() {
    for identity in ["!".to_owned(), encode_base64(&[7; 31])] {
        assert_eq!(changed(|text| text.spec.identity = Some(identity)), BundleError::Identity);
    }
    assert_eq!(BundleError::Identity.to_string(), "the identity is not base64 of 32 bytes");
    let error = changed(|text| text.spec.signature = Some("!".to_owned()));
    assert_eq!(error.to_string(), "the signature is not base64");
    assert_eq!(error.class(), FailureClass::Malformed);
}

#[test]
fn what_is_signed_does_not_change() {
    let changes: [fn(&mut SealingKeyBundle); 8] = [
        |text| text.metadata.name = "stage".to_owned(),
        |text| text.spec.cluster_uid = Some("other".to_owned()),
        |text| text.spec.identity = Some(encode_base64(&[1; 32])),
        |text| text.spec.serial = Some(10),
        |text| text.spec.issued_at = Some("then".to_owned()),
        |text| text.spec.keys[0].epoch = 3,
        |text| text.spec.keys[0].state = KeyState::Compromised,
        |text| text.spec.signature = Some(encode_base64(&[7; 63])),
    ];
    for change in changes {
        assert_eq!(changed(change), BundleError::Signature);
    }
    let text = "the signature does not belong to this identity and these keys";
    assert_eq!(BundleError::Signature.to_string(), text);
    let added = changed(|text| text.spec.certificate = Some(certificate().to_pem().to_owned()));
    assert_eq!(added, BundleError::Signature);
    let created = changed(|text| text.spec.keys[0].created_at = "then".to_owned());
    assert_eq!(created.class(), FailureClass::Open);
}

#[test]
fn a_bad_certificate_is_malformed_signed_or_not() {
    let error = changed(|text| text.spec.certificate = Some("PEM".to_owned()));
    assert_eq!(error, BundleError::Certificate(CertificateError::None));
    assert_eq!(error.class(), FailureClass::Malformed);
    assert_eq!(error.to_string(), "the certificate is not usable");
}

#[test]
fn the_newest_active_key_seals() {
    let [a, b, c]: [PrivateKey; 3] = std::array::from_fn(|_| key(Suite::X25519));
    let sealing =
        |keys: Vec<BundleKey>| Bundle::local("prod", keys, None).sealing_key().map(|key| key.public.fingerprint());
    let of = |epochs: [u32; 3], states: [KeyState; 3]| {
        sealing(
            [&a, &b, &c]
                .into_iter()
                .zip(epochs)
                .zip(states)
                .map(|((key, epoch), state)| listed(key, epoch, state))
                .collect(),
        )
    };
    let active = KeyState::Active;
    assert_eq!(of([1, 3, 2], [active; 3]), Some(b.fingerprint()));
    assert_eq!(of([1, 3, 2], [active, KeyState::Retiring, active]), Some(c.fingerprint()));
    assert_eq!(of([1, 3, 2], [active, KeyState::Compromised, KeyState::Retired]), Some(a.fingerprint()));
    assert_eq!(of([1, 3, 2], [KeyState::Retiring; 3]), None);
    let lowest = [&a, &b, &c].map(PrivateKey::fingerprint).into_iter().min();
    assert_eq!(of([5, 5, 5], [active; 3]), lowest);
    assert_eq!(sealing(vec![]), None);
}
