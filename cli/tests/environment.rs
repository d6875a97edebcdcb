//! What depends on the system around the program: other users, full disks, terminals, signals, modes and umasks.
//!
//! Tests that need root are ignored; `cargo test -p kseal --test environment -- --ignored` runs them, in containers as
//! CI does.
#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "this is test code, outside of a function that says so")]

#[path = "environment/files.rs"]
mod files;
#[path = "environment/recipients.rs"]
mod recipients;
#[path = "environment/streams.rs"]
mod streams;
#[path = "environment/users.rs"]
mod users;

mod harness;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::{Command, Stdio},
};

use harness::{Folder, Run};

const SECRET: &str = "\
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: prod}
stringData: {password: hunter2}
";

/// A folder with keys, `plain.yaml` and `sealed.yaml`.
fn folder() -> Folder {
    let folder = Folder::with_keys();
    folder.write("plain.yaml", SECRET);
    folder.kseal(&["encrypt", "--keys", "bundle.yaml", "-o", "sealed.yaml", "plain.yaml"]).succeeds();
    folder
}

/// Runs a line of shell in the folder, where `kseal` is the program.
fn sh(folder: &Folder, line: &str) -> Run {
    let mut command = Command::new("sh");
    let programs = Path::new(env!("CARGO_BIN_EXE_kseal")).parent().expect("a folder");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    command.args(["-c", line]).current_dir(folder.path()).env("PATH", path).env("HOME", folder.path());
    for name in ["KSEAL_KEY_FILE", "KSEAL_CONFIG", "NO_COLOR", "KUBECONFIG", "KUBERNETES_SERVICE_HOST"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).output().expect("a shell").into()
}

fn mode(folder: &Folder, name: &str) -> u32 {
    fs::metadata(folder.join(name)).expect("it is there").permissions().mode() & 0o7777
}

fn set_mode(folder: &Folder, name: &str, mode: u32) {
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).expect("the mode can be set");
}

/// Every file of a folder: its octets, mode, inode and time of change.
fn snapshot(folder: &Folder) -> BTreeMap<String, (Vec<u8>, u32, u64, i64)> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder.path()).expect("the folder").flatten() {
        let metadata = entry.metadata().expect("it is there");
        let octets = if metadata.is_file() { fs::read(entry.path()).unwrap_or_default() } else { Vec::new() };
        let name = entry.file_name().into_string().expect("UTF-8");
        files.insert(name, (octets, metadata.mode(), metadata.ino(), metadata.mtime_nsec()));
    }
    files
}

/// Runs kseal, which must fail with this code and change nothing; returns what it says.
#[track_caller]
fn refused(folder: &Folder, args: &[&str], code: i32) -> String {
    let before = snapshot(folder);
    let run = folder.kseal(args).exits_with(code);
    assert!(snapshot(folder) == before, "kseal {args:?} left something or changed something");
    assert!(run.stderr.contains("error: "), "{}", run.stderr);
    run.stderr
}
