//! `kseal exec-env`.

mod harness;

use harness::{Folder, Run};

fn sealed(items: &[&str]) -> Folder {
    let folder = Folder::with_keys();
    let mut args = vec!["create", "generic", "db", "-n", "prod", "--keys", "bundle.yaml", "-o", "db.yaml"];
    for item in items {
        args.extend(["--insecure-from-literal", item]);
    }
    folder.kseal(&args).succeeds();
    folder
}

fn run(folder: &Folder, args: &[&str]) -> Run {
    folder.kseal(&[&["exec-env", "db.yaml", "--key", "key.yaml"], args].concat())
}

#[test]
fn the_program_sees_the_values_and_its_exit_code_passes() {
    let folder = sealed(&["USER_NAME=ada", "pass-word=a b"]);
    let script = "printf '%s|%s|%s' \"$APP_USER_NAME\" \"$APP_PASS_WORD\" \"$1\"; exit 42";
    let args = ["--prefix", "APP_", "--upper", "--", "sh", "-c", script, "sh", "-x"];
    assert_eq!(run(&folder, &args).exits_with(42).stdout, "ada|a b|-x");
}

#[test]
fn keys_that_are_no_names_are_refused_or_skipped() {
    let folder = sealed(&["a=1", "b.c=2"]);
    let refused = run(&folder, &["--", "true"]).exits_with(3);
    assert!(refused.stderr.contains("no names of variables: b.c"), "{}", refused.stderr);
    assert_eq!(run(&folder, &["--skip-invalid", "--", "sh", "-c", "echo $a"]).succeeds().stdout, "1\n");
}

#[test]
fn a_zero_byte_cannot_stand_in_an_environment() {
    let folder = sealed(&["a=1"]);
    folder.kseal_with_input(&["set", "db.yaml", "z", "--keys", "bundle.yaml"], "hunter2\0").succeeds();
    let refused = run(&folder, &["--", "true"]).exits_with(3);
    assert!(refused.stderr.contains("the value of z holds a zero byte"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("hunter2"));
}

#[test]
fn the_name_of_the_key_file_does_not_reach_the_program() {
    let folder = sealed(&["a=1"]);
    let script = "KSEAL_KEY_FILE=key.yaml kseal exec-env db.yaml -- sh -c 'echo \"$a:${KSEAL_KEY_FILE-gone}\"'";
    assert_eq!(run(&folder, &["--", "sh", "-c", script]).succeeds().stdout, "1:gone\n");
}

#[test]
fn without_a_key_or_a_program_nothing_runs() {
    let folder = sealed(&["a=1"]);
    folder.kseal(&["exec-env", "db.yaml", "--", "echo", "ran"]).exits_with(4);
    run(&folder, &[]).exits_with(2);
    let missing = run(&folder, &["--", "no-such-program"]).exits_with(7);
    assert!(missing.stderr.contains("cannot run no-such-program"), "{}", missing.stderr);
}

#[test]
fn no_item_decides_which_program_runs() {
    let folder = sealed(&["PATH=evil", "a=1"]);
    folder.write("evil/true", "#!/bin/sh\necho evil ran\n");
    make_executable(&folder, "evil/true");
    let refused = run(&folder, &["--", "true"]).exits_with(6);
    assert!(refused.stderr.contains("told what to run: PATH"), "{}", refused.stderr);
    assert_eq!(run(&folder, &["--allow-dangerous-names", "--", "true"]).succeeds().stdout, "");
    let script = "#!/bin/sh\necho \"$X_PATH $X_a\"\n";
    folder.write("show", script);
    make_executable(&folder, "show");
    assert_eq!(run(&folder, &["--prefix", "X_", "--", "./show"]).succeeds().stdout, "evil 1\n");
    let name = run(&folder, &["--prefix", "X_", "--", "sh", "-c", "echo $0"]).succeeds().stdout;
    assert_eq!(name, "sh\n");
}

fn make_executable(folder: &Folder, name: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o755)).expect("the mode can be set");
}
