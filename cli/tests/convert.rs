//! `kseal convert`, run as a user runs it.

mod harness;

use harness::Folder;

const SECRET: &str = "\
# the database
apiVersion: v1
kind: Secret
metadata:
  name: db
  namespace: prod
  labels: {app: db}
type: Opaque
stringData:
  user: app # who
  # long
  password: hunter2
";

/// A folder with one key of each kind (`key.yaml`, `rsa.yaml`), and `both.yaml`, a bundle of both.
fn folder() -> Folder {
    let folder = Folder::with_keys();
    folder.kseal(&["keys", "generate", "--suite", "RSA-4096", "-o", "rsa.yaml"]).succeeds();
    let run = folder.kseal(&["keys", "export", "--public", "key.yaml", "rsa.yaml"]).succeeds();
    folder.write("both.yaml", &run.stdout);
    folder
}

fn convert(folder: &Folder, to: &str, input: &str) -> String {
    let args = ["convert", "--to", to, "--keys", "both.yaml", "--key", "key.yaml", "--key", "rsa.yaml"];
    folder.kseal_with_input(&args, input).succeeds().stdout
}

#[test]
fn every_format_becomes_every_other_with_scope_comments_and_template() {
    let folder = folder();
    for scope in ["Strict", "NamespaceWide", "ClusterWide"] {
        for from in ["kseal", "bitnami", "secret"] {
            let args = ["encrypt", "--format", from, "--scope", scope, "--keys", "both.yaml"];
            let sealed = folder.kseal_with_input(&args, SECRET).succeeds().stdout;
            for to in ["kseal", "bitnami", "secret"] {
                let converted = convert(&folder, to, &sealed);
                assert_eq!(converted == sealed, from == to, "{from} to {to}");
                assert!(converted.starts_with("# the database\n"), "{converted}");
                assert!(converted.contains("  # long\n") && converted.contains(" # who\n"), "{converted}");
                assert!(!converted.contains("hunter2"), "{converted}");
                assert_eq!(converted.contains("sealedsecrets.bitnami.com"), to == "bitnami" && scope != "Strict");
                assert_eq!(converted.contains("kseal.dev/sealed:"), to == "secret");
                let args = ["decrypt", "--key", "key.yaml", "--key", "rsa.yaml"];
                let opened = folder.kseal_with_input(&args, &converted).succeeds().stdout;
                let wanted = SECRET.replace("labels: {app: db}", "labels:\n    app: db");
                assert_eq!(opened.replace("labels: {app: db}", "labels:\n    app: db"), wanted, "{from} to {to}");
            }
        }
    }
}

#[test]
fn a_sealed_secret_keeps_its_own_metadata_in_both_directions() {
    let folder = folder();
    let args = ["encrypt", "--format", "bitnami", "--scope", "ClusterWide", "--keys", "both.yaml"];
    let sealed = folder.kseal_with_input(&args, SECRET).succeeds().stdout;
    let own = "  annotations:\n    argocd.argoproj.io/sync-wave: \"-1\" # first\n";
    let sealed = sealed.replace("  annotations:\n", own);
    let native = convert(&folder, "kseal", &sealed);
    assert!(native.contains(own), "{native}");
    assert!(native.contains("scope: ClusterWide"), "{native}");
    assert!(!native.contains("bitnami"), "{native}");
    let back = convert(&folder, "bitnami", &native);
    assert!(
        back.contains("sync-wave: \"-1\" # first\n    sealedsecrets.bitnami.com/cluster-wide: \"true\"\n"),
        "{back}"
    );
    assert!(!back.contains("dataKeys") && !back.contains("scope:"), "{back}");
}

#[test]
fn an_annotation_that_meant_nothing_never_widens_the_scope() {
    let folder = folder();
    let sealed = folder.kseal_with_input(&["encrypt", "--keys", "both.yaml"], SECRET).succeeds().stdout;
    let planted = "  annotations: {sealedsecrets.bitnami.com/cluster-wide: \"true\"}\nspec:\n";
    let converted = convert(&folder, "bitnami", &sealed.replace("spec:\n", planted));
    assert!(!converted.contains("cluster-wide"), "{converted}");
}

#[test]
fn what_the_other_format_cannot_say_is_refused() {
    let folder = folder();
    let bitnami = ["encrypt", "--format", "bitnami", "--keys", "both.yaml"];
    let bitnami = folder.kseal_with_input(&bitnami, SECRET).succeeds().stdout;
    let native = folder.kseal_with_input(&["encrypt", "--keys", "both.yaml"], SECRET).succeeds().stdout;
    let cases = [
        ("kseal", bitnami.replace("  template:\n", "  template:\n    data: {url: '{{ .user }}'}\n"), "Go templates"),
        ("secret", bitnami.replace("spec:\n", "spec:\n  data: AgA=\n"), "deprecated form"),
        ("bitnami", native.replace("spec:\n", "spec:\n  target: {creationPolicy: Merge}\n"), "creationPolicy is Merge"),
        (
            "secret",
            native.replace("spec:\n", "spec:\n  imagePullSecret: {serviceAccounts: {all: true}}\n"),
            "imagePullSecret",
        ),
        ("kseal", native.replace("kind: SealedSecret", "kind: ClusterSealedSecret"), "many namespaces"),
    ];
    for (to, text, why) in cases {
        let args = ["convert", "--to", to, "--keys", "both.yaml", "--key", "key.yaml", "--key", "rsa.yaml"];
        let run = folder.kseal_with_input(&args, &text).exits_with(3);
        assert!(run.stderr.contains("cannot be converted") && run.stderr.contains(why), "{}", run.stderr);
        assert!(run.stdout.is_empty());
    }
    // An owner that owns, as by default, is no loss.
    convert(&folder, "bitnami", &native.replace("spec:\n", "spec:\n  target: {creationPolicy: Owner}\n"));
}

#[test]
fn files_change_in_place_and_other_documents_stay() {
    let folder = folder();
    let sealed = folder.kseal_with_input(&["encrypt", "--keys", "both.yaml"], SECRET).succeeds().stdout;
    let other = "kind:   Service   # as it was\napiVersion: v1\n---\n";
    folder.write("all.yaml", &format!("{other}{sealed}---\n{SECRET}"));
    let args = ["convert", "--to", "secret", "--keys", "both.yaml", "--key", "key.yaml", "-i", "all.yaml"];
    let run = folder.kseal(&args).succeeds();
    assert!(run.stderr.contains("all.yaml: sealed 1 object anew"), "{}", run.stderr);
    let text = folder.read("all.yaml");
    assert!(text.starts_with(other) && text.ends_with(SECRET), "{text}");
    let run = folder.kseal(&args).succeeds();
    assert!(run.stderr.contains("1 object is of this format already"), "{}", run.stderr);
    assert_eq!(text, folder.read("all.yaml"));
    folder.write("plain.yaml", SECRET);
    folder.kseal(&["convert", "--to", "kseal", "--keys", "both.yaml", "--key", "key.yaml", "plain.yaml"]).exits_with(3);
    folder.kseal(&["convert", "--to", "kseal", "--keys", "both.yaml", "all.yaml"]).exits_with(4);
    folder.kseal(&["convert", "--to", "kseal", "--keys", "both.yaml", "--key", "rsa.yaml", "all.yaml"]).exits_with(4);
}

#[test]
fn items_of_a_typed_list_say_their_kind_themselves() {
    let folder = folder();
    let args = ["encrypt", "--format", "bitnami", "--keys", "both.yaml"];
    let sealed = folder.kseal_with_input(&args, SECRET).succeeds().stdout;
    let item: String =
        sealed.lines().filter(|line| !line.starts_with(['#', 'a', 'k'])).flat_map(|line| ["  ", line, "\n"]).collect();
    let list = format!("apiVersion: bitnami.com/v1alpha1\nkind: SealedSecretList\nitems:\n- {}", item.trim_start());
    let converted = convert(&folder, "kseal", &list);
    assert!(converted.starts_with("apiVersion: v1\nkind: List\n"), "{converted}");
    assert_eq!(converted.matches("kind: SealedSecret\n").count(), 1, "{converted}");
    let opened = folder.kseal_with_input(&["decrypt", "--key", "rsa.yaml"], &list).succeeds().stdout;
    assert!(opened.starts_with("apiVersion: v1\nkind: List\n") && opened.contains("kind: Secret\n"), "{opened}");
}

#[test]
fn a_file_that_is_given_twice_is_changed_once() {
    let folder = Folder::with_keys();
    folder.write("a.yaml", SECRET);
    let twice = |command: &[&str]| folder.kseal(&[command, &["-i", "a.yaml", "./a.yaml"]].concat()).succeeds();
    let objects = || folder.read("a.yaml").matches("apiVersion:").count();
    twice(&["encrypt", "--keys", "bundle.yaml"]);
    assert_eq!(objects(), 1, "{}", folder.read("a.yaml"));
    twice(&["convert", "--to", "secret", "--key", "key.yaml", "--keys", "bundle.yaml"]);
    assert_eq!(objects(), 1, "{}", folder.read("a.yaml"));
    twice(&["decrypt", "--key", "key.yaml"]);
    assert_eq!(objects(), 1, "{}", folder.read("a.yaml"));
}

#[test]
fn one_name_is_not_given_to_several_secrets() {
    let folder = Folder::with_keys();
    folder.write("one.yaml", SECRET);
    folder.write("two.yaml", &format!("{SECRET}---\n{}", SECRET.replace("name: db", "name: other")));
    let named = |files: &[&str]| folder.kseal(&[&["encrypt", "--keys", "bundle.yaml", "--name", "x"], files].concat());
    named(&["one.yaml"]).succeeds();
    for files in [&["two.yaml"][..], &["one.yaml", "one.yaml"]] {
        let run = named(files).exits_with(2);
        assert_eq!(run.stdout, "");
        assert!(run.stderr.contains("--name names one object"), "{}", run.stderr);
    }
}
