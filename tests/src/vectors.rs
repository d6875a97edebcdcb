//! Makes the files of `tests/vectors/`, the cases on which all implementations of `docs/format.md` must agree.
//!
//! Envelopes are put together by hand from the text of that document (`craft`), not by kseal's own writer: a writer
//! and a reader with the same fault would agree with each other. A case that fails is a good object (`good`) that
//! was changed in one respect. Everything is drawn from a generator that is seeded with the case's name, so that the
//! files are the same in every run and a new case leaves the others alone.
//!
//! One case cannot be made: a wrong private key under the right fingerprint. A reader computes the fingerprint of every
//! key that it holds from the seed, so two keys of one fingerprint would be a collision of SHA-256 in 128 bits.

mod bundles;
mod case;
mod craft;
mod fields;
mod generator;
mod good;
mod in_place;
mod keys;
mod limits;
mod moves;
mod plain;
mod sealed_secrets;
mod shapes;

use std::{collections::BTreeMap, fs, io, path::Path};

use case::Case;

/// All files by name.
///
/// # Panics
/// If two cases have one name.
#[must_use]
pub fn files() -> BTreeMap<String, String> {
    let cases: Vec<Case> = [
        plain::cases(),
        shapes::cases(),
        fields::cases(),
        moves::cases(),
        limits::cases(),
        in_place::cases(),
        sealed_secrets::cases(),
        bundles::cases(),
        keys::cases(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let count = cases.len();
    let files: BTreeMap<String, String> = cases.iter().map(|case| (case.file_name(), case.to_text())).collect();
    assert_eq!(files.len(), count, "two cases have one name");
    files
}

/// Writes all files and removes those that are none.
///
/// # Errors
/// If the folder cannot be changed.
pub fn write(folder: &Path) -> io::Result<()> {
    let files = files();
    fs::create_dir_all(folder)?;
    for name in present(folder)? {
        if !files.contains_key(&name) {
            fs::remove_file(folder.join(name))?;
        }
    }
    for (name, text) in files {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}

/// How the folder differs from what [`write()`] would leave there, one line for each file.
///
/// # Errors
/// If the folder cannot be read.
pub fn differences(folder: &Path) -> io::Result<Vec<String>> {
    let files = files();
    let mut differences = Vec::new();
    for (name, text) in &files {
        match fs::read_to_string(folder.join(name)) {
            Ok(present) if present == *text => {}
            Ok(_) => differences.push(format!("differs: {name}")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => differences.push(format!("missing: {name}")),
            Err(error) => return Err(error),
        }
    }
    let extra = present(folder)?.into_iter().filter(|name| !files.contains_key(name));
    differences.extend(extra.map(|name| format!("extra: {name}")));
    Ok(differences)
}

/// The names in the folder, but for the one file that is no vector.
fn present(folder: &Path) -> io::Result<Vec<String>> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.filter(|name| name.as_ref().ok().is_none_or(|name| name != "README.md")).collect()
}
