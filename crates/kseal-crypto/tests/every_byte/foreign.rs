//! The same for the envelope of sealed-secrets, which binds less.

use std::{collections::BTreeMap, sync::LazyLock};

use data_encoding::BASE64;
use kseal_crypto::{
    FailureClass::{self, Malformed, NoKey, Open},
    KeyRing, Place, Reason, Zeroizing,
    sealed_secrets::{self, RsaPrivateKey, RsaSize},
};

use crate::{BASE64_ALPHABET, FLIPS, other_places, places, rng, text_changes};

static RSA_PEM: LazyLock<Zeroizing<String>> =
    LazyLock::new(|| RsaPrivateKey::generate(RsaSize::Bits2048).unwrap().to_pkcs1_pem());

/// A foreign envelope of a five-byte value, and the key that opens it.
fn envelope(place: &Place) -> (KeyRing, Vec<u8>) {
    let key = RsaPrivateKey::from_pem(&RSA_PEM).unwrap();
    let label = sealed_secrets::label(place).unwrap();
    let text = sealed_secrets::seal(key.public(), &label, b"value", &mut rng()).unwrap();
    let mut ring = KeyRing::default();
    ring.add_rsa(key);
    (ring, BASE64.decode(text.as_bytes()).unwrap())
}

fn class_of_envelope(ring: &KeyRing, text: &str, place: &Place) -> Option<FailureClass> {
    let opened = sealed_secrets::open(ring, [("item", text)], &sealed_secrets::label(place).unwrap());
    opened.items["item"].as_ref().err().copied().map(Reason::class)
}

#[test]
fn every_byte_of_a_foreign_envelope_counts() {
    let mut tried = BTreeMap::new();
    for place in &places()[..3] {
        let (ring, bytes) = envelope(place);
        assert_eq!(bytes.len(), 2 + 256 + 5 + 16);
        assert_eq!(class_of_envelope(&ring, &BASE64.encode(&bytes), place), None);
        // The RSA ciphertext is sampled: its first and last byte and every sixteenth.
        let sampled = |position: usize| !(2..258).contains(&position) || position % 16 == 2 || position == 257;
        let all_headers = (0..2).flat_map(|position| (1..=u8::MAX).map(move |flip| (position, flip)));
        let rest = (2..bytes.len()).filter(|position| sampled(*position));
        for (position, flip) in all_headers.chain(rest.flat_map(|position| FLIPS.map(|flip| (position, flip)))) {
            let mut changed = bytes.clone();
            changed[position] ^= flip;
            let len = usize::from(u16::from_be_bytes([changed[0], changed[1]]));
            let expected = match len {
                256 => Open,
                _ if len > changed.len() - 2 => Malformed,
                _ => NoKey,
            };
            let class = class_of_envelope(&ring, &BASE64.encode(&changed), place);
            assert_eq!(class, Some(expected), "byte {position} ^ {flip:#x}");
            *tried.entry(expected).or_insert(0) += 1;
        }
    }
    // 17 positions of the RSA ciphertext and all 21 of the AES ciphertext.
    assert_eq!(tried[&Open], 3 * (17 + 21) * FLIPS.len());
    assert_eq!(tried[&Malformed] + tried[&NoKey], 3 * 2 * 255);
}

#[test]
fn every_character_of_a_foreign_envelope_must_be_canonical_base64() {
    let place = Place::ClusterWide;
    let (ring, bytes) = envelope(&place);
    let text = BASE64.encode(&bytes);
    let mut tried = 0;
    for changed in text_changes(&text, BASE64_ALPHABET) {
        if BASE64.decode(changed.as_bytes()).is_err() {
            assert_eq!(class_of_envelope(&ring, &changed, &place), Some(Malformed), "{changed}");
            tried += 1;
        }
    }
    assert!(tried > 1_000, "{tried}");
}

#[test]
fn a_foreign_envelope_opens_in_its_place_alone() {
    let mut tried = 0;
    for place in &places()[..3] {
        let (ring, bytes) = envelope(place);
        let text = BASE64.encode(&bytes);
        let label = sealed_secrets::label(place).unwrap();
        for other in other_places(place) {
            let Some(other_label) = sealed_secrets::label(&other) else { continue };
            // The format's own ambiguity: only the label counts, and Kubernetes allows no slash in a namespace.
            let expected = (other_label != label).then_some(Open);
            assert_eq!(class_of_envelope(&ring, &text, &other), expected, "{other:?} for {place:?}");
            tried += usize::from(expected.is_some());
        }
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn the_items_of_a_foreign_object_can_be_exchanged_which_its_format_does_not_prevent() {
    let place = &places()[0];
    let (ring, one) = envelope(place);
    let label = sealed_secrets::label(place).unwrap();
    let other = sealed_secrets::seal(ring.rsa()[0].public(), &label, b"other", &mut rng()).unwrap();
    let one = BASE64.encode(&one);
    let opened = sealed_secrets::open(&ring, [("one", other.as_str()), ("other", one.as_str())], &label);
    assert_eq!(opened.items["one"].as_ref().unwrap().as_slice(), b"other");
    assert_eq!(opened.items["other"].as_ref().unwrap().as_slice(), b"value");
}
