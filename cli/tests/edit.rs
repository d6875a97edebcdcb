//! `kseal edit`, with shell scripts in the place of editors.

mod harness;

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use harness::{Folder, Run};
use rustix::process::{Pid, Signal, kill_process};

/// A folder with `db.yaml`, sealed with two items.
fn sealed(format: &str) -> Folder {
    let folder = Folder::with_keys();
    let items = ["--insecure-from-literal", "user=ada", "--insecure-from-literal", "password=hunter2"];
    let args = ["create", "generic", "db", "-n", "prod", "--format", format, "--keys", "bundle.yaml", "-o", "db.yaml"];
    folder.kseal(&[&args[..], &items].concat()).succeeds();
    folder
}

fn start(folder: &Folder, script: &str, args: &[&str]) -> Child {
    folder.write("editor", &format!("#!/bin/sh\nset -e\n{script}\n"));
    fs::set_permissions(folder.join("editor"), fs::Permissions::from_mode(0o700)).expect("the mode can be set");
    Command::new(env!("CARGO_BIN_EXE_kseal"))
        .args(["edit", "db.yaml", "--keys", "bundle.yaml"])
        .args(args)
        .current_dir(folder.path())
        .env("EDITOR", "./editor")
        .env_remove("VISUAL")
        .env_remove("KSEAL_KEY_FILE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kseal runs")
}

/// Runs `kseal edit` with a script that gets the file as `$1`.
fn edit(folder: &Folder, script: &str, args: &[&str]) -> Run {
    Run::from(start(folder, script, args).wait_with_output().expect("it ends"))
}

const KEY: [&str; 2] = ["--key", "key.yaml"];

fn get(folder: &Folder, item: &str) -> String {
    folder.kseal(&["get", "db.yaml", item, "--key", "key.yaml"]).succeeds().stdout
}

#[test]
fn changed_values_are_sealed_and_others_keep_their_bytes() {
    for format in ["kseal", "secret"] {
        let folder = sealed(format);
        let before = folder.read("db.yaml");
        let user = before.lines().find(|line| line.contains("user: ks1.")).expect("it is sealed");
        let script = "cp \"$1\" seen; sed -i 's/hunter2/new/; $a\\  more: |\\n    a\\n    b' \"$1\"";
        let run = edit(&folder, script, &KEY).succeeds();
        assert!(run.stderr.contains("prod/db: added more; changed password, sealed for local (k"), "{}", run.stderr);
        let after = folder.read("db.yaml");
        assert!(after.contains(user), "{after}");
        assert_eq!(after.matches("commitment").count(), 2, "{after}");
        assert_eq!((get(&folder, "password"), get(&folder, "more")), ("new".into(), "a\nb\n".into()));
        assert!(folder.read("seen").contains("values:\n  password: hunter2\n  user: ada\n"));
    }
}

#[test]
fn without_a_key_values_can_be_kept_replaced_and_removed() {
    let folder = sealed("kseal");
    let script = "grep -q hunter2 \"$1\" && exit 1; printf 'object: SealedSecret prod/db\\nvalues:\\n  \
                  user: {sealed: keep}\\n  bin: {base64: AP8=}\\n' > \"$1\"";
    let run = edit(&folder, script, &[]).succeeds();
    assert!(run.stderr.contains("added bin; removed password, sealed for"), "{}", run.stderr);
    assert_eq!(get(&folder, "user"), "ada");
    let all = folder.kseal(&["decrypt", "db.yaml", "--key", "key.yaml"]).succeeds().stdout;
    assert!(all.contains("bin: AP8=") && !all.contains("password"), "{all}");
}

#[test]
fn an_unchanged_text_writes_nothing() {
    let folder = sealed("kseal");
    let modified = || fs::metadata(folder.join("db.yaml")).and_then(|it| it.modified()).expect("a time");
    let before = modified();
    for (script, said) in [("touch \"$1\"", "nothing changed"), (": > \"$1\"", "is empty"), ("rm \"$1\"", "is empty")] {
        let run = edit(&folder, script, &KEY).succeeds();
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
    let failed = edit(&folder, "echo 'x: y' > \"$1\"; exit 3", &KEY).exits_with(7);
    assert!(failed.stderr.contains("the editor `./editor` failed: exit status: 3"), "{}", failed.stderr);
    assert_eq!(modified(), before);
}

#[test]
fn a_text_that_does_not_parse_comes_back_with_the_error_on_top() {
    let folder = sealed("kseal");
    let script = "if [ -e again ]; then cp \"$1\" seen; sed -i 's/^ user: /  user: /; s/hunter2/new/' \"$1\"\n\
                  else touch again; sed -i 's/^  user: / user: /' \"$1\"; fi";
    edit(&folder, script, &KEY).succeeds();
    let seen = folder.read("seen");
    let number = seen.lines().position(|line| line.starts_with(" user: ")).expect("the text is kept") + 1;
    assert!(seen.starts_with(&format!("#! error: line {number}, column 2: ")), "{seen}");
    assert_eq!(get(&folder, "password"), "new");
}

#[test]
fn the_same_error_twice_ends_it() {
    let folder = sealed("kseal");
    let before = folder.read("db.yaml");
    let run = edit(&folder, "echo 'values: [hunter2' > \"$1\"", &KEY).exits_with(3);
    assert!(run.stderr.starts_with("error: db.yaml: line ") && !run.stderr.contains("hunter2"), "{}", run.stderr);
    // A script that makes another text each time gets no endless supply of tries.
    edit(&folder, "echo x >> \"$1\"", &KEY).exits_with(3);
    assert_eq!(folder.read("db.yaml"), before);
}

#[test]
fn a_sealed_value_cannot_be_renamed_and_an_object_cannot_go() {
    let folder = sealed("kseal");
    let renamed = edit(&folder, "sed -i 's/^  user:/  login:/' \"$1\"", &[]).exits_with(3);
    assert!(renamed.stderr.contains("login has no sealed value to keep"), "{}", renamed.stderr);
    let object = edit(&folder, "sed -i 's/^object: .*/object: Secret x/' \"$1\"", &[]).exits_with(3);
    assert!(object.stderr.contains("hint: it has SealedSecret prod/db"), "{}", object.stderr);
}

#[test]
fn each_object_of_a_file_has_its_document() {
    let folder = sealed("kseal");
    let one = folder.read("db.yaml");
    let other = one.replace("name: db", "name: web");
    folder.write("db.yaml", &format!("{one}---\napiVersion: v1\nkind: ConfigMap\n---\n{other}"));
    edit(&folder, "sed -i '/prod.web/,$ s/^  user:.*/  user: eve/; /prod.web/,$ {/^    sealed/d}' \"$1\"; sed -i '/prod.web/,$ s/^  password:.*/  password: {sealed: keep}/' \"$1\"", &[]).succeeds();
    let text = folder.read("db.yaml");
    assert!(text.starts_with(&one), "{text}");
    let args = ["get", "db.yaml", "user", "--object", "web", "--key", "key.yaml"];
    assert_eq!(folder.kseal(&args).succeeds().stdout, "eve");
}

#[test]
fn a_file_that_changed_meanwhile_is_not_overwritten() {
    let folder = sealed("kseal");
    let kseal = env!("CARGO_BIN_EXE_kseal");
    let script = format!(
        "if [ -e again ]; then cp \"$1\" seen; touch \"$1\"\n\
         else touch again; sed -i 's/hunter2/mine/' \"$1\"\n\
         {kseal} set db.yaml user --insecure-value theirs --keys bundle.yaml\n\
         {kseal} set db.yaml password --insecure-value theirs --keys bundle.yaml; fi"
    );
    edit(&folder, &script, &KEY).succeeds();
    let seen = folder.read("seen");
    assert!(seen.starts_with("#! error: db.yaml changed on disk meanwhile"), "{seen}");
    assert!(seen.contains("yours stand: password of SealedSecret prod/db"), "{seen}");
    assert!(seen.contains("  password: mine\n  user: theirs\n"), "{seen}");
    assert_eq!((get(&folder, "password"), get(&folder, "user")), ("mine".into(), "theirs".into()));
}

#[test]
fn what_was_not_saved_again_is_not_written() {
    let folder = sealed("kseal");
    let kseal = env!("CARGO_BIN_EXE_kseal");
    let script = format!(
        "[ -e again ] && exit 0; touch again; sed -i 's/hunter2/mine/' \"$1\"\n\
         {kseal} set db.yaml user --insecure-value theirs --keys bundle.yaml"
    );
    let run = edit(&folder, &script, &KEY).exits_with(6);
    assert!(run.stderr.contains("the text was not saved again"), "{}", run.stderr);
    assert_eq!((get(&folder, "password"), get(&folder, "user")), ("hunter2".into(), "theirs".into()));
}

#[test]
fn the_editor_may_be_a_command_with_arguments() {
    let folder = sealed("kseal");
    let run = Command::new(env!("CARGO_BIN_EXE_kseal"))
        .args(["edit", "db.yaml", "--keys", "bundle.yaml", "--key", "key.yaml"])
        .current_dir(folder.path())
        .env("VISUAL", "sed -i -e 's/hunter2/new value/'")
        .env("EDITOR", "false")
        .output()
        .expect("kseal runs");
    Run::from(run).succeeds();
    assert_eq!(get(&folder, "password"), "new value");
}

/// Waits until a condition holds.
fn until(what: &str, holds: impl Fn() -> bool) {
    let held = (0..2_000).any(|_| {
        thread::sleep(Duration::from_millis(10));
        holds()
    });
    assert!(held, "{what}");
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().try_into().expect("a process id")).expect("a process id");
    kill_process(pid, signal).expect("it runs");
}

/// Tells where the file is, leaves a copy beside it as editors do, and waits until it is gone or `go` is there.
const WAITING: &str = "cp \"$1\" \"$1~\"; stat -c '%a %n' \"$(dirname \"$1\")\" \"$1\" > ready.part; mv ready.part ready\n\
                       while [ -e \"$1\" ] && [ ! -e go ]; do sleep 0.02; done\n\
                       [ -e go ] && sed -i 's/hunter2/new/' \"$1\"";

/// The folder of the clear text.
fn private(folder: &Folder) -> PathBuf {
    until("the editor starts", || folder.join("ready").exists());
    let ready = folder.read("ready");
    let lines: Vec<_> = ready.lines().filter_map(|line| line.split_once(' ')).collect();
    assert!(matches!(lines[..], [("700", _), ("600", _)]), "{ready}");
    Path::new(lines[0].1).to_owned()
}

#[test]
fn a_signal_that_ends_it_leaves_no_clear_text_behind() {
    for ending in [Signal::TERM, Signal::HUP] {
        let folder = sealed("kseal");
        let before = folder.read("db.yaml");
        let mut child = start(&folder, WAITING, &KEY);
        let private = private(&folder);
        assert!(private.join("db.yaml~").exists());
        signal(&child, ending);
        assert_eq!(child.wait().expect("it ends").signal(), Some(ending.as_raw()));
        assert!(!private.exists());
        assert_eq!(folder.read("db.yaml"), before);
    }
}

#[test]
fn an_interrupt_is_for_the_editor() {
    let folder = sealed("kseal");
    let child = start(&folder, WAITING, &KEY);
    let private = private(&folder);
    signal(&child, Signal::INT);
    signal(&child, Signal::QUIT);
    folder.write("go", "");
    Run::from(child.wait_with_output().expect("it ends")).succeeds();
    assert_eq!(get(&folder, "password"), "new");
    assert!(!private.exists());
}

#[test]
fn the_folder_goes_when_the_editor_fails() {
    let folder = sealed("kseal");
    let script = "stat -c '%a %n' \"$(dirname \"$1\")\" \"$1\" > ready; mkdir \"$(dirname \"$1\")/undo\"; exit 1";
    edit(&folder, script, &KEY).exits_with(7);
    assert!(!private(&folder).exists());
}
