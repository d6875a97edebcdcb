//! `kseal verify`: whether sealed files will open.

mod harness;

use harness::Folder;

const PLAIN: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: prod}\nstringData:\n  password: hunter2\n";

fn sealed() -> Folder {
    let folder = Folder::with_keys();
    folder.write("db.yaml", PLAIN);
    folder.kseal(&["encrypt", "-i", "--keys", "bundle.yaml", "db.yaml"]).succeeds();
    folder
}

/// The bundle with a key that is not its own.
fn other_bundle() -> String {
    Folder::new().kseal(&["keys", "generate", "--suite", "X25519", "--name", "other", "-o", "k"]).succeeds().stdout
}

#[test]
fn with_a_private_key_everything_is_opened_and_nothing_printed() {
    let folder = sealed();
    let run = folder.kseal(&["verify", "--key", "key.yaml", "--keys", "bundle.yaml", "db.yaml"]).succeeds();
    assert_eq!(run.stdout, "db.yaml:1: SealedSecret prod/db: ok, opens\n");
    assert_eq!(run.stderr, "");
    let text = folder.read("db.yaml");
    let at = text.rfind('.').unwrap() + 5;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    folder.write("db.yaml", &format!("{}{other}{}", &text[..at], &text[at + 1..]));
    folder.kseal(&["verify", "--keys", "bundle.yaml", "db.yaml"]).succeeds();
    let run = folder.kseal(&["verify", "--key", "key.yaml", "--keys", "bundle.yaml", "db.yaml"]).exits_with(1);
    assert!(run.stdout.contains("item password: it does not open"), "{}", run.stdout);
}

#[test]
fn what_was_not_checked_is_said() {
    let folder = sealed();
    let run = folder.kseal(&["verify", "db.yaml"]).succeeds();
    assert_eq!(run.stdout, "db.yaml:1: SealedSecret prod/db: ok\n");
    assert!(
        run.stderr.contains("values were not opened") && run.stderr.contains("recipients were not checked"),
        "{run:?}"
    );
    let report = folder.kseal(&["verify", "-o", "json", "db.yaml"]).succeeds().json();
    let report = &report["objects"][0];
    assert_eq!((&report["ok"], &report["opened"]), (&true.into(), &false.into()));
    assert_eq!((&report["recipientsChecked"], &report["namespace"]), (&false.into(), &"prod".into()));
}

#[test]
fn recipients_are_compared_with_the_configuration() {
    let folder = sealed();
    folder.write(".kseal.yaml", "clusters: {local: {bundle: bundle.yaml}}\n");
    folder.kseal(&["verify", "db.yaml"]).succeeds();
    folder.write("other.yaml", &other_bundle());
    let run = folder.kseal(&["verify", "--keys", "other.yaml", "db.yaml"]).exits_with(1);
    assert!(run.stdout.contains("is a key of no configured cluster"), "{}", run.stdout);
    assert!(run.stdout.contains("cluster other cannot open all of it"), "{}", run.stdout);
    let bundle = folder.read("bundle.yaml");
    folder.write("bundle.yaml", &bundle.replace("state: active", "state: compromised"));
    let run = folder.kseal(&["verify", "db.yaml"]).exits_with(1);
    assert!(run.stdout.contains("of local is compromised") && run.stdout.contains("hint: change"), "{}", run.stdout);
    folder.write("bundle.yaml", &bundle.replace("state: active", "state: retiring"));
    let run = folder.kseal(&["verify", "db.yaml"]).exits_with(1);
    assert!(run.stdout.contains("is not the newest key of local"), "{}", run.stdout);
    folder.kseal(&["verify", "--allow-outdated", "db.yaml"]).succeeds();
}

#[test]
fn shape_and_place_are_checked_without_a_key() {
    let folder = sealed();
    let text = folder.read("db.yaml");
    folder.write("moved.yaml", &text.replacen("name: db", "name: other", 1));
    folder.write("broken.yaml", &text.replace("commitment: ", "commitment: A"));
    let run = folder.kseal(&["verify", "moved.yaml", "broken.yaml", "db.yaml"]).exits_with(1);
    assert!(run.stdout.contains("sealed for prod/db, found in prod/other"), "{}", run.stdout);
    assert!(run.stdout.contains("the commitment is not 32 bytes"), "{}", run.stdout);
    assert!(run.stdout.ends_with("db.yaml:1: SealedSecret prod/db: ok\n"), "{}", run.stdout);
    let report = folder.kseal(&["verify", "-o", "json", "moved.yaml"]).exits_with(1).json();
    assert_eq!(report["objects"][0]["ok"], false);
    assert!(report["objects"][0]["findings"][0]["message"].as_str().unwrap().starts_with("sealed for"));
}

#[test]
fn a_namespace_that_comes_from_elsewhere_can_be_given() {
    let folder = sealed();
    let text = folder.read("db.yaml").replacen(", namespace: prod}", "}", 1);
    folder.write("db.yaml", &text);
    folder.kseal(&["verify", "--key", "key.yaml", "db.yaml"]).succeeds();
    folder.kseal(&["verify", "--key", "key.yaml", "-n", "prod", "db.yaml"]).succeeds();
    let run = folder.kseal(&["verify", "--key", "key.yaml", "-n", "dev", "db.yaml"]).exits_with(1);
    assert!(run.stdout.contains("sealed for prod/db, found in dev/db"), "{}", run.stdout);
}

#[test]
fn plaintext_is_a_finding_and_what_cannot_be_read_an_error() {
    let folder = sealed();
    folder.write("plain.yaml", PLAIN);
    let run = folder.kseal(&["verify", "plain.yaml"]).exits_with(1);
    assert!(run.stdout.contains("1 of its values are plaintext") && !run.stdout.contains("hunter2"), "{}", run.stdout);
    folder.kseal_with_input(&["verify"], "kind: ConfigMap\n").exits_with(3);
    folder.kseal_with_input(&["verify"], "a: [\n").exits_with(3);
    let run = folder.kseal(&["verify", "none.yaml", "db.yaml"]).exits_with(7);
    assert!(run.stdout.contains("db.yaml:1: SealedSecret prod/db: ok"), "all others are checked: {}", run.stdout);
}

#[test]
fn control_characters_of_files_reach_neither_terminal_nor_log() {
    let folder = sealed();
    let hostile = folder
        .read("db.yaml")
        .replace("password:", "\"p\\e[2J\\nerror: \\u009b\":")
        .replace("name: db", "name: \"d\\e\\ab\"");
    folder.write("h\u{1b}.yaml", &hostile);
    folder.write("plain\u{1b}.yaml", &PLAIN.replace("password:", "\"p\\e\\a\":"));
    folder.write("broken\u{1b}.yaml", "kind: Secret\nstringData: {\"a\\e\": 1, \"a\\e\": \u{1b}\n");
    let commands: [&[&str]; 9] = [
        &["verify", "--key", "key.yaml", "--keys", "bundle.yaml", "h\u{1b}.yaml", "plain\u{1b}.yaml"],
        &["verify", "-o", "json", "h\u{1b}.yaml"],
        &["inspect", "--key", "key.yaml", "h\u{1b}.yaml", "plain\u{1b}.yaml"],
        &["inspect", "-o", "json", "h\u{1b}.yaml"],
        &["check", "."],
        &["reencrypt", "--keys", "bundle.yaml", "--key", "key.yaml", "."],
        &["decrypt", "--key", "key.yaml", "h\u{1b}.yaml"],
        &["verify", "broken\u{1b}.yaml"],
        &["git", "textconv", "broken\u{1b}.yaml"],
    ];
    for command in commands {
        let run = folder.kseal(command);
        for text in [&run.stdout, &run.stderr] {
            let mut controls = text.chars().filter(|char| char.is_control() && *char != '\n');
            assert_eq!(controls.next(), None, "{command:?}: {text:?}");
            assert!(!text.lines().any(|line| line.starts_with("error: \u{9b}")), "{command:?}: {text:?}");
        }
    }
    let inspected = folder.kseal(&["inspect", "h\u{1b}.yaml"]);
    assert!(inspected.stdout.starts_with("h\\u{1b}.yaml:1: "), "{}", inspected.stdout);
    assert!(inspected.stdout.contains("p\\u{1b}[2J\\nerror: \\u{9b}"), "{}", inspected.stdout);
}
