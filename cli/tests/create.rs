//! `kseal create`.

mod harness;

use harness::{Folder, Run};

fn create(folder: &Folder, args: &[&str], input: &str) -> Run {
    let mut all = vec!["create"];
    all.extend(args);
    all.extend(["-n", "prod", "--keys", "bundle.yaml"]);
    folder.kseal_with_input(&all, input)
}

fn get(folder: &Folder, file: &str, item: &str) -> String {
    folder.kseal(&["get", file, item, "--key", "key.yaml"]).succeeds().stdout
}

#[test]
fn items_come_from_files_folders_env_files_and_the_standard_input() {
    let folder = Folder::with_keys();
    folder.write("pw.txt", "hunter2");
    folder.write("dir/motd", "a\nb\n");
    folder.write("dir/sub/left-out", "x");
    folder.write("x.env", "# comment\nUSER=ada\n");
    let args = ["generic", "db", "--from-file", "pw.txt", "--from-file", "p=pw.txt", "--from-file", "dir"];
    let more =
        ["--from-env-file", "x.env", "--from-stdin", "token", "-o", "db.yaml", "--label", "app=db", "--immutable"];
    let run = create(&folder, &[&args[..], &more].concat(), "t0k3n").succeeds();
    assert!(run.stderr.contains("db.yaml: sealed Secret db of 5 values for local (k"), "{}", run.stderr);
    for (item, value) in
        [("pw.txt", "hunter2"), ("p", "hunter2"), ("motd", "a\nb\n"), ("USER", "ada"), ("token", "t0k3n")]
    {
        assert_eq!(get(&folder, "db.yaml", item), value);
    }
    let text = folder.read("db.yaml");
    assert!(text.contains("    immutable: true\n    metadata:\n      labels:\n        app: db\n"), "{text}");
    assert!(!text.contains("left-out") && !text.contains("hunter2"));
}

#[test]
fn every_format_opens_again() {
    let folder = Folder::with_keys();
    for format in ["kseal", "secret"] {
        let file = format!("{format}.yaml");
        let args = ["generic", "x", "--format", format, "--insecure-from-literal", "a=b=c", "-o", &file];
        create(&folder, &args, "").succeeds();
        assert_eq!(get(&folder, &file, "a"), "b=c");
    }
}

#[test]
fn a_registry_secret_is_as_kubectl_makes_it() {
    let folder = Folder::with_keys();
    let args = ["docker-registry", "reg", "--docker-username", "ada", "--docker-server", "r.io", "-o", "reg.yaml"];
    create(&folder, &args, "pw\n").succeeds();
    let wanted = r#"{"auths":{"r.io":{"username":"ada","password":"pw","auth":"YWRhOnB3"}}}"#;
    assert_eq!(get(&folder, "reg.yaml", ".dockerconfigjson"), wanted);
    assert!(folder.read("reg.yaml").contains("type: kubernetes.io/dockerconfigjson\n"));
    let empty = create(&folder, &["docker-registry", "reg", "--docker-username", "ada"], "\n").exits_with(2);
    assert!(empty.stderr.contains("the password is empty"), "{}", empty.stderr);
}

#[test]
fn a_tls_secret_wants_a_certificate_and_a_key() {
    let folder = Folder::with_keys();
    folder.write("c.pem", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n");
    folder.write("k.pem", "-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n");
    create(&folder, &["tls", "t", "--tls-cert", "c.pem", "--tls-key", "k.pem", "-o", "t.yaml"], "").succeeds();
    assert_eq!(get(&folder, "t.yaml", "tls.crt"), folder.read("c.pem"));
    let swapped = create(&folder, &["tls", "t", "--tls-cert", "k.pem", "--tls-key", "c.pem"], "").exits_with(3);
    assert!(swapped.stderr.contains("k.pem: holds no certificate in PEM form"), "{}", swapped.stderr);
}

#[test]
fn an_existing_file_is_not_lost() {
    let folder = Folder::with_keys();
    folder.write("db.yaml", "precious");
    let args = ["generic", "db", "--insecure-from-literal", "a=b", "-o", "db.yaml"];
    let run = create(&folder, &args, "").exits_with(6);
    assert!(run.stderr.contains("db.yaml is there already"), "{}", run.stderr);
    assert_eq!(folder.read("db.yaml"), "precious");
}

#[test]
fn what_the_api_server_would_refuse_is_told() {
    let folder = Folder::with_keys();
    let odd = create(&folder, &["generic", "My_Db", "--insecure-from-literal", "a=b"], "").succeeds();
    assert!(odd.stderr.contains("warning: the API server refuses the name My_Db"), "{}", odd.stderr);
    create(&folder, &["generic", "db", "--insecure-from-literal", "a b=c"], "").exits_with(3);
    create(&folder, &["generic", "db"], "").exits_with(2);
    create(&folder, &["generic", "db", "--insecure-from-literal", "a=1", "--from-stdin", "a"], "x").exits_with(2);
    let literal = create(&folder, &["generic", "db", "--from-literal", "a=hunter2"], "").exits_with(2);
    assert!(literal.stderr.contains("--prompt KEY") && !literal.stderr.contains("hunter2"), "{}", literal.stderr);
}

#[test]
fn a_registry_secret_for_many_namespaces_says_which_and_who_pulls_with_it() {
    let folder = Folder::with_keys();
    let args = ["create", "docker-registry", "reg", "--docker-username", "ada", "--keys", "bundle.yaml"];
    let more = ["--namespace-selector", "team=a", "--image-pull-secret-for", "default,builder", "-o", "reg.yaml"];
    folder.kseal_with_input(&[&args[..], &more].concat(), "pw").succeeds();
    let text = folder.read("reg.yaml");
    let spec = "kind: ClusterSealedSecret\nmetadata:\n  name: reg\nspec:\n  namespaceSelector:\n    matchLabels:\n      \
                team: a\n  sealedFor:\n    name: reg\n";
    assert!(text.contains(spec), "{text}");
    let pulls = "  imagePullSecret:\n    serviceAccounts:\n      names:\n      - default\n      - builder\n";
    assert!(text.ends_with(pulls) && !text.contains("scope:") && !text.contains("namespace:"), "{text}");
    assert!(get(&folder, "reg.yaml", ".dockerconfigjson").contains(r#""password":"pw""#));
    // In one namespace, for all of its ServiceAccounts.
    let more = ["-n", "prod", "--image-pull-secret-for", "*"];
    let run = folder.kseal_with_input(&[&args[..], &more].concat(), "pw").succeeds();
    assert!(run.stdout.ends_with("  imagePullSecret:\n    serviceAccounts:\n      all: true\n"), "{}", run.stdout);
}
