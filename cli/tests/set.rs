//! `kseal set` and `kseal unset`.

mod harness;

use harness::Folder;

const SECRET: &str = "\
# what it is for
apiVersion: v1
kind: Secret
metadata:
  name: db
  namespace: prod
data:
  # who
  user: YWRh   # Ada
  password: aHVudGVyMg==
";

/// A folder with `db.yaml`, sealed.
fn sealed(format: &str) -> Folder {
    let folder = Folder::with_keys();
    folder.write("db.yaml", SECRET);
    folder.kseal(&["encrypt", "-i", "db.yaml", "--format", format, "--keys", "bundle.yaml"]).succeeds();
    folder
}

fn set(folder: &Folder, item: &str, value: &str) -> harness::Run {
    folder.kseal_with_input(&["set", "db.yaml", item, "--keys", "bundle.yaml"], value)
}

fn get(folder: &Folder, item: &str) -> String {
    folder.kseal(&["get", "db.yaml", item, "--key", "key.yaml"]).succeeds().stdout
}

/// The lines that a change took away, and those that it brought.
fn diff(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let without = |a: &str, b: &str| a.lines().filter(|line| !b.contains(line)).map(ToOwned::to_owned).collect();
    (without(before, after), without(after, before))
}

#[test]
fn other_values_keep_their_bytes_and_comments_stay() {
    for format in ["kseal", "secret"] {
        let folder = sealed(format);
        let before = folder.read("db.yaml");
        let run = set(&folder, "password", "new").succeeds();
        assert!(run.stderr.starts_with("db.yaml: set password of "), "{}", run.stderr);
        assert!(run.stderr.contains("prod/db, sealed for local (k"), "{}", run.stderr);
        let after = folder.read("db.yaml");
        let (gone, come) = diff(&before, &after);
        assert!(
            gone.len() == 1 && gone[0].starts_with("    password: ks1.") || gone[0].starts_with("  password: ks1.")
        );
        assert_eq!(come.len(), if format == "kseal" { 4 } else { 2 }, "{after}");
        assert!(after.contains("# who\n") && after.contains("# Ada\n"), "{after}");
        assert_eq!((get(&folder, "password"), get(&folder, "user")), ("new".into(), "ada".into()));
    }
}

#[test]
fn unset_takes_the_data_key_that_nothing_needs_with_it() {
    for format in ["kseal", "secret"] {
        let folder = sealed(format);
        let before = folder.read("db.yaml");
        set(&folder, "token", "t").succeeds();
        assert_eq!(get(&folder, "token"), "t");
        folder.kseal(&["unset", "db.yaml", "token"]).succeeds();
        assert_eq!(folder.read("db.yaml"), before, "{format}");
        let run = folder.kseal(&["unset", "db.yaml", "user", "password"]).succeeds();
        assert!(run.stderr.contains("has no value left"), "{}", run.stderr);
        let after = folder.read("db.yaml");
        assert!(!after.contains("commitment") && !after.contains("# who"), "{after}");
        set(&folder, "password", "again").succeeds();
        assert_eq!(get(&folder, "password"), "again");
    }
}

#[test]
fn a_missing_item_cannot_be_unset() {
    let folder = sealed("kseal");
    let run = folder.kseal(&["unset", "db.yaml", "user", "nope"]).exits_with(3);
    assert!(run.stderr.contains("has no item nope") && run.stderr.contains("it has password, user"), "{}", run.stderr);
}

#[test]
fn sealed_secrets_files_are_changed_with_a_certificate() {
    let folder = Folder::new();
    let keys = ["keys", "generate", "--suite", "RSA-4096", "-o", "key.yaml"];
    folder.write("bundle.yaml", &folder.kseal(&keys).succeeds().stdout);
    folder.write("db.yaml", SECRET);
    folder.kseal(&["encrypt", "-i", "db.yaml", "--format", "bitnami", "--keys", "bundle.yaml"]).succeeds();
    set(&folder, "token", "t").succeeds();
    assert_eq!((get(&folder, "token"), get(&folder, "user")), ("t".into(), "ada".into()));
    folder.kseal(&["unset", "db.yaml", "user"]).succeeds();
    folder.kseal(&["get", "db.yaml", "user", "--key", "key.yaml"]).exits_with(3);
}

#[test]
fn a_new_item_of_a_secret_goes_where_it_is_told() {
    let folder = sealed("secret");
    let field =
        |item: &str, flag: &str| folder.kseal_with_input(&["set", "db.yaml", item, flag, "--keys", "bundle.yaml"], "x");
    set(&folder, "first", "x").succeeds();
    field("second", "--string-data").succeeds();
    set(&folder, "third", "x").succeeds();
    field("fourth", "--data").succeeds();
    let text = folder.read("db.yaml");
    let (data, string_data) = text.split_once("stringData:").expect("the field is there");
    assert!(data.contains("first: ks1.") && data.contains("fourth: ks1."), "{text}");
    assert!(string_data.contains("second: ks1.") && string_data.contains("third: ks1."), "{text}");
    field("user", "--string-data").exits_with(2);
}

#[test]
fn with_a_private_key_at_hand_the_same_value_changes_nothing() {
    let folder = sealed("kseal");
    let before = folder.read("db.yaml");
    let args = ["set", "db.yaml", "user", "--keys", "bundle.yaml", "--key", "key.yaml"];
    let run = folder.kseal_with_input(&args, "ada").succeeds();
    assert!(run.stderr.contains("stays as it is"), "{}", run.stderr);
    assert_eq!(folder.read("db.yaml"), before);
}

#[test]
fn a_65th_data_key_is_refused() {
    let folder = sealed("kseal");
    for number in 0..63 {
        set(&folder, &format!("item{number}"), "x").succeeds();
    }
    let before = folder.read("db.yaml");
    let run = set(&folder, "last", "x").exits_with(6);
    assert!(run.stderr.contains("hint: `kseal reencrypt --compact`"), "{}", run.stderr);
    assert_eq!(folder.read("db.yaml"), before);
    set(&folder, "item7", "in the place of another").succeeds();
}

#[test]
fn a_key_that_no_bundle_knows_is_reported_and_left() {
    let folder = sealed("kseal");
    let other = Folder::new();
    let keys = ["keys", "generate", "--suite", "X25519", "-o", "key.yaml"];
    folder.write("bundle.yaml", &other.kseal(&keys).succeeds().stdout);
    let run = set(&folder, "password", "x").succeeds();
    assert!(run.stderr.contains("is in no configured bundle, and can open user"), "{}", run.stderr);
    assert_eq!(get(&folder, "user"), "ada");
}

#[test]
fn the_object_is_named_where_there_are_several() {
    let folder = sealed("kseal");
    let one = folder.read("db.yaml");
    folder.write("db.yaml", &format!("{one}---\n{}", one.replace("name: db", "name: web")));
    let several = set(&folder, "a", "x").exits_with(2);
    assert!(several.stderr.contains("choose one with --object: prod/db, prod/web"), "{}", several.stderr);
    let args = ["set", "db.yaml", "a", "--object", "web", "--keys", "bundle.yaml"];
    folder.kseal_with_input(&args, "x").succeeds();
    assert!(folder.read("db.yaml").starts_with(&one));
}

#[test]
fn a_moved_object_says_so_until_all_its_values_are_new() {
    let folder = sealed("kseal");
    let text = folder.read("db.yaml").replacen("namespace: prod", "namespace: dev", 1);
    folder.write("db.yaml", &text);
    let run = set(&folder, "user", "x").succeeds();
    assert!(run.stderr.contains("sealed for prod/db, found in dev/db"), "{}", run.stderr);
    folder.write("db.yaml", &text);
    folder.kseal(&["unset", "db.yaml", "password"]).succeeds();
    let run = set(&folder, "user", "x").succeeds();
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    assert_eq!(get(&folder, "user"), "x");
    assert!(folder.read("db.yaml").contains("sealedFor:\n    namespace: dev\n"));
}

#[test]
fn a_flag_does_not_tear_an_object_apart() {
    let folder = Folder::with_keys();
    folder.write("db.yaml", &SECRET.replace("  namespace: prod\n", ""));
    folder.kseal(&["encrypt", "-i", "db.yaml", "-n", "prod", "--keys", "bundle.yaml"]).succeeds();
    set(&folder, "password", "new").succeeds();
    assert_eq!(get(&folder, "password"), "new");
    let before = folder.read("db.yaml");
    let args = ["set", "db.yaml", "password", "-n", "dev", "--keys", "bundle.yaml"];
    let run = folder.kseal_with_input(&args, "x").exits_with(2);
    assert!(run.stderr.contains("sealed for prod/db, found in dev/db, as -n says"), "{}", run.stderr);
    assert_eq!(folder.read("db.yaml"), before);
}

#[test]
fn plaintext_is_to_be_encrypted_first() {
    let folder = Folder::with_keys();
    folder.write("db.yaml", SECRET);
    let run = set(&folder, "user", "x").exits_with(3);
    assert!(run.stderr.contains("hint: seal it with `kseal encrypt -i db.yaml`"), "{}", run.stderr);
}

#[test]
fn values_come_from_a_file_or_a_flag_that_warns() {
    let folder = sealed("kseal");
    folder.write("value", "from a file\n");
    let with = |more: &[&str]| folder.kseal(&[&["set", "db.yaml", "a", "--keys", "bundle.yaml"], more].concat());
    with(&["--from-file", "value"]).succeeds();
    assert_eq!(get(&folder, "a"), "from a file\n");
    with(&["--insecure-value", "v", "-o", "other.yaml"]).succeeds();
    assert_eq!(get(&folder, "a"), "from a file\n");
    assert!(folder.read("other.yaml").contains("    a: ks1."));
    with(&["--insecure-value", "v", "--from-file", "value"]).exits_with(2);
    let line_end = set(&folder, "a", "x\n").succeeds();
    assert!(line_end.stderr.contains("ends in a line end"), "{}", line_end.stderr);
}

/// Runs kseal while a named pipe that it reads holds it up: `meanwhile` happens when it has read all before the pipe.
fn held_up(folder: &Folder, args: &[&str], meanwhile: impl FnOnce(), input: &str) -> harness::Run {
    let made = std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().expect("the pipe works");
    assert!(made.success());
    std::thread::scope(|scope| {
        let run = scope.spawn(|| folder.kseal(args));
        // Opening it waits for the reader.
        let mut pipe = std::fs::OpenOptions::new().write(true).open(folder.join("pipe")).expect("the pipe works");
        meanwhile();
        std::io::Write::write_all(&mut pipe, input.as_bytes()).expect("the pipe works");
        drop(pipe);
        run.join().expect("the pipe works")
    })
}

#[test]
fn what_others_change_while_the_value_is_waited_for_stays() {
    let folder = sealed("kseal");
    let args = ["set", "db.yaml", "password", "--keys", "bundle.yaml", "--from-file", "pipe"];
    held_up(&folder, &args, || drop(set(&folder, "user", "bob").succeeds()), "new").succeeds();
    assert_eq!((get(&folder, "password"), get(&folder, "user")), ("new".into(), "bob".into()));
}

#[test]
fn a_file_that_changes_while_it_is_worked_on_is_left_as_it_is() {
    let folder = Folder::with_keys();
    folder.write("db.yaml", SECRET);
    let changed = format!("{SECRET}  # changed\n");
    let args = ["encrypt", "-i", "db.yaml", "pipe", "--keys", "bundle.yaml"];
    let run = held_up(&folder, &args, || folder.write("db.yaml", &changed), SECRET).exits_with(6);
    assert!(run.stderr.contains("db.yaml was changed meanwhile"), "{}", run.stderr);
    assert!(run.stderr.contains("run it again"), "{}", run.stderr);
    assert_eq!(folder.read("db.yaml"), changed);
}

#[test]
fn an_object_for_many_namespaces_is_changed_as_any_other() {
    let folder = Folder::with_keys();
    folder.write("db.yaml", SECRET);
    let encrypt = ["encrypt", "-i", "db.yaml", "--namespace-selector", "team in (a,b)", "--keys", "bundle.yaml"];
    folder.kseal(&encrypt).succeeds();
    let before = folder.read("db.yaml");
    assert!(before.contains("# who\n") && !before.contains("prod"), "{before}");
    set(&folder, "password", "new").succeeds();
    let after = folder.read("db.yaml");
    let (gone, _) = diff(&before, &after);
    assert!(gone.len() == 1 && gone[0].starts_with("    password: ks1."), "{gone:?}");
    assert_eq!((get(&folder, "password"), get(&folder, "user")), ("new".into(), "ada".into()));
    folder.kseal(&["unset", "db.yaml", "user"]).succeeds();
    assert!(!folder.read("db.yaml").contains("user:"));
    let opened = folder.kseal(&["decrypt", "--key", "key.yaml", "db.yaml"]).succeeds().stdout;
    assert!(opened.contains("kind: Secret\n") && opened.contains("password: new\n"), "{opened}");
    folder.kseal(&["verify", "--key", "key.yaml", "--keys", "bundle.yaml", "db.yaml"]).succeeds();
    let run = folder.kseal(&["exec-env", "--key", "key.yaml", "db.yaml", "--", "printenv", "password"]).succeeds();
    assert_eq!(run.stdout, "new\n");
}
