//! `kseal inspect`: what sealed files hold.

mod harness;

use harness::Folder;

const PLAIN: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: prod}\nstringData:\n  password: hunter2\n  \
                     username: canary\n";

fn sealed(format: &str) -> Folder {
    let folder = Folder::with_keys();
    folder.write("db.yaml", PLAIN);
    folder.kseal(&["encrypt", "-i", "--format", format, "--keys", "bundle.yaml", "db.yaml"]).succeeds();
    folder
}

#[test]
fn the_report_names_items_recipients_and_the_key_that_opens_them() {
    let folder = sealed("kseal");
    let args = ["inspect", "-o", "json", "--keys", "bundle.yaml", "--key", "key.yaml", "db.yaml"];
    let run = folder.kseal(&args).succeeds();
    assert!(!run.stdout.contains("hunter2") && !run.stdout.contains("canary"), "{}", run.stdout);
    let report = &run.json()["objects"][0];
    assert_eq!((&report["file"], &report["line"]), (&"db.yaml".into(), &1.into()));
    assert_eq!((&report["format"], &report["kind"]), (&"kseal".into(), &"SealedSecret".into()));
    assert_eq!((&report["scope"], &report["moved"]), (&"Strict".into(), &false.into()));
    assert_eq!(report["place"], serde_json::json!({"namespace": "prod", "name": "db"}));
    assert_eq!(report["problems"], serde_json::json!([]));
    assert_eq!((&report["items"][0]["name"], &report["items"][0]["paddedBytes"]), (&"password".into(), &32.into()));
    let data_key = &report["dataKeys"][0];
    assert_eq!(data_key["handle"], report["items"][1]["dataKey"]);
    let recipient = &data_key["recipients"][0];
    assert_eq!(recipient["fingerprint"], report["items"][0]["openedBy"]);
    assert_eq!((&recipient["suite"], &recipient["standing"]), (&"X25519".into(), &"current".into()));
    assert_eq!(recipient["clusters"], serde_json::json!(["local"]));
    assert_eq!(recipient["keyAtHand"], true);
}

#[test]
fn what_is_not_at_hand_is_not_told() {
    let folder = sealed("secret");
    let report = folder.kseal(&["inspect", "-o", "json", "db.yaml"]).succeeds().json();
    let report = &report["objects"][0];
    assert_eq!(report["format"], "secret");
    assert!(report["items"][0]["openedBy"].is_null());
    let recipient = &report["dataKeys"][0]["recipients"][0];
    assert!(recipient["clusters"].is_null() && recipient["standing"].is_null());
    assert_eq!(recipient["keyAtHand"], false);
}

#[test]
fn people_read_it_in_columns() {
    let folder = sealed("kseal");
    let text = folder.kseal(&["inspect", "--keys", "bundle.yaml", "--key", "key.yaml", "db.yaml"]).succeeds().stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "db.yaml:1: SealedSecret prod/db");
    assert_eq!(lines[1], "  format    kseal");
    assert_eq!(lines[3], "  opens in  namespace prod, as db");
    assert_eq!(lines[5], "  items");
    assert!(lines[6].starts_with("    password  32 bytes, padded  d") && lines[6].contains("opens with k"), "{text}");
    assert!(lines[8].starts_with("  data key d"), "{text}");
    assert!(lines[9].contains("  X25519  local (current)  private key at hand"), "{text}");
}

#[test]
fn a_bundle_that_does_not_know_a_recipient_says_so() {
    let folder = sealed("kseal");
    let other = Folder::new().kseal(&["keys", "generate", "--suite", "X25519", "-o", "other.yaml"]).succeeds().stdout;
    folder.write("other.yaml", &other);
    let text = folder.kseal(&["inspect", "--keys", "other.yaml", "db.yaml"]).succeeds().stdout;
    assert!(text.contains("of no configured cluster"), "{text}");
}

#[test]
fn broken_and_moved_objects_are_shown_with_their_problems() {
    let folder = sealed("kseal");
    let text = folder.read("db.yaml");
    let text = text.replacen("namespace: prod", "namespace: dev", 1).replace("username: ks1.", "username: ");
    folder.write("db.yaml", &format!("{text}---\napiVersion: kseal.dev/v1alpha1\nkind: SealedSecret\n"));
    let run = folder.kseal(&["inspect", "db.yaml"]).succeeds();
    for wanted in ["problems  sealed for prod/db, found in dev/db", "item username: not a sealed value", "has no spec"]
    {
        assert!(run.stdout.contains(wanted), "{wanted}: {}", run.stdout);
    }
}

#[test]
fn plaintext_is_called_so_and_other_files_are_refused() {
    let folder = Folder::new();
    let run = folder.kseal_with_input(&["inspect"], PLAIN).succeeds();
    assert!(run.stdout.contains("plaintext, not sealed") && !run.stdout.contains("hunter2"), "{}", run.stdout);
    folder.kseal_with_input(&["inspect", "-"], "kind: ConfigMap\n").exits_with(3);
    folder.kseal_with_input(&["inspect", "-"], "a: [\n").exits_with(3);
    folder.kseal(&["inspect", "none.yaml"]).exits_with(7);
}
