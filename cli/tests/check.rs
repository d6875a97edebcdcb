//! `kseal check`: the guard of a repository.

mod harness;

use harness::Folder;

const PLAIN: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: prod}\nstringData:\n  password: hunter2\n";

/// A repository with one commit of a sealed Secret.
fn repository() -> Folder {
    let folder = Folder::with_keys();
    folder.write(".gitignore", "key.yaml\nignored/\n");
    folder.write("sealed.yaml", PLAIN);
    folder.kseal(&["encrypt", "-i", "--keys", "bundle.yaml", "sealed.yaml"]).succeeds();
    folder.git(&["init", "-q"]).succeeds();
    folder.git(&["add", "."]).succeeds();
    folder.git(&["commit", "-qm", "first"]).succeeds();
    folder
}

fn hook() -> String {
    let text = include_str!("../../docs/git.md");
    let start = text.find("```sh\n#!/bin/sh").expect("the hook in docs/git.md") + "```sh\n".len();
    let end = text[start..].find("```").expect("its end");
    text[start..start + end].to_owned()
}

fn install_hook(folder: &Folder) {
    use std::os::unix::fs::PermissionsExt as _;
    folder.write(".git/hooks/pre-commit", &hook());
    let path = folder.join(".git/hooks/pre-commit");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("the mode can be set");
}

#[test]
fn a_tree_of_sealed_files_passes() {
    let folder = repository();
    let run = folder.kseal(&["check"]).succeeds();
    assert_eq!(run.stdout, "");
    assert_eq!(run.stderr, "checked 2 files: nothing found\n");
    assert_eq!(folder.kseal(&["check", "--quiet"]).succeeds().stderr, "");
}

#[test]
fn plaintext_is_found_with_its_line_and_what_to_do_and_never_printed() {
    let folder = repository();
    folder.write("a/.hidden/plain.yml", PLAIN);
    folder.write("ignored/plain.yaml", PLAIN);
    let run = folder.kseal(&["check", "."]).exits_with(1);
    assert_eq!(
        run.stdout,
        "a/.hidden/plain.yml:5: Secret prod/db holds plaintext: password\n  hint: kseal encrypt -i a/.hidden/plain.yml\n"
    );
    assert_eq!(run.stderr, "checked 3 files: 1 finding\n");
    folder.kseal(&["encrypt", "-i", "--keys", "bundle.yaml", "a/.hidden/plain.yml"]).succeeds();
    folder.kseal(&["check"]).succeeds();
}

#[test]
fn the_report_is_there_for_programs() {
    let folder = Folder::new();
    folder.write("plain.yaml", PLAIN);
    folder.write("t.yaml", "kind: Secret\nname: {{ a }}\n");
    let report = folder.kseal(&["check", "-o", "json"]).exits_with(1).json();
    assert_eq!(report["files"], 2);
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);
    assert_eq!(report["findings"][0]["file"], "plain.yaml");
    assert_eq!(report["findings"][0]["line"], 5);
    assert_eq!(report["findings"][0]["rule"], "plaintext-secret");
    assert_eq!(report["notes"][0]["file"], "t.yaml");
}

#[test]
fn a_file_that_is_named_is_read_whatever_it_is_called() {
    let folder = Folder::new();
    folder.write("secret.txt", PLAIN);
    folder.kseal(&["check"]).succeeds();
    folder.kseal(&["check", "secret.txt"]).exits_with(1);
    let run = folder.kseal_with_input(&["check", "-"], PLAIN).exits_with(1);
    assert!(run.stdout.starts_with("standard input:5: "), "{}", run.stdout);
    let run = folder.kseal(&["check", "none.yaml", "secret.txt"]).exits_with(7);
    assert!(run.stdout.contains("secret.txt:5") && run.stderr.contains("cannot read none.yaml"), "{run:?}");
}

#[test]
fn what_is_excluded_is_not_read() {
    let folder = Folder::new();
    folder.write("charts/a/plain.yaml", PLAIN);
    folder.write("plain.test.yaml", PLAIN);
    folder.kseal(&["check", "--exclude", "charts/"]).exits_with(1);
    folder.kseal(&["check", "--exclude", "charts/", "--exclude", "*.test.yaml"]).succeeds();
    folder.kseal(&["check", "--exclude", "charts/", "charts/a/plain.yaml"]).succeeds();
    folder.kseal(&["check", "--exclude", "a{"]).exits_with(2);
}

#[test]
fn a_file_that_is_no_yaml_is_named_and_with_strict_a_finding() {
    let folder = Folder::new();
    folder.write("chart/secret.yaml", "kind: Secret\nmetadata:\n  name: {{ .Release.Name }}\n");
    let run = folder.kseal(&["check"]).succeeds();
    assert!(run.stderr.contains("warning: chart/secret.yaml: searched as text only: line 3"), "{}", run.stderr);
    let run = folder.kseal(&["check", "--strict"]).exits_with(1);
    assert!(run.stdout.contains("chart/secret.yaml:1: searched as text only"), "{}", run.stdout);
    std::fs::write(folder.join("latin1.yaml"), b"a: \xe4\n").unwrap();
    let run = folder.kseal(&["check"]).exits_with(1);
    assert!(run.stdout.contains("latin1.yaml:1: not UTF-8 text, so it cannot be checked"), "{}", run.stdout);
}

#[test]
fn a_file_in_utf_16_is_checked_and_one_with_nul_is_a_finding() {
    let folder = Folder::new();
    for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        let octets: Vec<u8> = format!("\u{feff}{PLAIN}").encode_utf16().flat_map(bytes).collect();
        std::fs::write(folder.join("a.yaml"), &octets).unwrap();
        let run = folder.kseal(&["check"]).exits_with(1);
        assert!(run.stdout.starts_with("a.yaml:5: Secret prod/db holds plaintext"), "{}", run.stdout);
        std::fs::write(folder.join("a.yaml"), &octets[2..]).unwrap();
        let run = folder.kseal(&["check"]).exits_with(1);
        assert!(run.stdout.starts_with("a.yaml:1: not UTF-8 text"), "{}", run.stdout);
    }
}

#[test]
fn what_is_tracked_or_ignored_by_one_user_only_is_checked() {
    let folder = repository();
    folder.write("ignored/plain.yaml", PLAIN);
    folder.kseal(&["check"]).succeeds();
    folder.git(&["add", "-f", "ignored/plain.yaml"]).succeeds();
    for path in [".", "ignored"] {
        let run = folder.kseal(&["check", path]).exits_with(1);
        assert!(run.stdout.starts_with("ignored/plain.yaml:5: "), "{}", run.stdout);
    }
    folder.kseal(&["check", "--exclude", "ignored/"]).succeeds();
    folder.git(&["rm", "-q", "--cached", "ignored/plain.yaml"]).succeeds();
    folder.write("mine.yaml", PLAIN);
    folder.write(".git/info/exclude", "mine.yaml\n");
    folder.kseal(&["check"]).exits_with(1);
    folder.write(".git/info/exclude", "");
    folder.write("git/ignore", "mine.yaml\n");
    folder.kseal(&["check"]).exits_with(1);
}

#[test]
fn private_keys_are_found() {
    let folder = Folder::with_keys();
    let run = folder.kseal(&["check"]).exits_with(1);
    assert!(run.stdout.starts_with("key.yaml:1: Secret kseal-"), "{}", run.stdout);
    assert!(run.stdout.contains("holds a private key"), "{}", run.stdout);
}

#[test]
fn a_secret_that_is_sealed_in_place_only_in_part_is_found() {
    let folder = Folder::with_keys();
    folder.write("a.yaml", PLAIN);
    folder.kseal(&["encrypt", "-i", "--format", "secret", "--keys", "bundle.yaml", "a.yaml"]).succeeds();
    folder.kseal(&["check", "a.yaml"]).succeeds();
    folder.write("a.yaml", &format!("{}  token: hunter3\n", folder.read("a.yaml")));
    let run = folder.kseal(&["check", "a.yaml"]).exits_with(1);
    assert!(run.stdout.contains("Secret prod/db is sealed, but not all of it: token"), "{}", run.stdout);
    assert!(run.stdout.lines().count() == 2, "{}", run.stdout);
    folder.kseal(&["encrypt", "-i", "--format", "secret", "--keys", "bundle.yaml", "a.yaml"]).succeeds();
    folder.kseal(&["check", "a.yaml"]).succeeds();
}

#[test]
fn a_sealed_object_that_was_moved_or_broken_is_found() {
    let folder = repository();
    let sealed = folder.read("sealed.yaml");
    folder.write("moved.yaml", &sealed.replacen("namespace: prod", "namespace: dev", 1));
    let run = folder.kseal(&["check", "moved.yaml"]).exits_with(1);
    assert!(run.stdout.contains("sealed for prod/db, found in dev/db"), "{}", run.stdout);
    folder.write("broken.yaml", &sealed.replace("password: ks1.", "password: ks1.x"));
    let run = folder.kseal(&["check", "broken.yaml"]).exits_with(1);
    assert!(run.stdout.contains("item password: not a handle"), "{}", run.stdout);
}

#[test]
fn the_index_is_checked_and_not_the_working_tree() {
    let folder = repository();
    folder.write("new file.yaml", PLAIN);
    folder.kseal(&["check", "--staged"]).succeeds();
    folder.git(&["add", "."]).succeeds();
    folder.write("new file.yaml", "kind: ConfigMap\n");
    let run = folder.kseal(&["check", "--staged"]).exits_with(1);
    assert!(run.stdout.starts_with("new file.yaml:5: "), "{}", run.stdout);
    folder.kseal(&["check", "--staged", "sealed.yaml"]).succeeds();
    folder.kseal(&["check", "--staged", "--exclude", "new*"]).succeeds();
    folder.git(&["add", "."]).succeeds();
    folder.write("new file.yaml", PLAIN);
    folder.kseal(&["check", "--staged"]).succeeds();
    folder.git(&["rm", "-q", "--cached", "sealed.yaml"]).succeeds();
    folder.kseal(&["check", "--staged"]).succeeds();
    let run = Folder::new().kseal(&["check", "--staged"]).exits_with(7);
    assert!(run.stderr.contains("git"), "{}", run.stderr);
}

#[test]
fn the_documented_hook_refuses_plaintext_and_lets_sealed_files_pass() {
    let folder = repository();
    install_hook(&folder);
    folder.write("db.yaml", &PLAIN.replace("name: db", "name: new"));
    folder.git(&["add", "db.yaml"]).succeeds();
    let run = folder.git(&["commit", "-qm", "plaintext"]).exits_with(1);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("db.yaml:5: Secret prod/new holds plaintext: password"), "{said}");
    assert!(!said.contains("hunter2"));
    folder.git(&["commit", "-qm", "plaintext", "db.yaml"]).exits_with(1);
    folder.kseal(&["encrypt", "-i", "--keys", "bundle.yaml", "db.yaml"]).succeeds();
    folder.git(&["add", "db.yaml"]).succeeds();
    folder.git(&["commit", "-qm", "sealed"]).succeeds();
    assert_eq!(folder.git(&["log", "--format=%s"]).stdout, "sealed\nfirst\n");
}

#[test]
fn the_documented_hook_guards_the_first_commit_too() {
    let folder = Folder::new();
    folder.git(&["init", "-q"]).succeeds();
    install_hook(&folder);
    folder.write("db.yaml", PLAIN);
    folder.git(&["add", "."]).succeeds();
    folder.git(&["commit", "-qm", "plaintext"]).exits_with(1);
}

#[test]
fn ten_thousand_files_are_checked_in_seconds() {
    let folder = repository();
    let sealed = folder.read("sealed.yaml");
    for number in 0..10_000 {
        let text = if number % 10 == 0 { &sealed } else { "kind: ConfigMap\napiVersion: v1\ndata: {a: b}\n" };
        folder.write(&format!("d{}/f{number}.yaml", number % 100), text);
    }
    #[expect(clippy::disallowed_methods, reason = "a test may look at the clock")]
    let start = std::time::Instant::now();
    folder.kseal(&["check"]).succeeds();
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn pre_commit_runs_what_the_program_knows() {
    let hooks = include_str!("../../.pre-commit-hooks.yaml");
    let folder = repository();
    let entry = hooks.lines().find_map(|line| line.trim().strip_prefix("entry: kseal ")).expect("an entry");
    let args: Vec<&str> = entry.split(' ').chain(["sealed.yaml", "bundle.yaml"]).collect();
    folder.kseal(&args).succeeds();
}

#[test]
fn a_repository_in_which_git_does_not_answer_is_not_taken_for_checked() {
    let folder = Folder::with_keys();
    folder.write(".git/HEAD", "this is no repository");
    let run = folder.kseal(&["check", "."]).exits_with(7);
    assert!(run.stderr.contains("tracked files"), "{}", run.stderr);
}
