use kseal_crypto::{PrivateKey, Suite, encode_base64};

use super::*;

fn secret(name: &str, version: u64, state: &str, seed: u8) -> Vec<u8> {
    let [suite, seed, created_at] = [&b"X25519"[..], &[seed; 32], b"now"].map(encode_base64);
    serde_json::json!({
        "metadata": {
            "name": name, "uid": format!("uid-{name}"), "resourceVersion": version.to_string(),
            "labels": {"kseal.dev/sealing-key": state},
        },
        "type": "kseal.dev/sealing-key",
        "data": {"suite": suite, "seed": seed, "createdAt": created_at},
    })
    .to_string()
    .into_bytes()
}

fn present(holder: &mut Holder, object: &[u8], initial: bool) -> bool {
    holder.apply(Origin::Native, &Event::Present { object, initial })
}

fn synced(holder: &mut Holder) -> bool {
    holder.apply(Origin::Native, &Event::Synced { resource_version: 1 })
}

fn holder() -> Holder {
    let mut holder = Holder::new([Origin::Native]);
    holder.apply(Origin::Native, &Event::Started);
    present(&mut holder, &secret("a", 1, "active", 1), true);
    present(&mut holder, &secret("b", 2, "active", 2), true);
    synced(&mut holder);
    holder
}

fn name(seed: u8) -> kseal_crypto::Fingerprint {
    PrivateKey::from_seed(Suite::X25519, &[seed; 32]).unwrap().fingerprint()
}

#[test]
fn before_every_collection_is_whole_nothing_is_synced() {
    let mut holder = Holder::new([Origin::Native, Origin::Upstream]);
    assert!(!holder.apply(Origin::Native, &Event::Started));
    assert!(!present(&mut holder, &secret("a", 1, "active", 1), true), "an initial list is handed on as a whole");
    assert!(synced(&mut holder));
    assert!(!holder.held().synced && holder.held().ring.get(name(1)).is_some());
    assert!(holder.apply(Origin::Upstream, &Event::Synced { resource_version: 1 }));
    assert!(holder.held().synced);
}

#[test]
fn while_a_list_is_read_anew_no_key_is_dropped() {
    let mut holder = holder();
    holder.apply(Origin::Native, &Event::Started);
    present(&mut holder, &secret("b", 2, "active", 2), true);
    assert_eq!(holder.held().ring.native().count(), 2);
    synced(&mut holder);
    let held = holder.held();
    assert!(held.ring.get(name(1)).is_none() && held.ring.get(name(2)).is_some());
    assert!(held.ledger.names.iter().eq(["b"]));
}

#[test]
fn a_key_that_stays_is_not_parsed_again() {
    let mut holder = holder();
    let before = holder.held();
    assert!(!present(&mut holder, &secret("a", 1, "active", 1), false), "nothing is new");
    assert!(present(&mut holder, &secret("b", 3, "retiring", 2), false));
    let after = holder.held();
    assert!(std::ptr::eq(before.ring.get(name(1)).unwrap(), after.ring.get(name(1)).unwrap()));
    assert_ne!(before.versions, after.versions);
}

#[test]
fn only_a_change_of_reachability_is_told() {
    let mut holder = holder();
    assert!(!holder.held().reachable);
    assert!(holder.apply(Origin::Native, &Event::Answered));
    assert!(!holder.apply(Origin::Native, &Event::Answered));
    assert!(holder.held().reachable);
    assert!(holder.apply(Origin::Native, &Event::Lost { category: "unreachable" }));
    assert!(!holder.apply(Origin::Native, &Event::Lost { category: "unreachable" }));
    let held = holder.held();
    assert!(held.synced && !held.reachable && held.ring.native().count() == 2);
}

#[test]
fn what_is_no_object_changes_nothing() {
    let mut holder = holder();
    assert!(!present(&mut holder, b"{}", false));
    assert!(!holder.apply(Origin::Native, &Event::Gone { object: b"{}" }));
    assert!(!holder.apply(Origin::Native, &Event::Gone { object: &secret("c", 1, "active", 1) }));
    assert!(holder.apply(Origin::Native, &Event::Gone { object: &secret("a", 9, "active", 1) }));
    assert_eq!(holder.held().ring.native().count(), 1);
}
