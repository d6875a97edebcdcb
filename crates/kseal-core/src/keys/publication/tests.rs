use kseal_api::KeyState;
use kseal_crypto::{
    Suite,
    sealed_secrets::{RsaPrivateKey, RsaSize, Validity},
};
use proptest::prelude::*;

use super::*;
use crate::testing::{key, listed, rng};

const UID: &str = "6f0c1a2b-77aa";

fn identity(seed: u8) -> IdentityKey {
    IdentityKey::from_seed(&[seed; 32]).unwrap()
}

fn certificate() -> Certificate {
    let key = RsaPrivateKey::generate(RsaSize::Bits2048).unwrap();
    let validity = Validity { not_before: 1_795_324_800, not_after: 1_800_000_000 };
    Certificate::self_signed(&key, validity, &mut rng()).unwrap()
}

fn publication() -> Publication {
    let mut keys =
        vec![listed(&key(Suite::XWing), 2, KeyState::Active), listed(&key(Suite::X25519), 1, KeyState::Retired)];
    keys.sort_by_key(|key| key.public.fingerprint());
    let certificate = Some(certificate().to_pem().to_owned());
    Publication { name: "prod".into(), cluster_uid: UID.into(), keys, certificate }
}

fn published(publication: &Publication) -> Bundle {
    let text = serde_json::to_vec(&publication.sign(&identity(7), 9, "2026-11-01T00:00:00Z")).unwrap();
    read_published(&text, UID, &identity(7).public()).unwrap()
}

#[test]
fn what_is_published_reads_back() {
    let publication = publication();
    let bundle = published(&publication);
    assert!(publication.is_said_by(&bundle));
    let publisher = bundle.publisher.unwrap();
    assert_eq!((publisher.serial, publisher.issued_at.as_str()), (9, "2026-11-01T00:00:00Z"));
    let bare = Publication { keys: vec![], certificate: None, ..publication };
    assert!(bare.is_said_by(&published(&bare)));
}

#[test]
fn every_difference_is_seen() {
    let bundle = published(&publication());
    let same = || Publication {
        name: bundle.name.clone(),
        cluster_uid: UID.into(),
        keys: bundle.keys.clone(),
        certificate: bundle.certificate.as_ref().map(|certificate| certificate.to_pem().to_owned()),
    };
    assert!(same().is_said_by(&bundle));
    let changes: [fn(&mut Publication); 8] = [
        |it| it.name = "stage".into(),
        |it| it.certificate = None,
        |it| it.certificate = Some(certificate().to_pem().to_owned()),
        |it| drop(it.keys.pop()),
        |it| it.keys[0].state = KeyState::Compromised,
        |it| it.keys[1].epoch = 3,
        |it| it.keys[0].created_at = "then".into(),
        |it| it.keys[0].public = key(Suite::XWing).public().clone(),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut other = same();
        change(&mut other);
        assert!(!other.is_said_by(&bundle), "change {index}");
    }
}

#[test]
fn only_this_clusters_own_bundle_is_read() {
    let mut text = publication().sign(&identity(7), 9, "2026-11-01T00:00:00Z");
    let read = |text: &SealingKeyBundle, uid, seed| {
        read_published(&serde_json::to_vec(text).unwrap(), uid, &identity(seed).public()).is_some()
    };
    assert!(read(&text, UID, 7));
    assert!(!read(&text, "other", 7));
    assert!(!read(&text, UID, 8));
    text.spec.keys[0].state = KeyState::Active;
    text.spec.keys[1].state = KeyState::Active;
    assert!(!read(&text, UID, 7));
    let local = Bundle::local("prod", vec![], None).to_local_text();
    assert!(!read(&local, UID, 7));
    for text in ["", "null", "{}", "\u{0}"] {
        assert!(read_published(text.as_bytes(), UID, &identity(7).public()).is_none(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn the_serial_grows_and_follows_the_clock(previous: Option<u64>, now: u64) {
        let serial = next_serial(previous, now);
        prop_assert!(serial >= now);
        prop_assert!(previous.is_none_or(|previous| serial > previous || previous == u64::MAX));
        prop_assert!(serial == now || previous.is_some_and(|previous| previous >= now));
    }
}
