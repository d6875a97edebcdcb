//! The native format, version 1, written down a second time over aws-lc and from the specification alone.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    digest, hkdf,
};
use data_encoding::{BASE32_NOPAD, BASE64};
use kseal_crypto::{Place, Suite};

use crate::hpke;

/// The scope byte and the parts that the scope binds.
pub(crate) fn place_bytes(place: &Place) -> Vec<u8> {
    match place {
        Place::Strict { namespace, name } => [vec![1], lp(namespace.as_bytes()), lp(name.as_bytes())].concat(),
        Place::NamespaceWide { namespace } => [vec![2], lp(namespace.as_bytes())].concat(),
        Place::ClusterWide => vec![3],
        Place::ClusterSealedSecret { name } => [vec![4], lp(name.as_bytes())].concat(),
    }
}

/// The suite of the key, its three identifiers and the key itself.
pub(crate) fn fingerprint(suite: Suite, public: &[u8]) -> String {
    let ids = match suite {
        Suite::X25519 => [0x00, 0x20, 0x00, 0x01, 0x00, 0x02],
        Suite::XWing => [0x64, 0x7a, 0x00, 0x01, 0x00, 0x02],
    };
    let text = [b"kseal/1/key", &ids[..], &lp(public)].concat();
    format!("k{}", base32(&digest::digest(&digest::SHA256, &text).as_ref()[..16]))
}

pub(crate) fn commitment(data_key: &[u8]) -> [u8; 32] {
    derive(data_key, b"kseal/1/commit")
}

pub(crate) fn handle(data_key: &[u8]) -> String {
    format!("d{}", base32(&commitment(data_key)[..10]))
}

pub(crate) fn wrap(suite: Suite, public: &[u8], place: &Place, data_key: &[u8]) -> Vec<u8> {
    let (enc, ciphertext) = hpke::seal(suite, public, b"kseal/1/wrap", &place_bytes(place), data_key);
    [enc, ciphertext].concat()
}

pub(crate) fn unwrap(suite: Suite, seed: &[u8; 32], place: &Place, wrapped: &[u8]) -> Option<Vec<u8>> {
    // The ciphertext is a data key and a tag.
    let (enc, ciphertext) = wrapped.split_at(wrapped.len() - 48);
    hpke::open(suite, seed, enc, b"kseal/1/wrap", &place_bytes(place), ciphertext)
}

pub(crate) fn seal_value(data_key: &[u8], place: &Place, item: &str, value: &[u8], nonce: [u8; 12]) -> String {
    let mut sealed = pad(value);
    let aad = Aad::from(value_aad(place, item));
    value_key(data_key).seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed).unwrap();
    format!("ks1.{}.{}", handle(data_key), BASE64.encode(&[&nonce[..], &sealed].concat()))
}

/// The value, if it opens. The text must be well-formed.
pub(crate) fn open_value(data_key: &[u8], place: &Place, item: &str, text: &str) -> Option<Vec<u8>> {
    let [version, name, bytes] = text.split('.').collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((version, name), ("ks1", handle(data_key).as_str()));
    let mut bytes = BASE64.decode(bytes.as_bytes()).unwrap();
    let (nonce, sealed) = bytes.split_first_chunk_mut::<12>().unwrap();
    let aad = Aad::from(value_aad(place, item));
    let padded = value_key(data_key).open_in_place(Nonce::assume_unique_for_key(*nonce), aad, sealed).ok()?;
    let marker = padded.iter().rposition(|byte| *byte != 0).unwrap();
    assert_eq!(padded[marker], 0x80);
    assert_eq!(padded.len(), bucket(marker + 1));
    Some(padded[..marker].to_vec())
}

fn value_key(data_key: &[u8]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &derive(data_key, b"kseal/1/encrypt")).unwrap())
}

fn value_aad(place: &Place, item: &str) -> Vec<u8> {
    [b"kseal/1/value".to_vec(), place_bytes(place), lp(item.as_bytes())].concat()
}

fn derive(data_key: &[u8], info: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    let key = hkdf::Salt::none(hkdf::HKDF_SHA256).extract(data_key);
    key.expand(&[info], hkdf::HKDF_SHA256).unwrap().fill(&mut out).unwrap();
    out
}

fn lp(part: &[u8]) -> Vec<u8> {
    [&u32::try_from(part.len()).unwrap().to_be_bytes()[..], part].concat()
}

fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_lowercase()
}

fn pad(value: &[u8]) -> Vec<u8> {
    let mut out = [value, &[0x80]].concat();
    out.resize(bucket(out.len()), 0);
    out
}

/// The padded length of `n` bytes, found by counting up: 32 at a time, then by Padmé, whose lengths are those with
/// no more than ⌊log2 E⌋ + 1 bits behind the leading one.
fn bucket(n: usize) -> usize {
    if n <= 256 {
        return (0..).step_by(32).find(|len| *len >= n).unwrap();
    }
    let exponent = n.ilog2();
    let kept = exponent.ilog2() + 1;
    (n..=2 * n).find(|len| len.trailing_zeros() + kept >= exponent).unwrap()
}
