//! Sealing and opening through the public interface.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeMap;

use kseal_crypto::{
    Envelope, FailureClass, KeyRing, Place, PrivateKey, Reason, Sealer, Suite, encode_base64,
    envelope::{DataKeyText, SealedDataKey},
};
use rand_core::UnwrapErr;

type Rng = UnwrapErr<getrandom::SysRng>;

/// The texts of one object, as a file would hold them.
#[derive(Clone, Default)]
struct Texts {
    data_keys: BTreeMap<String, (String, BTreeMap<String, String>)>,
    values: BTreeMap<String, String>,
}

impl Texts {
    fn add(&mut self, data_key: &SealedDataKey) {
        let recipients = data_key.recipients.iter().map(|(key, wrap)| (key.to_string(), encode_base64(wrap)));
        let text = (encode_base64(data_key.commitment.as_bytes()), recipients.collect());
        self.data_keys.insert(data_key.handle().to_string(), text);
    }

    fn read(&self) -> Envelope {
        let data_keys = self.data_keys.iter().map(|(handle, (commitment, recipients))| {
            let recipients = recipients.iter().map(|(key, wrap)| (key.as_str(), wrap.as_str())).collect();
            (handle.as_str(), DataKeyText { commitment, recipients })
        });
        Envelope::read(data_keys, self.values.iter().map(|(item, text)| (item.as_str(), text.as_str())))
    }

    fn recipients(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.data_keys.values_mut().next().unwrap().1
    }

    fn class(&self, ring: &KeyRing, place: &Place) -> FailureClass {
        self.read().open(ring, place).map(drop).unwrap_err().class()
    }
}

fn rng() -> Rng {
    UnwrapErr(getrandom::SysRng)
}

fn place() -> Place {
    Place::Strict { namespace: "prod".into(), name: "db".into() }
}

fn key(suite: Suite) -> PrivateKey {
    PrivateKey::generate(suite, &mut rng())
}

fn seal(recipients: &[&PrivateKey], values: &[(&str, &[u8])]) -> Texts {
    let place = place();
    let sealer = Sealer::new(&place, recipients.iter().map(|key| key.public()), &mut rng()).unwrap();
    let mut texts = Texts::default();
    texts.add(sealer.data_key());
    for (item, value) in values {
        texts.values.insert((*item).to_owned(), sealer.seal(item, value, &mut rng()).to_string());
    }
    texts
}

fn ring(keys: impl IntoIterator<Item = PrivateKey>) -> KeyRing {
    let mut ring = KeyRing::default();
    keys.into_iter().for_each(|key| ring.add(key));
    ring
}

#[test]
fn a_thousand_values_cost_one_encapsulation_for_each_recipient() {
    let (a, b) = (key(Suite::XWing), key(Suite::X25519));
    let items: Vec<String> = (0..1_000).map(|index| format!("item-{index}")).collect();
    let values: Vec<(&str, &[u8])> = items.iter().map(|item| (item.as_str(), item.as_bytes())).collect();
    let texts = seal(&[&a, &b], &values);
    assert_eq!(texts.data_keys.len(), 1);
    assert_eq!(texts.data_keys.values().map(|(_, recipients)| recipients.len()).sum::<usize>(), 2);
    for key in [a, b] {
        let opened = texts.read().open(&ring([key]), &place()).unwrap();
        assert_eq!(opened.len(), 1_000);
        assert!(opened.iter().all(|(item, value)| item.as_bytes() == value.as_slice()));
    }
}

#[test]
fn all_items_open_or_none() {
    let key = key(Suite::X25519);
    let mut texts = seal(&[&key], &[("a", b"1"), ("b", b"2")]);
    let b = texts.values["b"].clone();
    texts.values.insert("a".into(), b);
    let ring = ring([key]);
    assert_eq!(texts.class(&ring, &place()), FailureClass::Open);
    let envelope = texts.read();
    let each = envelope.open_each(&ring, &place());
    assert!(matches!(each["a"], Err(Reason::Open)));
    assert_eq!(each["b"].as_ref().unwrap().as_slice(), b"2");
}

#[test]
fn of_several_held_keys_the_lowest_is_tried_alone() {
    let mut keys = [key(Suite::X25519), key(Suite::X25519)];
    keys.sort_by_key(PrivateKey::fingerprint);
    let [low, high] = keys;
    let mut texts = seal(&[&low, &high], &[("a", b"1")]);
    texts.recipients().insert(low.fingerprint().to_string(), encode_base64(&[0; 80]));
    let high_alone = ring([PrivateKey::from_seed(Suite::X25519, high.seed()).unwrap()]);
    assert!(texts.read().open(&high_alone, &place()).is_ok());
    assert_eq!(texts.class(&ring([low, high]), &place()), FailureClass::Open);
}

#[test]
fn without_a_key_the_length_of_the_wraps_tells_unsupported_from_no_key() {
    let (held, other) = (key(Suite::XWing), key(Suite::XWing));
    let mut texts = seal(&[&other], &[("a", b"1")]);
    let ring = ring([held]);
    assert_eq!(texts.class(&ring, &place()), FailureClass::NoKey);
    texts.recipients().insert(other.fingerprint().to_string(), encode_base64(&[0; 81]));
    assert_eq!(texts.class(&ring, &place()), FailureClass::Unsupported);
}

#[test]
fn a_recipient_of_a_later_suite_does_not_close_the_object_to_the_others() {
    let key = key(Suite::X25519);
    let mut texts = seal(&[&key], &[("a", b"1")]);
    texts.recipients().insert(format!("k{}", "a".repeat(26)), encode_base64(&[0; 2_000]));
    assert!(texts.read().open(&ring([key]), &place()).is_ok());
}

#[test]
fn a_data_key_can_be_wrapped_for_one_more_recipient_and_the_values_keep_their_bytes() {
    let (a, b) = (key(Suite::X25519), key(Suite::XWing));
    let mut texts = seal(&[&a], &[("a", b"1")]);
    let (a_name, b_public) = (a.fingerprint(), b.public().clone());
    let envelope = texts.read();
    let handle = *envelope.data_keys().keys().next().unwrap();
    let opened = envelope.open_data_key(handle, &ring([a]), &place()).unwrap();
    assert_eq!(opened.opened_by(), a_name);
    let wrapped = opened.wrap_for(&b_public, &place(), &mut rng()).unwrap();
    *texts.recipients() = BTreeMap::from([(b_public.fingerprint().to_string(), encode_base64(&wrapped))]);
    assert_eq!(texts.read().open(&ring([b]), &place()).unwrap()["a"].as_slice(), b"1");
}

#[test]
fn limits_are_reached_and_not_passed() {
    let key = key(Suite::X25519);
    let texts = seal(&[&key], &[("item", b"")]);
    let ring = ring([key]);
    let with_items = |count: usize| {
        let mut texts = texts.clone();
        let text = texts.values["item"].clone();
        texts.values = (0..count).map(|index| (index.to_string(), text.clone())).collect();
        texts.read()
    };
    assert!(with_items(4_096).failures().is_empty());
    assert_eq!(with_items(4_097).failures()[0].reason, Reason::TooManyItems);
    let with_data_keys = |count: usize| {
        let mut texts = texts.clone();
        for _ in 1..count {
            texts.add(Sealer::new(&Place::ClusterWide, [], &mut rng()).unwrap().data_key());
        }
        texts
    };
    assert!(with_data_keys(64).read().open(&ring, &place()).is_ok());
    assert_eq!(with_data_keys(65).class(&ring, &place()), FailureClass::Malformed);
    let with_wraps = |count: usize| {
        let mut texts = texts.clone();
        for _ in 1..count {
            let public = PrivateKey::generate(Suite::X25519, &mut rng());
            // A stranger's wrap may have any length: it is not ours to open.
            texts.recipients().insert(public.fingerprint().to_string(), String::new());
        }
        texts
    };
    assert!(with_wraps(256).read().open(&ring, &place()).is_ok());
    assert_eq!(with_wraps(257).class(&ring, &place()), FailureClass::Malformed);
}

#[test]
fn a_mebibyte_of_plaintext_opens_and_one_byte_more_does_not() {
    let key = key(Suite::X25519);
    let half = vec![7; 1 << 19];
    let fits = seal(&[&key], &[("a", &half), ("b", &half)]);
    let over = seal(&[&key], &[("a", &half), ("b", &half), ("c", b"1")]);
    let ring = ring([key]);
    assert!(fits.read().open(&ring, &place()).is_ok());
    assert_eq!(over.class(&ring, &place()), FailureClass::Open);
}

#[test]
fn a_malformed_data_key_is_named_and_so_are_its_values() {
    let key = key(Suite::X25519);
    let mut texts = seal(&[&key], &[("a", b"1")]);
    let handle = texts.data_keys.keys().next().unwrap().clone();
    texts.data_keys.get_mut(&handle).unwrap().0 = encode_base64(&[0; 32]);
    let envelope = texts.read();
    let reasons: Vec<Reason> = envelope.failures().iter().map(|failure| failure.reason).collect();
    assert_eq!(reasons, [Reason::HandleMismatch, Reason::DataKeyMalformed]);
    assert_eq!(envelope.values()["a"].as_ref().err(), Some(&Reason::DataKeyMalformed));
}

#[test]
fn each_fault_is_told_once() {
    let key = key(Suite::X25519);
    let mut texts = seal(&[&key], &[("a", b"1"), ("b", b"2")]);
    texts.values.insert("a".into(), "plain".into());
    let failures = texts.read().open(&ring([key]), &place()).map(drop).unwrap_err();
    let told: Vec<_> = failures.iter().map(|failure| (failure.subject.to_string(), failure.reason)).collect();
    assert_eq!(told, [("item a".to_owned(), Reason::NotAValue)]);
}
