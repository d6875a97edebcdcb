//! Where texts come from and go to, the same for every command that changes files.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::{
    args::OutputArgs,
    error::{Error, Result},
    files::{self, Input, Privacy},
    output::Output,
};

/// The files to read: those given, else the standard input.
pub(crate) fn inputs(files: Vec<PathBuf>, in_place: bool) -> Result<Vec<PathBuf>> {
    let from_stdin = files.is_empty() || files.iter().any(|file| file == Path::new("-"));
    if in_place && from_stdin {
        return Err(Error::usage("--in-place wants files: the standard input has no place"));
    }
    Ok(if files.is_empty() { vec![PathBuf::from("-")] } else { files })
}

/// Works on each file, or on the standard input, and writes what comes out in place, to the output file, or to the
/// standard output. Nothing is written before all are done. `work` is told where its result will stand.
pub(crate) fn each(
    files: Vec<PathBuf>,
    to: &OutputArgs,
    privacy: Privacy,
    output: &Output,
    mut work: impl FnMut(&Input, Option<&Path>) -> Result<Zeroizing<String>>,
) -> Result<()> {
    let mut results = Vec::new();
    for file in inputs(files, to.in_place)? {
        let input = files::read(&file)?;
        refuse_input_as_output(&input, to.output.as_deref())?;
        let target = if to.in_place { input.path.clone() } else { to.output.clone() };
        let text = work(&input, target.as_deref())?;
        results.push((target, text));
    }
    write(results, privacy, output)
}

/// Refuses to replace an input by way of `-o`.
pub(crate) fn refuse_input_as_output(input: &Input, target: Option<&Path>) -> Result<()> {
    match (&input.path, target) {
        (Some(path), Some(target)) if files::are_same(path, target) => {
            Err(Error::refused(format!("{} is input and output", path.display()))
                .hint("use --in-place to replace a file"))
        }
        _ => Ok(()),
    }
}

/// Writes each text to its file, or all that have none (or `-`) to the standard output, as documents of one text.
/// Nothing is written before everything is known.
pub(crate) fn write(texts: Vec<(Option<PathBuf>, Zeroizing<String>)>, privacy: Privacy, output: &Output) -> Result<()> {
    let mut joined: Vec<(Option<PathBuf>, Zeroizing<String>)> = Vec::new();
    for (path, text) in texts {
        let path = path.filter(|path| path != Path::new("-"));
        match joined.iter_mut().find(|(other, _)| *other == path) {
            Some((_, before)) => append(before, &text),
            None => joined.push((path, text)),
        }
    }
    for (path, text) in joined {
        match path {
            Some(path) => files::write(&path, text.as_bytes(), privacy)?,
            None => output.data(text.as_bytes())?,
        }
    }
    Ok(())
}

/// Joins two texts into one of several documents.
fn append(before: &mut Zeroizing<String>, text: &str) {
    if !before.is_empty() && !before.ends_with('\n') {
        before.push('\n');
    }
    let is_json = text.trim_start().starts_with('{');
    if !is_json && !text.starts_with("---") {
        before.push_str("---\n");
    }
    before.push_str(text);
}

/// Refuses to print secrets to a terminal unasked.
pub(crate) fn guard_terminal(target: Option<&Path>, show: bool, output: &Output) -> Result<()> {
    let to_stdout = target.is_none_or(|target| target == Path::new("-"));
    if to_stdout && !show && output.is_terminal() {
        return Err(Error::refused("secrets would be printed to the terminal")
            .hint("pipe them, write them to a file with -o, or ask for it with --show"));
    }
    Ok(())
}
