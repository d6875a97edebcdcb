//! Nothing of a sealed object can be changed, moved or renamed without its being refused, and the class of the failure
//! is that of `docs/format.md`: `malformed` if the change breaks the shape, `open` if only a key can tell.
//!
//! Each test also counts what it tried, so that a loop over nothing fails. X-Wing is slow: of its eight objects each
//! tries every eighth byte, each another one.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[path = "every_byte/foreign.rs"]
mod foreign;

use std::collections::BTreeMap;

use data_encoding::BASE64;
use kseal_crypto::{
    Envelope,
    FailureClass::{self, Malformed, NoKey, Open, Unsupported},
    KeyRing, Place, PrivateKey, Sealer, Suite,
    envelope::{DataKeyText, SealedDataKey},
};
use rand_core::UnwrapErr;

const BASE64_ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32_ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz234567";
const FLIPS: [u8; 4] = [0x01, 0x10, 0x80, 0xff];

/// The items of each object: nothing, a password, and what Padmé pads.
const ITEMS: [(&str, &[u8]); 3] = [("empty", b""), ("password", b"hunter2"), ("certificate", &[b'c'; 300])];
/// Nonce, padding and tag of all three.
const ITEMS_BYTES: usize = (12 + 32 + 16) + (12 + 32 + 16) + (12 + 304 + 16);

fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

fn places() -> [Place; 4] {
    let (namespace, name) = (|| "prod".to_owned(), || "db".to_owned());
    [
        Place::Strict { namespace: namespace(), name: name() },
        Place::NamespaceWide { namespace: namespace() },
        Place::ClusterWide,
        Place::ClusterSealedSecret { name: name() },
    ]
}

/// One data key as a file holds it.
#[derive(Clone)]
struct KeyTexts {
    handle: String,
    commitment: String,
    recipients: BTreeMap<String, String>,
}

/// Which bytes an object tries: those whose position leaves this remainder.
#[derive(Clone, Copy)]
struct Share {
    remainder: usize,
    divisor: usize,
}

const ALL: Share = Share { remainder: 0, divisor: 1 };

/// One object as a file holds it, with what opens it.
struct Object {
    data_keys: Vec<KeyTexts>,
    values: BTreeMap<String, String>,
    place: Place,
    ring: KeyRing,
    /// The name of the one key at hand.
    held: String,
    share: Share,
}

impl Object {
    fn new(suite: Suite, place: Place, strangers: &[Suite]) -> Self {
        let key = PrivateKey::generate(suite, &mut rng());
        let strangers: Vec<_> = strangers.iter().map(|suite| PrivateKey::generate(*suite, &mut rng())).collect();
        let recipients = strangers.iter().chain([&key]).map(PrivateKey::public);
        let sealer = Sealer::new(&place, recipients, &mut rng()).unwrap();
        let seal = |item: &str, value: &[u8]| (item.to_owned(), sealer.seal(item, value, &mut rng()).to_string());
        let values = ITEMS.iter().map(|(item, value)| seal(item, value)).collect();
        let data_keys = vec![texts(sealer.data_key())];
        let held = key.fingerprint().to_string();
        let mut ring = KeyRing::default();
        ring.add(key);
        let object = Self { data_keys, values, place, ring, held, share: ALL };
        assert_eq!(object.class(), None);
        object
    }

    /// Both suites, all four places, one and two recipients.
    fn all() -> impl Iterator<Item = Self> {
        let of = |suite, other| {
            let objects =
                [vec![], vec![other]].map(|strangers| places().map(|place| Self::new(suite, place, &strangers)));
            objects.into_iter().flatten().enumerate().map(move |(remainder, object)| match suite {
                Suite::X25519 => object,
                Suite::XWing => Self { share: Share { remainder, divisor: 8 }, ..object },
            })
        };
        of(Suite::X25519, Suite::XWing).chain(of(Suite::XWing, Suite::X25519))
    }

    /// The failure's class, or none if it opens; an object that opens is whole.
    fn class_in(&self, place: &Place) -> Option<FailureClass> {
        let data_keys = self.data_keys.iter().map(|key| {
            let recipients = key.recipients.iter().map(|(name, wrap)| (name.as_str(), wrap.as_str())).collect();
            (key.handle.as_str(), DataKeyText { commitment: &key.commitment, recipients })
        });
        let values = self.values.iter().map(|(item, text)| (item.as_str(), text.as_str()));
        match Envelope::read(data_keys, values).open(&self.ring, place) {
            Ok(opened) => {
                assert_eq!(opened.len(), self.values.len());
                None
            }
            Err(failures) => Some(failures.class()),
        }
    }

    fn class(&self) -> Option<FailureClass> {
        self.class_in(&self.place)
    }

    fn key(&mut self) -> &mut KeyTexts {
        &mut self.data_keys[0]
    }

    fn wrap(&mut self) -> &mut String {
        let held = self.held.clone();
        self.key().recipients.get_mut(&held).unwrap()
    }

    /// Puts each changed text where `field` points, wants the class that belongs to it, and restores the field.
    fn expect(
        &mut self,
        field: impl Fn(&mut Self) -> &mut String,
        changes: impl IntoIterator<Item = (String, FailureClass)>,
    ) -> usize {
        let original = field(self).clone();
        let mut tried = 0;
        for (changed, expected) in changes {
            assert_ne!(changed, original);
            field(self).clone_from(&changed);
            assert_eq!(self.class(), Some(expected), "{changed} for {original} in {:?}", self.place);
            tried += 1;
        }
        *field(self) = original;
        assert_eq!(self.class(), None);
        tried
    }
}

fn texts(key: &SealedDataKey) -> KeyTexts {
    KeyTexts {
        handle: key.handle().to_string(),
        commitment: BASE64.encode(key.commitment.as_bytes()),
        recipients: key.recipients.iter().map(|(name, wrap)| (name.to_string(), BASE64.encode(wrap))).collect(),
    }
}

/// The same bytes with one of them changed, and which it is.
fn byte_changes(bytes: &[u8], share: Share) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let positions = (0..bytes.len()).filter(move |position| position % share.divisor == share.remainder);
    positions.flat_map(move |position| {
        FLIPS.map(|flip| {
            let mut changed = bytes.to_vec();
            changed[position] ^= flip;
            (position, changed)
        })
    })
}

/// The same text with one character replaced by two others of the alphabet, by one outside and by its other case,
/// with one taken out, with one put in, and all its beginnings.
fn text_changes(text: &str, alphabet: &str) -> Vec<String> {
    let mut changes = Vec::new();
    for (position, old) in text.char_indices() {
        let (before, after) = (&text[..position], &text[position + 1..]);
        let at = alphabet.find(old).unwrap_or(0);
        let nth = |step: usize| char::from(alphabet.as_bytes()[(at + step) % alphabet.len()]);
        let other_case = if old.is_lowercase() { old.to_ascii_uppercase() } else { old.to_ascii_lowercase() };
        for new in [nth(1), nth(alphabet.len() / 2 + 1), '!', '\u{e9}', other_case] {
            changes.push(format!("{before}{new}{after}"));
        }
        changes.push(format!("{before}{after}"));
        changes.push(format!("{before}{}{old}{after}", nth(2)));
        changes.push(before.to_owned());
    }
    changes.push(format!("{text}\n"));
    changes.retain(|changed| changed != text);
    changes
}

/// What `docs/format.md` says of a value's text whose data key has this handle, by another decoder of base64.
fn class_of_value(text: &str, handle: &str) -> FailureClass {
    let Some((version, rest)) = text.strip_prefix("ks").and_then(|rest| rest.split_once('.')) else {
        return Malformed;
    };
    if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return Malformed;
    }
    if version != "1" {
        return Unsupported;
    }
    match rest.split_once('.') {
        Some((name, bytes)) if name == handle => match BASE64.decode(bytes.as_bytes()) {
            Ok(bytes) if bytes.len() >= 60 => Open,
            _ => Malformed,
        },
        _ => Malformed,
    }
}

#[test]
fn every_byte_of_every_value_counts() {
    let (mut objects, mut tried) = (0, 0);
    for mut object in Object::all() {
        let handle = object.key().handle.clone();
        for (item, _) in ITEMS {
            let bytes = BASE64.decode(object.values[item].rsplit_once('.').unwrap().1.as_bytes()).unwrap();
            let changes = byte_changes(&bytes, object.share)
                .map(|(_, bytes)| (format!("ks1.{handle}.{}", BASE64.encode(&bytes)), Open));
            tried += object.expect(|object| object.values.get_mut(item).unwrap(), changes);
        }
        objects += 1;
    }
    assert_eq!(objects, 16);
    assert_eq!(tried, (8 + 1) * ITEMS_BYTES * FLIPS.len());
}

#[test]
fn every_character_of_every_value_counts() {
    let mut tried = BTreeMap::new();
    for place in [places()[0].clone(), Place::ClusterWide] {
        let mut object = Object::new(Suite::X25519, place, &[]);
        let handle = object.key().handle.clone();
        for (item, _) in ITEMS {
            let text = object.values[item].clone();
            let changes =
                [BASE64_ALPHABET, BASE32_ALPHABET, "0123456789"].map(|alphabet| text_changes(&text, alphabet));
            let changes = changes.concat().into_iter().map(|text| {
                let class = class_of_value(&text, &handle);
                *tried.entry(class).or_insert(0) += 1;
                (text, class)
            });
            object.expect(|object| object.values.get_mut(item).unwrap(), changes);
        }
    }
    for (class, least) in [(Malformed, 5_000), (Unsupported, 12), (Open, 2_000)] {
        assert!(tried[&class] >= least, "{class}: {}", tried[&class]);
    }
}

#[test]
fn every_byte_of_the_wrap_at_hand_counts() {
    let mut tried = BTreeMap::new();
    for mut object in Object::all() {
        let wrap = BASE64.decode(object.wrap().as_bytes()).unwrap();
        let changes = byte_changes(&wrap, object.share).map(|(_, bytes)| (BASE64.encode(&bytes), Open));
        *tried.entry(wrap.len()).or_insert(0) += object.expect(Object::wrap, changes);
    }
    assert_eq!(tried, BTreeMap::from([(80, 8 * 80 * FLIPS.len()), (1_168, 1_168 * FLIPS.len())]));
}

#[test]
fn a_wrap_of_another_length_is_unsupported() {
    for mut object in Object::all() {
        let wrap = BASE64.decode(object.wrap().as_bytes()).unwrap();
        let longer = [&wrap[..], &[0]].concat();
        let other_suite = if wrap.len() == 80 { 1_168 } else { 80 };
        let other_suite: Vec<u8> = wrap.iter().copied().cycle().take(other_suite).collect();
        let changes = [
            (String::new(), Unsupported),
            (BASE64.encode(&wrap[1..]), Unsupported),
            (BASE64.encode(&wrap[..wrap.len() - 1]), Unsupported),
            (BASE64.encode(&longer), Unsupported),
            // A length that a suite has, but not that of the key at hand.
            (BASE64.encode(&other_suite), Open),
        ];
        assert_eq!(object.expect(Object::wrap, changes), 5);
    }
}

#[test]
fn every_character_of_the_wrap_at_hand_counts() {
    let mut tried = BTreeMap::new();
    for suite in Suite::ALL {
        let mut object = Object::new(suite, places()[0].clone(), &[]);
        let text = object.wrap().clone();
        let step = if suite == Suite::XWing { 7 } else { 1 };
        let changes = text_changes(&text, BASE64_ALPHABET).into_iter().step_by(step).map(|text| {
            let class = match BASE64.decode(text.as_bytes()) {
                Ok(bytes) if bytes.len() == suite.wrap_len() => Open,
                Ok(_) => Unsupported,
                Err(_) => Malformed,
            };
            *tried.entry(class).or_insert(0) += 1;
            (text, class)
        });
        object.expect(Object::wrap, changes);
    }
    for (class, least) in [(Malformed, 1_000), (Unsupported, 50), (Open, 500)] {
        assert!(tried[&class] >= least, "{class}: {}", tried[&class]);
    }
}

#[test]
fn the_wrap_of_another_recipient_is_not_looked_at_but_must_be_base64() {
    for suite in Suite::ALL {
        let mut object = Object::new(suite, Place::ClusterWide, &[Suite::X25519]);
        let stranger = object.data_keys[0].recipients.keys().find(|name| **name != object.held).unwrap().clone();
        let wrap = object.key().recipients[&stranger].clone();
        for (_, changed) in byte_changes(&BASE64.decode(wrap.as_bytes()).unwrap(), ALL) {
            object.key().recipients.insert(stranger.clone(), BASE64.encode(&changed));
            assert_eq!(object.class(), None);
        }
        let not_base64 = wrap.replace('=', "");
        object.expect(|object| object.key().recipients.get_mut(&stranger).unwrap(), [(not_base64, Malformed)]);
    }
}

#[test]
fn every_byte_of_the_commitment_counts() {
    let mut tried = 0;
    for mut object in Object::all() {
        let commitment = BASE64.decode(object.key().commitment.as_bytes()).unwrap();
        // The handle repeats the first ten bytes.
        let changes = byte_changes(&commitment, object.share)
            .map(|(position, bytes)| (BASE64.encode(&bytes), if position < 10 { Malformed } else { Open }));
        tried += object.expect(|object| &mut object.key().commitment, changes);
    }
    assert_eq!(tried, (8 + 1) * 32 * FLIPS.len());
}

#[test]
fn a_commitment_that_is_changed_with_its_handle_everywhere_does_not_open() {
    let mut tried = 0;
    for mut object in Object::all() {
        let (key, values) = (object.data_keys[0].clone(), object.values.clone());
        for (_, bytes) in byte_changes(&BASE64.decode(key.commitment.as_bytes()).unwrap(), object.share) {
            let handle = format!("d{}", data_encoding::BASE32_NOPAD.encode(&bytes[..10]).to_lowercase());
            object.values =
                values.iter().map(|(item, text)| (item.clone(), text.replace(&key.handle, &handle))).collect();
            *object.key() = KeyTexts { handle, commitment: BASE64.encode(&bytes), ..key.clone() };
            assert_eq!(object.class(), Some(Open));
            tried += 1;
        }
    }
    assert_eq!(tried, (8 + 1) * 32 * FLIPS.len());
}

#[test]
fn every_character_of_the_commitment_counts() {
    let mut object = Object::new(Suite::X25519, places()[0].clone(), &[]);
    let (text, handle) = (object.key().commitment.clone(), object.key().handle.clone());
    let changes = text_changes(&text, BASE64_ALPHABET).into_iter().map(|text| {
        let named = |bytes: &[u8]| handle[1..] == data_encoding::BASE32_NOPAD.encode(&bytes[..10]).to_lowercase();
        let class = match BASE64.decode(text.as_bytes()) {
            Ok(bytes) if bytes.len() == 32 && named(&bytes) => Open,
            _ => Malformed,
        };
        (text, class)
    });
    let tried = object.expect(|object| &mut object.key().commitment, changes);
    assert!(tried > 300, "{tried}");
}

#[test]
fn every_character_of_a_handle_counts() {
    let mut object = Object::new(Suite::X25519, places()[0].clone(), &[]);
    let handle = object.key().handle.clone();
    // What is no handle and what is another one are both malformed.
    let changes = text_changes(&handle, BASE32_ALPHABET).into_iter().map(|text| (text, Malformed));
    let tried = object.expect(|object| &mut object.key().handle, changes);
    assert!(tried > 100, "{tried}");
}

#[test]
fn every_character_of_a_fingerprint_counts() {
    let mut tried = BTreeMap::new();
    let mut object = Object::new(Suite::X25519, places()[0].clone(), &[]);
    let (name, wrap) = (object.held.clone(), object.wrap().clone());
    for changed in text_changes(&name, BASE32_ALPHABET) {
        let upper = changed.strip_prefix('k').filter(|rest| !rest.bytes().any(|byte| byte.is_ascii_uppercase()));
        let bytes = upper.and_then(|rest| data_encoding::BASE32_NOPAD.decode(rest.to_uppercase().as_bytes()).ok());
        // A well-formed name of nobody's key: the wrap is not found.
        let class = if bytes.is_some_and(|bytes| bytes.len() == 16) { NoKey } else { Malformed };
        object.key().recipients = BTreeMap::from([(changed.clone(), wrap.clone())]);
        assert_eq!(object.class(), Some(class), "{changed} for {name}");
        *tried.entry(class).or_insert(0) += 1;
    }
    assert!(tried[&NoKey] > 40 && tried[&Malformed] > 100, "{tried:?}");
}

/// Every place that differs from this one by its scope or by a part, of the parts one byte, an end, the case, all.
fn other_places(place: &Place) -> Vec<Place> {
    let variants = |part: &str| {
        let mut variants =
            vec![String::new(), part.to_uppercase(), format!("{part} "), format!("{part}\0"), format!("{part}/")];
        for (position, old) in part.char_indices() {
            let (before, after) = (&part[..position], &part[position + 1..]);
            let new = char::from(old as u8 ^ 1);
            variants.extend([
                format!("{before}{new}{after}"),
                format!("{before}{after}"),
                format!("{before}{old}{old}{after}"),
            ]);
        }
        variants
    };
    let (namespace, name) = ("prod", "db");
    let mut others = places().to_vec();
    others.push(Place::Strict { namespace: name.into(), name: namespace.into() });
    others.push(Place::Strict { namespace: "prodd".into(), name: "b".into() });
    others.push(Place::Strict { namespace: "pro".into(), name: "ddb".into() });
    others.push(Place::Strict { namespace: String::new(), name: "prod/db".into() });
    others.push(Place::NamespaceWide { namespace: name.into() });
    others.push(Place::NamespaceWide { namespace: "prod/db".into() });
    others.push(Place::ClusterSealedSecret { name: namespace.into() });
    for other in variants(namespace) {
        others.push(Place::Strict { namespace: other.clone(), name: name.into() });
        others.push(Place::NamespaceWide { namespace: other });
    }
    for other in variants(name) {
        others.push(Place::Strict { namespace: namespace.into(), name: other.clone() });
        others.push(Place::ClusterSealedSecret { name: other });
    }
    others.retain(|other| other != place);
    others
}

#[test]
fn every_part_of_the_place_counts() {
    let mut tried = 0;
    for object in Object::all() {
        for other in other_places(&object.place) {
            assert_eq!(object.class_in(&other), Some(Open), "{other:?} for {:?}", object.place);
            tried += 1;
        }
    }
    assert!(tried > 16 * 60, "{tried}");
}

#[test]
fn an_item_opens_under_its_own_key_alone() {
    for mut object in Object::all() {
        let values = object.values.clone();
        for name in ["", "Password", "passwor", "passwordd", "password ", "passwore", "certificate.crt"] {
            let text = object.values.remove("password").unwrap();
            object.values.insert(name.to_owned(), text);
            assert_eq!(object.class(), Some(Open), "{name}");
            object.values.clone_from(&values);
        }
        for (one, other) in [("empty", "password"), ("password", "certificate"), ("certificate", "empty")] {
            object.values.insert(one.to_owned(), values[other].clone());
            assert_eq!(object.class(), Some(Open), "{other} as {one}");
            object.values.insert(other.to_owned(), values[one].clone());
            assert_eq!(object.class(), Some(Open), "{one} and {other} exchanged");
            object.values.clone_from(&values);
        }
        // That an item is missing cannot be told: no signature covers the object.
        object.values.remove("empty");
        assert_eq!(object.class(), None);
    }
}

#[test]
fn the_parts_of_two_data_keys_cannot_be_exchanged() {
    for suite in Suite::ALL {
        let mut object = Object::new(suite, places()[0].clone(), &[]);
        let key = object.ring.native().next().unwrap();
        let sealer = Sealer::new(&object.place, [key.public()], &mut rng()).unwrap();
        let later = sealer.seal("later", b"value", &mut rng()).to_string();
        object.values.insert("later".to_owned(), later.clone());
        object.data_keys.push(texts(sealer.data_key()));
        assert_eq!(object.class(), None);
        let [first, second] = [object.data_keys[0].clone(), object.data_keys[1].clone()];
        let renamed = later.replace(&second.handle, &first.handle);
        object.expect(|object| object.values.get_mut("later").unwrap(), [(renamed, Open)]);
        object.expect(Object::wrap, [(second.recipients[&object.held.clone()].clone(), Open)]);
        object.expect(|object| &mut object.key().commitment, [(second.commitment.clone(), Malformed)]);
        object.data_keys.pop();
        assert_eq!(object.class(), Some(Malformed), "a value without its data key");
        let duplicate = KeyTexts { commitment: second.commitment, recipients: first.recipients, ..second };
        object.data_keys.push(duplicate);
        assert_eq!(object.class(), Some(Open), "the first wrap under the second commitment");
    }
}
