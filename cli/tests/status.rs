//! `kseal status`: the sealed objects of a cluster.

#[path = "harness/server.rs"]
mod server;

mod harness;

use harness::Folder;
use serde_json::{Value, json};
use server::{Server, status};

const NATIVE: &str = "/apis/kseal.dev/v1alpha1";
const UPSTREAM: &str = "/apis/bitnami.com/v1alpha1";

fn scene() -> (Folder, Server) {
    let server = Server::start();
    let folder = Folder::new();
    folder.write(".kube/config", &server.kubeconfig(""));
    (folder, server)
}

fn collection(group: &str, namespace: &str) -> String {
    let namespace = if namespace.is_empty() { String::new() } else { format!("namespaces/{namespace}/") };
    format!("{group}/{namespace}sealedsecrets?limit=500")
}

fn page(items: &[Value]) -> Value {
    json!({"metadata": {"continue": ""}, "items": items})
}

/// An object of the first generation, with this status.
fn object(namespace: &str, name: &str, status: &Value) -> Value {
    let created = "2020-01-01T00:00:00Z";
    json!({
        "metadata": {"namespace": namespace, "name": name, "generation": 1, "creationTimestamp": created},
        "spec": {"encryptedData": {"a": "ks1.x"}}, "status": status,
    })
}

fn native(ready: &str, reason: &str, message: &str) -> Value {
    json!({
        "observedGeneration": 1,
        "conditions": [{"type": "Ready", "status": ready, "reason": reason, "message": message}],
        "observed": {"keys": ["kx2f7ghqmvh3sabcdefghijklmnop", "k2222222222222222222222222"]},
    })
}

fn resources() -> Value {
    json!({"resources": [{"name": "sealedsecrets"}, {"name": "sealedsecrets/status"}]})
}

#[test]
fn objects_of_both_kinds_are_listed_with_why_one_is_not_ready() {
    let (folder, server) = scene();
    let stale = json!({"observedGeneration": 0, "conditions": [{"type": "Ready", "status": "True"}]});
    let stalled = json!({
        "observedGeneration": 1,
        "conditions": [
            {"type": "Ready", "status": "False"},
            {"type": "Stalled", "status": "True", "reason": "NoKey", "message": "no key opens it"},
        ],
    });
    let synced = json!({
        "observedGeneration": 1,
        "conditions": [
            {"type": "Synced", "status": "True", "message": ""},
            {"type": "kseal.dev/record", "status": "True", "message": "{\"keys\": [\"SHA256:abcdefghijklmnopqrst\"]}"},
        ],
    });
    let failed = json!({
        "observedGeneration": 1,
        "conditions": [{"type": "Synced", "status": "False", "message": "no key could decrypt secret (a)"}],
    });
    server.has(
        &collection(NATIVE, ""),
        page(&[
            object("shop", "web", &native("True", "Contested", "argocd keeps changing the Secret")),
            object("shop", "api", &stalled),
            object("bar", "old", &stale),
            object("bar", "new", &Value::Null),
        ]),
    );
    server.has(&collection(UPSTREAM, ""), page(&[object("shop", "db", &failed), object("shop", "api", &synced)]));
    let run = folder.kseal(&["status", "-A"]).succeeds();
    let age = run.stdout.lines().nth(1).unwrap().split_whitespace().nth(5).unwrap().to_owned();
    assert!(age.contains('y'), "{}", run.stdout);
    let lines: Vec<String> = run.stdout.lines().map(|line| line.replace(&age, "AGO")).collect();
    let wanted = [
        "NAMESPACE NAME FORMAT READY REASON AGE KEYS MESSAGE",
        "bar new kseal Unknown Waiting AGO - no controller has looked at it",
        "bar old kseal Unknown Waiting AGO - the controller has seen generation 0, and not the last change",
        "shop api kseal False NoKey AGO - no key opens it",
        "shop api bitnami True - AGO SHA256:abcdefghijklm",
        "shop db bitnami False - AGO - no key could decrypt secret (a)",
        "shop web kseal True Contested AGO kx2f7ghqmvh3s,k222222222222 argocd keeps changing the Secret",
    ];
    let words = |line: &String| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(lines.iter().map(words).collect::<Vec<_>>(), wanted);
    let run = folder.kseal(&["status", "-A", "--check"]).exits_with(1);
    assert_eq!(run.stdout.lines().count(), 7);

    let report = folder.kseal(&["status", "-A", "-o", "json"]).succeeds().json();
    let api = &report["objects"][2];
    assert_eq!((&api["ready"], &api["reason"], &api["stalled"]), (&"False".into(), &"NoKey".into(), &true.into()));
    let web = &report["objects"][5];
    assert_eq!((&web["format"], &web["message"]), (&"kseal".into(), &"argocd keeps changing the Secret".into()));
    assert_eq!(web["keys"][0], "kx2f7ghqmvh3sabcdefghijklmnop");
}

#[test]
fn a_collection_is_read_page_by_page() {
    let (folder, server) = scene();
    let first = json!({"metadata": {"continue": "a+b/c=="}, "items": [object("shop", "a", &Value::Null)]});
    let path = collection(NATIVE, "shop");
    server
        .has(&path, first)
        .has(&format!("{path}&continue=a%2Bb%2Fc%3D%3D"), page(&[object("shop", "b", &native("True", "Synced", ""))]));
    server.has(&collection(UPSTREAM, "shop"), page(&[]));
    let run = folder.kseal(&["status"]).succeeds();
    assert_eq!(run.stdout.lines().count(), 3, "{}", run.stdout);
    assert_eq!(server.lines().len(), 3);
}

#[test]
fn the_context_says_which_namespace_unless_it_is_given() {
    let (folder, server) = scene();
    for group in [NATIVE, UPSTREAM] {
        server.has(&collection(group, "shop"), page(&[])).has(&collection(group, "dev"), page(&[]));
    }
    let run = folder.kseal(&["status"]).succeeds();
    assert_eq!(run.stdout, "");
    assert!(run.stderr.starts_with("no SealedSecret in namespace shop of context here"), "{}", run.stderr);
    let run = folder.kseal(&["status", "-n", "dev", "-o", "json"]).succeeds();
    assert_eq!(run.json(), json!({"objects": []}));
    folder.kseal(&["status", "-n", "a/b"]).exits_with(2);
    folder.kseal(&["status", "-n", "a", "-A"]).exits_with(2);
    folder.kseal(&["status", "a?b"]).exits_with(2);
}

#[test]
fn objects_are_found_by_name_and_those_that_are_missing_are_named() {
    let (folder, server) = scene();
    server.has(NATIVE, resources()).has(UPSTREAM, resources());
    server
        .has(&format!("{NATIVE}/namespaces/shop/sealedsecrets/a"), object("shop", "a", &native("True", "Synced", "")));
    server.has(&format!("{UPSTREAM}/namespaces/shop/sealedsecrets/b"), object("shop", "b", &Value::Null));
    let run = folder.kseal(&["status", "a", "b"]).succeeds();
    assert_eq!(run.stdout.lines().count(), 3, "{}", run.stdout);
    assert!(server.lines().iter().all(|line| !line.contains("limit")), "{:?}", server.lines());
    let run = folder.kseal(&["status", "a", "c"]).exits_with(8);
    assert_eq!(run.stdout.lines().count(), 2, "{}", run.stdout);
    assert!(run.stderr.contains("has no SealedSecret shop/c"), "{}", run.stderr);
    for group in [NATIVE, UPSTREAM] {
        server.has(&collection(group, ""), page(&[object("x", "a", &Value::Null), object("y", "b", &Value::Null)]));
    }
    let run = folder.kseal(&["status", "-A", "a"]).succeeds();
    assert_eq!(run.stdout.matches("x          a").count(), 2, "{}", run.stdout);
}

#[test]
fn a_kind_that_the_cluster_does_not_know_is_left_out_and_two_are_an_error() {
    let (folder, server) = scene();
    server.has(&collection(NATIVE, "shop"), page(&[object("shop", "a", &Value::Null)]));
    assert_eq!(folder.kseal(&["status"]).succeeds().stdout.lines().count(), 2);
    // Who may not list what is not there is told "forbidden".
    let no = status(403, "Forbidden", "sealedsecrets.bitnami.com is forbidden");
    server.says(&collection(UPSTREAM, "shop"), 403, &no);
    folder.kseal(&["status"]).succeeds();
    server.forgets(&collection(NATIVE, "shop"));
    let run = folder.kseal(&["status"]).exits_with(8);
    assert!(run.stderr.contains("knows no SealedSecret") && run.stderr.contains("installed"), "{}", run.stderr);
    folder.kseal(&["status", "a"]).exits_with(8);
}

#[test]
fn what_may_not_be_listed_is_an_error_beside_what_may() {
    let (folder, server) = scene();
    server.has(&collection(NATIVE, ""), page(&[object("shop", "a", &Value::Null)])).has(UPSTREAM, resources());
    let no = status(403, "Forbidden", "cannot list resource sealedsecrets at the cluster scope");
    server.says(&collection(UPSTREAM, ""), 403, &no);
    let run = folder.kseal(&["status", "-A"]).exits_with(8);
    assert_eq!(run.stdout.lines().count(), 2, "{}", run.stdout);
    for part in ["in all namespaces", "at the cluster scope", "one namespace with -n"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
}

#[test]
fn no_object_keeps_the_others_from_being_listed() {
    let (folder, server) = scene();
    let strange = [
        json!({}),
        json!({"metadata": {"name": "a", "namespace": "shop", "creationTimestamp": 7}, "status": []}),
        json!({"metadata": {"name": "b", "namespace": "shop", "generation": "x"}, "status": {"conditions": {}}}),
        json!({"metadata": {"name": "c\u{1b}[2J", "namespace": "shop"}, "status": {
            "observedGeneration": 3, "conditions": [7, {"type": "Ready", "status": 1}], "observed": {"keys": [1, "k"]},
        }}),
    ];
    server.has(&collection(NATIVE, "shop"), page(&strange));
    let mut broken = object("shop", "d", &json!({"observedGeneration": 1}));
    broken["status"]["conditions"] = json!([{"type": "kseal.dev/record", "status": "True", "message": "{"}]);
    server.has(&collection(UPSTREAM, "shop"), page(&[broken]));
    let run = folder.kseal(&["status"]).succeeds();
    assert_eq!(run.stdout.lines().count(), 6, "{}", run.stdout);
    assert!(!run.stdout.contains('\u{1b}'), "{}", run.stdout);
}

#[test]
fn an_object_that_is_too_deep_hides_no_other() {
    let (folder, server) = scene();
    let deep = (0..150).fold(Value::Null, |inner, _| json!({"a": inner}));
    let mut hostile = object("shop", "hostile", &native("True", "Opened", ""));
    hostile["spec"]["template"] = deep.clone();
    hostile["metadata"]["managedFields"] = json!([{"manager": "x", "fieldsV1": deep}]);
    let objects = [hostile.clone(), object("shop", "web", &native("True", "Opened", ""))];
    server.has(&collection(NATIVE, ""), page(&objects));
    let run = folder.kseal(&["status", "-A"]).succeeds();
    assert!(
        run.stdout.contains("hostile  kseal   True") && run.stdout.contains("web      kseal   True"),
        "{}",
        run.stdout
    );
    server.has(&format!("{NATIVE}/namespaces/shop/sealedsecrets/hostile"), hostile);
    let run = folder.kseal(&["status", "-n", "shop", "hostile"]).succeeds();
    assert!(run.stdout.contains("True"), "{}", run.stdout);
}

#[test]
fn objects_for_many_namespaces_are_listed_where_all_namespaces_are() {
    let (folder, server) = scene();
    server.has(&collection(NATIVE, ""), page(&[object("shop", "web", &native("True", "Opened", ""))]));
    let failing = native("False", "NotOwned", "in 1 of 9 namespaces; shop: the Secret exists");
    let mut cluster = object("", "regcred", &failing);
    cluster["metadata"].as_object_mut().unwrap().remove("namespace");
    let path = format!("{NATIVE}/clustersealedsecrets?limit=500");
    server.has(&path, page(&[cluster]));
    let run = folder.kseal(&["status", "-A", "--check"]).exits_with(1);
    let words = run.stdout.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.starts_with("- clustersealedsecrets/regcred kseal False NotOwned "), "{words}");
    assert!(words.ends_with("in 1 of 9 namespaces; shop: the Secret exists"), "{words}");
    let report = folder.kseal(&["status", "-A", "-o", "json"]).succeeds().json();
    let found = &report["objects"][0];
    assert_eq!((&found["namespace"], &found["kind"]), (&Value::Null, &"ClusterSealedSecret".into()));
    assert_eq!(report["objects"][1]["kind"], "SealedSecret");
    // One namespace has none of them.
    server.has(&collection(NATIVE, "shop"), page(&[object("shop", "web", &native("True", "Opened", ""))]));
    let run = folder.kseal(&["status", "-n", "shop"]).succeeds();
    assert!(!run.stdout.contains("regcred"), "{}", run.stdout);
    // Who may not list them is shown the others.
    server.has(NATIVE, json!({"resources": [{"name": "sealedsecrets"}, {"name": "clustersealedsecrets"}]}));
    server.forgets(&path).says(&path, 403, status(403, "Forbidden", "not you"));
    let run = folder.kseal(&["status", "-A"]).succeeds();
    assert!(run.stdout.contains("web") && run.stderr.contains("ClusterSealedSecrets are not shown"), "{}", run.stderr);
}
