//! Walks a tree as git sees it.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use ignore::{
    WalkBuilder,
    gitignore::{Gitignore, GitignoreBuilder},
};

use crate::error::{Error, Result};

/// What a manifest's name ends in.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Paths to leave out, in the syntax of `.gitignore`.
pub(crate) struct Exclude(Gitignore);

impl Exclude {
    /// Reads the patterns.
    ///
    /// # Errors
    /// If one of them is none.
    pub(crate) fn new(globs: &[String]) -> Result<Self> {
        let mut builder = GitignoreBuilder::new("");
        let broken = |error: ignore::Error| Error::usage("--exclude: not a pattern as in .gitignore").because(&error);
        for glob in globs {
            builder.add_line(None, glob).map_err(broken)?;
        }
        builder.build().map(Self).map_err(broken)
    }

    /// Whether a path, or a folder that it is in, is left out.
    pub(crate) fn covers(&self, path: &Path, is_folder: bool) -> bool {
        let path = without_dot(path);
        let each = path.ancestors().enumerate().filter(|(_, path)| path.file_name().is_some());
        each.into_iter().any(|(number, path)| self.0.matched(path, is_folder || number > 0).is_ignore())
    }
}

/// Whether a file's name is that of a manifest.
pub(crate) fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

/// The manifests of a folder that git does not ignore, hidden ones included, by path; links are not followed.
pub(crate) fn manifests(folder: &Path, exclude: &Exclude) -> Vec<Result<PathBuf>> {
    walk(folder, exclude, &mut WalkBuilder::new(folder))
}

/// The manifests of a folder that anybody may commit: what only this user or clone ignores is among them, and so are the
/// tracked ones, which git keeps although they are ignored.
pub(crate) fn committed(folder: &Path, exclude: &Exclude, tracked: &[PathBuf]) -> Vec<Result<PathBuf>> {
    let mut found = walk(folder, exclude, WalkBuilder::new(folder).git_global(false).git_exclude(false));
    let walked: HashSet<PathBuf> = found.iter().flatten().cloned().collect();
    let more = tracked.iter().map(|path| without_dot(path)).filter(|path| is_manifest(path) && !walked.contains(*path));
    let is_file = |path: &Path| path.symlink_metadata().is_ok_and(|it| it.is_file());
    found.extend(more.filter(|path| is_file(path) && !exclude.covers(path, false)).map(|path| Ok(path.to_owned())));
    found.sort_by(|a, b| a.as_ref().ok().cmp(&b.as_ref().ok()));
    found
}

fn walk(folder: &Path, exclude: &Exclude, builder: &mut WalkBuilder) -> Vec<Result<PathBuf>> {
    let walk = builder
        .hidden(false)
        .ignore(false)
        .require_git(false)
        .sort_by_file_path(Ord::cmp)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    let mut found = Vec::new();
    for entry in walk {
        match entry {
            Ok(entry) if entry.file_type().is_some_and(|it| it.is_file()) && is_manifest(entry.path()) => {
                let path = without_dot(entry.path());
                if !exclude.covers(path, false) {
                    found.push(Ok(path.to_owned()));
                }
            }
            Ok(_) => {}
            Err(error) => {
                found.push(Err(Error::file(format!("cannot walk {}", folder.display())).because(&error)));
            }
        }
    }
    found
}

/// The path without a leading `./`.
fn without_dot(path: &Path) -> &Path {
    path.strip_prefix("./").ok().filter(|path| !path.as_os_str().is_empty()).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_said_as_in_gitignore() {
        let exclude = Exclude::new(&["charts/".into(), "*.gen.yaml".into(), "/top.yaml".into()]).unwrap();
        let covers = |path: &str| exclude.covers(Path::new(path), false);
        assert!(covers("charts/a.yaml") && covers("./x/charts/a.yaml") && covers("a/b.gen.yaml") && covers("top.yaml"));
        assert!(!covers("a/top.yaml") && !covers("charts.yaml") && !covers("/abs/a.yaml"));
        assert!(Exclude::new(&["a{b".into()]).is_err());
    }

    #[test]
    fn a_manifest_is_known_by_its_name() {
        assert!(
            is_manifest(Path::new("a.yaml")) && is_manifest(Path::new("a.YML")) && is_manifest(Path::new("a.json"))
        );
        assert!(!is_manifest(Path::new("yaml")) && !is_manifest(Path::new("a.yaml.tpl")));
    }
}
