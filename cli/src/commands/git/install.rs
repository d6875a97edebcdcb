//! `kseal git install` and `uninstall`: the diff driver in a repository's configuration, and the attributes that name it.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    args::GitInstallArgs,
    commands::DONE,
    error::{Error, Result},
    files::{self, Privacy},
    git,
    output::Output,
};

const TEXTCONV: &str = "diff.kseal.textconv";
/// Git would keep what textconv prints, as objects of the repository.
const CACHE: &str = "diff.kseal.cachetextconv";

const BEGIN: &str = "# kseal: written by `kseal git install`, removed by `kseal git uninstall`";
const END: &str = "# kseal: end";
const LINES: [&str; 3] = ["*.yaml diff=kseal", "*.yml diff=kseal", "*.json diff=kseal"];

pub(crate) fn install(args: &GitInstallArgs, output: &Output) -> Result<u8> {
    let places = Places::find()?;
    let command = command(args)?;
    let (wanted, other) =
        if args.shared { (&places.shared, &places.private) } else { (&places.private, &places.shared) };
    write(wanted, true)?;
    git::run(["config", "--local", TEXTCONV, &command])?;
    if args.plaintext {
        git::run(["config", "--local", CACHE, "false"])?;
    } else if git::succeeds(["config", "--local", "--get", CACHE])? {
        git::run(["config", "--local", "--unset-all", CACHE])?;
    }
    output.note(format!("git diff shows sealed files by `{command}`, as {} says", wanted.display()));
    if args.shared && holds_ours(other)? {
        write(other, false)?;
    }
    if args.plaintext {
        output.note("values appear in clear text in git diff, git log -p and git show of this repository");
    }
    Ok(DONE)
}

pub(crate) fn uninstall(output: &Output) -> Result<u8> {
    let places = Places::find()?;
    let mut removed = false;
    for path in [&places.private, &places.shared] {
        if holds_ours(path)? {
            write(path, false)?;
            removed = true;
        }
    }
    if git::succeeds(["config", "--local", "--get-regexp", r"^diff\.kseal\."])? {
        git::run(["config", "--local", "--remove-section", "diff.kseal"])?;
        removed = true;
    }
    output.note(if removed { "git diff shows sealed files as they are" } else { "there was nothing to take back" });
    Ok(DONE)
}

/// The two files of attributes.
struct Places {
    private: PathBuf,
    shared: PathBuf,
}

impl Places {
    fn find() -> Result<Self> {
        let failed = |error: Error| error.hint("run it in the repository");
        let private = git::line(["rev-parse", "--git-path", "info/attributes"]).map_err(failed)?;
        let root = git::line(["rev-parse", "--show-toplevel"]).map_err(failed)?;
        Ok(Self { private: PathBuf::from(private), shared: Path::new(&root).join(".gitattributes") })
    }
}

/// What git runs, through a shell.
fn command(args: &GitInstallArgs) -> Result<String> {
    let mut command = "kseal git textconv".to_owned();
    if args.plaintext {
        command.push_str(" --plaintext");
    }
    for key in &args.key {
        if !key.exists() {
            return Err(
                Error::file(format!("there is no {}", key.display())).hint("--key wants a file of private keys")
            );
        }
        let key = files::absolute(key)?;
        // Writing to a String does not fail.
        let _ = write!(command, " --key '{}'", key.display().to_string().replace('\'', r"'\''"));
    }
    Ok(command)
}

fn holds_ours(path: &Path) -> Result<bool> {
    Ok(files::read_if_exists(path)?.is_some_and(|before| before.text.lines().any(|line| line == BEGIN)))
}

/// Writes the file with our lines, or without.
fn write(path: &Path, with: bool) -> Result<()> {
    let read = files::read_if_exists(path)?;
    let before = read.as_ref().map_or("", |read| read.text.as_str());
    let after = attributes(before, with);
    if after == before {
        return Ok(());
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        files::make_folder(folder)?;
    }
    files::write(path, after.as_bytes(), Privacy::Public, read.as_ref().map(|read| read.text.as_str()))
}

/// The text of attributes with our lines at the end, or without them.
fn attributes(before: &str, with: bool) -> String {
    let mut is_ours = false;
    let mut text = String::new();
    for line in before.split_inclusive('\n') {
        is_ours |= line.trim_end() == BEGIN;
        if !is_ours {
            text.push_str(line);
        }
        is_ours &= line.trim_end() != END;
    }
    if with {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        for line in std::iter::once(BEGIN).chain(LINES).chain([END]) {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_others_stay_and_ours_stand_once() {
        let once = attributes("*.png binary", true);
        assert!(once.starts_with("*.png binary\n# kseal") && once.ends_with("# kseal: end\n"), "{once}");
        assert_eq!(attributes(&once, true), once);
        assert_eq!(attributes(&once, false), "*.png binary\n");
        assert_eq!(attributes("", false), "");
    }
}
