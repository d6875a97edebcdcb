//! Recipients from a cluster, and how a cluster is found and reached.

#[path = "harness/published.rs"]
mod published;
#[path = "harness/server.rs"]
mod server;

#[path = "cluster/connecting.rs"]
mod connecting;
#[path = "cluster/logging_in.rs"]
mod logging_in;
#[path = "cluster/verifying.rs"]
mod verifying;

mod harness;

use harness::Folder;
use published::{PATH, Published, fingerprint};
use server::Server;

const PLAIN: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\nstringData: {password: hunter2}\n";

/// A folder with a plaintext Secret, whose current context is a cluster that publishes the key of seed 1.
fn scene() -> (Folder, Server) {
    let server = Server::start();
    server.has(PATH, Published::new(1).config_map());
    let folder = Folder::with_keys();
    folder.write(".kube/config", &server.kubeconfig("token: sesame"));
    folder.write("db.yaml", PLAIN);
    (folder, server)
}

#[test]
fn where_nothing_else_says_so_the_current_cluster_is_sealed_for() {
    let (folder, server) = scene();
    let run = folder.kseal(&["encrypt", "db.yaml"]).succeeds();
    assert!(run.stdout.contains(&fingerprint(1)), "{}", run.stdout);
    let seen = server.seen();
    assert_eq!((seen.len(), seen[0].line.as_str()), (1, format!("GET {PATH}").as_str()));
    assert_eq!(seen[0].header("authorization"), Some("Bearer sesame"));
    let told = ["prod", "context here (http://127.0.0.1:", &Published::new(1).identity(), "at first sight"];
    for part in told {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert!(run.stderr.contains(&format!("sealed 1 Secret for prod ({})", &fingerprint(1)[..13])), "{}", run.stderr);
}

#[test]
fn every_command_that_seals_asks_the_cluster_once() {
    let (folder, server) = scene();
    folder.kseal(&["encrypt", "-o", "sealed.yaml", "db.yaml"]).succeeds();
    folder.write("again.yaml", &PLAIN.replace("name: db", "name: again"));
    folder.write("editor", "#!/bin/sh\nsed -i s/new/newer/ \"$1\"\n");
    let commands: [&[&str]; 6] = [
        &["encrypt", "db.yaml", "again.yaml"],
        &["encrypt", "--raw", "it", "-n", "shop", "--name", "db", "db.yaml"],
        &["create", "generic", "new", "-n", "shop", "--from-file", "it=db.yaml"],
        &["set", "sealed.yaml", "password", "--from-file", "db.yaml"],
        &["convert", "--to", "secret", "--key", "key.yaml", "native.yaml"],
        &["reencrypt", "--context", "here", "--check", "sealed.yaml"],
    ];
    folder.kseal(&["encrypt", "--keys", "bundle.yaml", "-o", "native.yaml", "db.yaml"]).succeeds();
    for (number, command) in commands.iter().enumerate() {
        let run = folder.kseal(command).succeeds();
        assert!(run.stderr.contains("at first sight"), "{command:?}: {}", run.stderr);
        assert_eq!(server.lines().len(), number + 2, "{command:?}");
    }
}

#[test]
fn no_cluster_is_asked_where_a_file_says_whom_to_seal_for() {
    let (folder, server) = scene();
    folder.kseal(&["encrypt", "--keys", "bundle.yaml", "-o", "sealed.yaml", "db.yaml"]).succeeds();
    let sealed = folder.read("sealed.yaml");
    folder.write("in/.kseal.yaml", "clusters: {local: {bundle: ../bundle.yaml}}\n");
    folder.write("in/db.yaml", PLAIN);
    folder.write("in/sealed.yaml", &sealed);
    let commands: [&[&str]; 14] = [
        &["encrypt", "in/db.yaml"],
        &["encrypt", "--config", "in/.kseal.yaml", "db.yaml"],
        &["create", "generic", "new", "-n", "shop", "--from-file", "it=db.yaml", "-o", "in/new.yaml"],
        &["set", "in/sealed.yaml", "password", "--from-file", "db.yaml"],
        &["reencrypt", "in/sealed.yaml"],
        &["convert", "--to", "secret", "--key", "key.yaml", "in/sealed.yaml"],
        &["verify", "in/sealed.yaml"],
        &["verify", "sealed.yaml"],
        &["inspect", "sealed.yaml"],
        &["check", "in/sealed.yaml"],
        &["unset", "in/sealed.yaml", "password"],
        &["decrypt", "--key", "key.yaml", "sealed.yaml"],
        &["get", "--key", "key.yaml", "sealed.yaml", "password"],
        &["keys", "list", "bundle.yaml"],
    ];
    for command in commands {
        folder.kseal(command).succeeds();
        assert!(server.lines().is_empty(), "kseal {command:?} asked {:?}", server.lines());
    }
    // Not even where the file does not help.
    folder.write("in/.kseal.yaml", "clusters: {local: {bundle: ../missing.yaml}}\n");
    folder.kseal(&["encrypt", "in/db.yaml"]).exits_with(7);
    folder.kseal(&["encrypt", "--keys", "missing.yaml", "db.yaml"]).exits_with(7);
    assert!(server.lines().is_empty());
}

#[test]
fn a_context_beside_a_file_is_one_too_many() {
    let (folder, server) = scene();
    folder.kseal(&["encrypt", "--keys", "bundle.yaml", "--context", "here", "db.yaml"]).exits_with(2);
    folder.write(".kseal.yaml", "clusters: {local: {bundle: bundle.yaml}}\n");
    for flag in [["--context", "here"], ["--kubeconfig", ".kube/config"]] {
        let run = folder.kseal(&[&["encrypt"], &flag[..], &["db.yaml"]].concat()).exits_with(2);
        assert!(run.stderr.contains(".kseal.yaml says whom to seal for"), "{}", run.stderr);
    }
    assert!(server.lines().is_empty());
}

#[test]
fn a_tree_is_not_changed_for_whatever_cluster_is_the_current_one() {
    let (folder, server) = scene();
    folder.kseal(&["encrypt", "--keys", "bundle.yaml", "-i", "db.yaml"]).succeeds();
    let run = folder.kseal(&["reencrypt", "--key", "key.yaml", "db.yaml"]).exits_with(4);
    assert!(run.stderr.contains("name a cluster with --context"), "{}", run.stderr);
    assert!(server.lines().is_empty());
    let run = folder.kseal(&["reencrypt", "--key", "key.yaml", "--context", "here", "db.yaml"]).succeeds();
    assert!(run.stdout.contains("change at the source"), "the old key is one of no cluster: {}", run.stdout);
    assert!(folder.read("db.yaml").contains(&fingerprint(1)));
}

#[test]
fn a_cluster_that_does_not_answer_is_asked_once_for_many_files() {
    let (folder, server) = scene();
    server.forgets(PATH);
    for name in ["a", "b", "c"] {
        let sealed = folder.kseal(&["encrypt", "--keys", "bundle.yaml", "db.yaml"]).succeeds().stdout;
        folder.write(&format!("{name}.yaml"), &sealed);
    }
    let run = folder.kseal(&["reencrypt", "--context", "here", "a.yaml", "b.yaml", "c.yaml"]).exits_with(8);
    assert_eq!(run.stderr.matches("has no ConfigMap").count(), 3, "{}", run.stderr);
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn without_any_cluster_it_is_said_how_to_get_recipients() {
    let (folder, _server) = scene();
    let none = "error: no recipients: neither --keys, nor a .kseal.yaml, nor the current context of a kubeconfig says";
    let says_so = |folder: &Folder| {
        let run = folder.kseal(&["encrypt", "db.yaml"]).exits_with(4);
        assert!(run.stderr.starts_with(none) && run.stderr.contains("kseal keys fetch"), "{}", run.stderr);
    };
    folder.write(".kube/config", "apiVersion: v1\nkind: Config\n");
    says_so(&folder);
    std::fs::remove_file(folder.join(".kube/config")).unwrap();
    says_so(&folder);
    // In a pod that has no ServiceAccount.
    let env = [("KUBERNETES_SERVICE_HOST", "127.0.0.1"), ("KUBERNETES_SERVICE_PORT", "1")];
    let run = folder.kseal_with_env(&env, &["encrypt", "db.yaml"]).exits_with(4);
    assert!(run.stderr.starts_with(none), "{}", run.stderr);
}
