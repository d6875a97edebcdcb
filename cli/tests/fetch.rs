//! `kseal keys fetch`: the bundle that a cluster publishes, and when it is refused.

#[path = "harness/published.rs"]
mod published;
#[path = "harness/server.rs"]
mod server;

mod harness;

use harness::Folder;
use kseal_api::KeyState;
use published::{PATH, Published, config_map, fingerprint, listed};
use server::{Server, kubeconfig, status};

/// A folder whose current context is a cluster that publishes this.
fn publishing(published: &Published) -> (Folder, Server) {
    let server = Server::start();
    server.has(PATH, published.config_map());
    let folder = Folder::new();
    folder.write(".kube/config", &server.kubeconfig(""));
    (folder, server)
}

fn publish(server: &Server, published: &Published) {
    server.forgets(PATH).has(PATH, published.config_map());
}

#[test]
fn what_is_printed_can_be_sealed_with_and_keeps_its_signature() {
    let published = Published::new(1);
    let (folder, server) = publishing(&published);
    let run = folder.kseal(&["keys", "fetch"]).succeeds();
    assert_eq!(server.lines(), [format!("GET {PATH}")]);
    assert!(run.stdout.starts_with("apiVersion: kseal.dev/v1alpha1\nkind: SealingKeyBundle\n"), "{}", run.stdout);
    let told = [&published.identity(), "context here (http://127.0.0.1:", "at first sight", &fingerprint(1)[..13]];
    for part in told {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    folder.write("prod.yaml", &run.stdout);
    folder.write(
        ".kseal.yaml",
        &format!("clusters: {{prod: {{bundle: prod.yaml, identity: {}}}}}\n", published.identity()),
    );
    folder
        .write("db.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\nstringData: {a: b}\n");
    folder.kseal(&["encrypt", "-i", "db.yaml"]).succeeds();
    assert!(folder.read("db.yaml").contains(&fingerprint(1)));
    let list = folder.kseal(&["keys", "list", "-o", "json"]).succeeds().json();
    assert_eq!(list[0]["fingerprint"], fingerprint(1));
}

#[test]
fn a_file_is_written_and_replaced_by_a_newer_bundle_only() {
    let mut published = Published::new(1);
    let (folder, server) = publishing(&published);
    let fetch = ["keys", "fetch", "-o", "prod.yaml"];
    let run = folder.kseal(&fetch).succeeds();
    assert_eq!(run.stdout, "");
    let first = folder.read("prod.yaml");
    let run = folder.kseal(&fetch).succeeds();
    assert!(run.stderr.contains("prod.yaml: is what the cluster publishes already"), "{}", run.stderr);
    assert!(!run.stderr.contains("at first sight"), "it is the identity of before: {}", run.stderr);

    published.serial += 1;
    published.keys = vec![listed(1, 1, KeyState::Retiring), listed(2, 2, KeyState::Active)];
    publish(&server, &published);
    folder.kseal(&["keys", "fetch", "-i", "prod.yaml"]).succeeds();
    let second = folder.read("prod.yaml");
    assert!(second.contains(&fingerprint(2)) && second != first);

    published.serial -= 2;
    publish(&server, &published);
    for fetch in [&fetch[..], &["keys", "fetch", "-i", "prod.yaml"]] {
        let run = folder.kseal(fetch).exits_with(6);
        assert!(run.stderr.contains("publishes an older bundle"), "{}", run.stderr);
        assert!(run.stderr.contains("serial      1795324801"), "side by side: {}", run.stderr);
        assert_eq!(folder.read("prod.yaml"), second);
    }
    folder.kseal(&["keys", "fetch", "-i", "prod.yaml", "--trust"]).succeeds();
    assert_ne!(folder.read("prod.yaml"), second);
}

#[test]
fn another_cluster_or_identity_is_refused_with_both_side_by_side() {
    let before = Published::new(1);
    let (folder, server) = publishing(&before);
    folder.kseal(&["keys", "fetch", "-o", "prod.yaml"]).succeeds();
    let kept = folder.read("prod.yaml");
    let mut identity = Published::new(2);
    (identity.identity, identity.serial) = (8, before.serial + 1);
    let mut uid = Published::new(2);
    (uid.uid, uid.serial) = ("another-uid".to_owned(), before.serial + 1);
    for other in [identity, uid] {
        publish(&server, &other);
        let run = folder.kseal(&["keys", "fetch", "-o", "prod.yaml"]).exits_with(6);
        assert!(run.stderr.contains("another cluster, or another identity"), "{}", run.stderr);
        for (old, new) in [
            (before.uid.as_str(), other.uid.as_str()),
            (&before.identity(), &other.identity()),
            (&fingerprint(1), &fingerprint(2)),
        ] {
            let line = run.stderr.lines().find(|line| line.contains(old) && line.ends_with(new));
            assert!(line.is_some(), "{old} {new}: {}", run.stderr);
        }
        assert_eq!(folder.read("prod.yaml"), kept);
        folder.kseal(&["keys", "fetch", "-o", "prod.yaml", "--trust"]).succeeds();
        folder.write("prod.yaml", &kept);
    }
}

#[test]
fn the_bundle_that_the_configuration_names_is_found_by_the_cluster() {
    let mut published = Published::new(1);
    let (folder, server) = publishing(&published);
    folder.write(".kseal.yaml", "clusters:\n  a: {bundle: keys/a.yaml}\n  b: {bundle: keys/b.yaml}\n");
    folder.write("keys/a.yaml", "");
    let run = folder.kseal(&["keys", "fetch", "-i"]).exits_with(2);
    assert!(run.stderr.contains("keys/a.yaml, -i ") && run.stderr.contains("keys/b.yaml"), "{}", run.stderr);
    folder.kseal(&["keys", "fetch", "-i", "keys/b.yaml"]).succeeds();
    published.serial += 1;
    publish(&server, &published);
    let run = folder.kseal(&["keys", "fetch", "-i"]).succeeds();
    assert!(folder.read("keys/b.yaml").contains("serial: 1795324801"), "{}", run.stderr);
    assert_eq!(folder.read("keys/a.yaml"), "");
    // By what is pinned, also where nothing is kept yet.
    let mut other = Published::new(3);
    (other.identity, other.uid) = (9, "third".to_owned());
    publish(&server, &other);
    let pinned =
        format!("clusters:\n  a: {{bundle: a.yaml, identity: {}}}\n  b: {{bundle: keys/b.yaml}}\n", other.identity());
    folder.write(".kseal.yaml", &pinned);
    let run = folder.kseal(&["keys", "fetch", "-i"]).succeeds();
    assert!(!run.stderr.contains("at first sight"), "{}", run.stderr);
    assert!(folder.read("a.yaml").contains(&fingerprint(3)));
    // What is printed is compared with what is kept, too.
    other.serial -= 1;
    publish(&server, &other);
    folder.kseal(&["keys", "fetch"]).exits_with(6);
    folder.kseal(&["keys", "fetch", "--trust"]).succeeds();
}

#[test]
fn another_identity_than_the_pinned_one_is_not_to_be_trusted() {
    let published = Published::new(1);
    let (folder, server) = publishing(&published);
    let pin = Published { identity: 9, ..Published::new(1) }.identity();
    folder.write(".kseal.yaml", &format!("clusters: {{prod: {{bundle: prod.yaml, identity: {pin}}}}}\n"));
    for fetch in
        [&["keys", "fetch", "-i"][..], &["keys", "fetch", "-i", "--trust"], &["keys", "fetch", "-o", "prod.yaml"]]
    {
        let run = folder.kseal(fetch).exits_with(6);
        assert!(run.stderr.contains(&pin) && run.stderr.contains(&published.identity()), "{}", run.stderr);
        assert!(!folder.join("prod.yaml").exists());
    }
    assert_eq!(server.lines().len(), 3);
    // It is the pin of another cluster, as far as one can know.
    folder.kseal(&["keys", "fetch", "-o", "other.yaml"]).succeeds();
}

#[test]
fn what_does_not_hold_is_not_kept() {
    let (folder, server) = publishing(&Published::new(1));
    let good = serde_json::to_value(Published::new(1).signed()).unwrap();
    let mut unsigned = good.clone();
    for field in ["clusterUID", "identity", "serial", "issuedAt", "signature"] {
        unsigned["spec"].as_object_mut().unwrap().remove(field);
    }
    let mut forged = good.clone();
    forged["spec"]["serial"] = 1_795_324_801_u64.into();
    let mut key = good.clone();
    key["spec"]["keys"][0]["fingerprint"] = fingerprint(2).into();
    let mut no_item = config_map("");
    no_item["data"] = serde_json::Value::Null;
    let cases = [
        (config_map(&unsigned.to_string()), 6, "is not signed"),
        (config_map(&forged.to_string()), 3, "the signature does not belong"),
        (config_map(&key.to_string()), 3, "has in truth the fingerprint"),
        (config_map("{\"apiVersion\": 1}"), 3, "cannot be read"),
        (config_map("nonsense"), 3, "cannot be read"),
        (no_item, 3, "has no item bundle.json"),
        (serde_json::json!("nonsense"), 3, "is not what it must be"),
    ];
    for (answer, code, message) in cases {
        server.forgets(PATH).has(PATH, answer);
        for args in [&["keys", "fetch", "-o", "prod.yaml"][..], &["keys", "fetch", "-o", "prod.yaml", "--trust"]] {
            let run = folder.kseal(args).exits_with(code);
            assert!(run.stderr.contains(message) && run.stderr.contains("hint: "), "{message}: {}", run.stderr);
            assert!(!folder.join("prod.yaml").exists());
        }
    }
}

#[test]
fn nothing_but_a_bundle_is_replaced() {
    let (folder, _server) = publishing(&Published::new(1));
    for text in ["kind: ConfigMap\n", "", "a: [\n"] {
        folder.write("other.yaml", text);
        for args in [&["keys", "fetch", "-o", "other.yaml"][..], &["keys", "fetch", "--trust", "-i", "other.yaml"]] {
            let run = folder.kseal(args).exits_with(6);
            assert!(run.stderr.contains("something else than a key bundle"), "{}", run.stderr);
            assert_eq!(folder.read("other.yaml"), text);
        }
    }
    folder.kseal(&["keys", "fetch", "-i", "missing.yaml"]).exits_with(7);
    folder.kseal(&["keys", "fetch", "-i"]).exits_with(2);
    // Keys of one's own are those of no cluster.
    let own = folder.kseal(&["keys", "generate", "--suite", "X25519", "-o", "key.yaml"]).succeeds().stdout;
    folder.write("own.yaml", &own);
    let run = folder.kseal(&["keys", "fetch", "-o", "own.yaml"]).exits_with(6);
    assert!(run.stderr.contains("was not published by a cluster"), "{}", run.stderr);
    folder.kseal(&["keys", "fetch", "-o", "own.yaml", "--trust"]).succeeds();
}

#[test]
fn what_the_cluster_says_is_passed_on_with_what_to_do() {
    let (folder, server) = publishing(&Published::new(1));
    let elsewhere = "/api/v1/namespaces/elsewhere/configmaps/kseal-public-keys";
    server.has(elsewhere, Published::new(1).config_map());
    server.forgets(PATH);
    let run = folder.kseal(&["keys", "fetch"]).exits_with(8);
    for part in
        ["has no ConfigMap kseal-system/kseal-public-keys", "is the controller installed", "--namespace-of-controller"]
    {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    folder.kseal(&["keys", "fetch", "--namespace-of-controller", "elsewhere"]).succeeds();
    folder.kseal(&["keys", "fetch", "--controller-namespace", "elsewhere"]).succeeds();
    folder.kseal(&["keys", "fetch", "--namespace-of-controller", "a/../b"]).exits_with(2);

    let forbidden = "configmaps \"kseal-public-keys\" is forbidden: User \"ada\" cannot get resource";
    server.says(PATH, 403, status(403, "Forbidden", forbidden));
    let run = folder.kseal(&["keys", "fetch"]).exits_with(8);
    assert!(run.stderr.contains("does not let you read") && run.stderr.contains(forbidden), "{}", run.stderr);
    server.forgets(PATH).says(PATH, 401, status(401, "Unauthorized", "Unauthorized"));
    let run = folder.kseal(&["keys", "fetch"]).exits_with(8);
    assert!(run.stderr.contains("does not know who you are"), "{}", run.stderr);
    server.forgets(PATH).says(PATH, 500, status(500, "InternalError", "etcd is away"));
    let run = folder.kseal(&["keys", "fetch"]).exits_with(8);
    assert!(run.stderr.contains("etcd is away"), "{}", run.stderr);
}

#[test]
fn a_connection_that_nobody_verifies_is_not_trusted_unasked() {
    let published = Published::new(1);
    let (folder, server) = publishing(&published);
    // Without TLS, and not on this machine: the proxy is what makes the name lead somewhere.
    let proxy = format!(", proxy-url: \"{}\"", server.url());
    folder.write(".kube/config", &kubeconfig("http://cluster.example", &proxy, ""));
    let run = folder.kseal(&["keys", "fetch"]).exits_with(6);
    assert!(run.stderr.contains("anyone on the way could answer"), "{}", run.stderr);
    folder
        .write("db.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\nstringData: {a: b}\n");
    folder.kseal(&["encrypt", "db.yaml"]).exits_with(6);
    folder.kseal(&["keys", "fetch", "--trust"]).succeeds();
    let pinned = format!("clusters: {{prod: {{bundle: prod.yaml, identity: {}}}}}\n", published.identity());
    folder.write(".kseal.yaml", &pinned);
    folder.kseal(&["keys", "fetch", "-i"]).succeeds();
}
