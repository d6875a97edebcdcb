//! What the program says, one file of `cmd/` for each group of behaviours, in the folder `cmd/fixtures`.
//!
//! After a wanted change: `TRYCMD=overwrite cargo test -p kseal --test cmd`, and read the diff.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

#[test]
fn the_program_says_what_it_says() {
    close_keys();
    trycmd::TestCases::new().case("tests/cmd/*.trycmd").run();
}

/// Git keeps no such mode, and the program warns of keys that others can read.
fn close_keys() {
    let keys = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd/fixtures/keys")).unwrap();
    for key in keys {
        fs::set_permissions(key.unwrap().path(), fs::Permissions::from_mode(0o600)).unwrap();
    }
}
