//! Where texts come from and go to, the same for every command that changes files.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{
    args::OutputArgs,
    error::{Error, Result},
    files::{self, Input, Privacy},
    output::Output,
};

/// A text on its way out.
pub(crate) struct Outgoing {
    /// `None`, or `-`, for the standard output.
    to: Option<PathBuf>,
    text: Zeroizing<String>,
    /// What the file that it replaces must still hold.
    expected: Option<Zeroizing<String>>,
}

impl Outgoing {
    pub(crate) fn new(to: Option<PathBuf>, text: Zeroizing<String>) -> Self {
        Self { to: to.filter(|path| path != Path::new("-")), text, expected: None }
    }

    /// A text that was made of another one: if it goes where that came from, it must still be there when it is replaced.
    pub(crate) fn made_of(input: Input, to: Option<PathBuf>, text: Zeroizing<String>) -> Self {
        let new = Self::new(to, text);
        let replaces = match (&input.path, &new.to) {
            (Some(from), Some(to)) => from == to || files::are_same(from, to),
            _ => false,
        };
        Self { expected: replaces.then_some(input.text), ..new }
    }
}

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
    let mut seen = BTreeSet::new();
    for file in inputs(files, to.in_place)? {
        // A file that is named twice is changed once.
        if to.in_place && !seen.insert(files::absolute(&file)?) {
            continue;
        }
        let input = files::read(&file)?;
        refuse_input_as_output(&input, to.output.as_deref())?;
        let target = if to.in_place { input.path.clone() } else { to.output.clone() };
        let text = work(&input, target.as_deref())?;
        results.push(Outgoing::made_of(input, target, text));
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

/// Writes each text to its file, or all that have none to the standard output, as documents of one text. Nothing is
/// written before everything is known, and nothing if a file is another one by now.
pub(crate) fn write(texts: Vec<Outgoing>, privacy: Privacy, output: &Output) -> Result<()> {
    let mut joined: Vec<Outgoing> = Vec::new();
    for new in texts {
        match joined.iter_mut().find(|other| other.to == new.to) {
            Some(before) => append(&mut before.text, &new.text),
            None => joined.push(new),
        }
    }
    for Outgoing { to, expected, .. } in &joined {
        if let (Some(path), Some(expected)) = (to, expected) {
            files::refuse_changed(path, expected)?;
        }
    }
    for Outgoing { to, text, expected } in joined {
        match to {
            Some(path) => files::write(&path, text.as_bytes(), privacy, expected.as_ref().map(|it| it.as_str()))?,
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
