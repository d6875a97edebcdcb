//! The files that paths on the command line mean.

use std::{collections::BTreeSet, path::PathBuf};

use super::{absolute, walk};
use crate::error::Result;

/// A file to look at.
pub(crate) struct Given {
    pub path: PathBuf,
    /// It was named, and not met in a folder.
    pub named: bool,
}

/// The files of paths, each once: those that are named, and the manifests of folders. What cannot be walked stands among
/// them as an error.
pub(crate) fn files(paths: &[PathBuf], exclude: &walk::Exclude) -> Vec<Result<Given>> {
    let found = paths.iter().flat_map(|path| {
        if path.is_dir() {
            let met = walk::manifests(path, exclude).into_iter();
            met.map(|path| Ok(Given { path: path?, named: false })).collect()
        } else {
            vec![Ok(Given { path: path.clone(), named: true })]
        }
    });
    let mut seen = BTreeSet::new();
    let mut is_new = |given: &Given| absolute(&given.path).map(|path| seen.insert(path));
    let once = found.filter_map(|given| {
        let checked = given.and_then(|given| Ok((is_new(&given)?, given)));
        match checked {
            Ok((is_new, given)) => is_new.then_some(Ok(given)),
            Err(error) => Some(Err(error)),
        }
    });
    once.collect()
}
