//! Bundles of public keys.

use kseal_crypto::identity::IdentityKey;
use serde_json::{Value, json};

use super::{
    case::{
        Case,
        Expect::{self, Malformed, Open, Opens},
    },
    craft::{Key, base64, lp, named, unbase64},
    generator::Generator,
};
use sha2::{Digest as _, Sha256};

const CERTIFICATE: &str = include_str!("../../fixtures/certificate-2048-a.pem");
const OTHER_CERTIFICATE: &str = include_str!("../../fixtures/certificate-2048-b.pem");

pub(super) fn cases() -> Vec<Case> {
    [opening(), sealing(), unsigned(), fields(), keys()].into_iter().flatten().collect()
}

/// A bundle, and what it shall be.
struct Bundle {
    what: &'static str,
    object: Value,
    identity: Option<IdentityKey>,
    sealing_key: Option<Key>,
}

impl Bundle {
    /// One active X-Wing key, not published.
    fn local(what: &'static str) -> Self {
        let key = Key::x_wing("prod");
        let object = json!({
            "apiVersion": "kseal.dev/v1alpha1",
            "kind": "SealingKeyBundle",
            "metadata": {"name": "prod"},
            "spec": {"keys": [entry(key, 3, "active")]},
        });
        Self { what, object, identity: None, sealing_key: Some(key) }
    }

    /// Two X25519 keys and a certificate, published and signed.
    fn published(what: &'static str) -> Self {
        let (old, new) = (Key::x25519("prod 1"), Key::x25519("prod 2"));
        let identity = IdentityKey::from_seed(&Generator::new("identity prod").octets::<32>()).expect("is a seed");
        let object = json!({
            "apiVersion": "kseal.dev/v1alpha1",
            "kind": "SealingKeyBundle",
            "metadata": {"name": "prod"},
            "spec": {
                "clusterUID": "6f0c1c3e-8f5d-4b5e-9a44-0d1f6c1f7a52",
                "identity": base64(identity.public().as_bytes()),
                "serial": 1_795_324_800_u64,
                "issuedAt": "2026-11-22T05:00:00Z",
                "keys": [entry(old, 1, "retiring"), entry(new, 2, "active")],
                "certificate": CERTIFICATE,
            },
        });
        let mut bundle = Self { what, object, identity: Some(identity), sealing_key: Some(new) };
        bundle.sign();
        bundle
    }

    /// Changes it, and leaves the signature as it is.
    fn changed(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.object["spec"]);
        self
    }

    fn sealing_with(mut self, key: Option<Key>) -> Self {
        self.sealing_key = key;
        self
    }

    /// Signs what it now says.
    fn signed(mut self) -> Self {
        self.sign();
        self
    }

    fn sign(&mut self) {
        let signature = self.identity.as_ref().map(|identity| identity.sign(&signed(&self.object)));
        self.object["spec"]["signature"] = base64(&signature.expect("a published bundle has an identity")).into();
    }

    fn opens(self, words: &str) -> Case {
        let mut case = Case::new("bundle", self.what, words, Opens, self.object);
        if let Some(identity) = &self.identity {
            let text = [b"kseal/1/identity", &identity.public().as_bytes()[..]].concat();
            case = case.header("identity", named('i', &Sha256::digest(text)[..16]));
        }
        match self.sealing_key {
            Some(key) => case.header("sealing-key", key.fingerprint()),
            None => case,
        }
    }

    fn fails(self, expect: Expect, words: &str) -> Case {
        Case::new("bundle", self.what, words, expect, self.object)
    }
}

fn entry(key: Key, epoch: u32, state: &str) -> Value {
    json!({
        "fingerprint": key.fingerprint(),
        "suite": key.suite(),
        "publicKey": base64(&key.public()),
        "epoch": epoch,
        "createdAt": format!("2026-11-0{}T00:00:00Z", epoch.min(9)),
        "state": state,
    })
}

/// The signed octets of a bundle, in which every suite is X25519.
fn signed(object: &Value) -> Vec<u8> {
    let text = |value: &Value| value.as_str().unwrap_or_default().as_bytes().to_vec();
    let spec = &object["spec"];
    let mut out = b"kseal/1/bundle".to_vec();
    lp(&mut out, &text(&object["metadata"]["name"]));
    lp(&mut out, &text(&spec["clusterUID"]));
    out.extend_from_slice(&spec["serial"].as_u64().expect("is a number").to_be_bytes());
    lp(&mut out, &text(&spec["issuedAt"]));
    let mut keys: Vec<&Value> = spec["keys"].as_array().expect("is a list").iter().collect();
    out.extend_from_slice(&u32::try_from(keys.len()).expect("there are few").to_be_bytes());
    // By octets: base32 has its digits behind its letters.
    keys.sort_by_key(|key| text(&key["fingerprint"]).iter().map(|c| (c.is_ascii_digit(), *c)).collect::<Vec<_>>());
    for key in keys {
        out.extend_from_slice(&Key::x25519("any").ids());
        lp(&mut out, &unbase64(&key["publicKey"]));
        let epoch = key["epoch"].as_u64().and_then(|epoch| u32::try_from(epoch).ok());
        out.extend_from_slice(&epoch.expect("is a number").to_be_bytes());
        lp(&mut out, &text(&key["createdAt"]));
        lp(&mut out, &text(&key["state"]));
    }
    lp(&mut out, &text(&spec["certificate"]));
    out
}

fn opening() -> Vec<Case> {
    let [low, high] = Key::lowest_two();
    vec![
        Bundle::local("local").opens("local keys, which nobody published"),
        Bundle::published("published").opens("a published bundle"),
        Bundle::published("certificate-missing")
            .changed(|spec| drop(spec.as_object_mut().expect("is a map").shift_remove("certificate")))
            .signed()
            .opens("a published bundle without a certificate"),
        Bundle::local("certificate-local")
            .changed(|spec| spec["certificate"] = CERTIFICATE.into())
            .opens("local keys with a certificate"),
        Bundle::published("keys-unsorted")
            .changed(|spec| spec["keys"] = json!([entry(high, 1, "retired"), entry(low, 2, "active")]))
            .sealing_with(Some(low))
            .signed()
            .opens("keys are signed in the order of their fingerprints' octets, however they are listed"),
        Bundle::published("fields-unknown")
            .changed(|spec| spec["later"] = json!({}))
            .opens("fields that nobody knows are not read, nor signed"),
    ]
}

fn sealing() -> Vec<Case> {
    let [low, high] = Key::lowest_two();
    let key = |index: u32| Key::x25519(&format!("prod {index}"));
    vec![
        Bundle::local("states")
            .changed(|spec| {
                spec["keys"] = json!([
                    entry(key(3), 3, "active"),
                    entry(key(4), 4, "active"),
                    entry(key(5), 5, "retiring"),
                    entry(key(6), 6, "retired"),
                    entry(key(7), 7, "compromised"),
                ]);
            })
            .sealing_with(Some(key(4)))
            .opens("the active key of the highest epoch seals, whatever the epochs of others"),
        Bundle::local("epoch-numeric")
            .changed(|spec| spec["keys"] = json!([entry(key(9), 9, "active"), entry(key(10), 10, "active")]))
            .sealing_with(Some(key(10)))
            .opens("epochs are numbers: 10 is above 9"),
        Bundle::local("epoch-tie")
            .changed(|spec| spec["keys"] = json!([entry(high, 3, "active"), entry(low, 3, "active")]))
            .sealing_with(Some(low))
            .opens("of equal epochs the lowest fingerprint seals, by octets: a letter before a digit"),
        Bundle::local("active-none")
            .changed(|spec| spec["keys"][0]["state"] = "retiring".into())
            .sealing_with(None)
            .opens("no key is active"),
        Bundle::local("keys-none").changed(|spec| spec["keys"] = json!([])).sealing_with(None).opens("no key at all"),
    ]
}

/// Published bundles that were changed after they were signed.
fn unsigned() -> Vec<Case> {
    let field = |what: &'static str, words: &str, change: fn(&mut Value)| {
        Bundle::published(what).changed(change).fails(Open, words)
    };
    let mut renamed = Bundle::published("signed-name");
    renamed.object["metadata"]["name"] = "stage".into();
    vec![
        renamed.fails(Open, "another name"),
        field("signed-uid", "another clusterUID", |spec| spec["clusterUID"] = "6f0c".into()),
        field("signed-serial", "another serial", |spec| spec["serial"] = 1_795_324_801_u64.into()),
        field("signed-issued-at", "another time of issue", |spec| spec["issuedAt"] = "2026-11-23T05:00:00Z".into()),
        field("signed-key", "another public key", |spec| spec["keys"][1] = entry(Key::x25519("planted"), 2, "active")),
        field("signed-key-added", "one key more", |spec| {
            spec["keys"].as_array_mut().expect("is a list").push(entry(Key::x25519("planted"), 3, "active"));
        }),
        field("signed-key-removed", "one key less", |spec| {
            spec["keys"].as_array_mut().expect("is a list").remove(0);
        }),
        field("signed-epoch", "another epoch", |spec| spec["keys"][1]["epoch"] = 3.into()),
        field("signed-created-at", "another time of making", |spec| {
            spec["keys"][1]["createdAt"] = "2026-11-03T00:00:00Z".into();
        }),
        field("signed-state", "another state", |spec| spec["keys"][0]["state"] = "active".into()),
        field("signed-certificate", "another certificate", |spec| spec["certificate"] = OTHER_CERTIFICATE.into()),
        field("signed-certificate-removed", "the certificate is taken out", |spec| {
            spec.as_object_mut().expect("is a map").shift_remove("certificate");
        }),
        field("signed-identity", "another identity", |spec| {
            let other = IdentityKey::from_seed(&[7; 32]).expect("is a seed").public();
            spec["identity"] = base64(other.as_bytes()).into();
        }),
        field("signature-short", "a signature of 63 octets", |spec| spec["signature"] = base64(&[7; 63]).into()),
        field("signature-flipped", "a bit of the signature is changed", |spec| {
            let mut octets = unbase64(&spec["signature"]);
            octets[0] ^= 1;
            spec["signature"] = base64(&octets).into();
        }),
    ]
}

fn fields() -> Vec<Case> {
    let published = |what: &'static str, words: &str, change: fn(&mut Value)| {
        Bundle::published(what).changed(change).fails(Malformed, words)
    };
    let without = |what: &'static str, field: &str, words: &str| {
        Bundle::published(what)
            .changed(|spec| drop(spec.as_object_mut().expect("is a map").shift_remove(field)))
            .fails(Malformed, words)
    };
    let mut kind = Bundle::local("kind-other");
    kind.object["kind"] = "SealedSecret".into();
    let mut group = Bundle::local("group-other");
    group.object["apiVersion"] = "v1".into();
    let mut nameless = Bundle::local("name-missing");
    nameless.object["metadata"] = json!({});
    vec![
        kind.fails(Malformed, "another kind"),
        group.fails(Malformed, "the right kind of another group"),
        nameless.fails(Malformed, "a bundle without a name"),
        without("uid-missing", "clusterUID", "published, without clusterUID"),
        without("identity-missing", "identity", "published, without identity"),
        without("serial-missing", "serial", "published, without serial"),
        without("issued-at-missing", "issuedAt", "published, without issuedAt"),
        without("signature-missing", "signature", "published, without signature: it does not become a local one"),
        Bundle::local("serial-alone")
            .changed(|spec| spec["serial"] = 1.into())
            .fails(Malformed, "local, but for a serial"),
        published("identity-short", "an identity of 31 octets", |spec| spec["identity"] = base64(&[7; 31]).into()),
        published("identity-base64", "an identity that is not base64", |spec| spec["identity"] = "!".into()),
        published("signature-base64", "a signature that is not base64", |spec| spec["signature"] = "!".into()),
        published("serial-text", "a serial that is a text", |spec| spec["serial"] = "1795324800".into()),
        published("serial-negative", "a serial below zero", |spec| spec["serial"] = (-1).into()),
        Bundle::published("certificate-bad")
            .changed(|spec| spec["certificate"] = "-----BEGIN CERTIFICATE-----\n".into())
            .signed()
            .fails(Malformed, "a certificate that is none"),
        Bundle::local("certificate-bad-local")
            .changed(|spec| spec["certificate"] = "PEM".into())
            .fails(Malformed, "local keys with a certificate that is none"),
        Bundle::published("order-malformed-open")
            .changed(|spec| spec["certificate"] = "PEM".into())
            .fails(Malformed, "a certificate that is none, put there after the signature"),
    ]
}

fn keys() -> Vec<Case> {
    let key = |what: &'static str, words: &str, change: fn(&mut Value)| {
        Bundle::local(what).changed(|spec| change(&mut spec["keys"][0])).fails(Malformed, words)
    };
    vec![
        key("fingerprint-other", "a key states another fingerprint than it has", |key| {
            key["fingerprint"] = Key::x25519("prod").fingerprint().into();
        }),
        Bundle::published("fingerprint-other-signed")
            .changed(|spec| spec["keys"][0]["fingerprint"] = Key::x25519("stage").fingerprint().into())
            .signed()
            .fails(Malformed, "so does a key of a bundle that is signed"),
        key("suite-unknown", "a suite that nobody knows", |key| key["suite"] = "ML-KEM-1024".into()),
        key("suite-other", "a key of another suite than stated", |key| key["suite"] = "X25519".into()),
        key("public-key-short", "a public key that lacks an octet", |key| {
            let octets = unbase64(&key["publicKey"]);
            key["publicKey"] = base64(&octets[1..]).into();
        }),
        key("public-key-base64", "a public key that is not base64", |key| key["publicKey"] = "!".into()),
        key("public-key-invalid", "an ML-KEM key with coefficients above its modulus", |key| {
            key["publicKey"] = base64(&[0xff; 1_216]).into();
        }),
        key("state-unknown", "a state that nobody knows", |key| key["state"] = "Active".into()),
        key("epoch-negative", "an epoch below zero", |key| key["epoch"] = (-1).into()),
        key("epoch-long", "an epoch beyond 32 bits", |key| key["epoch"] = (1_u64 << 32).into()),
        key("epoch-missing", "a key without an epoch", |key| {
            key.as_object_mut().expect("is a map").shift_remove("epoch");
        }),
        Bundle::local("keys-missing")
            .changed(|spec| *spec = json!({}))
            .fails(Malformed, "no list of keys, not even an empty one"),
        Bundle::local("key-twice")
            .changed(|spec| {
                let mut again = spec["keys"][0].clone();
                again["state"] = "compromised".into();
                spec["keys"].as_array_mut().expect("is a list").push(again);
            })
            .fails(Malformed, "one key twice, with two states"),
    ]
}
