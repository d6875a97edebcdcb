//! The size of source files, links between documents, and words that have no place here.

use std::{fs, path::Path};

use anyhow::Result;

use crate::run::{below_root, output, root, say};

/// Files of more lines are named, so that somebody looks at them.
const LONG: usize = 500;
/// Files of more lines want a reason: a line `// tidy: long because …`.
const TOO_LONG: usize = 800;
/// The `main.rs` of a binary only calls a library.
const MAIN: usize = 25;

/// Checks every file that git tracks.
pub(crate) fn check() -> Result<Vec<String>> {
    let files = output(std::process::Command::new("git").arg("-C").arg(root()).args(["ls-files", "-z"]))?;
    let mut findings = Vec::new();
    for name in files.split('\0').filter(|name| !name.is_empty()) {
        let Ok(text) = fs::read_to_string(below_root(name)) else { continue };
        if Path::new(name).extension().is_some_and(|extension| extension == "rs") {
            findings.extend(size(name, &text));
            findings.extend(raw_files(name, &text));
        }
        if Path::new(name).extension().is_some_and(|extension| extension == "md") {
            findings.extend(links(name, &text));
        }
        if !is_foreign(name) {
            findings.extend(words(name, &text));
        }
    }
    Ok(findings)
}

fn size(name: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    if name.ends_with("main.rs") && lines > MAIN {
        return Some(format!("{name} has {lines} lines, and a main.rs has at most {MAIN}"));
    }
    if lines > LONG {
        say(format!("tidy: {name} has {lines} lines"));
    }
    let is_excused = text.lines().any(|line| line.trim_start().starts_with("// tidy: long because "));
    (lines > TOO_LONG && !is_excused).then(|| format!("{name} has {lines} lines and gives no reason for it"))
}

/// Files of people are touched in one module of the command line, where writing is whole or not at all. Tests, which
/// stand last in a file, may look for themselves.
fn raw_files(name: &str, text: &str) -> Vec<String> {
    let is_allowed = ["cli/src/files", "cli/src/cleanup.rs"].iter().any(|allowed| name.starts_with(allowed));
    if is_allowed || !name.starts_with("cli/src/") {
        return Vec::new();
    }
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().enumerate().filter(|(_, line)| line.contains("std::fs") || line.contains(" fs::"));
    lines.map(|(index, _)| format!("{name}:{}: std::fs outside of cli/src/files.rs", index + 1)).collect()
}

/// Links to files must lead somewhere.
fn links(name: &str, text: &str) -> Vec<String> {
    let folder = below_root(name).parent().map(Path::to_owned).unwrap_or_default();
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next());
    let local =
        targets.filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"));
    local
        .filter(|target| !folder.join(target).exists())
        .map(|target| format!("{name}: no such file: {target}"))
        .collect()
}

/// Data of others, and lock files, in which a tool writes what it likes.
fn is_foreign(name: &str) -> bool {
    let is_lock = ["Cargo.lock", "go.sum", "go.mod", "LICENSE"].iter().any(|file| name.ends_with(file));
    is_lock || name.starts_with("tests/corpus/") || name.starts_with("tests/vectors/")
}

/// Unfinished work, and what only one machine knows. Put together here so that this file does not find itself.
fn words(name: &str, text: &str) -> Vec<String> {
    let unwanted = [
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["todo", "!("].concat(),
        ["unimplemented", "!("].concat(),
        ["/wo", "rk/"].concat(),
        ["/ro", "ot/"].concat(),
        ["proxy.", "golang.org"].concat(),
        ["index.", "crates.io"].concat(),
        ["static.", "crates.io"].concat(),
        ["registry.", "npmjs"].concat(),
    ];
    let lines = text.lines().enumerate();
    lines
        .flat_map(|(index, line)| {
            let found = unwanted.iter().filter(move |word| line.contains(word.as_str()));
            found.map(move |word| format!("{name}:{}: has the word {word}", index + 1))
        })
        .collect()
}
