//! What the program says of itself: help, completions, manual pages, as `kseal` and as `kubectl kseal`.

mod harness;

use std::process::Command;

use harness::Folder;

fn as_plugin(args: &[&str]) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-kseal")).args(args).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (text(output.stdout), text(output.stderr))
}

#[test]
fn the_plugin_speaks_of_itself_as_people_call_it() {
    let (help, _) = as_plugin(&["encrypt", "--help"]);
    assert!(help.contains("Usage: kubectl kseal encrypt") && help.contains("  kubectl kseal encrypt --keys"), "{help}");
    let (_, error) = as_plugin(&["encrypt", "--no-such-option"]);
    assert!(error.contains("Usage: kubectl kseal encrypt"), "{error}");
    assert_eq!(as_plugin(&["--version"]).0, Folder::new().kseal(&["--version"]).succeeds().stdout);
    let help = Folder::new().kseal(&["encrypt", "--help"]).succeeds().stdout;
    assert!(!help.contains("kubectl kseal"), "{help}");
}

#[test]
fn help_groups_the_commands_and_lists_the_exit_codes() {
    let folder = Folder::new();
    let help = folder.kseal(&["--help"]).succeeds().stdout;
    for part in ["Seal and open:\n  encrypt", "Life of a repository:\n  reencrypt", "Exit codes:\n  0  done", "--quiet"]
    {
        assert!(help.contains(part), "{part}\n{help}");
    }
    assert_eq!(folder.kseal(&[]).exits_with(2).stderr, help);
}

#[test]
fn every_shell_gets_a_script() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = folder.kseal(&["completion", shell]).succeeds();
        assert!(run.stdout.contains("reencrypt") && run.stdout.contains("generate"), "{shell}");
    }
    folder.kseal(&["completion", "tcsh"]).exits_with(2);
}

#[test]
fn the_manual_is_one_page_a_command_and_always_the_same() {
    let folder = Folder::new();
    for dir in ["one", "two/deep"] {
        folder.kseal(&["man", "--dir", dir]).succeeds();
    }
    for page in ["kseal.1", "kseal-encrypt.1", "kseal-keys-generate.1"] {
        let text = folder.read(&format!("one/{page}"));
        assert!(text.contains(".TH") && !text.contains("kubectl-kseal"), "{page}");
        assert_eq!(text, folder.read(&format!("two/deep/{page}")));
    }
    assert!(!folder.join("one/kseal-man.1").exists());
    assert_eq!(folder.kseal(&["man"]).succeeds().stdout, folder.read("one/kseal.1"));
}
