use std::sync::LazyLock;

use kseal_crypto::{
    PrivateKey, Suite,
    sealed_secrets::{RsaFingerprint, RsaPrivateKey, RsaSize},
};
use proptest::{prelude::*, sample::select};

use super::*;
use crate::{keys::key_name, testing};

const UID: &str = "6f0c1a2b-77aa";
const ELSEWHERE: &str = "ffffffff-0000";

/// Enough of them for every test.
static KEYS: LazyLock<Vec<PrivateKey>> = LazyLock::new(|| (0..6).map(|_| testing::key(Suite::X25519)).collect());

fn key(secret: &str, index: usize, state: KeyState) -> NativeKey {
    NativeKey {
        secret: secret.to_owned(),
        uid: format!("uid-{secret}"),
        public: KEYS[index].public().clone(),
        created_at: "2026-11-01T00:00:00Z".into(),
        state,
    }
}

fn own(epoch: u32) -> String {
    key_name(KEY_PREFIX, epoch, UID)
}

fn ledger(keys: impl IntoIterator<Item = NativeKey>) -> Ledger {
    let mut ledger = Ledger { native: keys.into_iter().collect(), ..Ledger::default() };
    ledger.names = ledger.native.iter().map(|key| key.secret.clone()).collect();
    ledger.sort();
    ledger
}

fn name(index: usize) -> Fingerprint {
    KEYS[index].fingerprint()
}

fn seals(ledger: &Ledger) -> Option<Fingerprint> {
    let bundle = Bundle::local("prod", ledger.wanted(UID, None).keys, None);
    bundle.sealing_key().map(|key| key.public.fingerprint())
}

fn found(wanted: &Wanted, index: usize) -> Option<(u32, KeyState)> {
    wanted.keys.iter().find(|key| key.public.fingerprint() == name(index)).map(|key| (key.epoch, key.state))
}

#[test]
fn the_newest_active_key_of_the_clusters_own_seals() {
    let active = KeyState::Active;
    assert_eq!(seals(&ledger([key(&own(1), 0, active), key(&own(2), 1, active)])), Some(name(1)));
    assert_eq!(seals(&ledger([key(&own(1), 0, active), key(&own(2), 1, KeyState::Retiring)])), Some(name(0)));
    for state in [KeyState::Retiring, KeyState::Retired, KeyState::Compromised] {
        let ledger = ledger([key(&own(1), 0, state)]);
        assert_eq!(seals(&ledger), None);
        assert!(ledger.sealing_key(UID).is_none());
    }
    assert!(ledger([]).sealing_key(UID).is_none());
    assert!(ledger([key(&own(1), 0, active)]).sealing_key(UID).is_some());
}

#[test]
fn an_imported_key_seals_only_where_no_own_key_does() {
    let imported = format!("kseal-{}", name(1));
    let both = ledger([key(&own(1), 0, KeyState::Active), key(&imported, 1, KeyState::Active)]);
    assert_eq!(seals(&both), Some(name(0)));
    assert_eq!(found(&both.wanted(UID, None), 1), Some((0, KeyState::Active)));
    let promoted = ledger([key(&own(1), 0, KeyState::Retiring), key(&imported, 1, KeyState::Active)]);
    assert_eq!(seals(&promoted), Some(name(1)));
    assert!(promoted.sealing_key(UID).is_some());
}

#[test]
fn another_clusters_key_opens_and_never_seals() {
    let foreign = key_name(KEY_PREFIX, 9, ELSEWHERE);
    let both = ledger([key(&foreign, 0, KeyState::Active), key(&own(1), 1, KeyState::Active)]);
    assert_eq!(seals(&both), Some(name(1)));
    assert_eq!(found(&both.wanted(UID, None), 0), Some((9, KeyState::Retiring)));
    let alone = ledger([key(&foreign, 0, KeyState::Active)]);
    assert!(alone.sealing_key(UID).is_none());
    assert_eq!(alone.next_epoch(KEY_PREFIX, None, 0), Some(10), "it is newer than what the other cluster had");
}

#[test]
fn a_key_in_two_secrets_is_listed_once_and_compromised_if_either_says_so() {
    use KeyState::{Active, Compromised, Retired, Retiring};
    let imported = format!("kseal-{}", name(0));
    let of = |a, b| {
        let ledger = ledger([key(&own(3), 0, a), key(&imported, 0, b)]);
        assert_eq!(ledger.wanted(UID, None).keys.len(), 1);
        (found(&ledger.wanted(UID, None), 0).unwrap(), ledger.compromised().contains(&name(0).to_string()))
    };
    assert_eq!(of(Active, Retiring).0, (3, Active));
    assert_eq!(of(Retiring, Active).0, (3, Retiring));
    assert_eq!(of(Retired, Active), ((3, Retired), false));
    assert_eq!(of(Active, Compromised), ((3, Compromised), true));
    assert_eq!(of(Compromised, Active), ((3, Compromised), true));
    assert!(!of(Retired, Retired).1);
}

#[test]
fn a_published_key_without_a_secret_stays_listed_and_nobody_seals_for_it() {
    let before = [KeyState::Active, KeyState::Retiring, KeyState::Compromised, KeyState::Retired];
    let listed = before.into_iter().zip(0..).map(|(state, index)| testing::listed(&KEYS[index], 4, state));
    let published = testing::bundle("prod", listed.collect());
    let wanted = ledger([]).wanted(UID, Some(&published));
    let after = [KeyState::Retiring, KeyState::Retiring, KeyState::Compromised, KeyState::Retired];
    for (index, state) in after.into_iter().enumerate() {
        assert_eq!(found(&wanted, index), Some((4, state)));
    }
    let mut lost: Vec<_> = (0..3).map(name).collect();
    lost.sort();
    let mut missing = wanted.missing;
    missing.sort();
    assert_eq!(missing, lost, "a retired key is deleted on purpose");
}

#[test]
fn an_epoch_is_taken_by_whatever_has_its_name() {
    let mut ledger = ledger([key(&own(2), 0, KeyState::Active)]);
    ledger.names.extend(["kseal-7-6f0c1a2b".to_owned(), "sealed-secrets-key-40-6f0c1a2b".to_owned()]);
    assert_eq!(ledger.next_epoch(KEY_PREFIX, None, 0), Some(8));
    assert_eq!(ledger.next_epoch("sealed-secrets-key", None, 0), Some(41));
    assert_eq!(ledger.next_epoch(KEY_PREFIX, None, 11), Some(12));
    let published = testing::bundle("prod", vec![testing::listed(&KEYS[1], 20, KeyState::Retired)]);
    assert_eq!(ledger.next_epoch(KEY_PREFIX, Some(&published), 11), Some(21));
    assert_eq!(ledger.next_epoch(KEY_PREFIX, None, u32::MAX), None);
}

fn rsa(secret: &str, since: u64, created: u64, certificate: Option<&str>) -> RsaKey {
    static FINGERPRINT: LazyLock<RsaFingerprint> =
        LazyLock::new(|| RsaPrivateKey::generate(RsaSize::Bits2048).unwrap().public().fingerprint().clone());
    let certificate = certificate.map(str::to_owned);
    RsaKey { secret: secret.into(), uid: "u".into(), fingerprint: FINGERPRINT.clone(), certificate, since, created }
}

#[test]
fn the_newest_certificate_is_published_whenever_its_secret_was_made() {
    let mut ledger = Ledger {
        rsa: vec![
            rsa("old", 10, 90, Some("old")),
            rsa("b-new", 20, 50, Some("b")),
            rsa("a-new", 20, 60, Some("a")),
            rsa("bare", 30, 30, None),
        ],
        ..Ledger::default()
    };
    ledger.sort();
    assert_eq!(ledger.rsa.iter().map(|key| key.secret.as_str()).collect::<Vec<_>>(), ["bare", "b-new", "a-new", "old"]);
    assert_eq!(ledger.certificate(), Some("b"));
    assert!(Ledger::default().certificate().is_none());
}

fn states() -> impl Strategy<Value = KeyState> {
    select(&KeyState::ALL[..])
}

/// Key Secrets by name: which key is in them, and their label. Names of own keys, another cluster's, and imported ones.
fn secrets() -> impl Strategy<Value = BTreeMap<String, (usize, KeyState)>> {
    let name = (0_u32..4, select(&[UID, ELSEWHERE, "imported"][..])).prop_map(|(epoch, cluster)| {
        if cluster == "imported" { format!("kseal-i{epoch}") } else { key_name(KEY_PREFIX, epoch, cluster) }
    });
    proptest::collection::btree_map(name, (0_usize..6, states()), 0..8)
}

fn read(secrets: BTreeMap<String, (usize, KeyState)>) -> Vec<NativeKey> {
    secrets.into_iter().map(|(name, (index, state))| key(&name, index, state)).collect()
}

fn bundles() -> impl Strategy<Value = BTreeMap<usize, (u32, KeyState)>> {
    proptest::collection::btree_map(0_usize..6, (0_u32..9, states()), 0..6)
}

fn publish(keys: BTreeMap<usize, (u32, KeyState)>) -> Bundle {
    let listed = keys.into_iter().map(|(index, (epoch, state))| testing::listed(&KEYS[index], epoch, state));
    testing::bundle("prod", listed.collect())
}

proptest! {
    #[test]
    fn no_key_is_dropped_and_none_seals_without_its_secret(keys in secrets(), published in bundles()) {
        let (ledger, published) = (ledger(read(keys)), publish(published));
        let wanted = ledger.wanted(UID, Some(&published));
        let has_secret =
            |fingerprint| ledger.native.iter().any(|key| key.public.fingerprint() == fingerprint);
        for listed in &published.keys {
            let fingerprint = listed.public.fingerprint();
            let now = wanted.keys.iter().find(|key| key.public.fingerprint() == fingerprint);
            let now = now.expect("stays listed");
            prop_assert!(has_secret(fingerprint) || now.state != KeyState::Active);
            prop_assert!(has_secret(fingerprint) || listed.state != KeyState::Compromised || now.state == listed.state);
            let is_lost = !has_secret(fingerprint) && listed.state != KeyState::Retired;
            prop_assert_eq!(wanted.missing.contains(&fingerprint), is_lost);
        }
        for key in &ledger.native {
            prop_assert!(wanted.keys.iter().any(|listed| listed.public.fingerprint() == key.public.fingerprint()));
        }
        prop_assert!(wanted.keys.is_sorted_by(|a, b| a.public.fingerprint() < b.public.fingerprint()));
        // Once published, it is what is wanted.
        let again = ledger.wanted(UID, Some(&Bundle::local("prod", wanted.keys.clone(), None)));
        let state = |key: &BundleKey| (key.public.fingerprint(), key.epoch, key.state);
        prop_assert!(again.keys.iter().map(state).eq(wanted.keys.iter().map(state)));
    }

    #[test]
    fn a_new_key_seals_at_once(keys in secrets(), published in bundles()) {
        let ledger = ledger(read(keys).into_iter().filter(|key| key.public.fingerprint() != name(5)));
        let published = publish(published);
        let epoch = ledger.next_epoch(KEY_PREFIX, Some(&published), 0).unwrap();
        prop_assert!(!ledger.names.contains(&own(epoch)));
        let mut after = ledger.clone();
        after.native.push(key(&own(epoch), 5, KeyState::Active));
        prop_assert_eq!(seals(&after), Some(name(5)));
        prop_assert!(after.sealing_key(UID).is_some());
        prop_assert_eq!(ledger.sealing_key(UID).map(|key| key.public.fingerprint()), seals(&ledger));
    }

    #[test]
    fn the_order_of_reading_does_not_matter(keys in secrets()) {
        let keys = read(keys);
        let forth = ledger(keys.iter().cloned());
        let back = ledger(keys.into_iter().rev());
        let listed = |ledger: &Ledger| ledger.wanted(UID, None).keys.iter()
            .map(|key| (key.public.fingerprint(), key.epoch, key.state)).collect::<Vec<_>>();
        prop_assert_eq!(listed(&forth), listed(&back));
    }
}
