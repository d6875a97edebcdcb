//! Native objects for which a key is held and which do not open: changed octets, other places, bad padding.

use serde_json::{Value, json};

use super::{
    case::{Case, Expect::Open},
    craft::{Key, base64, place},
    good::Good,
};

pub(super) fn cases() -> Vec<Case> {
    [flipped(), wraps(), values(), places(), padding()].into_iter().flatten().collect()
}

fn flipped() -> Vec<Case> {
    let value = |what: &str, words: &str, index: usize| {
        Good::strict(&format!("flipped-{what}"))
            .changed(|good| good.edit_value("user", |octets| octets[index] ^= 1))
            .fails(Open, words)
    };
    let wrap = |good: Good, words: &str, index: usize| {
        good.changed(|good| good.edit_wrap(|octets| octets[index] ^= 1)).fails(Open, words)
    };
    vec![
        value("nonce", "a bit of the nonce is changed", 11),
        value("ciphertext", "a bit of the ciphertext is changed", 12),
        value("tag", "a bit of the tag is changed", 59),
        wrap(Good::strict("flipped-enc"), "a bit of the encapsulated key is changed", 0),
        wrap(Good::x_wing("flipped-enc-ml-kem"), "a bit of the ML-KEM part of the encapsulated key is changed", 0),
        wrap(Good::x_wing("flipped-enc-x25519"), "a bit of the X25519 part of the encapsulated key is changed", 1_088),
        wrap(Good::strict("flipped-wrap"), "a bit of the wrapped data key is changed", 32),
        wrap(Good::strict("flipped-wrap-tag"), "a bit of the wrapped data key's tag is changed", 79),
        Good::strict("flipped-commitment")
            .changed(|good| good.edit_commitment(|octets| octets[31] ^= 1))
            .fails(Open, "a bit of the commitment is changed, behind the handle"),
    ]
}

fn wraps() -> Vec<Case> {
    let [low, high] = Key::lowest_two();
    vec![
        Good::strict("wrap-of-other-data-key")
            .changed(|good| {
                let other = super::craft::DataKey::draw(&mut good.rng);
                let octets = other.wrap(good.key, &good.place, &mut good.rng);
                *good.wrap() = base64(&octets).into();
            })
            .fails(Open, "the wrap opens and holds another data key than the committed one"),
        Good::strict("wrap-info")
            .changed(|good| {
                let place = good.place.clone();
                let octets = good.data_key.wrap_with_info(good.key, b"kseal/2/wrap", &place, &mut good.rng);
                *good.wrap() = base64(&octets).into();
            })
            .fails(Open, "the wrap is for another use"),
        Good::strict("wrap-place")
            .changed(|good| {
                let octets = good.data_key.wrap(good.key, &place(1, &["prod", "web"]), &mut good.rng);
                *good.wrap() = base64(&octets).into();
            })
            .fails(Open, "the wrap is for another place than the values"),
        Good::strict("wrap-low-order")
            .changed(|good| good.edit_wrap(|octets| octets[..32].fill(0)))
            .fails(Open, "the encapsulated key is a low-order point"),
        Good::x_wing("wrap-low-order-x-wing")
            .changed(|good| good.edit_wrap(|octets| octets[1_088..1_120].fill(0)))
            .fails(Open, "the X25519 part of the encapsulated key is a low-order point"),
        Good::x_wing("wrap-junk").changed(|good| good.edit_wrap(|octets| octets[..1_088].fill(0xff))).fails(
            Open,
            "the ML-KEM part of the encapsulated key is junk: ML-KEM gives a key for it that fits nothing",
        ),
        Good::strict("wrap-length-of-other-suite")
            .changed(|good| good.edit_wrap(|octets| octets.resize(1_168, 0)))
            .fails(Open, "a held X25519 recipient with a wrap of X-Wing's length"),
        Good::with_recipients("wraps-exchanged", &[Key::x25519("prod"), Key::x25519("stage")])
            .changed(|good| {
                let stage = good.entry()["recipients"][Key::x25519("stage").fingerprint()].clone();
                let prod = std::mem::replace(good.wrap(), stage);
                good.entry()["recipients"][Key::x25519("stage").fingerprint()] = prod;
            })
            .fails(Open, "the wraps of two recipients are exchanged"),
        Good::with_recipients("held-lowest-fails", &[low, high])
            .changed(|good| {
                good.held = vec![high, low];
                good.edit_wrap(|octets| octets[40] ^= 1);
            })
            .fails(Open, "of two held keys the lowest is tried, alone: the other one would open"),
    ]
}

fn values() -> Vec<Case> {
    vec![
        Good::strict("items-exchanged")
            .changed(|good| {
                let user = good.value("user").clone();
                let password = std::mem::replace(good.value("password"), user);
                *good.value("user") = password;
            })
            .fails(Open, "the values of two items are exchanged"),
        Good::strict("item-renamed")
            .changed(|good| {
                let text =
                    good.object["spec"]["encryptedData"].as_object_mut().and_then(|map| map.shift_remove("user"));
                *good.value("User") = text.expect("was there");
            })
            .fails(Open, "an item has another key"),
        Good::strict("value-place")
            .changed(|good| {
                let octets = good.data_key.seal("user", b"admin", &place(1, &["prod", "web"]), &mut good.rng);
                *good.value("user") = good.data_key.text(&octets).into();
            })
            .fails(Open, "the value is for another place than the wrap"),
        Good::strict("handle-of-other-data-key")
            .changed(|good| {
                let other = good.add_data_key(&[good.key]);
                let (old, new) = (good.data_key.handle(), other.handle());
                let value = good.value("user");
                *value = value.as_str().expect("is a text").replace(&old, &new).into();
            })
            .fails(Open, "a value names another data key of the object"),
        Good::strict("value-truncated")
            .changed(|good| {
                good.add("long", &[7; 100]);
                good.edit_value("long", |octets| octets.truncate(60));
            })
            .fails(Open, "a value that is cut off and long enough to be one"),
    ]
}

fn places() -> Vec<Case> {
    let metadata = |good: Good, namespace: &str, name: &str, words: &str| {
        good.changed(|good| good.object["metadata"] = json!({"namespace": namespace, "name": name})).fails(Open, words)
    };
    let scope = |good: Good, scope: &str, words: &str| {
        good.changed(|good| good.object["spec"]["scope"] = scope.into()).fails(Open, words)
    };
    let kind = |good: Good, kind: &str, words: &str| {
        good.changed(|good| {
            good.object["kind"] = kind.into();
            good.object["spec"]["scope"] = Value::from("ClusterWide");
        })
        .fails(Open, words)
    };
    vec![
        metadata(Good::strict("strict-namespace-other"), "dev", "db", "Strict, in another namespace"),
        metadata(Good::strict("strict-name-other"), "prod", "web", "Strict, under another name"),
        metadata(Good::strict("strict-parts-shifted"), "prodd", "b", "Strict, with a letter on the other side"),
        metadata(Good::namespace_wide("namespace-wide-other"), "dev", "db", "NamespaceWide, in another namespace"),
        Good::cluster_object("cluster-object-other")
            .changed(|good| good.object["metadata"]["name"] = "web".into())
            .fails(Open, "a ClusterSealedSecret under another name"),
        scope(Good::strict("strict-as-namespace-wide"), "NamespaceWide", "Strict, made NamespaceWide"),
        scope(Good::strict("strict-as-cluster-wide"), "ClusterWide", "Strict, made ClusterWide"),
        scope(Good::namespace_wide("namespace-wide-as-strict"), "Strict", "NamespaceWide, made Strict"),
        scope(Good::namespace_wide("namespace-wide-as-cluster-wide"), "ClusterWide", "NamespaceWide, made ClusterWide"),
        scope(Good::cluster_wide("cluster-wide-as-namespace-wide"), "NamespaceWide", "ClusterWide, made NamespaceWide"),
        kind(Good::strict("strict-as-cluster-object"), "ClusterSealedSecret", "Strict, made a ClusterSealedSecret"),
        kind(Good::cluster_wide("cluster-wide-as-object"), "ClusterSealedSecret", "ClusterWide, made cluster-scoped"),
        kind(Good::cluster_object("cluster-object-as-wide"), "SealedSecret", "a ClusterSealedSecret, made ClusterWide"),
    ]
}

fn padding() -> Vec<Case> {
    let padded = |what: &str, words: &str, padded: &[u8; 32]| {
        Good::strict(&format!("padding-{what}"))
            .changed(|good| {
                let octets = good.data_key.seal_padded("user", padded, &good.place, &mut good.rng);
                *good.value("user") = good.data_key.text(&octets).into();
            })
            .fails(Open, words)
    };
    vec![
        padded("none", "a value without padding", b"0123456789abcdef0123456789abcdef"),
        padded(
            "marker-other",
            "zeros behind another octet than the marker",
            b"admin\x81\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        ),
        padded("zeros", "zeros alone", &[0; 32]),
    ]
}
