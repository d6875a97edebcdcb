//! Native objects that open.

use serde_json::json;

use super::{
    case::Case,
    craft::{Key, base64},
    good::Good,
};

pub(super) fn cases() -> Vec<Case> {
    [places(), data_keys(), recipients(), values(), unread()].into_iter().flatten().collect()
}

fn places() -> Vec<Case> {
    vec![
        Good::strict("strict").opens("a Strict object for an X25519 key"),
        Good::x_wing("x-wing").opens("a Strict object for an X-Wing key"),
        Good::namespace_wide("namespace-wide")
            .changed(|good| good.object["metadata"]["name"] = "other".into())
            .opens("NamespaceWide does not bind the name"),
        Good::cluster_wide("cluster-wide")
            .changed(|good| good.object["metadata"] = json!({"namespace": "dev", "name": "other"}))
            .opens("ClusterWide binds neither namespace nor name"),
        Good::cluster_object("cluster-object").opens("a ClusterSealedSecret binds its name"),
        Good::cluster_object("cluster-object-namespace-unread")
            .changed(|good| good.object["metadata"]["namespace"] = "prod".into())
            .opens("a ClusterSealedSecret has no namespace, so that one in its metadata is not read"),
        Good::cluster_wide("cluster-wide-nameless")
            .changed(|good| good.object["metadata"] = json!({}))
            .opens("ClusterWide needs neither namespace nor name"),
        Good::cluster_object("cluster-object-scope-unread")
            .changed(|good| good.object["spec"]["scope"] = "Strict".into())
            .opens("a ClusterSealedSecret has no scope, so that one in its spec is not read"),
        Good::strict("place-utf8")
            .changed(|good| {
                good.place = super::craft::place(1, &["prod", "d\u{e9}p\u{f4}t"]);
                good.object["metadata"]["name"] = "d\u{e9}p\u{f4}t".into();
                let (key, place) = (good.key, good.place.clone());
                let entry = good.data_key.entry(&[key], &place, &mut good.rng);
                *good.entry() = entry;
                good.clear();
                good.add("password", b"1");
            })
            .opens("a length is one of UTF-8 octets, not of characters"),
    ]
}

fn data_keys() -> Vec<Case> {
    vec![
        Good::strict("data-keys-two")
            .changed(|good| {
                let other = good.add_data_key(&[good.key]);
                good.add_under(&other, "token", b"fresh");
            })
            .opens("items under two data keys"),
        Good::strict("data-key-unreferenced")
            .changed(|good| {
                good.add_data_key(&[Key::x25519("stranger")]);
            })
            .opens("a data key that no value names needs no key"),
        Good::strict("data-key-unreferenced-suite")
            .changed(|good| {
                let other = good.add_data_key(&[Key::x25519("stranger")]);
                let wrap = &mut good.object["spec"]["dataKeys"][other.handle()]["recipients"];
                wrap[Key::x25519("stranger").fingerprint()] = base64(&[0; 81]).into();
            })
            .opens("nor need its wraps be of a known suite"),
        Good::strict("items-none")
            .changed(|good| {
                good.clear();
                good.object["spec"]["dataKeys"] = json!({});
            })
            .opens("an object without items"),
    ]
}

fn recipients() -> Vec<Case> {
    let [low, high] = Key::lowest_two();
    vec![
        Good::with_recipients("recipients-two", &[Key::x_wing("prod"), Key::x25519("stage")])
            .opens("two recipients of two suites, one of them held"),
        Good::with_recipients("recipient-unknown-suite", &[Key::x25519("prod"), Key::x25519("later")])
            .changed(|good| {
                let fingerprint = Key::x25519("later").fingerprint();
                good.entry()["recipients"][fingerprint] = base64(&[0; 2_000]).into();
            })
            .opens("a wrap of an unknown suite does not matter beside a held recipient"),
        Good::with_recipients("held-lowest", &[low, high])
            .changed(|good| {
                good.held = vec![high, low];
                good.entry()["recipients"][high.fingerprint()] = base64(&[0; 80]).into();
            })
            .opens("of two held keys the one of the lowest fingerprint is tried, by octets: a letter before a digit"),
        Good::strict("held-others")
            .changed(|good| good.held = vec![Key::x25519("stage"), Key::x_wing("stage"), good.key])
            .opens("held keys that are no recipients do not matter"),
    ]
}

fn values() -> Vec<Case> {
    let lengths = [0, 31, 32, 63, 64, 255, 256, 271, 272, 511, 512, 543, 544, 1_023, 1_024, 4_095, 4_096];
    vec![
        Good::strict("value-empty")
            .changed(|good| {
                good.clear();
                good.add("password", b"");
            })
            .opens("an empty value"),
        Good::strict("value-octets")
            .changed(|good| {
                good.clear();
                good.add("password", &[0xff, 0x00, 0x0a, 0xfe]);
            })
            .opens("a value that is not UTF-8"),
        Good::strict("padding-buckets")
            .changed(|good| {
                good.clear();
                for len in lengths {
                    good.add(&format!("length-{len}"), &vec![b'x'; len]);
                }
            })
            .opens("values about the borders of the buckets"),
        Good::strict("padding-inside")
            .changed(|good| {
                good.clear();
                good.add("password", &[b'x', 0x80, 0, 0]);
            })
            .opens("only one marker comes off: a value may end like padding"),
        Good::strict("padding-marker-last")
            .changed(|good| {
                good.clear();
                good.add("password", &[0x80; 31]);
            })
            .opens("the marker alone, without zeros"),
        Good::strict("padding-length-odd")
            .changed(|good| {
                let mut padded = b"hunter2\x80".to_vec();
                padded.resize(77, 0);
                let octets = good.data_key.seal_padded("password", &padded, &good.place, &mut good.rng);
                *good.value("password") = good.data_key.text(&octets).into();
            })
            .opens("a reader does not ask for the length that this writer would choose"),
    ]
}

fn unread() -> Vec<Case> {
    vec![
        Good::strict("sealed-for-lies")
            .changed(|good| good.object["spec"]["sealedFor"] = json!({"namespace": "dev", "name": "other"}))
            .opens("sealedFor is not read"),
        Good::strict("sealed-for-missing")
            .changed(|good| drop(good.spec().shift_remove("sealedFor")))
            .opens("sealedFor may be missing"),
        Good::strict("signature-reserved")
            .changed(|good| good.object["spec"]["signature"] = json!({"by": "nobody", "octets": "AA=="}))
            .opens("spec.signature is kept and not read"),
        Good::strict("fields-unknown")
            .changed(|good| {
                good.object["spec"]["later"] = json!({"a": [1, null, true]});
                good.object["status"] = json!({"observedGeneration": 3});
                good.entry()["later"] = "x".into();
            })
            .opens("fields that nobody knows are not read"),
        Good::strict("null")
            .changed(|good| {
                let other = good.add_data_key(&[]);
                good.object["spec"]["dataKeys"][other.handle()]["recipients"] = json!(null);
                good.object["spec"]["sealedFor"] = json!(null);
                good.object["spec"]["template"] = json!(null);
                good.object["metadata"]["annotations"] = json!(null);
            })
            .opens("null is the same as missing"),
        Good::strict("template")
            .changed(|good| {
                good.object["spec"]["template"] = json!({
                    "type": "Opaque",
                    "immutable": true,
                    "metadata": {"labels": {"app": "db"}, "annotations": {"kseal.dev/sealed": "{}"}},
                });
                good.object["spec"]["target"] = json!({"creationPolicy": "Orphan"});
                good.object["spec"]["imagePullSecret"] = json!({"serviceAccounts": {"all": true}});
            })
            .opens("template, target and imagePullSecret do not matter for opening"),
    ]
}
