//! `kseal keys list` and `kseal keys usage` of a cluster: which keys it has, and what needs them.

#[path = "harness/published.rs"]
mod published;
#[path = "harness/server.rs"]
mod server;
#[path = "harness/used.rs"]
mod used;

mod harness;

use harness::{Folder, Run};
use kseal_api::{KeyState, KeyUsage, UsedKey};
use published::{PATH, Published, fingerprint, listed};
use serde_json::{Value, json};
use server::{Server, status};
use used::{USAGE, collection, deep, native, page, upstream, usage, usage_map, used};

const RSA: &str = "SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

/// A cluster with an active key (seed 2) and an older one (seed 1), with this said of their use.
fn scene(keys: &[(&str, UsedKey)]) -> (Folder, Server) {
    let server = Server::start();
    let folder = Folder::new();
    folder.write(".kube/config", &server.kubeconfig(""));
    let keys_listed = vec![listed(1, 1, KeyState::Retiring), listed(2, 2, KeyState::Active)];
    server.has(PATH, Published { keys: keys_listed, ..Published::new(1) }.config_map());
    server.has(USAGE, usage(keys));
    (folder, server)
}

/// The words of each line, with what depends on the time left out.
fn words(run: &Run) -> Vec<String> {
    let word = |word: &str| {
        if word.starts_with(char::is_numeric) && word.contains('y') { "AGO".to_owned() } else { word.to_owned() }
    };
    let line = |line: &str| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ");
    run.stdout.lines().map(line).collect()
}

#[test]
fn the_keys_of_a_cluster_are_listed_with_what_needs_them() {
    let (old, new) = (fingerprint(1), fingerprint(2));
    let many = [("a", 1), ("b", 1), ("c", 1), ("d", 2)];
    let keys = [
        (old.as_str(), used("X25519", "retiring", "kseal-1-6f0c", &many)),
        (new.as_str(), used("X25519", "active", "kseal-2-6f0c", &[])),
        (RSA, used("RSA", "active", "sealed-secrets-key-1", &[("shop", 3)])),
    ];
    let (folder, server) = scene(&keys);
    for flags in [&["--cluster"][..], &["--context", "here"], &["--kubeconfig", ".kube/config"]] {
        let run = folder.kseal(&[&["keys", "list"], flags].concat()).succeeds();
        assert_eq!(run.stderr, "");
        let rows = words(&run);
        assert_eq!(rows.len(), 4, "{}", run.stdout);
        assert_eq!(rows[0], "FINGERPRINT SUITE STATE AGE OBJECTS NAMESPACES");
        let age = rows[1].split(' ').nth(3).unwrap().to_owned();
        assert_eq!(rows[1], format!("{} X25519 active {age} 0 -", &new[..13]));
        assert_eq!(rows[2], format!("{} X25519 retiring {age} 5 a, b, c, …", &old[..13]));
        assert_eq!(rows[3], "SHA256:abcdefghijklm RSA active AGO 3 shop");
    }
    assert_eq!(server.lines().len(), 6);
    let report = folder.kseal(&["keys", "list", "--cluster", "-o", "json"]).succeeds().json();
    let row = &report[1];
    assert_eq!((&row["fingerprint"], &row["objects"], &row["claimed"]), (&json!(old), &json!(5), &json!(0)));
    assert_eq!((&row["namespaces"]["d"], &row["secret"]), (&json!(2), &json!("kseal-1-6f0c")));
    assert_eq!((&row["kind"], &row["epoch"], &row["seals"]), (&json!("cluster"), &json!(1), &json!(false)));
    assert_eq!((&report[0]["seals"], &report[0]["countedAt"]), (&json!(true), &json!("2026-11-22T05:00:00Z")));
    let run = folder.kseal(&["keys", "list", "--cluster", "--wide"]).succeeds();
    assert!(run.stdout.contains(&old) && run.stdout.contains(RSA), "{}", run.stdout);
}

#[test]
fn claims_are_shown_where_there_are_any_and_apart_from_needs() {
    let old = fingerprint(1);
    let claimed = UsedKey { claimed: 4, ..used("X25519", "retiring", "kseal-1-6f0c", &[]) };
    let (folder, _server) = scene(&[(&old, claimed)]);
    let run = folder.kseal(&["keys", "list", "--cluster"]).succeeds();
    let rows = words(&run);
    assert_eq!(rows[0], "FINGERPRINT SUITE STATE AGE OBJECTS CLAIMED NAMESPACES");
    assert!(rows[2].ends_with(" 0 4 -"), "{}", run.stdout);
}

#[test]
fn a_key_that_is_lost_is_missing_and_it_is_said_what_to_do() {
    let old = fingerprint(1);
    let (folder, _server) = scene(&[(&old, used("X25519", "missing", "", &[("shop", 2)]))]);
    let run = folder.kseal(&["keys", "list", "--cluster"]).succeeds();
    assert!(words(&run)[2].contains("X25519 missing"), "{}", run.stdout);
    for part in ["warning: ", &old, "is gone", "restore it", "2 objects"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
}

#[test]
fn keys_are_listed_without_numbers_where_these_may_not_be_read() {
    let (folder, server) = scene(&[]);
    server.forgets(USAGE);
    let run = folder.kseal(&["keys", "list", "--cluster"]).succeeds();
    assert!(run.stderr.contains("not known") && run.stderr.contains("yet"), "{}", run.stderr);
    assert!(words(&run)[1].ends_with(" - -"), "{}", run.stdout);
    server.says(USAGE, 403, status(403, "Forbidden", "configmaps is forbidden"));
    let run = folder.kseal(&["keys", "list", "--cluster"]).succeeds();
    assert!(run.stderr.contains("you may not read") && run.stderr.contains("is forbidden"), "{}", run.stderr);
    let report = folder.kseal(&["keys", "list", "--cluster", "-o", "json"]).succeeds().json();
    assert_eq!((&report[0]["objects"], &report[0]["countedAt"]), (&Value::Null, &Value::Null));
    let run = folder.kseal(&["keys", "usage", &fingerprint(1)]).exits_with(8);
    assert!(run.stderr.contains("you may not read") && run.stderr.contains("--all"), "{}", run.stderr);
    server.forgets(USAGE).has(USAGE, json!({"data": {"usage.json": "{"}}));
    let run = folder.kseal(&["keys", "list", "--cluster"]).exits_with(3);
    assert!(run.stderr.contains("kseal-key-usage cannot be read"), "{}", run.stderr);
}

#[test]
fn without_a_cluster_that_is_named_files_are_listed_as_before() {
    let (folder, server) = scene(&[]);
    folder.kseal(&["keys", "list"]).exits_with(4);
    folder.write("a.pem", "x");
    for flags in [&["--cluster", "a.pem"][..], &["--context", "here", "a.pem"], &["--cluster", "--config", "a.pem"]] {
        folder.kseal(&[&["keys", "list"], flags].concat()).exits_with(2);
    }
    assert!(server.lines().is_empty());
}

#[test]
fn one_key_is_looked_up_by_how_its_fingerprint_begins() {
    let (old, new) = (fingerprint(1), fingerprint(2));
    let key = UsedKey {
        objects: 20,
        claimed: 1,
        first: vec!["shop/a".to_owned(), "shop/b".to_owned()],
        ..used("X25519", "retiring", "kseal-1-6f0c", &[("dev", 3), ("shop", 16)])
    };
    let keys = [(old.as_str(), key), (new.as_str(), used("X25519", "active", "s", &[])), (RSA, UsedKey::default())];
    let (folder, server) = scene(&keys);
    let run = folder.kseal(&["keys", "usage", &old[..6]]).succeeds();
    let wanted = [
        &format!("{old}: X25519, retiring"),
        "20 objects need it at 2026-11-22T05:00:00Z",
        "1 object names it, and was not opened by it",
        "NAMESPACE OBJECTS",
        "dev 3",
        "shop 16",
        "and 1 object elsewhere",
        "shop/a, shop/b, and 18 more: --all names each",
    ];
    assert_eq!(words(&run), wanted);
    assert_eq!(server.lines().len(), 2, "no object is looked at");
    let report = folder.kseal(&["keys", "usage", &old, "-o", "json"]).succeeds().json();
    assert_eq!((&report["objects"], &report["namespaces"]["shop"]), (&json!(20), &json!(16)));
    assert_eq!((&report["first"][1], &report["claimed"]), (&json!("shop/b"), &json!(1)));
    let run = folder.kseal(&["keys", "usage", "abcdef"]).succeeds();
    assert!(run.stdout.starts_with(RSA), "{}", run.stdout);
    for short in [&old[..5], "SHA256:ab", ""] {
        let run = folder.kseal(&["keys", "usage", short]).exits_with(2);
        assert!(run.stderr.contains("too short"), "{}", run.stderr);
    }
    let run = folder.kseal(&["keys", "usage", "kaaaaaa"]).exits_with(4);
    assert!(run.stderr.contains("has no key kaaaaaa"), "{}", run.stderr);
    let twin = format!("{}2", &RSA[..RSA.len() - 1]);
    server.forgets(USAGE).has(USAGE, usage(&[(RSA, UsedKey::default()), (&twin, UsedKey::default())]));
    let run = folder.kseal(&["keys", "usage", &RSA[..20]]).exits_with(2);
    assert!(run.stderr.contains(RSA) && run.stderr.contains(&twin), "{}", run.stderr);
}

#[test]
fn every_object_is_looked_at_and_claims_are_told_apart() {
    let (old, new) = (fingerprint(1), fingerprint(2));
    let (folder, server) = scene(&[]);
    let strange = [json!({}), json!({"metadata": 7, "spec": [], "status": ""}), json!({"spec": {"dataKeys": "x"}})];
    let objects = [native("shop", "b", &[&old], &[&old]), native("shop", "a", &[&new, &old], &[&new])];
    let natives = collection("kseal.dev");
    server.has(&natives, json!({"metadata": {"continue": "more"}, "items": objects}));
    server.has(
        &format!("{natives}&continue=more"),
        page(&[&strange[..], &[deep(native("dev", "c", &[&old], &[&old]))]].concat()),
    );
    server.has(&collection("bitnami.com"), page(&[upstream("shop", "b", &[RSA]), upstream("shop", "d", &[&old])]));
    let run = folder.kseal(&["keys", "usage", "--all", &old[..8]]).succeeds();
    let wanted = [
        &format!("{old}: X25519, retiring"),
        "3 objects need it",
        "NAMESPACE NAME FORMAT",
        "dev c kseal",
        "shop b kseal",
        "shop d bitnami",
        "1 object cannot be read, and may need it",
        "NAMESPACE NAME FORMAT",
        "kseal",
        "1 object names it, and was not opened by it",
        "NAMESPACE NAME FORMAT",
        "shop a kseal",
    ];
    assert_eq!(words(&run), wanted);
    let report = folder.kseal(&["keys", "usage", "--all", &old, "-o", "json"]).succeeds().json();
    assert_eq!(
        report["objects"][1],
        json!({"namespace": "shop", "name": "b", "kind": "SealedSecret", "format": "kseal"})
    );
    assert_eq!(
        report["claimed"],
        json!([{"namespace": "shop", "name": "a", "kind": "SealedSecret", "format": "kseal"}])
    );
    // A key that the cluster has forgotten.
    let gone = fingerprint(9);
    let run = folder.kseal(&["keys", "usage", "--all", &gone]).succeeds();
    assert!(run.stdout.contains("0 objects need it"), "{}", run.stdout);
    folder.kseal(&["keys", "usage", "--all", &gone[..20]]).exits_with(4);
    // What may not be listed could need it.
    server.says_with(&collection("bitnami.com"), 403, "", "", 1);
    server.forgets(&natives).says(&natives, 403, status(403, "Forbidden", "no"));
    server.has("/apis/kseal.dev/v1alpha1", json!({"resources": [{"name": "sealedsecrets"}]}));
    folder.kseal(&["keys", "usage", "--all", &old]).exits_with(8);
}

#[test]
fn who_may_not_list_everything_looks_where_the_controller_does_and_is_told_so() {
    let old = fingerprint(1);
    let (folder, server) = scene(&[]);
    let counted_at = "2026-11-22T05:00:00Z".to_owned();
    let watched = KeyUsage { counted_at, watched: vec!["dev".to_owned(), "shop".to_owned()], ..KeyUsage::default() };
    server.forgets(USAGE).has(USAGE, usage_map(&watched));
    for namespace in ["dev", "shop"] {
        let path = format!("/apis/kseal.dev/v1alpha1/namespaces/{namespace}/sealedsecrets?limit=500");
        server.has(&path, page(&[native(namespace, "a", &[], &[&old])]));
    }
    // What the controller said may be old: as long as there is a right to look everywhere, that is done.
    let natives = collection("kseal.dev");
    server.has(&natives, page(&[native("other", "a", &[], &[&old])]));
    let run = folder.kseal(&["keys", "usage", "--all", &old]).succeeds();
    assert!(run.stdout.contains("other      a") && run.stdout.contains("1 object needs it"), "{}", run.stdout);
    assert_eq!(run.stderr, "");
    server.forgets(&natives).says(&natives, 403, status(403, "Forbidden", "no"));
    server.has("/apis/kseal.dev/v1alpha1", json!({"resources": [{"name": "sealedsecrets"}]}));
    let run = folder.kseal(&["keys", "usage", "--all", &old]).succeeds();
    assert!(run.stdout.contains("2 objects need it"), "{}", run.stdout);
    let said = "checked only in dev, shop, as the controller said at 2026-11-22T05:00:00Z";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    // Not even there.
    let shop = "/apis/kseal.dev/v1alpha1/namespaces/shop/sealedsecrets?limit=500";
    server.forgets(shop).says(shop, 403, status(403, "Forbidden", "no"));
    folder.kseal(&["keys", "usage", "--all", &old]).exits_with(8);
    let run = folder.kseal(&["keys", "list", "--cluster"]).succeeds();
    assert!(run.stderr.contains("counted in dev, shop"), "{}", run.stderr);
}

#[test]
fn a_page_that_is_too_large_is_asked_for_in_smaller_ones() {
    let old = fingerprint(1);
    let (folder, server) = scene(&[]);
    let natives = collection("kseal.dev");
    server.is_too_large(&natives).is_too_large(&natives.replace("=500", "=62"));
    server.has(&natives.replace("=500", "=7"), page(&[native("shop", "a", &[], &[&old])]));
    let run = folder.kseal(&["keys", "usage", "--all", &old]).succeeds();
    assert!(run.stdout.contains("1 object needs it"), "{}", run.stdout);
    server.forgets(&natives.replace("=500", "=7"));
    server.is_too_large(&natives.replace("=500", "=7")).is_too_large(&natives.replace("=500", "=1"));
    let run = folder.kseal(&["keys", "usage", "--all", &old]).exits_with(8);
    assert!(run.stderr.contains("has more than 256 MiB"), "{}", run.stderr);
}
