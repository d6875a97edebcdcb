//! Native objects at the limits and beyond them, and with two failures of which one decides.

use serde_json::{Value, json};

use super::{
    case::{
        Case,
        Expect::{Malformed, NoKey, Open, Unsupported},
    },
    craft::{Key, base64},
    good::Good,
};

const MAX_JSON: usize = 1_400_000;
const MAX_PLAINTEXT: usize = 1 << 20;

pub(super) fn cases() -> Vec<Case> {
    [counts(), sizes(), orders()].into_iter().flatten().collect()
}

fn counts() -> Vec<Case> {
    vec![
        items("limit-items", 4_096).opens("4,096 items"),
        items("limit-items-over", 4_097).fails(Malformed, "4,097 items"),
        data_keys("limit-data-keys", 64).opens("64 data keys"),
        data_keys("limit-data-keys-over", 65).fails(Malformed, "65 data keys"),
        wraps("limit-wraps", 256).opens("256 wraps in all, under two data keys"),
        wraps("limit-wraps-over", 257).fails(Malformed, "257 wraps in all"),
    ]
}

fn items(what: &str, count: usize) -> Good {
    Good::strict(what).changed(|good| {
        good.clear();
        for index in 0..count {
            good.add(&format!("i{index}"), b"");
        }
    })
}

fn data_keys(what: &str, count: usize) -> Good {
    Good::strict(what).changed(|good| {
        for _ in 1..count {
            good.add_data_key(&[]);
        }
    })
}

/// Wraps of strangers, whose octets nobody reads.
fn wraps(what: &str, count: usize) -> Good {
    Good::strict(what).changed(|good| {
        let other = good.add_data_key(&[]).handle();
        let mine = good.data_key.handle();
        for index in 1..count {
            let handle = if index < 128 { &mine } else { &other };
            let fingerprint = super::craft::named('k', &good.rng.octets::<16>());
            good.object["spec"]["dataKeys"][handle]["recipients"][fingerprint] = base64(&[7; 80]).into();
        }
    })
}

fn sizes() -> Vec<Case> {
    // One value that fills its bucket but for the marker: with another length 1 MiB would not fit into an object.
    let plaintext = |what: &str, rest: usize| {
        Good::strict(what).changed(|good| {
            good.clear();
            good.add("a", &vec![b'x'; MAX_PLAINTEXT - 1]);
            good.add("b", &vec![b'x'; rest]);
        })
    };
    vec![
        plaintext("limit-plaintext-and-size", 1)
            .changed(|good| grow(&mut good.object, MAX_JSON))
            .opens("1,048,576 bytes of plaintext in 1,400,000 bytes of compact JSON"),
        plaintext("limit-plaintext-over", 2).fails(Open, "1,048,577 bytes of plaintext"),
        Good::strict("limit-size-over")
            .changed(|good| grow(&mut good.object, MAX_JSON + 1))
            .fails(Malformed, "1,400,001 bytes of compact JSON"),
    ]
}

/// Characters that JSON writers escape in different ways, or count in different ways.
const ESCAPED: &str = "\"\\\u{8}\u{c}\n\r\t\u{1}\u{1f}";
const PLAIN: &str = "/<>&\u{7f}\u{2028}\u{e9}\u{1f511}";

/// Fills an object up to a length of compact JSON.
fn grow(object: &mut Value, len: usize) {
    let fill = format!("{ESCAPED}{PLAIN}");
    object["metadata"]["annotations"] = json!({"fill": fill});
    let missing = len - object.to_string().len();
    object["metadata"]["annotations"]["fill"] = (fill + &"x".repeat(missing)).into();
}

fn orders() -> Vec<Case> {
    let flip = |good: &mut Good| good.edit_value("password", |octets| octets[20] ^= 1);
    let later = |good: &mut Good| *good.value("later") = "ks2.x".into();
    let keyless = |good: &mut Good| {
        let other = good.add_data_key(&[Key::x25519("stage")]);
        good.add_under(&other, "token", b"fresh");
    };
    vec![
        Good::strict("order-malformed-open")
            .changed(flip)
            .changed(|good| *good.value("user") = "admin".into())
            .fails(Malformed, "one item is malformed, another one does not open"),
        Good::strict("order-malformed-unsupported")
            .changed(later)
            .changed(|good| *good.value("user") = "admin".into())
            .fails(Malformed, "one item is malformed, another one of a later version"),
        Good::strict("order-malformed-no-key")
            .changed(|good| good.held.clear())
            .changed(|good| *good.value("user") = "admin".into())
            .fails(Malformed, "one item is malformed, and there is no key"),
        Good::strict("order-place-unsupported")
            .changed(later)
            .changed(|good| good.object["metadata"] = json!({"namespace": "prod"}))
            .fails(Malformed, "the name is missing, and one item is of a later version"),
        Good::strict("order-unsupported-no-key")
            .changed(later)
            .changed(|good| good.held.clear())
            .fails(Unsupported, "one item is of a later version, and there is no key"),
        Good::strict("order-unsupported-open")
            .changed(later)
            .changed(flip)
            .fails(Unsupported, "one item is of a later version, another one does not open"),
        Good::strict("order-no-key-open")
            .changed(keyless)
            .changed(flip)
            .fails(NoKey, "there is no key for one item, another one does not open"),
    ]
}
