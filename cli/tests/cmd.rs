//! What the program says, one file of `cmd/` for each group of behaviours, in the folder `cmd/fixtures`.
//!
//! After a wanted change: `TRYCMD=overwrite cargo test -p kseal --test cmd`, and read the diff. Keys, bundles and sealed
//! files are made by `cmd/regenerate`; all their values are `hunter2` and `shop`.

#![expect(clippy::disallowed_methods, reason = "this is test code, outside of a function that says so")]

mod harness;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use harness::Folder;

/// Whatever a command does, it does in a copy: none of them can reach this repository.
#[test]
fn the_program_says_what_it_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, _) in transcripts() {
        let to = folder.path().join(path.file_name().expect("a name"));
        fs::copy(&path, &to).expect("a copy");
        copy_fixtures(&to.with_extension("in"));
    }
    let _back = CopyBack(folder.path());
    let cases = trycmd::TestCases::new();
    // Without a repository above, and without the settings of who runs the tests.
    cases.env("GIT_CEILING_DIRECTORIES", folder.path().to_string_lossy());
    cases.env("HOME", folder.path().to_string_lossy()).env("NO_COLOR", "1");
    // Nor their clusters, nor one around them.
    cases.env("KUBECONFIG", "").env("KUBERNETES_SERVICE_HOST", "");
    cases.case(folder.path().join("*.trycmd")).run();
}

/// Takes the transcripts back where `TRYCMD=overwrite` changed them, however the run ended.
struct CopyBack<'p>(&'p Path);

impl Drop for CopyBack<'_> {
    fn drop(&mut self) {
        if std::env::var_os("TRYCMD").is_some_and(|value| value == "overwrite") {
            for (path, _) in transcripts() {
                let _ = fs::copy(self.0.join(path.file_name().unwrap_or_default()), &path);
            }
        }
    }
}

#[test]
fn nothing_that_it_says_of_bad_input_is_a_value() {
    for (file, text) in transcripts() {
        for value in ["hunter2", "aHVudGVyM", "68756e74657232"] {
            assert!(!text.contains(value), "{} shows {value}", file.display());
        }
    }
}

#[test]
fn a_command_that_fails_changes_nothing_and_says_where_and_what_to_do() {
    let mut seen = 0;
    for (_, text) in transcripts() {
        for (command, code) in failing(&text) {
            let folder = Folder::new();
            copy_fixtures(folder.path());
            let before = snapshot(folder.path());
            let words: Vec<&str> = command.split(' ').collect();
            let run = folder.kseal(&words).exits_with(code);
            assert!(snapshot(folder.path()) == before, "kseal {command} leaves or changes something");
            let says_where = words.iter().any(|word| word.contains(['/', '.']) && run.stderr.contains(word));
            let says_what = run.stderr.contains("hint: ") || run.stderr.contains("caused by: ") || code == 2;
            assert!(says_where || says_what, "kseal {command}\n{}", run.stderr);
            seen += 1;
        }
    }
    assert!(seen > 120, "only {seen} failing commands were found");
}

fn cmd() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd")
}

/// The files of `cmd/`, with their text.
fn transcripts() -> Vec<(PathBuf, String)> {
    let files = fs::read_dir(cmd()).expect("the folder").map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| path.extension().is_some_and(|it| it == "trycmd"));
    files.map(|path| (path.clone(), fs::read_to_string(&path).expect("UTF-8"))).collect()
}

/// The commands with an exit code of 2 and more; those with quotes are left to `trycmd`.
fn failing(text: &str) -> Vec<(String, i32)> {
    let lines: Vec<&str> = text.lines().collect();
    let pairs = lines.windows(2).filter_map(|pair| {
        let command = pair[0].strip_prefix("$ kseal ")?;
        let code = pair[1].strip_prefix("? ")?.parse().ok()?;
        (code > 1 && !command.contains('"')).then(|| (command.to_owned(), code))
    });
    pairs.collect()
}

fn copy_fixtures(to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    copy(&cmd().join("fixtures"), to);
    // Git keeps no such mode, and the program warns of keys that others can read.
    for key in fs::read_dir(to.join("keys")).expect("the keys") {
        let path = key.expect("a key").path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("the mode can be set");
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the fixtures").map(|entry| entry.expect("an entry").path()) {
        let to = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            fs::create_dir(&to).expect("a folder");
            copy(&entry, &to);
        } else {
            fs::copy(&entry, &to).expect("a copy");
        }
    }
}

/// Every file below a folder: its octets, mode, inode and time of change.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, u32, u64, i64)> {
    let mut files = BTreeMap::new();
    for path in fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            files.extend(snapshot(&path));
        }
        let metadata = fs::metadata(&path).expect("it is there");
        let octets = fs::read(&path).unwrap_or_default();
        files.insert(path, (octets, metadata.mode(), metadata.ino(), metadata.mtime_nsec()));
    }
    files
}
