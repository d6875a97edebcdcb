//! Keys and envelopes by hand, in the notation of `docs/format.md`.

use aes_gcm::{Aes256Gcm, KeyInit as _, aead::AeadInOut as _};
use data_encoding::{BASE32_NOPAD, BASE64};
use hkdf::Hkdf;
use hpke::{
    Deserializable as _, Kem, OpModeS, Serializable as _,
    aead::AesGcm256,
    kdf::HkdfSha256,
    kem::{X25519HkdfSha256, XWing},
    single_shot_seal_with_rng,
};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::generator::Generator;

/// `lp(x)`.
pub(super) fn lp(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&u32::try_from(part.len()).expect("parts are short").to_be_bytes());
    out.extend_from_slice(part);
}

/// A letter and base32 in lower case without padding.
pub(super) fn named(letter: char, octets: &[u8]) -> String {
    format!("{letter}{}", BASE32_NOPAD.encode(octets).to_lowercase())
}

pub(super) fn base64(octets: &[u8]) -> String {
    BASE64.encode(octets)
}

pub(super) fn unbase64(text: &Value) -> Vec<u8> {
    BASE64.decode(text.as_str().expect("a good object holds texts").as_bytes()).expect("a good object is well-formed")
}

/// `scope byte ‖ lp(part) …`
pub(super) fn place(scope: u8, parts: &[&str]) -> Vec<u8> {
    let mut out = vec![scope];
    for part in parts {
        lp(&mut out, part.as_bytes());
    }
    out
}

#[derive(Clone, Copy)]
enum Suite {
    X25519,
    XWing,
}

/// A sealing key.
#[derive(Clone, Copy)]
pub(super) struct Key {
    suite: Suite,
    seed: [u8; 32],
}

impl Key {
    pub(super) fn x25519(label: &str) -> Self {
        Self { suite: Suite::X25519, seed: Generator::new(&format!("key {label}")).octets() }
    }

    pub(super) fn x_wing(label: &str) -> Self {
        Self { suite: Suite::XWing, seed: Generator::new(&format!("key {label}")).octets() }
    }

    /// Two keys whose order by fingerprint is not the order of the texts: base32 has its digits behind its letters.
    pub(super) fn lowest_two() -> [Self; 2] {
        let keys = (0..).map(|index| Self::x25519(&format!("order {index}")));
        let (mut low, mut high) = (None, None);
        for key in keys {
            if key.fingerprint().as_bytes()[1].is_ascii_digit() {
                high.get_or_insert(key);
            } else {
                low.get_or_insert(key);
            }
            if let (Some(low), Some(high)) = (low, high) {
                return [low, high];
            }
        }
        unreachable!("the labels do not end")
    }

    pub(super) const fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    pub(super) const fn suite(&self) -> &'static str {
        match self.suite {
            Suite::X25519 => "X25519",
            Suite::XWing => "X-Wing",
        }
    }

    /// `u16 KEM ‖ u16 KDF ‖ u16 AEAD`.
    pub(super) const fn ids(&self) -> [u8; 6] {
        match self.suite {
            Suite::X25519 => [0x00, 0x20, 0, 1, 0, 2],
            Suite::XWing => [0x64, 0x7a, 0, 1, 0, 2],
        }
    }

    pub(super) fn public(&self) -> Vec<u8> {
        match self.suite {
            Suite::X25519 => public::<X25519HkdfSha256>(&self.seed),
            Suite::XWing => public::<XWing>(&self.seed),
        }
    }

    pub(super) fn fingerprint(&self) -> String {
        let mut text = b"kseal/1/key".to_vec();
        text.extend_from_slice(&self.ids());
        lp(&mut text, &self.public());
        named('k', &Sha256::digest(&text)[..16])
    }

    /// The header `key`.
    pub(super) fn header(&self) -> String {
        format!("{} {}", self.suite(), base64(&self.seed))
    }
}

fn public<K: Kem>(seed: &[u8]) -> Vec<u8> {
    let private = K::PrivateKey::from_bytes(seed).expect("32 bytes are a private key");
    K::sk_to_pk(&private).to_bytes().to_vec()
}

fn seal_base<K: Kem>(public: &[u8], info: &[u8], aad: &[u8], plaintext: &[u8], rng: &mut Generator) -> Vec<u8> {
    let public = K::PublicKey::from_bytes(public).expect("is a public key");
    let (enc, ct) =
        single_shot_seal_with_rng::<AesGcm256, HkdfSha256, K>(&OpModeS::Base, &public, info, plaintext, aad, rng)
            .expect("a fresh key is no low-order point");
    [&enc.to_bytes()[..], &ct[..]].concat()
}

/// A data key.
#[derive(Clone)]
pub(super) struct DataKey([u8; 32]);

impl DataKey {
    pub(super) fn draw(rng: &mut Generator) -> Self {
        Self(rng.octets())
    }

    fn derive(&self, info: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        Hkdf::<Sha256>::new(None, &self.0).expand(info, &mut out).expect("HKDF gives 32 bytes");
        out
    }

    pub(super) fn commitment(&self) -> [u8; 32] {
        self.derive(b"kseal/1/commit")
    }

    pub(super) fn handle(&self) -> String {
        named('d', &self.commitment()[..10])
    }

    pub(super) fn wrap(&self, recipient: Key, place: &[u8], rng: &mut Generator) -> Vec<u8> {
        self.wrap_with_info(recipient, b"kseal/1/wrap", place, rng)
    }

    pub(super) fn wrap_with_info(&self, recipient: Key, info: &[u8], place: &[u8], rng: &mut Generator) -> Vec<u8> {
        match recipient.suite {
            Suite::X25519 => seal_base::<X25519HkdfSha256>(&recipient.public(), info, place, &self.0, rng),
            Suite::XWing => seal_base::<XWing>(&recipient.public(), info, place, &self.0, rng),
        }
    }

    /// The entry of `dataKeys`.
    pub(super) fn entry(&self, recipients: &[Key], place: &[u8], rng: &mut Generator) -> Value {
        let wraps: std::collections::BTreeMap<String, Value> = recipients
            .iter()
            .map(|key| (key.fingerprint(), Value::from(base64(&self.wrap(*key, place, rng)))))
            .collect();
        let mut entry = Map::new();
        entry.insert("commitment".to_owned(), Value::from(base64(&self.commitment())));
        entry.insert("recipients".to_owned(), Value::Object(wraps.into_iter().collect()));
        Value::Object(entry)
    }

    /// `nonce ‖ AES-256-GCM(value key, nonce, aad, padded)`.
    pub(super) fn seal_padded(&self, item: &str, padded: &[u8], place: &[u8], rng: &mut Generator) -> Vec<u8> {
        let mut aad = b"kseal/1/value".to_vec();
        aad.extend_from_slice(place);
        lp(&mut aad, item.as_bytes());
        let nonce: [u8; 12] = rng.octets();
        let mut sealed = padded.to_vec();
        let cipher = Aes256Gcm::new(&self.derive(b"kseal/1/encrypt").into());
        cipher.encrypt_in_place(&nonce.into(), &aad, &mut sealed).expect("values are short");
        [&nonce[..], &sealed].concat()
    }

    pub(super) fn seal(&self, item: &str, value: &[u8], place: &[u8], rng: &mut Generator) -> Vec<u8> {
        self.seal_padded(item, &pad(value), place, rng)
    }

    /// `ks1.HANDLE.BASE64`.
    pub(super) fn text(&self, octets: &[u8]) -> String {
        format!("ks1.{}.{}", self.handle(), base64(octets))
    }
}

/// `value ‖ 0x80 ‖ zeros`.
fn pad(value: &[u8]) -> Vec<u8> {
    let n = value.len() + 1;
    let step = if n <= 256 { 32 } else { 1 << (n.ilog2() - (n.ilog2().ilog2() + 1)) };
    let mut out = value.to_vec();
    out.push(0x80);
    out.resize(n.div_ceil(step) * step, 0);
    out
}
