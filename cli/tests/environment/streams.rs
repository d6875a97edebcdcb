//! Standard input, output and error: terminals, closed pipes, full devices, colours.

use super::{Folder, Run, folder, sh};

/// Runs a line of shell with a terminal as its three streams; what it writes comes back as stdout.
fn in_terminal(folder: &Folder, line: &str) -> Run {
    folder.write("line.sh", line);
    sh(folder, "script -qec 'sh line.sh' /dev/null")
}

#[test]
fn secrets_are_not_printed_to_a_terminal_unasked() {
    let folder = folder();
    for line in [
        "kseal decrypt --key key.yaml sealed.yaml",
        "kseal get --key key.yaml sealed.yaml password",
        "kseal keys export key.yaml",
    ] {
        let run = in_terminal(&folder, line).exits_with(6);
        assert!(run.stdout.contains("hint:") && run.stdout.contains("--show"), "{}", run.stdout);
        assert!(!run.stdout.contains("hunter2") && !run.stdout.contains("seed"), "{}", run.stdout);
        let run = in_terminal(&folder, &format!("{line} --show")).succeeds();
        assert!(run.stdout.contains("hunter2") || run.stdout.contains("seed"), "{}", run.stdout);
    }
    in_terminal(&folder, "kseal decrypt --key key.yaml -o out.yaml sealed.yaml").succeeds();
    assert!(
        in_terminal(&folder, "kseal decrypt --key key.yaml sealed.yaml | cat").succeeds().stdout.contains("hunter2")
    );
    // What is public may be seen.
    assert!(in_terminal(&folder, "kseal encrypt --keys bundle.yaml plain.yaml").succeeds().stdout.contains("ks1."));
}

#[test]
fn colours_are_for_terminals_whose_user_wants_them() {
    let folder = folder();
    let line = "kseal encrypt plain.yaml";
    assert!(in_terminal(&folder, line).exits_with(4).stdout.contains("\u{1b}[1;31merror:"));
    assert!(!in_terminal(&folder, &format!("NO_COLOR=1 {line}")).exits_with(4).stdout.contains('\u{1b}'));
    // Set to nothing is not set.
    assert!(in_terminal(&folder, &format!("NO_COLOR= {line}")).exits_with(4).stdout.contains('\u{1b}'));
    assert!(!sh(&folder, line).exits_with(4).stderr.contains('\u{1b}'));
    assert!(!in_terminal(&folder, &format!("{line} 2>&1 | cat")).stdout.contains('\u{1b}'));
}

#[test]
fn a_full_device_is_an_error() {
    let folder = folder();
    for line in [
        "kseal encrypt --keys bundle.yaml plain.yaml >/dev/full",
        "kseal decrypt --key key.yaml sealed.yaml >/dev/full",
        "kseal get --key key.yaml sealed.yaml password >/dev/full",
        "kseal inspect sealed.yaml >/dev/full",
        "kseal keys list bundle.yaml >/dev/full",
        "kseal completion bash >/dev/full",
    ] {
        let run = sh(&folder, line).exits_with(7);
        assert!(run.stderr.contains("error: cannot write to the standard output"), "{line}: {}", run.stderr);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let folder = folder();
    let value = "0123456789".repeat(50_000);
    let text =
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: a, namespace: b}}\nstringData: {{a: {value}}}\n");
    folder.write("large.yaml", &text);
    for line in ["kseal encrypt --keys bundle.yaml large.yaml", "kseal --help", "kseal completion bash"] {
        // The exit code of the program itself, past the pipe.
        let run = sh(&folder, &format!("( {line}; echo $? >code ) | true; cat code"));
        assert!(!run.stderr.contains("panicked"), "{line}: {}", run.stderr);
        let code: i32 = run.stdout.trim().parse().expect("a code");
        assert!([0, 7, 141].contains(&code), "{line}: {code}: {}", run.stderr);
    }
    // A closed standard error loses the talk, and nothing else.
    let run = sh(&folder, "kseal encrypt --keys bundle.yaml plain.yaml 2>&-").succeeds();
    assert!(run.stdout.contains("ks1."));
}

#[test]
fn a_closed_standard_output_is_an_error_where_there_is_data() {
    let folder = folder();
    let run = sh(&folder, "kseal decrypt --key key.yaml sealed.yaml >&-");
    assert!(run.code == 7 || run.code == 0, "{}", run.stderr);
    assert!(!run.stderr.contains("panicked") && !run.stderr.contains("hunter2"), "{}", run.stderr);
}

#[test]
fn a_prompt_does_not_show_what_is_typed() {
    let folder = folder();
    folder.write("line.sh", "kseal set sealed.yaml password --prompt --keys bundle.yaml");
    let run = sh(&folder, "(sleep 1; printf 'typed-in\\ntyped-in\\n') | script -qec 'sh line.sh' /dev/null");
    assert!(!run.stdout.contains("typed-in") || run.code == 0, "{}", run.stdout);
    let value = folder.kseal(&["get", "--key", "key.yaml", "sealed.yaml", "password"]).succeeds().stdout;
    assert_eq!(value, "typed-in", "{}", run.stdout);
}

#[test]
fn quiet_says_nothing_but_errors() {
    let folder = folder();
    let run = folder.kseal(&["encrypt", "--quiet", "--keys", "bundle.yaml", "plain.yaml"]).succeeds();
    assert_eq!(run.stderr, "");
    let run = folder.kseal(&["encrypt", "--quiet", "plain.yaml"]).exits_with(4);
    assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
}
