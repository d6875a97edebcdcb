//! `kseal keys export` from a cluster and sealed for another key, and the ways back.

#[path = "harness/published.rs"]
mod published;
#[path = "harness/server.rs"]
mod server;
#[path = "harness/used.rs"]
mod used;

mod harness;

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use harness::Folder;
use kseal_crypto::{
    PrivateKey, Suite, encode_base64,
    sealed_secrets::{Certificate, RsaPrivateKey, Validity},
};
use published::fingerprint;
use rand_core::UnwrapErr;
use serde_json::{Value, json};
use server::{Server, status};
use used::{SECRETS, USAGE, usage, used};

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name);
    std::fs::read_to_string(path).expect("the fixture")
}

/// What a server adds to a Secret, and clients leave behind: plaintext.
fn metadata(name: &str, labels: &Value) -> Value {
    json!({
        "name": name, "namespace": "kseal-system", "uid": "u", "resourceVersion": "7", "labels": labels,
        "creationTimestamp": "2026-11-01T00:00:00Z", "managedFields": [{"manager": "kseal"}],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"seed\":\"leak\"}}"},
    })
}

/// The Secret of the key of a seed.
fn key(seed: u8, name: &str, state: &str) -> Value {
    let mut metadata = metadata(name, &json!({"kseal.dev/sealing-key": state, "team": "platform"}));
    metadata["annotations"]["kseal.dev/fingerprint"] = fingerprint(seed).into();
    let data = json!({
        "suite": encode_base64(b"X25519"), "seed": encode_base64(&[seed; 32]),
        "createdAt": encode_base64(b"2026-11-01T00:00:00Z"),
    });
    json!({"metadata": metadata, "type": "kseal.dev/sealing-key", "immutable": true, "data": data})
}

fn rsa(name: &str, pair: &str, labels: &Value) -> Value {
    let [key, certificate] =
        [format!("rsa-2048-{pair}.pem"), format!("certificate-2048-{pair}.pem")].map(|it| fixture(&it));
    let data = json!({"tls.crt": encode_base64(certificate.as_bytes()), "tls.key": encode_base64(key.as_bytes())});
    json!({"metadata": metadata(name, labels), "type": "kubernetes.io/tls", "data": data})
}

fn identity() -> Value {
    let data = json!({"seed": encode_base64(&[7; 32]), "createdAt": encode_base64(b"2026-11-01T00:00:00Z")});
    let mut secret = json!({"metadata": metadata("kseal-identity", &Value::Null), "data": data, "immutable": true});
    secret["type"] = "kseal.dev/identity-key".into();
    typed(secret)
}

fn typed(mut secret: Value) -> Value {
    secret["apiVersion"] = "v1".into();
    secret["kind"] = "Secret".into();
    secret
}

fn list(items: &[Value], next: &str) -> Value {
    json!({"kind": "SecretList", "apiVersion": "v1", "metadata": {"continue": next}, "items": items})
}

fn by_label(label: &str) -> String {
    format!("{SECRETS}?labelSelector={}&limit=500", label.replace('/', "%2F"))
}

/// A cluster with two native keys on two pages, an RSA key, the first one that sealed-secrets ever made, and an identity; and
/// a folder with `offline.yaml` and its bundle.
fn scene() -> (Folder, Server) {
    let server = Server::start();
    let folder = Folder::new();
    folder.write(".kube/config", &server.kubeconfig(""));
    let native = by_label("kseal.dev/sealing-key");
    server.has(&native, list(&[key(1, "kseal-1-6f0c", "retired")], "more"));
    server.has(&format!("{native}&continue=more"), list(&[key(2, "kseal-2-6f0c", "active")], ""));
    let label = json!({"sealedsecrets.bitnami.com/sealed-secrets-key": "active"});
    server.has(&by_label("sealedsecrets.bitnami.com/sealed-secrets-key"), list(&[rsa("rsa-1", "a", &label)], ""));
    server.has(&format!("{SECRETS}/sealed-secrets-key"), typed(rsa("sealed-secrets-key", "b", &Value::Null)));
    server.has(&format!("{SECRETS}/kseal-identity"), identity());
    let run =
        folder.kseal(&["keys", "generate", "--suite", "X25519", "--name", "offline", "-o", "offline.yaml"]).succeeds();
    folder.write("offline-bundle.yaml", &run.stdout);
    (folder, server)
}

fn mode(folder: &Folder, name: &str) -> u32 {
    std::fs::metadata(folder.join(name)).expect("it is there").permissions().mode() & 0o777
}

/// What a cluster would take: each Secret's name, type, labels and data.
fn secrets(text: &str) -> Vec<Value> {
    let manifest = kseal_manifest::Manifest::parse(text.to_owned()).expect("a manifest");
    manifest.objects().iter().map(|object| object.node.to_json()).collect()
}

#[test]
fn what_a_cluster_has_is_exported_as_it_is_without_what_was_added() {
    let (folder, server) = scene();
    let run = folder.kseal(&["keys", "export", "--cluster", "-o", "backup.yaml"]).succeeds();
    assert!(run.stderr.contains("wrote 4 private keys and the identity to backup.yaml"), "{}", run.stderr);
    assert_eq!(mode(&folder, "backup.yaml"), 0o600);
    let text = folder.read("backup.yaml");
    for part in ["leak", "managedFields", "resourceVersion", "uid:", "creationTimestamp"] {
        assert!(!text.contains(part), "{part}: {text}");
    }
    let found = secrets(&text);
    let wanted = [
        typed(key(1, "kseal-1-6f0c", "retired")),
        typed(key(2, "kseal-2-6f0c", "active")),
        typed(rsa("rsa-1", "a", &json!({"sealedsecrets.bitnami.com/sealed-secrets-key": "active"}))),
        typed(rsa("sealed-secrets-key", "b", &Value::Null)),
        identity(),
    ];
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(&wanted) {
        for field in ["apiVersion", "kind", "type", "data", "immutable"] {
            assert_eq!(found[field], wanted[field], "{}", wanted["metadata"]["name"]);
        }
        for field in ["name", "namespace", "labels"] {
            assert_eq!(found["metadata"][field], wanted["metadata"][field]);
        }
        let stated = &wanted["metadata"]["annotations"]["kseal.dev/fingerprint"];
        assert_eq!(&found["metadata"]["annotations"]["kseal.dev/fingerprint"], stated);
    }
    assert!(server.writes().is_empty());
    // It is what opens, and what is exported once more.
    let again = folder.kseal(&["keys", "export", "backup.yaml"]).succeeds();
    assert_eq!(again.stdout, text);
    assert_eq!(folder.kseal(&["keys", "list", "backup.yaml"]).succeeds().stdout.lines().count(), 5);
    let before = text;
    folder.kseal(&["keys", "export", "--context", "here", "-o", "backup.yaml"]).exits_with(6);
    assert_eq!(folder.read("backup.yaml"), before);
    let moved = folder.kseal(&["keys", "export", "--kubeconfig", ".kube/config", "-n", "other"]).succeeds();
    assert!(secrets(&moved.stdout).iter().all(|secret| secret["metadata"]["namespace"] == "other"));
}

#[test]
fn a_sealed_backup_holds_no_key_and_comes_back_as_it_was() {
    let (folder, _server) = scene();
    folder.kseal(&["keys", "export", "--cluster", "-o", "open.yaml"]).succeeds();
    let args = ["keys", "export", "--cluster", "--seal-for", "offline-bundle.yaml", "-o", "backup.yaml"];
    let run = folder.kseal(&args).succeeds();
    assert!(run.stderr.contains("4 private keys and the identity, sealed for offline (k"), "{}", run.stderr);
    assert_eq!(mode(&folder, "backup.yaml"), 0o600);
    let (sealed, open) = (folder.read("backup.yaml"), folder.read("open.yaml"));
    for secret in secrets(&open) {
        for value in secret["data"].as_object().unwrap().values() {
            assert!(!sealed.contains(value.as_str().unwrap()), "a value is in the open");
        }
    }
    for (sealed, open) in secrets(&sealed).iter().zip(secrets(&open)) {
        for field in ["kind", "type", "immutable"] {
            assert_eq!(sealed[field], open[field]);
        }
        assert_eq!(sealed["metadata"]["labels"], open["metadata"]["labels"]);
        let place = sealed["metadata"]["annotations"]["kseal.dev/sealed"].as_str().unwrap();
        assert!(place.contains("Strict") && place.contains("kseal-system"), "{place}");
    }
    folder.kseal(&["check", "backup.yaml"]).succeeds();
    folder.kseal(&args).exits_with(6);
    let opened = folder.kseal(&["decrypt", "--key", "offline.yaml", "backup.yaml"]).succeeds();
    assert_eq!(secrets(&opened.stdout), secrets(&open));
    let run = folder.kseal(&["keys", "import", "--key", "offline.yaml", "backup.yaml", "-o", "keys.yaml"]).succeeds();
    assert!(run.stderr.contains("wrote 4 private keys and the identity"), "{}", run.stderr);
    assert!(run.stdout.contains(&fingerprint(1)) && run.stdout.contains(&fingerprint(2)), "{}", run.stdout);
    assert_eq!(mode(&folder, "keys.yaml"), 0o600);
    let names: Vec<_> = secrets(&folder.read("keys.yaml")).iter().map(|it| it["metadata"]["name"].clone()).collect();
    assert!(names.contains(&json!("kseal-identity")), "{names:?}");
    assert!(
        names.contains(&json!(format!("kseal-{}", fingerprint(2)))),
        "an imported key has the name of one: {names:?}"
    );
    // From the environment, too; and not without.
    let env = [("KSEAL_KEY_FILE", "offline.yaml")];
    folder.kseal_with_env(&env, &["keys", "import", "backup.yaml", "-o", "more.yaml"]).succeeds();
    let run = folder.kseal(&["keys", "import", "backup.yaml", "-o", "none.yaml"]).exits_with(4);
    assert!(run.stderr.contains("--key"), "{}", run.stderr);
    let run = folder.kseal(&["keys", "list", "backup.yaml"]).exits_with(3);
    assert!(run.stderr.contains("is sealed itself"), "{}", run.stderr);
    folder.kseal(&["keys", "import", "--key", "keys.yaml", "backup.yaml", "-o", "none.yaml"]).exits_with(4);
    assert!(!folder.join("none.yaml").exists());
}

#[test]
fn what_opens_with_a_backup_is_what_the_cluster_opened() {
    let (folder, _server) = scene();
    folder.kseal(&["keys", "export", "--cluster", "--seal-for", "offline-bundle.yaml", "-o", "backup.yaml"]).succeeds();
    folder.write(
        "plain.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\nstringData: {a: b}\n",
    );
    folder.kseal(&["decrypt", "--key", "offline.yaml", "-o", "keys.yaml", "backup.yaml"]).succeeds();
    let bundle = folder.kseal(&["keys", "export", "--public", "keys.yaml"]).succeeds().stdout;
    folder.write("bundle.yaml", &bundle);
    folder.kseal(&["encrypt", "--keys", "bundle.yaml", "-o", "sealed.yaml", "plain.yaml"]).succeeds();
    assert!(folder.read("sealed.yaml").contains(&fingerprint(2)));
    let run = folder.kseal(&["get", "--key", "keys.yaml", "sealed.yaml", "a"]).succeeds();
    assert_eq!(run.stdout, "b");
}

#[test]
fn files_are_sealed_for_another_key_too_the_identity_among_them() {
    let (folder, server) = scene();
    let written = PrivateKey::from_seed(Suite::X25519, &[3; 32]).expect("a seed").fingerprint().to_string();
    folder.write("keys.json", &list(&[key(3, "kseal-3-6f0c", "active"), identity()], "").to_string());
    folder.write("both.pem", &(fixture("rsa-2048-a.pem") + &fixture("certificate-2048-a.pem")));
    folder.kseal(&["keys", "generate", "--suite", "X25519", "-o", "bare.yaml"]).succeeds();
    let args = ["keys", "export", "--seal-for", "offline-bundle.yaml", "keys.json", "both.pem", "bare.yaml"];
    let run = folder.kseal(&args).succeeds();
    folder.write("backup.yaml", &run.stdout);
    let opened = folder.kseal(&["decrypt", "--key", "offline.yaml", "backup.yaml"]).succeeds();
    let found = secrets(&opened.stdout);
    let namespaces: Vec<_> = found.iter().map(|it| it["metadata"]["namespace"].as_str().unwrap()).collect();
    assert_eq!(namespaces, ["kseal-system", "kseal-system", "kube-system", "kseal-system"]);
    assert_eq!(found[0]["metadata"]["annotations"]["kseal.dev/fingerprint"], json!(written));
    assert_eq!(found[0]["metadata"]["labels"]["kseal.dev/sealing-key"], "active");
    assert!(server.lines().is_empty());
    let run = folder.kseal(&["keys", "export", "keys.json"]).succeeds();
    assert_eq!(secrets(&run.stdout).len(), 2);
    // The identity alone opens nothing, and is kept all the same.
    folder.write("identity.json", &identity().to_string());
    folder.kseal(&["keys", "export", "identity.json", "-o", "identity.yaml"]).succeeds();
    folder.kseal(&["keys", "list", "identity.yaml"]).exits_with(3);
    let mut broken = identity();
    broken["data"]["seed"] = encode_base64(&[7; 31]).into();
    folder.write("broken.json", &broken.to_string());
    let run = folder.kseal(&["keys", "export", "broken.json"]).exits_with(3);
    assert!(run.stderr.contains("is no identity"), "{}", run.stderr);
}

#[test]
fn a_backup_is_not_sealed_for_a_key_that_is_in_it() {
    let (folder, _server) = scene();
    let run = folder.kseal(&["keys", "export", "--seal-for", "offline-bundle.yaml", "offline.yaml"]).exits_with(6);
    assert!(run.stderr.contains("would be sealed for itself") && run.stdout.is_empty(), "{}", run.stderr);
    folder.write("certificate.pem", &fixture("certificate-2048-a.pem"));
    folder.kseal(&["keys", "export", "--cluster", "--seal-for", "certificate.pem"]).exits_with(4);
    folder.kseal(&["keys", "export", "--cluster", "--seal-for", "missing.yaml"]).exits_with(7);
    for args in [
        &["--cluster", "offline.yaml"][..],
        &["--public", "--cluster"],
        &["--public", "--seal-for", "offline-bundle.yaml", "offline.yaml"],
        &[],
    ] {
        folder.kseal(&[&["keys", "export"], args].concat()).exits_with(2);
    }
}

#[test]
fn what_is_no_key_is_told_of_and_what_may_not_be_read_is_an_error() {
    let (folder, server) = scene();
    let native = by_label("kseal.dev/sealing-key");
    let mut broken = key(4, "broken", "active");
    broken["data"]["seed"] = "AAAA".into();
    server.forgets(&native).has(&native, list(&[broken, key(2, "kseal-2-6f0c", "active")], ""));
    server.forgets(&format!("{SECRETS}/kseal-identity"));
    let run = folder.kseal(&["keys", "export", "--cluster"]).succeeds();
    assert_eq!(secrets(&run.stdout).len(), 3);
    for part in ["left out: Secret broken", "nothing of an identity is exported"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    server.forgets(&native).says(&native, 403, status(403, "Forbidden", "secrets is forbidden"));
    let run = folder.kseal(&["keys", "export", "--cluster", "-o", "backup.yaml"]).exits_with(8);
    assert!(run.stderr.contains("secrets is forbidden") && !folder.join("backup.yaml").exists(), "{}", run.stderr);
    server.forgets(&native).has(&native, "Bearer hunter2");
    let run = folder.kseal(&["keys", "export", "--cluster"]).exits_with(3);
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    let empty = Server::start();
    for label in ["kseal.dev/sealing-key", "sealedsecrets.bitnami.com/sealed-secrets-key"] {
        empty.has(&by_label(label), list(&[], ""));
    }
    folder.write(".kube/config", &empty.kubeconfig(""));
    let run = folder.kseal(&["keys", "export", "--cluster"]).exits_with(4);
    assert!(run.stderr.contains("has no private key in namespace kseal-system"), "{}", run.stderr);
}

#[test]
fn of_a_key_in_two_secrets_the_graver_label_and_the_name_of_its_epoch_are_kept() {
    let (folder, server) = scene();
    let native = by_label("kseal.dev/sealing-key");
    let copy = |state: &str| {
        let mut copy = key(2, "by-hand", state);
        copy["data"]["createdAt"] = encode_base64(b"2026-11-09T00:00:00Z").into();
        copy["metadata"]["labels"]["more"] = "x".into();
        copy
    };
    for (one, other, wanted) in [
        ("compromised", "active", "compromised"),
        ("active", "compromised", "compromised"),
        ("retired", "retiring", "retiring"),
    ] {
        for is_first in [true, false] {
            let mut items = vec![copy(one), key(2, "kseal-2-6f0c", other)];
            if !is_first {
                items.reverse();
            }
            server.forgets(&native).has(&native, list(&items, ""));
            let run = folder.kseal(&["keys", "export", "--cluster"]).succeeds();
            let found = secrets(&run.stdout);
            let found: Vec<_> = found.iter().filter(|it| it["type"] == "kseal.dev/sealing-key").collect();
            assert_eq!(found.len(), 1, "{}", run.stdout);
            assert_eq!(found[0]["metadata"]["name"], "kseal-2-6f0c");
            assert_eq!(found[0]["data"]["createdAt"], encode_base64(b"2026-11-01T00:00:00Z"));
            let labels = json!({"kseal.dev/sealing-key": wanted, "team": "platform", "more": "x"});
            assert_eq!(found[0]["metadata"]["labels"], labels);
            assert!(run.stderr.contains(&format!("as kseal-2-6f0c, {wanted}")), "{}", run.stderr);
        }
    }
    // What is alike is not worth a word, and one key with two certificates is two Secrets.
    let label = json!({"sealedsecrets.bitnami.com/sealed-secrets-key": "active"});
    let mut renewed = rsa("rsa-2", "a", &label);
    let private = RsaPrivateKey::from_pem(&fixture("rsa-2048-a.pem")).expect("a key");
    let validity = Validity { not_before: 1_795_000_000, not_after: 1_895_000_000 };
    let certificate =
        Certificate::self_signed(&private, validity, &mut UnwrapErr(getrandom::SysRng)).expect("a certificate");
    renewed["data"]["tls.crt"] = encode_base64(certificate.to_pem().as_bytes()).into();
    folder.write("keys.json", &list(&[rsa("rsa-1", "a", &label), rsa("rsa-1", "a", &label), renewed], "").to_string());
    let run = folder.kseal(&["keys", "export", "keys.json"]).succeeds();
    let names: Vec<_> = secrets(&run.stdout).iter().map(|it| it["metadata"]["name"].clone()).collect();
    assert_eq!(names, ["rsa-1", "rsa-2"]);
    assert!(!run.stderr.contains("several"), "{}", run.stderr);
    // Nor does an import forget it.
    folder.write("keys.json", &list(&[key(2, "a", "retiring"), key(2, "b", "compromised")], "").to_string());
    folder.kseal(&["keys", "import", "keys.json", "-o", "imported.yaml"]).succeeds();
    let found = secrets(&folder.read("imported.yaml"));
    assert_eq!(found[0]["metadata"]["labels"]["kseal.dev/sealing-key"], "compromised");
}

#[test]
fn the_first_key_of_sealed_secrets_is_found_by_the_name_that_it_has_here() {
    let (folder, server) = scene();
    let own = format!("{SECRETS}/own-prefix");
    server.forgets(&format!("{SECRETS}/sealed-secrets-key"));
    server.has(&own, typed(rsa("own-prefix", "b", &Value::Null)));
    let names = |args: &[&str]| -> Vec<String> {
        let run = folder.kseal(&[&["keys", "export", "--cluster"], args].concat()).succeeds();
        secrets(&run.stdout).iter().map(|it| it["metadata"]["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let others = ["kseal-1-6f0c", "kseal-2-6f0c", "rsa-1"];
    assert_eq!(names(&[]), [&others[..], &["kseal-identity"]].concat());
    let whole = [&others[..], &["own-prefix", "kseal-identity"]].concat();
    assert_eq!(names(&["--sealed-secrets-key-prefix", "own-prefix"]), whole);
    // The controller tells the names of what it loaded.
    let told =
        [("SHA256:b", used("RSA", "active", "own-prefix", &[])), ("SHA256:a", used("RSA", "active", "rsa-1", &[]))];
    server.has(USAGE, usage(&told));
    assert_eq!(names(&[]), whole);
    assert!(!server.lines().iter().any(|line| line.ends_with("secrets/rsa-1")), "what is there is not read again");
    // Who may not read that is told what may be missing.
    server.forgets(USAGE).says(USAGE, 403, status(403, "Forbidden", "no"));
    let run = folder.kseal(&["keys", "export", "--cluster"]).succeeds();
    assert!(run.stderr.contains("--sealed-secrets-key-prefix"), "{}", run.stderr);
    folder.kseal(&["keys", "export", "--sealed-secrets-key-prefix", "x", "offline.yaml"]).exits_with(2);
}

#[test]
fn keys_of_sealed_secrets_alone_want_no_identity() {
    let server = Server::start();
    let folder = Folder::new();
    folder.write(".kube/config", &server.kubeconfig(""));
    let label = json!({"sealedsecrets.bitnami.com/sealed-secrets-key": "active"});
    server.has(&by_label("kseal.dev/sealing-key").replace("kseal-system", "kube-system"), list(&[], ""));
    let upstream = by_label("sealedsecrets.bitnami.com/sealed-secrets-key").replace("kseal-system", "kube-system");
    server.has(&upstream, list(&[rsa("rsa-1", "a", &label)], ""));
    let first = format!("{SECRETS}/sealed-secrets-key").replace("kseal-system", "kube-system");
    server.has(&first, typed(rsa("sealed-secrets-key", "b", &Value::Null)));
    let args = ["keys", "export", "--cluster", "--namespace-of-controller", "kube-system", "-o", "keys.yaml"];
    let run = folder.kseal(&args).succeeds();
    assert!(run.stderr.contains("wrote 2 private keys") && !run.stderr.contains("identity"), "{}", run.stderr);
    assert_eq!(folder.kseal(&["keys", "list", "keys.yaml"]).succeeds().stdout.lines().count(), 3);
}

#[test]
fn keys_do_not_come_over_a_connection_that_is_not_verified() {
    let (folder, _server) = scene();
    let insecure = server::kubeconfig("https://127.0.0.1:1", ", insecure-skip-tls-verify: true", "");
    folder.write("insecure", &insecure);
    let run = folder.kseal(&["keys", "export", "--kubeconfig", "insecure"]).exits_with(6);
    assert!(run.stderr.contains("is not verified") && run.stderr.contains("would read the keys"), "{}", run.stderr);
}
