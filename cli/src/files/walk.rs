//! Which files of a repository are manifests: those that git sees.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use ignore::WalkBuilder;

use super::absolute;
use crate::error::{Error, Result};

const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// A file to look at.
pub(crate) struct Found {
    pub path: PathBuf,
    /// It was named, and not met in a folder.
    pub named: bool,
}

/// The files of paths, each once: those that are named, and of folders the manifests that git does not ignore, sorted.
/// What cannot be read is returned beside.
pub(crate) fn walk(paths: &[PathBuf]) -> (Vec<Found>, Vec<Error>) {
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    let mut add = |path: PathBuf, named| match absolute(&path) {
        Ok(absolute) => {
            if seen.insert(absolute) {
                found.push(Found { path, named });
            }
            None
        }
        Err(error) => Some(error),
    };
    for path in paths {
        if !path.is_dir() {
            errors.extend(add(path.clone(), true));
            continue;
        }
        for entry in folder(path) {
            match entry {
                Ok(path) => errors.extend(add(path, false)),
                Err(error) => errors.push(error),
            }
        }
    }
    (found, errors)
}

/// The manifests below a folder.
fn folder(root: &Path) -> impl Iterator<Item = Result<PathBuf>> {
    // Git sees hidden files, and knows nothing of `.ignore`.
    let mut builder = WalkBuilder::new(root);
    builder.hidden(false).ignore(false).sort_by_file_name(Ord::cmp).filter_entry(|entry| entry.file_name() != ".git");
    let is_manifest = |path: &Path| {
        path.extension().and_then(|it| it.to_str()).is_some_and(|it| EXTENSIONS.contains(&it.to_lowercase().as_str()))
    };
    let root = root.to_owned();
    builder.build().filter_map(move |entry| match entry {
        Ok(entry) => {
            let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
            let path = entry.into_path();
            // `.` is how nobody writes a path.
            let path = path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
            (is_file && is_manifest(&path)).then_some(Ok(path))
        }
        Err(error) => Some(Err(Error::file(format!("cannot walk {}", root.display())).because(&error))),
    })
}
