//! Files: modes, links, limits, and what is left when the program is ended.

use std::{
    fs,
    os::unix::{fs::symlink, process::ExitStatusExt as _},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use kseal_crypto::encode_base64;
use rustix::process::{Pid, Signal, kill_process};

use super::{Folder, folder, mode, refused, set_mode, sh, snapshot};

#[test]
fn a_file_that_is_replaced_keeps_its_mode_whatever_the_umask() {
    for kept in [0o640, 0o600, 0o664, 0o666, 0o755] {
        let folder = folder();
        set_mode(&folder, "plain.yaml", kept);
        sh(&folder, "umask 077; kseal encrypt --keys bundle.yaml -i plain.yaml").succeeds();
        assert!(folder.read("plain.yaml").contains("ks1."));
        assert_eq!(mode(&folder, "plain.yaml"), kept, "{kept:o}");
    }
}

#[test]
fn a_new_file_of_ciphertext_has_the_mode_that_the_umask_says() {
    for (umask, wanted) in [("022", 0o644), ("027", 0o640), ("077", 0o600), ("002", 0o664)] {
        let folder = folder();
        sh(&folder, &format!("umask {umask}; kseal encrypt --keys bundle.yaml -o out.yaml plain.yaml")).succeeds();
        assert_eq!(mode(&folder, "out.yaml"), wanted, "umask {umask}");
    }
}

#[test]
fn opened_values_are_for_their_owner_alone() {
    let folder = folder();
    sh(&folder, "umask 000; kseal decrypt --key key.yaml -o out.yaml sealed.yaml").succeeds();
    assert_eq!(mode(&folder, "out.yaml"), 0o600);
    set_mode(&folder, "sealed.yaml", 0o644);
    sh(&folder, "umask 000; kseal decrypt --key key.yaml -i sealed.yaml").succeeds();
    assert_eq!(mode(&folder, "sealed.yaml"), 0o600);
    sh(&folder, "umask 000; kseal keys generate --suite X25519 -o new.yaml").succeeds();
    assert_eq!(mode(&folder, "new.yaml"), 0o600);
}

#[test]
fn a_link_stays_a_link() {
    let folder = folder();
    fs::create_dir(folder.join("elsewhere")).expect("a folder");
    fs::rename(folder.join("plain.yaml"), folder.join("elsewhere/plain.yaml")).expect("it moves");
    symlink("elsewhere/plain.yaml", folder.join("link.yaml")).expect("a link");
    folder.kseal(&["encrypt", "--keys", "bundle.yaml", "-i", "link.yaml"]).succeeds();
    assert!(folder.join("link.yaml").is_symlink());
    assert!(folder.read("elsewhere/plain.yaml").contains("ks1."));
}

#[test]
fn a_link_to_nothing_stays_a_link_to_what_is_written() {
    let folder = folder();
    fs::create_dir(folder.join("elsewhere")).expect("a folder");
    symlink("elsewhere/second", folder.join("link.yaml")).expect("a link");
    symlink("new.yaml", folder.join("elsewhere/second")).expect("a link");
    folder.kseal(&["encrypt", "--keys", "bundle.yaml", "-o", "link.yaml", "plain.yaml"]).succeeds();
    assert!(folder.join("link.yaml").is_symlink() && folder.join("elsewhere/second").is_symlink());
    assert!(folder.read("elsewhere/new.yaml").contains("ks1."));
    symlink("loop.yaml", folder.join("loop.yaml")).expect("a link");
    refused(&folder, &["encrypt", "--keys", "bundle.yaml", "-o", "loop.yaml", "plain.yaml"], 7);
}

#[test]
fn a_link_to_the_input_is_the_input() {
    let folder = folder();
    symlink("plain.yaml", folder.join("link.yaml")).expect("a link");
    refused(&folder, &["encrypt", "--keys", "bundle.yaml", "-o", "link.yaml", "plain.yaml"], 6);
    fs::hard_link(folder.join("plain.yaml"), folder.join("twin.yaml")).expect("a link");
    refused(&folder, &["encrypt", "--keys", "bundle.yaml", "-o", "twin.yaml", "plain.yaml"], 6);
}

#[test]
fn what_is_sealed_twice_is_sealed_once() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/certificate-2048-a.pem");
    for (format, keys) in [("kseal", "bundle.yaml"), ("secret", "bundle.yaml"), ("bitnami", "certificate.pem")] {
        let folder = folder();
        fs::copy(&fixture, folder.join("certificate.pem")).expect("a copy");
        folder.kseal(&["encrypt", "-f", format, "--keys", keys, "-i", "plain.yaml"]).succeeds();
        let once = folder.read("plain.yaml");
        let run = folder.kseal(&["encrypt", "-f", format, "--keys", keys, "-i", "plain.yaml"]).succeeds();
        assert!(run.stderr.contains("sealed already"), "{}", run.stderr);
        assert_eq!(folder.read("plain.yaml"), once);
        let out = folder.kseal(&["encrypt", "-f", format, "--keys", keys, "plain.yaml"]).succeeds().stdout;
        assert_eq!(out, once);
    }
}

#[test]
fn an_object_that_etcd_would_not_take_is_refused() {
    let folder = folder();
    let value = encode_base64(&vec![0xa5; 1_100_000]);
    let text = format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: a, namespace: b}}\ndata: {{blob: {value}}}\n");
    folder.write("large.yaml", &text);
    for format in ["kseal", "secret"] {
        let said = refused(&folder, &["encrypt", "-f", format, "--keys", "bundle.yaml", "-i", "large.yaml"], 3);
        assert!(said.contains("large.yaml") && said.contains("hint: "), "{said}");
        assert!(said.len() < 1_000, "the message holds the value");
    }
}

#[test]
fn a_65th_data_key_is_refused_with_the_way_out() {
    let folder = folder();
    let head = "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: prod}\nstringData:\n";
    folder.write("many.yaml", &format!("{head}  item0: value\n"));
    let seal = ["encrypt", "-f", "secret", "--keys", "bundle.yaml", "-i", "many.yaml"];
    folder.kseal(&seal).succeeds();
    for index in 1..64 {
        folder.write("many.yaml", &format!("{}  item{index}: value\n", folder.read("many.yaml")));
        folder.kseal(&seal).succeeds();
    }
    folder.write("many.yaml", &format!("{}  item64: value\n", folder.read("many.yaml")));
    let said = refused(&folder, &seal, 6);
    assert!(said.contains("64 data keys") && said.contains("--compact"), "{said}");
}

#[test]
fn a_key_that_others_can_read_is_warned_of_once_and_a_bundle_is_not() {
    let folder = folder();
    let open = ["decrypt", "--key", "key.yaml", "sealed.yaml"];
    assert_eq!(folder.kseal(&open).succeeds().stderr, "");
    for open_mode in [0o644, 0o640, 0o604] {
        set_mode(&folder, "key.yaml", open_mode);
        let said = folder.kseal(&open).succeeds().stderr;
        assert_eq!(said.matches("can be read by other users; chmod 600 it").count(), 1, "{open_mode:o}: {said}");
    }
    assert_eq!(folder.kseal(&[&open[..], &["--quiet"]].concat()).succeeds().stderr, "");
}

#[test]
fn a_program_that_is_ended_leaves_no_temporary_file() {
    let folder = folder();
    // Many files, so that the end comes in the middle of the writing.
    let value = encode_base64(&vec![0x5a; 20_000]);
    let names: Vec<String> = (0..30).map(|index| format!("many/{index}.yaml")).collect();
    let restore = || {
        for name in &names {
            let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: b}\ndata: {blob: ".to_owned();
            folder.write(name, &(text + &value + "}\n"));
        }
    };
    let (mut cut_short, signals) = (0, [Signal::TERM, Signal::INT, Signal::HUP]);
    for (turn, signal) in signals.into_iter().cycle().take(9).enumerate() {
        restore();
        let mut child = Command::new(env!("CARGO_BIN_EXE_kseal"))
            .args(["encrypt", "--quiet", "--keys", "bundle.yaml", "-f", "secret", "-i"])
            .args(&names)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .spawn()
            .expect("kseal runs");
        let deadline = Instant::now() + Duration::from_secs(30);
        let is_written = |name: &String| folder.read(name).contains("ks1.");
        while !is_written(&names[turn * 3]) && child.try_wait().expect("it can be asked").is_none() {
            assert!(Instant::now() < deadline, "nothing is written");
            thread::yield_now();
        }
        let _ = kill_process(Pid::from_child(&child), signal);
        let status = child.wait().expect("it ends");
        if status.signal().is_some() {
            cut_short += 1;
        }
        let left: Vec<_> = fs::read_dir(folder.join("many")).expect("the folder").flatten().collect();
        assert_eq!(left.len(), names.len(), "{left:?}");
        for name in &names {
            let text = folder.read(name);
            assert!(text.ends_with("}\n") && text.starts_with("apiVersion"), "{name} is cut short");
        }
    }
    assert!(cut_short > 0, "no turn was ended in the middle");
}

#[test]
fn a_device_is_written_through_and_never_read() {
    let folder = folder();
    let run = sh(&folder, "kseal encrypt --quiet --keys bundle.yaml --key key.yaml -o /dev/stdout plain.yaml | cat");
    assert!(run.succeeds().stdout.contains("ks1."));
    refused(&folder, &["encrypt", "--keys", "bundle.yaml", "--key", "key.yaml", "-o", "/dev/full", "plain.yaml"], 7);
    refused(&folder, &["decrypt", "--key", "key.yaml", "-o", "/dev/full", "sealed.yaml"], 7);
}

#[test]
fn nothing_changes_where_one_of_several_files_is_bad() {
    let folder = folder();
    folder.write("bad.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: b}\ndata: {a: '*'}\n");
    let said = refused(&folder, &["encrypt", "--keys", "bundle.yaml", "-i", "plain.yaml", "bad.yaml"], 3);
    assert!(!said.contains("sealed 1"), "it says what it did not do: {said}");
    assert!(snapshot(&folder).keys().all(|name| !name.starts_with(".kseal-")));
    let empty = Folder::new();
    assert!(snapshot(&empty).is_empty());
}
