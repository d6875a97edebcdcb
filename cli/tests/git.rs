//! `kseal git`: sealed files as git shows them.

mod harness;

use harness::Folder;

const PLAIN: &str = "# kept\napiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: prod}\nstringData:\n  \
                     password: hunter2\n  username: canary\n";

/// A repository with a sealed Secret, of which one value changed since the last commit.
fn changed(format: &str) -> Folder {
    let folder = Folder::with_keys();
    folder.write(".gitignore", "key.yaml\nbundle.yaml\n.gitconfig\n");
    let seal = |text: &str| {
        folder.write("plain.txt", text);
        let args =
            ["encrypt", "--keys", "bundle.yaml", "--key", "key.yaml", "--format", format, "-o", "db.yaml", "plain.txt"];
        folder.kseal(&args).succeeds();
    };
    seal(PLAIN);
    folder.git(&["init", "-q"]).succeeds();
    folder.git(&["add", "db.yaml", ".gitignore"]).succeeds();
    folder.git(&["commit", "-qm", "first"]).succeeds();
    seal(&PLAIN.replace("hunter2", "hunter3"));
    folder
}

/// The lines that a diff adds or takes away.
fn changes(diff: &str) -> Vec<&str> {
    let lines = diff.lines().filter(|line| line.starts_with(['+', '-']));
    lines.filter(|line| !line.starts_with("+++") && !line.starts_with("---")).collect()
}

#[test]
fn a_diff_names_what_changed_and_shows_no_ciphertext() {
    for format in ["kseal", "secret"] {
        let folder = changed(format);
        assert!(folder.git(&["diff"]).succeeds().stdout.contains("ks1."));
        folder.kseal(&["git", "install"]).succeeds();
        let diff = folder.git(&["diff"]).succeeds().stdout;
        assert!(!diff.contains("ks1.") && !diff.contains("hunter") && !diff.contains("canary"), "{diff}");
        let longest = diff.split_whitespace().map(str::len).max().unwrap_or(0);
        assert!(longest < 100, "{diff}");
        let changes = changes(&diff);
        assert!(changes.iter().filter(|line| line.contains("password: sealed (32 bytes) d")).count() == 2, "{diff}");
        assert!(!changes.iter().any(|line| line.contains("username")), "{diff}");
        folder.kseal(&["git", "uninstall"]).succeeds();
        assert!(folder.git(&["diff"]).succeeds().stdout.contains("ks1."));
    }
}

#[test]
fn clear_text_is_shown_only_where_it_is_asked_for_and_a_key_is_at_hand() {
    let folder = changed("kseal");
    folder.kseal(&["git", "install", "--plaintext"]).succeeds();
    let diff = folder.git(&["diff"]).succeeds().stdout;
    assert!(diff.contains("password: sealed (32 bytes)") && !diff.contains("hunter"), "{diff}");
    folder.kseal(&["git", "install", "--plaintext", "--key", "key.yaml"]).succeeds();
    let diff = folder.git(&["diff"]).succeeds().stdout;
    assert!(diff.contains("-    password: hunter2") && diff.contains("+    password: hunter3"), "{diff}");
    assert_eq!(folder.git(&["config", "diff.kseal.cachetextconv"]).succeeds().stdout, "false\n");
    folder.kseal(&["git", "install"]).succeeds();
    folder.git(&["config", "diff.kseal.cachetextconv"]).exits_with(1);
    let diff = folder.git(&["diff"]).succeeds().stdout;
    assert!(!diff.contains("hunter"), "{diff}");
    let run = folder.kseal(&["git", "install", "--plaintext", "--key", "none.yaml"]).exits_with(7);
    assert!(run.stderr.contains("there is no none.yaml"), "{}", run.stderr);
    folder.kseal(&["git", "install", "--key", "key.yaml"]).exits_with(2);
}

#[test]
fn installing_twice_is_installing_once_and_lines_of_others_stay() {
    let folder = changed("kseal");
    folder.write(".git/info/attributes", "*.png binary");
    folder.kseal(&["git", "install"]).succeeds();
    let once = folder.read(".git/info/attributes");
    folder.kseal(&["git", "install"]).succeeds();
    assert_eq!(folder.read(".git/info/attributes"), once);
    assert_eq!(folder.git(&["config", "--get-all", "diff.kseal.textconv"]).stdout, "kseal git textconv\n");
    folder.kseal(&["git", "uninstall"]).succeeds();
    assert_eq!(folder.read(".git/info/attributes"), "*.png binary\n");
    let run = folder.kseal(&["git", "uninstall"]).succeeds();
    assert_eq!(run.stderr, "there was nothing to take back\n");
}

#[test]
fn shared_attributes_stand_in_the_tree() {
    let folder = changed("kseal");
    folder.kseal(&["git", "install"]).succeeds();
    folder.kseal(&["git", "install", "--shared"]).succeeds();
    assert!(folder.read(".gitattributes").contains("*.yaml diff=kseal\n"));
    assert_eq!(folder.read(".git/info/attributes").matches("kseal").count(), 0);
    assert!(!folder.git(&["diff"]).succeeds().stdout.contains("ks1."));
    folder.kseal(&["git", "uninstall"]).succeeds();
    assert_eq!(folder.read(".gitattributes"), "");
}

#[test]
fn outside_a_repository_there_is_nothing_to_install() {
    let folder = Folder::new();
    let run = folder.kseal(&["git", "install"]).exits_with(7);
    assert!(run.stderr.contains("not a git repository") && run.stderr.contains("hint: "), "{}", run.stderr);
}

#[test]
fn plaintext_secrets_are_told_by_size_and_other_documents_stay() {
    let folder = Folder::with_keys();
    let text = format!("kind: ConfigMap   # as it is\ndata: {{a:   b}}\n---\n{PLAIN}");
    folder.write("a.yaml", &text);
    let shown = folder.kseal(&["git", "textconv", "a.yaml"]).succeeds().stdout;
    assert!(shown.starts_with("kind: ConfigMap   # as it is\ndata: {a:   b}\n---\n# kept\n"), "{shown}");
    assert!(shown.contains("  password: plaintext (7 bytes) not sealed\n") && !shown.contains("hunter2"), "{shown}");
    let args = ["git", "textconv", "--plaintext", "--key", "key.yaml", "a.yaml"];
    assert_eq!(folder.kseal(&args).succeeds().stdout, text);
    folder.kseal(&["git", "textconv", "none.yaml"]).exits_with(7);
}

#[test]
fn files_of_sealed_secrets_show_their_sizes() {
    let folder = Folder::new();
    let value = format!("AgA={}", "");
    folder.write(
        "a.yaml",
        &format!(
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {{name: a}}\nspec:\n  encryptedData:\n    a: {}\n    b: {value}\n",
            base64_of_an_envelope(256, 5)
        ),
    );
    let shown = folder.kseal(&["git", "textconv", "a.yaml"]).succeeds().stdout;
    assert!(shown.contains("    a: sealed (5 bytes) RSA-2048/"), "{shown}");
    assert!(shown.contains("    b: not a sealed value (4 bytes)\n"), "{shown}");
}

/// An envelope of zeros: three bytes become `AAAA`. The length of the key is big-endian, `01 00` for 256 bytes.
fn base64_of_an_envelope(key: usize, value: usize) -> String {
    let octets = 2 + key + value + 16;
    assert_eq!((key, octets % 3), (256, 0));
    format!("AQAA{}", "A".repeat(octets / 3 * 4 - 4))
}
