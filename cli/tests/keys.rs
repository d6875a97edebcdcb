//! `kseal keys`, run as a user runs it.

mod harness;

use std::os::unix::fs::PermissionsExt as _;

use harness::Folder;

const SECRET: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: prod}\nstringData: {password: hunter2}\n";

fn mode(folder: &Folder, name: &str) -> u32 {
    std::fs::metadata(folder.join(name)).expect("it is there").permissions().mode() & 0o777
}

/// A block of YAML that stands indented in a manifest, without its indentation.
fn pem(manifest: &str, item: &str) -> String {
    let line = manifest.lines().find_map(|line| line.trim_start().strip_prefix(&format!("{item}: ")));
    let text = line.expect("the item").trim_matches('"');
    String::from_utf8(kseal_crypto::decode_base64(text).expect("base64")).expect("text")
}

#[test]
fn a_private_key_is_never_replaced_and_never_printed_unasked() {
    let folder = Folder::with_keys();
    let before = folder.read("key.yaml");
    let run = folder.kseal(&["keys", "generate", "-o", "key.yaml"]).exits_with(6);
    assert!(run.stderr.contains("is there already") && run.stdout.is_empty(), "{}", run.stderr);
    assert_eq!(before, folder.read("key.yaml"));
    folder.kseal(&["keys", "generate", "-o", "-"]).exits_with(2);
    folder.kseal(&["keys", "generate", "-o", "no/such/folder.yaml"]).exits_with(7);
    std::os::unix::fs::symlink("nowhere", folder.join("link.yaml")).expect("a link");
    folder.kseal(&["keys", "generate", "-o", "link.yaml"]).exits_with(6);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 3, "nothing is left behind");
}

#[test]
fn the_bundle_comes_back_from_the_private_key() {
    let folder = Folder::with_keys();
    let run = folder.kseal(&["keys", "export", "--public", "key.yaml"]).succeeds();
    assert_eq!(run.stdout, folder.read("bundle.yaml"));
    folder.kseal(&["keys", "export", "--public", "--name", "prod", "-o", "prod.yaml", "key.yaml"]).succeeds();
    assert_eq!(folder.read("prod.yaml"), folder.read("bundle.yaml").replace("name: local", "name: prod"));
    folder.kseal(&["keys", "export", "--public", "bundle.yaml"]).exits_with(3);
}

#[test]
fn of_several_keys_the_one_made_last_seals() {
    let folder = Folder::with_keys();
    folder.kseal(&["keys", "generate", "--suite", "X25519", "-o", "new.yaml"]).succeeds();
    // 2099-01-01T00:00:00Z
    let text = folder.read("new.yaml");
    let made = text.lines().find(|line| line.contains("createdAt:")).expect("the item").to_owned();
    folder.write("new.yaml", &text.replace(&made, "  createdAt: MjA5OS0wMS0wMVQwMDowMDowMFo="));
    for order in [["key.yaml", "new.yaml"], ["new.yaml", "key.yaml"]] {
        let run = folder.kseal(&["keys", "export", "--public", order[0], order[1], "new.yaml"]).succeeds();
        let report = folder.kseal_with_input(&["keys", "list", "-o", "json", "-"], &run.stdout).succeeds().json();
        let keys = report.as_array().expect("a list");
        assert_eq!(keys.len(), 2);
        assert_eq!(
            (&keys[0]["epoch"], &keys[0]["state"], &keys[0]["seals"]),
            (&2.into(), &"active".into(), &true.into())
        );
        assert_eq!((&keys[1]["epoch"], &keys[1]["state"]), (&1.into(), &"retiring".into()));
        assert_eq!(keys[0]["createdAt"], "2099-01-01T00:00:00Z");
    }
    let compromised = folder.read("new.yaml").replace(": retiring", ": compromised");
    folder.write("new.yaml", &compromised);
    let run = folder.kseal(&["keys", "export", "--public", "key.yaml", "new.yaml"]).succeeds();
    assert!(run.stdout.contains("state: compromised") && run.stdout.contains("state: active"), "{}", run.stdout);
    let run = folder.kseal(&["keys", "export", "--public", "new.yaml"]).succeeds();
    assert!(run.stderr.contains("no key of this bundle seals"), "{}", run.stderr);
    let run = folder.kseal(&["keys", "export", "new.yaml"]).succeeds();
    assert!(run.stdout.contains("kseal.dev/sealing-key: compromised"), "{}", run.stdout);
}

#[test]
fn keys_are_listed_without_anything_secret() {
    let folder = Folder::with_keys();
    let run = folder.kseal(&["keys", "list", "key.yaml", "bundle.yaml"]).succeeds();
    assert!(run.stdout.starts_with("FINGERPRINT    SUITE   KIND"), "{}", run.stdout);
    assert!(run.stdout.contains("private") && run.stdout.contains("local (bundle.yaml)"), "{}", run.stdout);
    folder.kseal(&["keys", "list"]).exits_with(4);
    folder.write(".kseal.yaml", "clusters:\n  prod: {bundle: bundle.yaml}\n");
    let run = folder.kseal(&["keys", "list", "-o", "json"]).succeeds();
    assert_eq!(run.json()[0]["name"], "prod");
    let seed = folder.read("key.yaml").lines().find_map(|line| line.trim().strip_prefix("seed: ").map(str::to_owned));
    assert!(!run.stdout.contains(&seed.expect("the seed")));
    folder.write("other.yaml", "kind: Service\n");
    folder.kseal(&["keys", "list", "other.yaml"]).exits_with(3);
}

#[test]
fn a_native_key_is_brought_to_its_own_form_from_what_a_cluster_prints() {
    let folder = Folder::with_keys();
    let key = folder.read("key.yaml");
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {}",
        key.replace("metadata:\n", "metadata:\n  uid: 6f0c\n  resourceVersion: \"7\"\n")
            .replace('\n', "\n  ")
            .trim_end()
    );
    let run = folder.kseal_with_input(&["keys", "import", "-o", "out.yaml", "-"], &list).succeeds();
    assert_eq!(folder.read("out.yaml"), key);
    assert_eq!(run.stdout, folder.read("bundle.yaml"));
    assert_eq!(mode(&folder, "out.yaml"), 0o600);
    folder.kseal_with_input(&["keys", "import", "-o", "out.yaml", "-"], &list).exits_with(6);
    let other = key.replace("kseal.dev/fingerprint: k", "kseal.dev/fingerprint: ka");
    folder.write("other.yaml", &other);
    let run = folder.kseal(&["keys", "import", "-o", "no.yaml", "other.yaml"]).exits_with(3);
    assert!(run.stderr.contains("annotation states another one"), "{}", run.stderr);
    assert!(!folder.join("no.yaml").exists());
}

#[test]
fn an_rsa_key_is_imported_from_pem_with_its_certificate() {
    let folder = Folder::new();
    let run = folder.kseal(&["keys", "generate", "--suite", "RSA-4096", "-o", "key.yaml"]).succeeds();
    let manifest = folder.read("key.yaml");
    let (key, certificate) = (pem(&manifest, "tls.key"), pem(&manifest, "tls.crt"));
    folder.write("tls.key", &key);
    folder.write("tls.crt", &certificate);
    folder.write("both.pem", &format!("Bag Attributes\n{certificate}{key}"));
    let without = folder.kseal(&["keys", "import", "-o", "no.yaml", "tls.key"]).exits_with(3);
    assert!(without.stderr.contains("has no certificate") && without.stderr.contains("--cert"), "{}", without.stderr);
    for (out, args) in
        [("a.yaml", &["tls.key", "--cert", "tls.crt"][..]), ("b.yaml", &["both.pem"]), ("c.yaml", &["key.yaml"])]
    {
        let imported = folder.kseal(&[&["keys", "import", "-o", out], args].concat()).succeeds();
        assert_eq!(imported.stdout, run.stdout);
        assert_eq!(folder.read(out), manifest);
        assert_eq!(mode(&folder, out), 0o600);
    }
    let untyped = format!(
        "{{\"metadata\":{{}},\"items\":[{{\"data\":{{\"tls.key\":{:?},\"tls.crt\":{:?}}}}}]}}",
        kseal_crypto::encode_base64(key.as_bytes()),
        kseal_crypto::encode_base64(certificate.as_bytes())
    );
    folder.kseal_with_input(&["keys", "import", "-o", "d.yaml", "-"], &untyped).succeeds();
    folder.kseal(&["keys", "import", "-o", "no.yaml", "tls.crt"]).exits_with(3);

    folder.kseal(&["keys", "generate", "--suite", "RSA-4096", "-o", "other.yaml"]).succeeds();
    folder.write("other.crt", &pem(&folder.read("other.yaml"), "tls.crt"));
    let run = folder.kseal(&["keys", "import", "-o", "no.yaml", "tls.key", "--cert", "other.crt"]).exits_with(3);
    assert!(run.stderr.contains("belongs to none of these keys"), "{}", run.stderr);

    let listed = folder.kseal(&["keys", "list", "-o", "json", "tls.crt", "tls.key", "key.yaml"]).succeeds().json();
    assert_eq!(listed[0]["kind"], "certificate");
    assert_eq!(listed[1]["kind"], "private");
    assert_eq!(listed[0]["fingerprint"], listed[1]["fingerprint"]);
    assert_eq!(listed[2]["suite"], "RSA-4096");
    assert!(listed[2]["expiresAt"].as_str().is_some_and(|time| time.ends_with('Z')));

    folder.write("stolen.yaml", &manifest.replace("sealed-secrets-key: active", "sealed-secrets-key: compromised"));
    let run = folder.kseal(&["keys", "export", "--public", "stolen.yaml"]).succeeds();
    assert!(
        run.stderr.contains("no key of this bundle seals") && !run.stdout.contains("CERTIFICATE"),
        "{}",
        run.stdout
    );
    let run = folder.kseal(&["keys", "export", "stolen.yaml"]).succeeds();
    assert_eq!(run.stdout, folder.read("stolen.yaml"));

    folder.write("secret.yaml", SECRET);
    folder.kseal(&["encrypt", "--format", "bitnami", "--keys", "tls.crt", "-i", "secret.yaml"]).succeeds();
    let opened = folder.kseal(&["get", "--key", "both.pem", "secret.yaml", "password"]).succeeds();
    assert_eq!(opened.stdout, "hunter2");
}
