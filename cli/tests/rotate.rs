//! `kseal keys rotate`: asking a cluster for a new key, once, whatever happens on the way.

#[path = "harness/published.rs"]
mod published;
#[path = "harness/server.rs"]
mod server;

mod harness;

use harness::Folder;
use kseal_api::KeyState;
use kseal_crypto::sealed_secrets::Certificate;
use published::{PATH, Published, fingerprint, listed};
use serde_json::{Value, json};
use server::{Server, status};

fn scene() -> (Folder, Server) {
    let server = Server::start();
    let folder = Folder::new();
    folder.write(".kube/config", &server.kubeconfig(""));
    (folder, server)
}

/// The ConfigMap of a version, with the annotation that asks for a rotation.
fn map(published: &Published, version: u32, asked: Option<&str>) -> Value {
    let mut map = published.config_map();
    map["metadata"]["uid"] = "map-uid".into();
    map["metadata"]["resourceVersion"] = version.to_string().into();
    if let Some(asked) = asked {
        map["metadata"]["annotations"] = json!({"kseal.dev/rotate": asked});
    }
    map
}

fn rotated() -> Published {
    let keys = vec![listed(1, 1, KeyState::Active), listed(2, 2, KeyState::Active)];
    Published { keys, serial: 1_795_324_801, ..Published::new(1) }
}

fn once(server: &Server, path: &str, body: &Value) {
    server.says_with(path, 200, "", &body.to_string(), 1);
}

#[test]
fn a_new_key_is_asked_for_by_the_name_of_the_old_one_and_waited_for() {
    let (folder, server) = scene();
    let old = fingerprint(1);
    once(&server, PATH, &map(&Published::new(1), 7, None));
    once(&server, PATH, &map(&Published::new(1), 8, Some(&old)));
    // A server that restarts meanwhile is waited for.
    server.says_with(PATH, 503, "", "", 1);
    server.has(PATH, map(&rotated(), 9, Some(&old)));
    server.has(&format!("PATCH {PATH}"), json!({"metadata": {}}));
    let run = folder.kseal(&["keys", "rotate"]).succeeds();
    assert_eq!(run.stdout, format!("{}\n", fingerprint(2)));
    for part in [&format!("for a key after {}", &old[..13]), "still opens", "context here", "kseal reencrypt"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    let writes = server.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].header("content-type"), Some("application/merge-patch+json"));
    let sent: Value = serde_json::from_str(&writes[0].body).unwrap();
    let wanted =
        json!({"metadata": {"uid": "map-uid", "resourceVersion": "7", "annotations": {"kseal.dev/rotate": old}}});
    assert_eq!(sent, wanted);
}

#[test]
fn who_does_not_wait_is_told_where_to_look() {
    let (folder, server) = scene();
    server.has(PATH, map(&Published::new(1), 7, None)).has(&format!("PATCH {PATH}"), json!({"metadata": {}}));
    let run = folder.kseal(&["keys", "rotate", "--no-wait"]).succeeds();
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("kseal keys list"), "{}", run.stderr);
    assert_eq!(server.lines().len(), 2);
    folder.kseal(&["keys", "rotate", "--no-wait", "--timeout", "1s"]).exits_with(2);
    for time in ["-1s", "soon", "60"] {
        folder.kseal(&["keys", "rotate", &format!("--timeout={time}")]).exits_with(2);
    }
}

#[test]
fn a_time_that_no_calendar_has_is_waited_for() {
    for time in ["100000000h", "2562047788015215h"] {
        let (folder, server) = scene();
        once(&server, PATH, &map(&Published::new(1), 7, None));
        once(&server, PATH, &map(&Published::new(1), 8, None));
        server.has(PATH, map(&rotated(), 9, None)).has(&format!("PATCH {PATH}"), json!({"metadata": {}}));
        let run = folder.kseal(&["keys", "rotate", "--timeout", time]).succeeds();
        assert_eq!(run.stdout, format!("{}\n", fingerprint(2)));
    }
}

#[test]
fn a_key_that_does_not_come_in_time_is_an_error_and_the_request_stays() {
    let (folder, server) = scene();
    let asked = map(&Published::new(1), 8, Some(&fingerprint(1)));
    server.has(PATH, asked);
    let run = folder.kseal(&["keys", "rotate", "--timeout", "0s"]).exits_with(8);
    assert!(run.stderr.contains("has not made it yet") && run.stderr.contains("the request stays"), "{}", run.stderr);
    assert!(server.writes().is_empty(), "what was asked before is not asked again");
}

#[test]
fn where_somebody_else_was_faster_there_is_one_new_key() {
    let (folder, server) = scene();
    let conflict = status(409, "Conflict", "the object has been modified").to_string();
    // Rotated between reading and writing.
    once(&server, PATH, &map(&Published::new(1), 7, None));
    server.has(PATH, map(&rotated(), 9, None));
    server.says_with(&format!("PATCH {PATH}"), 409, "", &conflict, 1);
    let run = folder.kseal(&["keys", "rotate"]).succeeds();
    assert_eq!((run.stdout, server.writes().len()), (format!("{}\n", fingerprint(2)), 1));

    // Changed, but not rotated: asked again with what is there now.
    let (folder, server) = scene();
    once(&server, PATH, &map(&Published::new(1), 7, None));
    once(&server, PATH, &map(&Published::new(1), 8, None));
    server.has(PATH, map(&rotated(), 9, None));
    server.says_with(&format!("PATCH {PATH}"), 409, "", &conflict, 1);
    server.has(&format!("PATCH {PATH}"), json!({"metadata": {}}));
    folder.kseal(&["keys", "rotate"]).succeeds();
    let versions: Vec<Value> = server
        .writes()
        .iter()
        .map(|seen| serde_json::from_str::<Value>(&seen.body).unwrap()["metadata"]["resourceVersion"].clone())
        .collect();
    assert_eq!(versions, ["7", "8"]);
}

#[test]
fn a_request_whose_answer_is_lost_is_looked_for_and_not_repeated() {
    for (code, seen_after) in [(0, true), (504, true), (0, false), (504, false)] {
        let (folder, server) = scene();
        let old = fingerprint(1);
        once(&server, PATH, &map(&Published::new(1), 7, None));
        let patch = format!("PATCH {PATH}");
        match code {
            0 => server.hangs_up(&patch, 1),
            code => server.says_with(&patch, code, "", "", 1),
        };
        once(&server, PATH, &map(&Published::new(1), 7 + u32::from(seen_after), seen_after.then_some(&old)));
        server.has(&patch, json!({"metadata": {}}));
        server.has(PATH, map(&rotated(), 9, None));
        let run = folder.kseal(&["keys", "rotate"]).succeeds();
        assert_eq!(run.stdout, format!("{}\n", fingerprint(2)));
        assert_eq!(server.writes().len(), if seen_after { 1 } else { 2 }, "{code}");
    }
    // The server is gone for good.
    let (folder, server) = scene();
    once(&server, PATH, &map(&Published::new(1), 7, None));
    server.hangs_up(&format!("PATCH {PATH}"), 1);
    let run = folder.kseal(&["keys", "rotate"]).exits_with(8);
    assert!(run.stderr.contains("may have done it all the same"), "{}", run.stderr);
    assert!(run.stderr.contains("look before you ask for one again"), "{}", run.stderr);
}

#[test]
fn who_may_not_ask_is_told_so() {
    let (folder, server) = scene();
    server.has(PATH, map(&Published::new(1), 7, None));
    let no = status(403, "Forbidden", "cannot patch resource configmaps");
    server.says(&format!("PATCH {PATH}"), 403, no);
    let run = folder.kseal(&["keys", "rotate"]).exits_with(8);
    for part in
        ["does not let you change ConfigMap kseal-system/kseal-public-keys", "cannot patch", "the right to patch"]
    {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert_eq!(server.writes().len(), 1);
}

#[test]
fn a_cluster_without_a_key_has_none_to_rotate() {
    let (folder, server) = scene();
    let none = Published { keys: vec![listed(1, 1, KeyState::Compromised)], ..Published::new(1) };
    server.has(PATH, map(&none, 7, None));
    let run = folder.kseal(&["keys", "rotate"]).exits_with(4);
    assert!(run.stderr.contains("no active key"), "{}", run.stderr);
    let run = folder.kseal(&["keys", "rotate", "--sealed-secrets"]).exits_with(4);
    assert!(
        run.stderr.contains("publishes no certificate") && run.stderr.contains("--sealed-secrets"),
        "{}",
        run.stderr
    );
    assert!(server.writes().is_empty());
}

#[test]
fn the_key_of_sealed_secrets_is_rotated_by_its_certificate() {
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    let certificate = |name: &str| {
        let text = std::fs::read_to_string(fixtures.join(name)).expect("the fixture");
        Certificate::from_pem(&text).expect("a certificate")
    };
    let (old, new) = (certificate("certificate-2048-a.pem"), certificate("certificate-2048-b.pem"));
    let publish = |it: &Certificate| Published { certificate: Some(it.to_pem().to_owned()), ..Published::new(1) };
    let (folder, server) = scene();
    once(&server, PATH, &map(&publish(&old), 7, None));
    server.has(PATH, map(&publish(&new), 8, None)).has(&format!("PATCH {PATH}"), json!({"metadata": {}}));
    let run = folder.kseal(&["keys", "rotate", "--sealed-secrets"]).succeeds();
    assert_eq!(run.stdout, format!("{}\n", new.public.fingerprint()));
    let sent: Value = serde_json::from_str(&server.writes()[0].body).unwrap();
    assert_eq!(
        sent["metadata"]["annotations"],
        json!({"kseal.dev/rotate-sealed-secrets": old.public.fingerprint().to_string()})
    );
}
