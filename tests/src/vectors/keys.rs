//! Secrets of private keys. An RSA key's Secret is upstream's, and no case of this format.

use serde_json::{Value, json};

use super::{
    case::{
        Case,
        Expect::{Malformed, Opens},
    },
    craft::{Key, base64},
};

pub(super) fn cases() -> Vec<Case> {
    let fails = |what: &str, words: &str, change: fn(&mut Value)| {
        let mut object = secret(Key::x25519("prod"));
        change(&mut object);
        Case::new("key", what, words, Malformed, object)
    };
    let opens = |what: &str, words: &str, key: Key| {
        Case::new("key", what, words, Opens, secret(key)).header("fingerprint", key.fingerprint())
    };
    let mut stated = secret(Key::x25519("prod"));
    stated["metadata"]["annotations"] = json!({"kseal.dev/fingerprint": Key::x25519("prod").fingerprint()});
    vec![
        opens("x25519", "an X25519 key", Key::x25519("prod")),
        opens("x-wing", "an X-Wing key", Key::x_wing("prod")),
        Case::new("key", "fingerprint-stated", "the stated fingerprint is that of the seed", Opens, stated)
            .header("fingerprint", Key::x25519("prod").fingerprint()),
        fails("fingerprint-other", "another fingerprint is stated", |object| {
            object["metadata"]["annotations"] = json!({"kseal.dev/fingerprint": Key::x25519("stage").fingerprint()});
        }),
        fails("fingerprint-other-suite", "the fingerprint of the same seed in the other suite is stated", |object| {
            object["metadata"]["annotations"] = json!({"kseal.dev/fingerprint": Key::x_wing("prod").fingerprint()});
        }),
        fails("fingerprint-short", "the fingerprint as it is shown to people is stated", |object| {
            let short = &Key::x25519("prod").fingerprint()[..13];
            object["metadata"]["annotations"] = json!({"kseal.dev/fingerprint": short});
        }),
        fails("seed-short", "a seed of 31 octets", |object| object["data"]["seed"] = base64(&[7; 31]).into()),
        fails("seed-long", "a seed of 33 octets", |object| object["data"]["seed"] = base64(&[7; 33]).into()),
        fails("seed-base64", "a seed that is not base64", |object| object["data"]["seed"] = "!".into()),
        fails("seed-missing", "no seed", |object| drop(data(object).shift_remove("seed"))),
        fails("suite-unknown", "a suite that nobody knows", |object| {
            object["data"]["suite"] = base64(b"X448").into();
        }),
        fails("suite-line-end", "a suite with a line end behind it", |object| {
            object["data"]["suite"] = base64(b"X25519\n").into();
        }),
        fails("suite-missing", "no suite", |object| drop(data(object).shift_remove("suite"))),
        fails("created-at-missing", "no time of making", |object| drop(data(object).shift_remove("createdAt"))),
        fails("type-other", "a Secret of another type", |object| object["type"] = "Opaque".into()),
        fails("kind-other", "another kind", |object| object["kind"] = "ConfigMap".into()),
    ]
}

fn data(object: &mut Value) -> &mut serde_json::Map<String, Value> {
    object["data"].as_object_mut().expect("a key Secret has data")
}

fn secret(key: Key) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kseal.dev/sealing-key",
        "immutable": true,
        "metadata": {"name": "kseal-1-6f0c1c3e"},
        "data": {
            "suite": base64(key.suite().as_bytes()),
            "seed": base64(key.seed()),
            "createdAt": base64(b"2026-11-01T00:00:00Z"),
        },
    })
}
