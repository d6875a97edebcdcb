//! `kseal reencrypt`, run as a user runs it.

mod harness;

use harness::Folder;

const SECRET: &str = "\
# the database
apiVersion: v1
kind: Secret
metadata:
  name: db
  namespace: prod
stringData:
  user: app
  # long
  password: hunter2
";

const PLAIN: &str = "stringData:\n  user: app\n  # long\n  password: hunter2\n";

/// Makes a key in `NAME.yaml` and returns its entry for a bundle, which ends in its state.
fn key(folder: &Folder, name: &str) -> String {
    let file = format!("{name}.yaml");
    let bundle = folder.kseal(&["keys", "generate", "--suite", "X25519", "-o", &file]).succeeds().stdout;
    bundle.split_once("keys:\n").expect("keys").1.to_owned()
}

/// A bundle of keys with their states, the first the oldest.
fn bundle(name: &str, keys: &[(&str, &str)]) -> String {
    let mut text =
        format!("apiVersion: kseal.dev/v1alpha1\nkind: SealingKeyBundle\nmetadata: {{name: {name}}}\nspec:\n  keys:\n");
    for (epoch, (key, state)) in (1..).zip(keys) {
        let key = key.replace("epoch: 1", &format!("epoch: {epoch}"));
        text += &key.replace("state: active", &format!("state: {state}"));
    }
    text
}

fn config(clusters: &str) -> String {
    format!(
        "clusters:\n  prod: {{bundle: prod.bundle}}\n  dev: {{bundle: dev.bundle}}\nrules:\n  - clusters: [{clusters}]\n"
    )
}

/// Two clusters, and one Secret sealed for both in each native format: `db.yaml` and `inplace.yaml`.
struct Repository {
    folder: Folder,
    old: String,
    new: String,
}

impl Repository {
    fn new() -> Self {
        let folder = Folder::new();
        let (old, new, dev) = (key(&folder, "old"), key(&folder, "new"), key(&folder, "dev"));
        folder.write("prod.bundle", &bundle("prod", &[(&old, "active")]));
        folder.write("dev.bundle", &bundle("dev", &[(&dev, "active")]));
        folder.write(".kseal.yaml", &config("prod, dev"));
        for (file, format) in [("db.yaml", "kseal"), ("inplace.yaml", "secret")] {
            folder.write(file, SECRET);
            folder.kseal(&["encrypt", "--format", format, "-i", file]).succeeds();
        }
        Self { folder, old, new }
    }

    fn rotate(&self) {
        let keys = [(self.old.as_str(), "retiring"), (self.new.as_str(), "active")];
        self.folder.write("prod.bundle", &bundle("prod", &keys));
    }

    fn opens_with(&self, key: &str) {
        for file in ["db.yaml", "inplace.yaml"] {
            let run = self.folder.kseal(&["decrypt", "--key", key, file]).succeeds();
            assert!(run.stdout.ends_with(PLAIN), "{}", run.stdout);
        }
    }
}

/// The lines that differ, as `-` and `+`.
fn changed<'t>(before: &'t str, after: &'t str) -> Vec<&'t str> {
    let gone = before.lines().filter(|line| !after.lines().any(|other| other == *line));
    gone.chain(after.lines().filter(|line| !before.lines().any(|other| other == *line))).collect()
}

/// The texts of sealed values.
fn values(text: &str) -> Vec<&str> {
    text.split_whitespace().map(|word| word.trim_matches('"')).filter(|word| word.starts_with("ks1.")).collect()
}

#[test]
fn a_rotation_changes_the_recipients_and_nothing_else() {
    let repository = Repository::new();
    let folder = &repository.folder;
    let before = (folder.read("db.yaml"), folder.read("inplace.yaml"));
    let run = folder.kseal(&["reencrypt", "--check", "."]).succeeds();
    assert!(run.stdout.is_empty() && run.stderr.contains("2 up to date"), "{}{}", run.stdout, run.stderr);

    repository.rotate();
    let run = folder.kseal(&["reencrypt", "--check", "."]).exits_with(1);
    assert!(run.stdout.contains("db.yaml: SealedSecret prod/db: re-wrap data key d"), "{}", run.stdout);
    folder.kseal(&["reencrypt", "--dry-run", "--key", "dev.yaml", "."]).succeeds();
    assert_eq!(before, (folder.read("db.yaml"), folder.read("inplace.yaml")));

    let run = folder.kseal(&["reencrypt", "--key", "dev.yaml", "."]).succeeds();
    assert!(run.stderr.contains("2 files changed"), "{}", run.stderr);
    let after = (folder.read("db.yaml"), folder.read("inplace.yaml"));
    for (before, after) in [(&before.0, &after.0), (&before.1, &after.1)] {
        assert_eq!(values(before), values(after));
        let lines = changed(before, after);
        assert_eq!(lines.len(), 2, "{lines:#?}");
        assert!(lines.iter().all(|line| line.trim_start().starts_with('k')), "{lines:#?}");
    }
    repository.opens_with("new.yaml");
    repository.opens_with("dev.yaml");
    folder.kseal(&["decrypt", "--key", "old.yaml", "db.yaml"]).exits_with(4);
    folder.kseal(&["reencrypt", "--check", "."]).succeeds();
}

#[test]
fn another_cluster_gets_a_wrap_and_the_values_keep_their_bytes() {
    let repository = Repository::new();
    let folder = &repository.folder;
    folder.write(".kseal.yaml", &config("prod"));
    folder.kseal(&["reencrypt", "--key", "old.yaml", "."]).succeeds();
    let before = folder.read("db.yaml");
    folder.write(".kseal.yaml", &config("prod, dev"));
    folder.kseal(&["reencrypt", "--key", "old.yaml", "."]).succeeds();
    let after = folder.read("db.yaml");
    assert_eq!(values(&before), values(&after));
    assert_eq!(changed(&before, &after).len(), 1);
    repository.opens_with("dev.yaml");
}

#[test]
fn a_cluster_that_left_the_rule_taints_what_it_could_open() {
    let repository = Repository::new();
    let folder = &repository.folder;
    let before = folder.read("db.yaml");
    folder.write(".kseal.yaml", &config("prod"));
    let run = folder.kseal(&["reencrypt", "--key", "old.yaml", "."]).succeeds();
    let told = run.stdout.lines().filter(|line| line.ends_with("is in no configured bundle: prod/db password, user"));
    assert_eq!(told.count(), 2, "{}", run.stdout);
    assert!(run.stderr.contains("4 secrets could be opened"), "{}", run.stderr);
    let after = folder.read("db.yaml");
    assert!(values(&before).iter().all(|value| !after.contains(value)));
    repository.opens_with("old.yaml");
    folder.kseal(&["decrypt", "--key", "dev.yaml", "inplace.yaml"]).exits_with(4);
}

#[test]
fn a_compromised_key_taints_and_the_report_says_it_to_programs() {
    let repository = Repository::new();
    let folder = &repository.folder;
    let keys = [(repository.old.as_str(), "compromised"), (repository.new.as_str(), "active")];
    folder.write("prod.bundle", &bundle("prod", &keys));
    let report = folder.kseal(&["reencrypt", "--check", "-o", "json", "db.yaml"]).exits_with(1).json();
    let object = &report["files"][0]["objects"][0];
    assert_eq!(object["changeAtSource"], serde_json::json!(["password", "user"]));
    assert_eq!(object["dataKeys"][0]["action"], "reseal");
    assert_eq!(object["dataKeys"][0]["taints"][0]["standing"], "compromised");
    assert_eq!(report["files"][0]["written"], false);
    folder.kseal(&["reencrypt", "--key", "dev.yaml", "."]).succeeds();
    repository.opens_with("new.yaml");
    let report = folder.kseal(&["reencrypt", "--check", "-o", "json", "."]).succeeds().json();
    assert_eq!(report["files"][0]["due"], false);
}

#[test]
fn without_a_private_key_it_says_what_has_to_be_done_and_exits_4() {
    let repository = Repository::new();
    let folder = &repository.folder;
    folder.kseal(&["reencrypt", "."]).succeeds();
    repository.rotate();
    let before = folder.read("db.yaml");
    for args in [&["reencrypt", "."][..], &["reencrypt", "--key", "new.yaml", "."], &["reencrypt", "--dry-run", "."]] {
        let run = folder.kseal(args).exits_with(4);
        assert!(run.stderr.contains("db.yaml: SealedSecret prod/db, which has to be re-wrapped, does not open"));
        assert!(run.stderr.contains("hint: give one of its keys with --key: k"), "{}", run.stderr);
    }
    assert_eq!(before, folder.read("db.yaml"));
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let repository = Repository::new();
    let folder = &repository.folder;
    repository.rotate();
    let broken = folder.read("db.yaml").replace("ks1.d", "ks1.x");
    folder.write("broken.yaml", &broken);
    folder.write("template.yaml", "kind: {{ .Values.kind }}\n");
    folder.write("service.yaml", "apiVersion: v1\nkind: Service\n");
    let run = folder.kseal(&["reencrypt", "--key", "dev.yaml", "."]).exits_with(3);
    assert!(run.stderr.contains("error: broken.yaml: SealedSecret prod/db is not as it must be"), "{}", run.stderr);
    assert!(run.stderr.contains("2 files changed, 0 up to date, 1 failed"), "{}", run.stderr);
    assert!(run.stderr.contains("1 that cannot be read as YAML"), "{}", run.stderr);
    assert_eq!(folder.read("broken.yaml"), broken);
    repository.opens_with("new.yaml");
    // What is named must be readable.
    folder.kseal(&["reencrypt", "--check", "template.yaml"]).exits_with(3);
    folder.kseal(&["reencrypt", "--check", "missing.yaml", "db.yaml"]).exits_with(7);
    folder.kseal(&["reencrypt", "-"]).exits_with(2);
}

#[test]
fn a_tree_is_walked_as_git_sees_it() {
    let repository = Repository::new();
    let folder = &repository.folder;
    folder.git(&["init", "-q"]).succeeds();
    repository.rotate();
    folder.write(".gitignore", "build/\n");
    folder.write("build/db.yaml", &folder.read("db.yaml"));
    folder.write(".hidden/db.json.txt", &folder.read("db.yaml"));
    folder.write(".hidden/db.yml", &folder.read("db.yaml"));
    let report = folder.kseal(&["reencrypt", "--check", "-o", "json", ".", "db.yaml"]).exits_with(1).json();
    let paths: Vec<_> = report["files"].as_array().unwrap().iter().map(|file| file["path"].clone()).collect();
    assert_eq!(paths, [".hidden/db.yml", "db.yaml", "inplace.yaml"]);
}

#[test]
fn each_file_has_its_own_rule() {
    let repository = Repository::new();
    let folder = &repository.folder;
    folder.git(&["init", "-q"]).succeeds();
    folder.write("dev/db.yaml", &folder.read("db.yaml"));
    folder.write(
        ".kseal.yaml",
        "clusters:\n  prod: {bundle: prod.bundle}\n  dev: {bundle: dev.bundle}\n\
         rules:\n  - {paths: ['dev/**'], clusters: [dev]}\n  - clusters: [prod, dev]\n",
    );
    let run = folder.kseal(&["reencrypt", "--key", "old.yaml", "."]).succeeds();
    assert!(run.stdout.lines().all(|line| line.starts_with("dev/db.yaml: ")), "{}", run.stdout);
    folder.kseal(&["decrypt", "--key", "old.yaml", "dev/db.yaml"]).exits_with(4);
    repository.opens_with("dev.yaml");
}

#[test]
fn compact_gathers_all_values_under_one_data_key_and_unused_ones_go() {
    let repository = Repository::new();
    let folder = &repository.folder;
    // A second data key, as `set` leaves it: the fragment of one value.
    folder.write("value", "swordfish");
    let raw = ["encrypt", "--raw", "password", "--name", "db", "-n", "prod", "value"];
    let fragment = folder.kseal(&raw).succeeds().stdout;
    let (keys, value) = fragment.split_once("encryptedData:\n").unwrap();
    let data_key: String = keys.lines().skip(1).flat_map(|line| ["  ", line, "\n"]).collect();
    let before = folder.read("db.yaml");
    let password = before.lines().find(|line| line.trim_start().starts_with("password: ks1.")).unwrap();
    let text = before.replace(password, &format!("  {}", value.trim_end()));
    let text = text.replace("  dataKeys:\n", &format!("  dataKeys:\n{data_key}"));
    folder.write("db.yaml", &text);
    folder.kseal(&["reencrypt", "--check", "db.yaml"]).succeeds();

    folder.kseal(&["reencrypt", "--check", "--compact", "db.yaml"]).exits_with(1);
    folder.kseal(&["reencrypt", "--compact", "--key", "old.yaml", "db.yaml"]).succeeds();
    let after = folder.read("db.yaml");
    assert_eq!(after.matches("commitment:").count(), 1);
    let opened = folder.kseal(&["decrypt", "--key", "dev.yaml", "db.yaml"]).succeeds().stdout;
    assert!(opened.contains("user: app") && opened.contains("password: swordfish"), "{opened}");
    folder.kseal(&["reencrypt", "--check", "--compact", "db.yaml"]).succeeds();

    let text = after.replace("  dataKeys:\n", &format!("  dataKeys:\n{data_key}"));
    folder.write("db.yaml", &text);
    let run = folder.kseal(&["reencrypt", "db.yaml"]).succeeds();
    assert!(run.stdout.contains("dropped 1 unused data key"), "{}", run.stdout);
    assert_eq!(folder.read("db.yaml"), after);
}

#[test]
fn values_of_sealed_secrets_are_judged_by_the_key_that_opens_them() {
    let folder = Folder::new();
    for name in ["one", "two"] {
        let args = ["keys", "generate", "--suite", "RSA-4096", "-o", &format!("{name}.key")];
        folder.write(&format!("{name}.bundle"), &folder.kseal(&args).succeeds().stdout);
    }
    folder.write("db.yaml", SECRET);
    folder.kseal(&["encrypt", "--format", "bitnami", "--keys", "one.bundle", "-i", "db.yaml"]).succeeds();
    let run = folder.kseal(&["reencrypt", "--check", "--keys", "two.bundle", "db.yaml"]).succeeds();
    assert!(run.stdout.contains("unknown for what key 2 values are sealed"), "{}", run.stdout);
    folder.kseal(&["reencrypt", "--keys", "two.bundle", "db.yaml"]).exits_with(4);
    // Sealed for the current one: nothing is written.
    let before = folder.read("db.yaml");
    folder.kseal(&["reencrypt", "--keys", "one.bundle", "--key", "one.key", "db.yaml"]).succeeds();
    assert_eq!(before, folder.read("db.yaml"));
    let args = ["reencrypt", "--keys", "two.bundle", "--key", "one.key", "db.yaml"];
    assert!(folder.kseal(&args).succeeds().stdout.contains("sealed 2 values anew for the current certificate"));
    assert!(folder.kseal(&["decrypt", "--key", "two.key", "db.yaml"]).succeeds().stdout.ends_with(PLAIN));
    // What opens with no key at hand is most likely current, and nobody can tell.
    let run = folder.kseal(&args).succeeds();
    assert!(run.stderr.contains("0 files changed, 0 up to date"), "{}", run.stderr);
    folder.kseal(&["reencrypt", "--keys", "one.bundle", "--key", "one.key", "db.yaml"]).exits_with(5);
}
