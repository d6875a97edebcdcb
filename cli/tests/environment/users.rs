//! Other users and full disks. Each of these needs root.

use std::os::unix::fs::chown;

use super::{Folder, Run, folder, set_mode, sh, snapshot};

const NOBODY: u32 = 65_534;

/// Runs a line of shell as somebody else.
fn as_nobody(folder: &Folder, line: &str) -> Run {
    folder.write("line.sh", line);
    sh(folder, "setpriv --reuid=65534 --regid=65534 --clear-groups sh line.sh")
}

/// A folder that belongs to nobody, with all that is in it.
fn folder_of_nobody() -> Folder {
    let folder = folder();
    for name in ["", "key.yaml", "bundle.yaml", "plain.yaml", "sealed.yaml"] {
        chown(folder.join(name), Some(NOBODY), Some(NOBODY)).expect("root may");
    }
    set_mode(&folder, "", 0o755);
    folder
}

#[test]
#[ignore = "needs root: a file of another user"]
fn a_configuration_of_another_user_is_refused() {
    let folder = folder_of_nobody();
    folder.write(".kseal.yaml", "clusters: {it: {bundle: bundle.yaml}}\n");
    let run = as_nobody(&folder, "kseal encrypt plain.yaml").exits_with(6);
    assert!(run.stderr.contains("belongs to another user") && run.stderr.contains("--config"), "{}", run.stderr);
    as_nobody(&folder, "kseal encrypt --config .kseal.yaml plain.yaml").succeeds();
    chown(folder.join(".kseal.yaml"), Some(NOBODY), Some(NOBODY)).expect("root may");
    as_nobody(&folder, "kseal encrypt plain.yaml").succeeds();
    // Nor does root trust what another user wrote.
    sh(&folder, "kseal encrypt plain.yaml").exits_with(6);
}

#[test]
#[ignore = "needs root: a file of another user"]
fn a_file_that_cannot_be_read_is_named() {
    let folder = folder_of_nobody();
    for (name, line) in [
        ("key.yaml", "kseal decrypt --key key.yaml sealed.yaml"),
        ("bundle.yaml", "kseal encrypt --keys bundle.yaml plain.yaml"),
        ("plain.yaml", "kseal encrypt --keys bundle.yaml plain.yaml"),
    ] {
        chown(folder.join(name), Some(0), Some(0)).expect("root may");
        set_mode(&folder, name, 0o600);
        let run = as_nobody(&folder, line).exits_with(7);
        assert!(run.stderr.contains(&format!("cannot read {name}")), "{}", run.stderr);
        assert!(run.stderr.contains("Permission denied"), "{}", run.stderr);
        chown(folder.join(name), Some(NOBODY), Some(NOBODY)).expect("root may");
    }
}

#[test]
#[ignore = "needs root: a file of another user"]
fn a_file_or_a_folder_that_is_read_only_stays_as_it_is() {
    let folder = folder_of_nobody();
    folder.write("line.sh", "");
    set_mode(&folder, "plain.yaml", 0o444);
    let before = snapshot(&folder);
    let line = "kseal encrypt --keys bundle.yaml -i plain.yaml";
    let run = as_nobody(&folder, line).exits_with(7);
    assert!(run.stderr.contains("cannot write plain.yaml"), "{}", run.stderr);
    assert_eq!(before["plain.yaml"], snapshot(&folder)["plain.yaml"]);
    set_mode(&folder, "plain.yaml", 0o644);
    set_mode(&folder, "", 0o555);
    let before = snapshot(&folder);
    let run = as_nobody(&folder, line).exits_with(7);
    assert!(run.stderr.contains("cannot write plain.yaml") && !run.stderr.contains(".kseal-"), "{}", run.stderr);
    let run = as_nobody(&folder, "kseal decrypt --key key.yaml -o out.yaml sealed.yaml").exits_with(7);
    assert!(run.stderr.contains("cannot write out.yaml") && !run.stderr.contains(".kseal-"), "{}", run.stderr);
    assert_eq!(before["plain.yaml"], snapshot(&folder)["plain.yaml"]);
    assert!(snapshot(&folder).keys().all(|name| !name.starts_with(".kseal-")));
}

#[test]
#[ignore = "needs root: a file system that is full"]
fn a_full_disk_leaves_the_file_as_it_was() {
    let folder = folder();
    let value = "0123456789abcdef".repeat(20_000);
    let text =
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: a, namespace: b}}\nstringData: {{a: {value}}}\n");
    folder.write("large.yaml", &text);
    folder.write(
        "line.sh",
        "set -e\nmkdir full\nmount -t tmpfs -o size=512k tmpfs full\ncp large.yaml full/\ncp full/large.yaml before\n\
         touch -d @1000000000 full/large.yaml\n\
         for line in 'encrypt --keys bundle.yaml -i full/large.yaml' \
                     'encrypt --keys bundle.yaml -f secret -o full/out.yaml full/large.yaml' \
                     'encrypt --keys bundle.yaml -o sealed-large.yaml large.yaml' \
                     'decrypt --key key.yaml -o full/out.yaml sealed-large.yaml'; do\n\
           code=0; kseal $line 2>said || code=$?; cat said; echo \"exits $code\"\n\
         done\n\
         cmp full/large.yaml before\nstat -c %Y full/large.yaml\nls -A full\n",
    );
    let run = sh(&folder, "unshare -m sh line.sh").succeeds();
    let said = run.stdout;
    assert_eq!(said.matches("exits 7").count(), 3, "{said}");
    assert_eq!(said.matches("no storage space").count(), 3, "{said}");
    assert!(said.ends_with("1000000000\nlarge.yaml\n"), "{said}");
}
