//! `kseal keys retire`: what it refuses, what it writes, and that it ends the same however often it is begun.

#[path = "harness/published.rs"]
mod published;
#[path = "harness/server.rs"]
mod server;
#[path = "harness/used.rs"]
mod used;

mod harness;

use harness::Folder;
use kseal_api::KeyState;
use published::{PATH, Published, fingerprint, listed};
use serde_json::{Value, json};
use server::{Seen, Server, status};
use used::{SECRETS, USAGE, collection, deep, native, page, upstream, usage, used};

const RSA: &str = "SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const OTHER_RSA: &str = "SHA256:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
const NATIVE_LABEL: &str = "kseal.dev/sealing-key";
const UPSTREAM_LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// A cluster with an active key (seed 2) and an older one (seed 1), and two RSA keys.
fn scene() -> (Folder, Server) {
    let server = Server::start();
    let folder = Folder::new();
    folder.write(".kube/config", &server.kubeconfig(""));
    let keys = vec![listed(1, 1, KeyState::Retiring), listed(2, 2, KeyState::Active)];
    server.has(PATH, Published { keys, ..Published::new(1) }.config_map());
    let keys = [
        (fingerprint(1), used("X25519", "retiring", "kseal-1-6f0c", &[])),
        (fingerprint(2), used("X25519", "active", "kseal-2-6f0c", &[])),
        (RSA.to_owned(), used("RSA", "active", "rsa-1", &[])),
        (OTHER_RSA.to_owned(), used("RSA", "active", "rsa-2", &[])),
    ];
    let keys: Vec<_> = keys.iter().map(|(name, used)| (name.as_str(), used.clone())).collect();
    server.has(USAGE, usage(&keys));
    for group in ["kseal.dev", "bitnami.com"] {
        server.has(&collection(group), page(&[]));
    }
    for label in [NATIVE_LABEL, UPSTREAM_LABEL] {
        server.has(&labelled(label), page(&[]));
    }
    (folder, server)
}

/// The path of all Secrets with a label.
fn labelled(label: &str) -> String {
    format!("{SECRETS}?labelSelector={}&limit=500", label.replace('/', "%2F"))
}

/// The metadata of a key's Secret.
fn secret(name: &str, version: u32, fingerprint: &str, state: &str) -> Value {
    json!({"kind": "PartialObjectMetadata", "metadata": {
        "name": name, "uid": format!("{name}-uid"), "resourceVersion": version.to_string(),
        "labels": {"kseal.dev/sealing-key": state}, "annotations": {"kseal.dev/fingerprint": fingerprint},
    }})
}

fn rsa_secret(name: &str, state: &str, stated: Option<&str>) -> Value {
    let label = json!({"sealedsecrets.bitnami.com/sealed-secrets-key": state});
    let mut secret = json!({"metadata": {"name": name, "uid": "rsa-uid", "resourceVersion": "3", "labels": label}});
    if let Some(stated) = stated {
        secret["metadata"]["annotations"] = json!({"kseal.dev/fingerprint": stated});
    }
    secret
}

fn old_path() -> String {
    format!("{SECRETS}/kseal-1-6f0c")
}

fn sent(seen: &Seen) -> Value {
    serde_json::from_str(&seen.body).expect("JSON")
}

/// A scene in which the old key's Secret can be labelled.
fn ready() -> (Folder, Server) {
    let (folder, server) = scene();
    server.has(&old_path(), secret("kseal-1-6f0c", 7, &fingerprint(1), "retiring"));
    server.has(&format!("PATCH {}", old_path()), secret("kseal-1-6f0c", 8, &fingerprint(1), "retired"));
    (folder, server)
}

#[test]
fn a_key_that_nothing_needs_is_labelled_and_nothing_of_it_is_read() {
    let (folder, server) = ready();
    server.forgets(&collection("kseal.dev")).has(
        &collection("kseal.dev"),
        page(&[native("shop", "a", &[&fingerprint(1), &fingerprint(2)], &[&fingerprint(2)])]),
    );
    let run = folder.kseal(&["keys", "retire", &fingerprint(1)[..8]]).succeeds();
    assert_eq!(run.stdout, "");
    for part in
        ["context here", &format!("key {} is retired now", &fingerprint(1)[..13]), "--as retiring takes it back"]
    {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    let writes = server.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].line, format!("PATCH {}", old_path()));
    assert_eq!(
        sent(&writes[0]),
        json!({"metadata": {
            "uid": "kseal-1-6f0c-uid", "resourceVersion": "7", "labels": {"kseal.dev/sealing-key": "retired"},
        }})
    );
    for seen in server.seen().iter().filter(|seen| seen.line.contains("/secrets")) {
        let accept = seen.header("accept").unwrap_or_default();
        assert_eq!(accept.replace("List", ""), METADATA, "{}", seen.line);
    }
}

#[test]
fn a_key_that_is_needed_is_refused_and_the_first_objects_are_named() {
    let (folder, server) = ready();
    let old = fingerprint(1);
    let names: Vec<String> = (0..12).map(|number| format!("n{number:02}")).collect();
    let objects: Vec<Value> = names.iter().map(|name| native("shop", name, &[&old], &[&old])).collect();
    server.forgets(&collection("kseal.dev")).has(&collection("kseal.dev"), page(&objects));
    let run = folder.kseal(&["keys", "retire", &old]).exits_with(6);
    for part in ["12 objects need key", "shop/n00", "shop/n09", "and 2 more", "kseal reencrypt"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert!(!run.stderr.contains("n10"), "{}", run.stderr);
    assert!(server.writes().is_empty());
    // Opening goes on with these.
    for state in ["retiring", "compromised", "active"] {
        folder.kseal(&["keys", "retire", &old, "--as", state]).succeeds();
    }
    assert_eq!(server.writes().len(), 2, "it is retiring already");
    let run = folder.kseal(&["keys", "retire", &old, "--force"]).succeeds();
    assert!(run.stderr.contains("warning: 12 objects need key") && run.stderr.contains("shop/n00"), "{}", run.stderr);
    assert_eq!(sent(&server.writes()[2])["metadata"]["labels"], json!({"kseal.dev/sealing-key": "retired"}));
}

#[test]
fn objects_are_asked_and_not_what_was_counted() {
    let (folder, server) = ready();
    let old = fingerprint(1);
    server.forgets(USAGE).has(USAGE, usage(&[(&old, used("X25519", "retiring", "kseal-1-6f0c", &[("shop", 9)]))]));
    folder.kseal(&["keys", "retire", &old]).succeeds();
    // Who cannot look does not know.
    let (folder, server) = ready();
    server.forgets(&collection("kseal.dev"));
    server.says(&collection("kseal.dev"), 403, status(403, "Forbidden", "no"));
    server.has("/apis/kseal.dev/v1alpha1", json!({"resources": [{"name": "sealedsecrets"}]}));
    folder.kseal(&["keys", "retire", &old]).exits_with(8);
    assert!(server.writes().is_empty());
}

#[test]
fn an_object_for_many_namespaces_holds_a_key_up_like_any_other() {
    let path = "/apis/kseal.dev/v1alpha1/clustersealedsecrets?limit=500";
    let (old, new) = (fingerprint(1), fingerprint(2));
    let cluster = |opened: &[&str]| {
        let mut object = native("", "regcred", &[&old], opened);
        object["metadata"].as_object_mut().expect("an object").remove("namespace");
        object
    };
    let (folder, server) = ready();
    server.has(path, page(&[cluster(&[&old])]));
    let run = folder.kseal(&["keys", "retire", &old]).exits_with(6);
    for part in ["1 object needs key", "clustersealedsecrets/regcred"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    // No controller has looked at it.
    let mut unseen = cluster(&[]);
    unseen.as_object_mut().expect("an object").remove("status");
    server.forgets(path).has(path, page(&[unseen]));
    let run = folder.kseal(&["keys", "retire", &old]).exits_with(6);
    assert!(run.stderr.contains("clustersealedsecrets/regcred (not looked at yet)"), "{}", run.stderr);
    // Who cannot look does not know.
    server.has("/apis/kseal.dev/v1alpha1", json!({"resources": [{"name": "clustersealedsecrets"}]}));
    server.forgets(path).says(path, 403, status(403, "Forbidden", "no"));
    let run = folder.kseal(&["keys", "retire", &old]).exits_with(8);
    assert!(run.stderr.contains("clustersealedsecrets of kseal.dev/v1alpha1"), "{}", run.stderr);
    assert!(server.writes().is_empty());
    server.forgets(path).has(path, page(&[cluster(&[&new])]));
    let run = folder.kseal(&["keys", "retire", &old]).succeeds();
    assert!(run.stderr.contains("1 object names it"), "{}", run.stderr);
}

/// An object that is newer than its status.
fn ahead(mut object: Value) -> Value {
    object["metadata"]["generation"] = 2.into();
    object
}

#[test]
fn what_was_not_looked_at_as_it_is_holds_a_key_up_that_it_names() {
    let (old, new) = (fingerprint(1), fingerprint(2));
    let never = |mut object: Value| {
        object.as_object_mut().expect("an object").remove("status");
        object
    };
    let (folder, server) = ready();
    let natives = collection("kseal.dev");
    let objects = [
        never(native("shop", "applied", &[&old], &[])),
        ahead(native("shop", "changed", &[&old, &new], &[&new])),
        never(native("shop", "other", &[&new], &[])),
    ];
    server.forgets(&natives).has(&natives, page(&objects));
    let run = folder.kseal(&["keys", "retire", &old]).exits_with(6);
    for part in ["2 objects may need key", "shop/applied (not looked at yet)", "shop/changed (not", "kseal status -A"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert!(!run.stderr.contains("other") && server.writes().is_empty(), "{}", run.stderr);
    let both = [&objects[..], &[ahead(native("shop", "needs", &[&new], &[&old]))]].concat();
    server.forgets(&natives).has(&natives, page(&both));
    let run = folder.kseal(&["keys", "retire", &old]).exits_with(6);
    assert!(run.stderr.contains("1 object needs key") && run.stderr.contains(", and 2 may"), "{}", run.stderr);
    folder.kseal(&["keys", "retire", &old, "--force"]).succeeds();
    assert_eq!(server.writes().len(), 1);
    // Objects of sealed-secrets name no key, and this one is none of theirs.
    let upstreams = collection("bitnami.com");
    server.forgets(&natives).has(&natives, page(&objects[2..]));
    server.forgets(&upstreams).has(&upstreams, page(&[never(upstream("shop", "db", &[]))]));
    folder.kseal(&["keys", "retire", &old]).succeeds();
}

#[test]
fn what_was_looked_at_and_only_names_the_key_is_counted_and_holds_nothing_up() {
    let (folder, server) = ready();
    let old = fingerprint(1);
    let mut claims = native("shop", "a", &[&old], &[]);
    claims["status"] = json!({"observedGeneration": 1, "observed": null, "conditions": []});
    server.forgets(&collection("kseal.dev")).has(&collection("kseal.dev"), page(&[deep(claims)]));
    let run = folder.kseal(&["keys", "retire", &old]).succeeds();
    assert!(run.stderr.contains("1 object names it, and was not opened by it"), "{}", run.stderr);
}

#[test]
fn an_object_that_is_not_right_goes_on_needing_what_opened_it() {
    let (folder, server) = ready();
    let old = fingerprint(1);
    let mut wrong = native("shop", "a", &[&old], &[]);
    wrong["status"] = json!({"observedGeneration": 1, "observed": null, "neededKeys": [old]});
    server.forgets(&collection("kseal.dev")).has(&collection("kseal.dev"), page(&[wrong]));
    let run = folder.kseal(&["keys", "retire", &old]).exits_with(6);
    assert!(run.stderr.contains("1 object needs key") && run.stderr.contains("shop/a"), "{}", run.stderr);
    let path = format!("{SECRETS}/rsa-1");
    server.has(&path, rsa_secret("rsa-1", "active", Some(RSA))).has(&format!("PATCH {path}"), json!({}));
    let mut wrong = upstream("shop", "db", &[RSA]);
    wrong["status"]["conditions"][0] = json!({"type": "Synced", "status": "False", "reason": "NotOwned"});
    wrong["status"]["conditions"][1]["status"] = "False".into();
    server.forgets(&collection("bitnami.com")).has(&collection("bitnami.com"), page(&[wrong]));
    let run = folder.kseal(&["keys", "retire", RSA]).exits_with(6);
    assert!(run.stderr.contains("1 object needs key") && run.stderr.contains("shop/db"), "{}", run.stderr);
}

#[test]
fn objects_of_sealed_secrets_that_only_its_own_controller_saw_may_need_any_of_its_keys() {
    let (folder, server) = ready();
    let path = format!("{SECRETS}/rsa-1");
    server.has(&path, rsa_secret("rsa-1", "active", Some(RSA))).has(&format!("PATCH {path}"), json!({}));
    let upstreams = collection("bitnami.com");
    let mut synced = upstream("shop", "db", &[]);
    synced["status"]["conditions"].as_array_mut().expect("conditions").truncate(1);
    for object in [synced, ahead(upstream("shop", "db", &[OTHER_RSA]))] {
        server.forgets(&upstreams).has(&upstreams, page(&[object]));
        let run = folder.kseal(&["keys", "retire", RSA]).exits_with(6);
        assert!(run.stderr.contains("shop/db (not looked at yet)"), "{}", run.stderr);
    }
    let mut failed = upstream("shop", "db", &[]);
    failed["status"]["conditions"] = json!([{"type": "Synced", "status": "False", "reason": "NoKey"}]);
    server.forgets(&upstreams).has(&upstreams, page(&[failed, upstream("shop", "web", &[OTHER_RSA])]));
    folder.kseal(&["keys", "retire", RSA]).succeeds();
}

#[test]
fn what_cannot_be_read_may_need_the_key_and_is_named() {
    let (folder, server) = ready();
    let old = fingerprint(1);
    let mut strange = native("shop", "strange", &[], &[]);
    strange["status"] = json!("x");
    let mut spec = native("shop", "spec", &[], &[]);
    spec["status"] = Value::Null;
    spec["spec"]["dataKeys"] = json!([]);
    let objects = [strange, spec, deep(native("shop", "needs", &[], &[&old]))];
    server.forgets(&collection("kseal.dev")).has(&collection("kseal.dev"), page(&objects));
    let run = folder.kseal(&["keys", "retire", &old]).exits_with(6);
    for part in [
        "1 object needs key",
        ", and 2 may",
        "shop/needs",
        "shop/strange (cannot be read)",
        "shop/spec (cannot be read)",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
}

#[test]
fn the_only_active_key_stays_unless_it_is_compromised_or_forced() {
    let new = fingerprint(2);
    let path = format!("{SECRETS}/kseal-2-6f0c");
    for (args, code) in [(&[][..], 6), (&["--as", "retiring"], 6), (&["--force"], 0), (&["--as", "compromised"], 0)] {
        let (folder, server) = scene();
        server.has(&path, secret("kseal-2-6f0c", 7, &new, "active")).has(&format!("PATCH {path}"), json!({}));
        let run = folder.kseal(&[&["keys", "retire", &new], args].concat()).exits_with(code);
        assert!(run.stderr.contains("would make a new one"), "{args:?}: {}", run.stderr);
        assert_eq!(run.stderr.contains("kseal keys rotate"), code == 6, "{args:?}: {}", run.stderr);
        assert_eq!(server.writes().len(), usize::from(code == 0), "{args:?}");
    }
}

#[test]
fn what_is_done_already_is_not_done_again() {
    let (folder, server) = scene();
    server.has(&old_path(), secret("kseal-1-6f0c", 8, &fingerprint(1), "retired"));
    let run = folder.kseal(&["keys", "retire", &fingerprint(1)]).succeeds();
    assert!(run.stderr.contains("is retired already"), "{}", run.stderr);
    assert!(server.writes().is_empty());
    assert!(!server.lines().iter().any(|line| line.contains("/sealedsecrets")), "nothing is looked at for it");
}

#[test]
fn an_answer_that_is_lost_is_looked_for() {
    let old = fingerprint(1);
    for code in [0, 500, 409] {
        for was_done in [true, false] {
            let (folder, server) = scene();
            let get = |version, state| secret("kseal-1-6f0c", version, &old, state).to_string();
            server.says_with(&old_path(), 200, "", &get(7, "retiring"), 1);
            let after = if was_done { get(8, "retired") } else { get(9, "retiring") };
            server.says_with(&old_path(), 200, "", &after, usize::MAX);
            let patch = format!("PATCH {}", old_path());
            match code {
                0 => server.hangs_up(&patch, 1),
                code => server.says_with(&patch, code, "", "", 1),
            };
            server.has(&patch, json!({}));
            let run = folder.kseal(&["keys", "retire", &old]).succeeds();
            assert!(run.stderr.contains("is retired now"), "{}", run.stderr);
            let writes = server.writes();
            assert_eq!(writes.len(), if was_done { 1 } else { 2 }, "{code} {was_done}");
            if !was_done {
                assert_eq!(sent(&writes[1])["metadata"]["resourceVersion"], "9");
            }
        }
    }
}

#[test]
fn a_write_in_doubt_is_an_error_where_nothing_more_can_be_learnt_and_a_repetition_ends_it() {
    let (folder, server) = scene();
    let old = fingerprint(1);
    server.says_with(&old_path(), 200, "", &secret("kseal-1-6f0c", 7, &old, "retiring").to_string(), 1);
    server.hangs_up(&format!("PATCH {}", old_path()), 1);
    let run = folder.kseal(&["keys", "retire", &old]).exits_with(8);
    for part in ["may have done it all the same", "run it again"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    for state in ["retired", "retiring"] {
        server.forgets(&old_path()).has(&old_path(), secret("kseal-1-6f0c", 8, &old, state));
        server.has(&format!("PATCH {}", old_path()), json!({}));
        folder.kseal(&["keys", "retire", &old]).succeeds();
    }
    assert_eq!(server.writes().len(), 2, "once in doubt, once since it was not done");
}

#[test]
fn another_decision_that_came_between_is_not_overruled() {
    let (folder, server) = scene();
    let old = fingerprint(1);
    server.says_with(&old_path(), 200, "", &secret("kseal-1-6f0c", 7, &old, "retiring").to_string(), 1);
    server.has(&old_path(), secret("kseal-1-6f0c", 8, &old, "compromised"));
    server.says(&format!("PATCH {}", old_path()), 409, status(409, "Conflict", "modified"));
    let run = folder.kseal(&["keys", "retire", &old]).exits_with(8);
    assert!(run.stderr.contains("made the key compromised meanwhile"), "{}", run.stderr);
    assert_eq!(server.writes().len(), 1);
    // Nor is a Secret that took its place.
    let (folder, server) = scene();
    server.says_with(&old_path(), 200, "", &secret("kseal-1-6f0c", 7, &old, "retiring").to_string(), 1);
    let mut other = secret("kseal-1-6f0c", 1, &old, "retiring");
    other["metadata"]["uid"] = "other".into();
    server.has(&old_path(), other);
    server.says(&format!("PATCH {}", old_path()), 409, status(409, "Conflict", "uid"));
    folder.kseal(&["keys", "retire", &old]).exits_with(8);
    assert_eq!(server.writes().len(), 1);
}

#[test]
fn a_key_is_found_by_its_annotation_where_the_controller_does_not_name_its_secret() {
    let (folder, server) = scene();
    let (old, new) = (fingerprint(1), fingerprint(2));
    server.forgets(USAGE);
    let (native, upstream) = (labelled(NATIVE_LABEL), labelled(UPSTREAM_LABEL));
    server.forgets(&native).forgets(&upstream);
    let items = [secret("kseal-2-6f0c", 3, &new, "active"), secret("kseal-1-6f0c", 7, &old, "retiring")];
    server.has(&native, page(&items));
    server.has(&upstream, page(&[rsa_secret("rsa-1", "retired", Some(RSA)), rsa_secret("rsa-2", "active", None)]));
    server.has(&format!("PATCH {}", old_path()), json!({}));
    folder.kseal(&["keys", "retire", &old]).succeeds();
    assert_eq!(sent(&server.writes()[0])["metadata"]["resourceVersion"], "7");
    let lists = server.seen().into_iter().filter(|seen| seen.line.contains("labelSelector"));
    for seen in lists {
        let wanted = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        assert_eq!(seen.header("accept"), Some(wanted));
    }
    // An RSA key that is not loaded is known by nobody else.
    let run = folder.kseal(&["keys", "retire", RSA]).succeeds();
    assert!(run.stderr.contains("is retired already"), "{}", run.stderr);
    let run = folder.kseal(&["keys", "retire", "kaaaaaaa"]).exits_with(4);
    assert!(run.stderr.contains("has no key kaaaaaaa"), "{}", run.stderr);
}

#[test]
fn a_key_of_sealed_secrets_has_its_label_and_keeps_its_name() {
    let (folder, server) = scene();
    let path = format!("{SECRETS}/rsa-1");
    server.has(&path, rsa_secret("rsa-1", "active", None)).has(&format!("PATCH {path}"), json!({}));
    let items = page(&[upstream("shop", "db", &[RSA])]);
    server.forgets(&collection("bitnami.com")).has(&collection("bitnami.com"), items);
    folder.kseal(&["keys", "retire", RSA, "--as", "retiring"]).exits_with(2);
    // Neither state is loaded.
    for state in ["retired", "compromised"] {
        let run = folder.kseal(&["keys", "retire", RSA, "--as", state]).exits_with(6);
        assert!(run.stderr.contains("1 object needs key") && run.stderr.contains("shop/db"), "{}", run.stderr);
    }
    folder.kseal(&["keys", "retire", RSA, "--as", "compromised", "--force"]).succeeds();
    assert_eq!(
        sent(&server.writes()[0])["metadata"],
        json!({
            "uid": "rsa-uid", "resourceVersion": "3",
            "labels": {"sealedsecrets.bitnami.com/sealed-secrets-key": "compromised"},
            "annotations": {"kseal.dev/fingerprint": RSA},
        })
    );
    // What is not loaded anyway is needed by nothing that opens.
    server.forgets(&path).has(&path, rsa_secret("rsa-1", "compromised", Some(RSA)));
    folder.kseal(&["keys", "retire", RSA]).succeeds();
    // The first one that sealed-secrets ever made has no label, and is loaded by its name.
    server.forgets(&path).has(&path, json!({"metadata": {"name": "rsa-1", "uid": "u", "resourceVersion": "1"}}));
    let run = folder.kseal(&["keys", "retire", RSA, "--force"]).exits_with(6);
    assert!(run.stderr.contains("loaded by its name"), "{}", run.stderr);
}

#[test]
fn a_key_that_is_lost_has_nothing_to_retire_and_who_may_not_is_told() {
    let (folder, server) = scene();
    let old = fingerprint(1);
    server.forgets(USAGE).has(USAGE, usage(&[(&old, used("X25519", "missing", "", &[]))]));
    let run = folder.kseal(&["keys", "retire", &old]).exits_with(4);
    assert!(run.stderr.contains("restore its Secret from the backup"), "{}", run.stderr);
    let (folder, server) = scene();
    server.says(&old_path(), 403, status(403, "Forbidden", "secrets is forbidden"));
    let run = folder.kseal(&["keys", "retire", &old]).exits_with(8);
    assert!(
        run.stderr.contains("secrets is forbidden") && run.stderr.contains("though none is read"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_key_that_stands_in_two_secrets_is_refused_and_both_are_named() {
    let (folder, server) = ready();
    let old = fingerprint(1);
    let items = [secret("kseal-1-6f0c", 7, &old, "retiring"), secret("copy", 9, &old, "active")];
    for items in [&items[..], &items[1..]] {
        server.forgets(&labelled(NATIVE_LABEL)).has(&labelled(NATIVE_LABEL), page(items));
        let run = folder.kseal(&["keys", "retire", &old, "--force"]).exits_with(6);
        for part in
            ["stands in several Secrets", "kseal-system/kseal-1-6f0c", "kseal-system/copy", "delete all but one"]
        {
            assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
        }
    }
    // One that is of another key by now is not it.
    let stale = [secret("kseal-1-6f0c", 7, &fingerprint(2), "active"), secret("copy", 9, &old, "retiring")];
    server.forgets(&labelled(NATIVE_LABEL)).has(&labelled(NATIVE_LABEL), page(&stale));
    server.forgets(&old_path()).has(&old_path(), &stale[0]);
    server.has(&format!("PATCH {SECRETS}/copy"), json!({}));
    folder.kseal(&["keys", "retire", &old]).succeeds();
    assert_eq!(server.writes().len(), 1);
}

#[test]
fn a_secret_with_the_labels_of_both_kinds_is_one() {
    let (folder, server) = ready();
    let mut both = secret("kseal-1-6f0c", 7, &fingerprint(1), "retiring");
    both["metadata"]["labels"][UPSTREAM_LABEL] = "active".into();
    server.forgets(USAGE);
    for label in [NATIVE_LABEL, UPSTREAM_LABEL] {
        server.forgets(&labelled(label)).has(&labelled(label), page(&[both.clone()]));
    }
    folder.kseal(&["keys", "retire", &fingerprint(1)]).succeeds();
    assert_eq!(server.writes().len(), 1);
}

#[test]
fn a_secret_of_which_nobody_says_the_key_may_be_a_second_one_of_it() {
    let (folder, server) = ready();
    let path = format!("{SECRETS}/rsa-1");
    server.has(&path, rsa_secret("rsa-1", "active", None)).has(&format!("PATCH {path}"), json!({}));
    let mut others = vec![rsa_secret("rsa-1", "active", None), rsa_secret("rsa-2", "active", None)];
    let upstream = labelled(UPSTREAM_LABEL);
    server.forgets(&upstream).has(&upstream, page(&others));
    folder.kseal(&["keys", "retire", RSA]).succeeds();
    others.extend([rsa_secret("copy", "active", None), rsa_secret("idle", "compromised", None)]);
    server.forgets(&upstream).has(&upstream, page(&others));
    let run = folder.kseal(&["keys", "retire", RSA]).exits_with(6);
    assert!(
        run.stderr.contains("1 other Secret may hold") && run.stderr.contains("kseal-system/copy"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("rsa-2") && !run.stderr.contains("idle"), "{}", run.stderr);
    folder.kseal(&["keys", "retire", RSA, "--force"]).succeeds();
    // A Secret of kseal's own that has the name by now is no key of sealed-secrets.
    server.forgets(&upstream).has(&upstream, page(&[]));
    server.forgets(&path).has(&path, secret("rsa-1", 3, RSA, "active"));
    folder.kseal(&["keys", "retire", RSA, "--force"]).exits_with(4);
    assert_eq!(server.writes().len(), 2);
}
