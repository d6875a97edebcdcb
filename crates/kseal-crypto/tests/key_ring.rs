//! How many private-key operations it costs to open an object of sealed-secrets, whose format names no key, and which
//! envelopes are none.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::sync::{Arc, LazyLock};

use kseal_crypto::{
    KeyRing, PrivateKey, Reason, Suite, Zeroizing, decode_base64, encode_base64,
    sealed_secrets::{self, MAX_FAILED_ITEMS, Opened, RsaPrivateKey, RsaPublicKey, RsaSize},
};
use rand_core::UnwrapErr;

const LABEL: &[u8] = b"prod/db";

/// Three keys of 2048 bits and one of 3072, as PEM: a private key cannot be cloned.
static KEYS: LazyLock<[Zeroizing<String>; 4]> = LazyLock::new(|| {
    [RsaSize::Bits2048, RsaSize::Bits2048, RsaSize::Bits2048, RsaSize::Bits3072]
        .map(|size| RsaPrivateKey::generate(size).unwrap().to_pkcs1_pem())
});
const LARGE: usize = 3;

fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

fn key(index: usize) -> RsaPrivateKey {
    RsaPrivateKey::from_pem(&KEYS[index]).unwrap()
}

fn ring(keys: impl IntoIterator<Item = usize>) -> KeyRing {
    let mut ring = KeyRing::default();
    keys.into_iter().for_each(|index| ring.add_rsa(key(index)));
    ring
}

fn seal(recipient: &RsaPublicKey, label: &[u8]) -> String {
    sealed_secrets::seal(recipient, label, b"value", &mut rng()).unwrap()
}

fn open(ring: &KeyRing, texts: &[&str]) -> Opened {
    let names: Vec<String> = (0..texts.len()).map(|index| format!("{index:03}")).collect();
    sealed_secrets::open(ring, names.iter().map(String::as_str).zip(texts.iter().copied()), LABEL)
}

/// The cost of one object, all of whose items open.
fn cost(ring: &KeyRing, texts: &[&str]) -> usize {
    let opened = open(ring, texts);
    assert_eq!(opened.items.len(), texts.len());
    for value in opened.items.values() {
        assert_eq!(value.as_ref().unwrap().as_slice(), b"value");
    }
    opened.work.operations
}

fn reasons(opened: &Opened) -> Vec<Option<Reason>> {
    opened.items.values().map(|value| value.as_ref().err().copied()).collect()
}

/// How one envelope fails, and at what cost.
fn failure(ring: &KeyRing, text: &str) -> (usize, Option<Reason>) {
    let opened = open(ring, &[text]);
    (opened.work.operations, opened.items["000"].as_ref().err().copied())
}

#[test]
fn keys_of_another_size_cost_nothing() {
    let text = seal(key(0).public(), LABEL);
    assert_eq!(cost(&ring([LARGE, 0]), &[&text]), 1);
    assert_eq!(failure(&ring([LARGE]), &text), (0, Some(Reason::NoKey)));
    assert_eq!(failure(&KeyRing::default(), &text), (0, Some(Reason::NoKey)));
    let large = seal(key(LARGE).public(), LABEL);
    assert_eq!(cost(&ring([0, 1, 2, LARGE]), &[&large]), 1);
    assert_eq!(failure(&ring([0, 1, 2]), &large), (0, Some(Reason::NoKey)));
}

#[test]
fn the_first_value_costs_a_trial_of_each_key_up_to_the_good_one() {
    for good in 0..3 {
        let text = seal(key(good).public(), LABEL);
        assert_eq!(cost(&ring(0..3), &[&text]), good + 1);
        assert_eq!(cost(&ring((0..3).rev()), &[&text]), 3 - good);
    }
}

#[test]
fn the_key_that_opened_last_is_tried_first() {
    let ring = ring(0..3);
    let last = seal(key(2).public(), LABEL);
    assert_eq!(cost(&ring, &[&last]), 3);
    assert_eq!(cost(&ring, &[&last, &last, &last]), 3, "one each");
    let middle = seal(key(1).public(), LABEL);
    assert_eq!(cost(&ring, &[&middle]), 3, "the last one, then in order");
    assert_eq!(cost(&ring, &[&middle, &middle]), 2);
    assert_eq!(cost(&ring, &[&last, &middle]), 6);
}

#[test]
fn a_failure_does_not_change_which_key_is_tried_first() {
    let ring = ring(0..3);
    let good = seal(key(2).public(), LABEL);
    assert_eq!(cost(&ring, &[&good]), 3);
    assert_eq!(failure(&ring, &seal(key(0).public(), b"dev/db")), (3, Some(Reason::Open)));
    assert_eq!(cost(&ring, &[&good]), 1);
}

#[test]
fn the_same_key_is_held_once() {
    let ring = ring([0, 0, 1, 0]);
    assert_eq!(ring.rsa().len(), 2);
    assert_eq!(failure(&ring, &seal(key(0).public(), b"dev/db")), (2, Some(Reason::Open)));
}

#[test]
fn rings_share_their_keys() {
    let rsa = Arc::new(key(0));
    let native = Arc::new(PrivateKey::from_seed(Suite::X25519, &[7; 32]).unwrap());
    let build = || {
        let mut ring = KeyRing::default();
        ring.add(Arc::clone(&native));
        ring.add_rsa(Arc::clone(&rsa));
        ring
    };
    let (old, new) = (build(), build());
    assert_eq!(Arc::strong_count(&native), 3);
    drop(old);
    assert_eq!(Arc::strong_count(&rsa), 2);
    assert!(new.get(native.fingerprint()).is_some_and(|held| std::ptr::eq(held, &raw const *native)));
    assert_eq!(cost(&new, &[&seal(rsa.public(), LABEL)]), 1);
}

#[test]
fn a_native_key_is_found_by_name_and_opens_no_foreign_envelope() {
    let mut ring = KeyRing::default();
    assert!(ring.is_empty());
    let native = PrivateKey::from_seed(Suite::X25519, &[7; 32]).unwrap();
    let name = native.fingerprint();
    ring.add(PrivateKey::from_seed(Suite::X25519, &[7; 32]).unwrap());
    ring.add(native);
    assert!(!ring.is_empty());
    assert_eq!(ring.native().count(), 1);
    assert_eq!(ring.get(name).unwrap().fingerprint(), name);
    assert_eq!(failure(&ring, &seal(key(0).public(), LABEL)), (0, Some(Reason::NoKey)));
}

#[test]
fn after_eight_failed_items_no_key_is_tried() {
    let ring = ring([0, 1]);
    let (good, bad) = (seal(key(0).public(), LABEL), seal(key(0).public(), b"dev/db"));
    let texts = [&[good.as_str()][..], &[bad.as_str(); MAX_FAILED_ITEMS], &[&good, &bad]].concat();
    let opened = open(&ring, &texts);
    let failed = [Some(Reason::Open); MAX_FAILED_ITEMS];
    let expected = [&[None][..], &failed, &[Some(Reason::NotTried); 2]].concat();
    assert_eq!(reasons(&opened), expected);
    assert_eq!(opened.work.operations, 1 + MAX_FAILED_ITEMS * 2);
    // What costs nothing is told all the same, so that the object's class does not depend on the order of its items.
    let large = seal(key(LARGE).public(), LABEL);
    let opened = open(&ring, &[&texts[..], &["!", "AA==", &large]].concat());
    let last = [Some(Reason::EnvelopeBase64), Some(Reason::EnvelopeTooShort), Some(Reason::NoKey)];
    assert!(reasons(&opened).ends_with(&last));
    assert_eq!(MAX_FAILED_ITEMS, 8);
}

#[test]
fn seven_failed_items_do_not_keep_the_rest_from_being_tried() {
    let ring = ring([0]);
    let (good, bad) = (seal(key(0).public(), LABEL), seal(key(0).public(), b"dev/db"));
    let texts = [&[bad.as_str(); MAX_FAILED_ITEMS - 1][..], &[&good]].concat();
    let opened = open(&ring, &texts);
    assert_eq!(reasons(&opened).last(), Some(&None));
    assert_eq!(opened.work.operations, MAX_FAILED_ITEMS);
}

#[test]
fn items_that_cost_nothing_do_not_count_as_failed() {
    let ring = ring([0]);
    let (good, large) = (seal(key(0).public(), LABEL), seal(key(LARGE).public(), LABEL));
    let texts = [&["!", "AA==", &large].repeat(10)[..], &[&good]].concat();
    let opened = open(&ring, &texts);
    assert_eq!(reasons(&opened).last(), Some(&None));
    assert_eq!(opened.work.operations, 1);
}

#[test]
fn an_envelope_that_is_cut_off_is_told_in_upstreams_words() {
    let ring = ring([0]);
    let whole = decode_base64(&seal(key(0).public(), LABEL)).unwrap();
    assert_eq!(whole.len(), 2 + 256 + 5 + 16);
    for len in [0, 1, 2, 3, 257] {
        let expected = (0, Some(Reason::EnvelopeTooShort));
        assert_eq!(failure(&ring, &encode_base64(&whole[..len])), expected, "{len} bytes");
    }
    // From here on the RSA ciphertext is whole and what follows it is no AES-GCM ciphertext of this key.
    for len in 258..whole.len() {
        assert_eq!(failure(&ring, &encode_base64(&whole[..len])), (1, Some(Reason::Open)), "{len} bytes");
    }
    assert_eq!(failure(&ring, &encode_base64(&whole)), (1, None));
    assert_eq!(failure(&ring, &encode_base64(&[&whole[..], &[0]].concat())), (1, Some(Reason::Open)));
    assert_eq!(Reason::EnvelopeTooShort.to_string(), "SealedSecret data is too short");
}

#[test]
fn a_length_prefix_that_is_off_by_one_names_a_key_that_nobody_has() {
    let ring = ring([0, LARGE]);
    let whole = decode_base64(&seal(key(0).public(), LABEL)).unwrap();
    for (len, expected) in [
        (0_u16, Reason::NoKey),
        (255, Reason::NoKey),
        (257, Reason::NoKey),
        (277, Reason::NoKey),
        (278, Reason::EnvelopeTooShort),
        (384, Reason::EnvelopeTooShort),
        (u16::MAX, Reason::EnvelopeTooShort),
    ] {
        let bytes = [&len.to_be_bytes()[..], &whole[2..]].concat();
        assert_eq!(failure(&ring, &encode_base64(&bytes)), (0, Some(expected)), "{len}");
    }
}

#[test]
fn only_canonical_base64_is_read() {
    let ring = ring([0]);
    // 2 + 256 + 6 + 16 bytes end in one unpaired byte, whose text ends in `==`.
    let text = sealed_secrets::seal(key(0).public(), LABEL, b"values", &mut rng()).unwrap();
    assert!(text.starts_with("AQ") && text.ends_with("=="));
    let last = text.as_bytes()[text.len() - 3];
    // The four low bits of that character are not used and must be zero: the next character differs in them alone.
    let loose = format!("{}{}==", &text[..text.len() - 3], char::from(last + 1));
    let url_safe = text.replace('+', "-").replace('/', "_");
    assert_ne!(text, url_safe);
    let spaced = format!("{} {}", &text[..64], &text[64..]);
    let wrapped = format!("{}\n{}", &text[..64], &text[64..]);
    for changed in [
        text.trim_end_matches('=').to_owned(),
        text[..text.len() - 1].to_owned(),
        format!("{text}="),
        format!("{text}\n"),
        format!(" {text}"),
        format!("{text}AA=="),
        spaced,
        wrapped,
        loose,
        url_safe,
    ] {
        assert_eq!(failure(&ring, &changed), (0, Some(Reason::EnvelopeBase64)), "{changed}");
    }
    assert_eq!(failure(&ring, &text), (1, None));
}
