//! `kseal create generic`: a Secret of any items.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Contents, env_file};
use crate::{
    args::{CreateCommon, GenericArgs},
    error::{Error, Result},
    files,
    output::Output,
    prompt,
};

pub(super) fn contents(args: GenericArgs, output: &Output) -> Result<(CreateCommon, Contents)> {
    if !args.from_literal.is_empty() {
        return Err(Error::usage("--from-literal would show the value to every process on this machine")
            .hint("use --prompt KEY, --from-stdin KEY or --from-file; --insecure-from-literal does it all the same"));
    }
    let GenericArgs { from_file, from_env_file, from_stdin, prompt, insecure_from_literal, type_, common, .. } = args;
    let mut contents = Contents { type_, ..Contents::default() };
    for source in &from_file {
        for (key, path) in sources(source)? {
            contents.add(&key, files::read_octets(Some(&path))?.into())?;
        }
    }
    for path in &from_env_file {
        let input = files::read(path)?;
        for (key, value) in env_file::read(&input.text).map_err(|error| error.at(input.name()))? {
            contents.add(key, value.as_bytes().to_vec().into())?;
        }
    }
    for literal in insecure_from_literal.into_iter().map(Zeroizing::new) {
        let (key, value) =
            literal.split_once('=').ok_or_else(|| Error::usage("--insecure-from-literal wants KEY=VALUE"))?;
        contents.add(key, value.as_bytes().to_vec().into())?;
    }
    if let Some(key) = &from_stdin {
        contents.add(key, files::read_octets(None)?.into())?;
    }
    for key in &prompt {
        contents.add(key, prompt::secret(&format!("value of {key}"), output)?)?;
    }
    if contents.items.is_empty() {
        return Err(Error::usage("no value is given")
            .hint("give some with --from-file, --from-env-file, --from-stdin or --prompt"));
    }
    Ok((common, contents))
}

/// The files of one `--from-file`, each with its item key.
fn sources(source: &str) -> Result<Vec<(String, PathBuf)>> {
    let named = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let (key, path) = match source.split_once('=') {
        Some((_, path)) if path.contains('=') => {
            return Err(Error::usage(format!("--from-file {source}: neither key nor path may contain `=`")));
        }
        Some((key, path)) if key.is_empty() || path.is_empty() => {
            return Err(Error::usage(format!("--from-file {source}: KEY=PATH is wanted, or a path alone")));
        }
        Some((key, path)) => (Some(key.to_owned()), Path::new(path)),
        None => (None, Path::new(source)),
    };
    match (files::files_of(path)?, key) {
        (Some(_), Some(_)) => {
            Err(Error::usage(format!("--from-file {source}: a folder gives many items, and cannot have one key")))
        }
        (Some(found), None) => Ok(found.into_iter().filter_map(|path| Some((named(&path)?, path))).collect()),
        (None, Some(key)) => Ok(vec![(key, path.to_owned())]),
        (None, None) => match named(path) {
            Some(key) => Ok(vec![(key, path.to_owned())]),
            None => Err(Error::usage(format!("--from-file {source}: no file"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_path_or_a_key_and_a_path() {
        assert_eq!(sources("k=/x/y").unwrap(), [("k".to_owned(), PathBuf::from("/x/y"))]);
        assert_eq!(sources("/x/y.txt").unwrap(), [("y.txt".to_owned(), PathBuf::from("/x/y.txt"))]);
        for wrong in ["=a", "a=", "a=b=c", "k=/"] {
            assert_eq!(sources(wrong).unwrap_err().code(), 2, "{wrong}");
        }
    }
}
