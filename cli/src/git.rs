//! Runs git, the program: its index and its configuration are its own affair.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    files,
};

/// A file of the index that differs from the last commit.
pub(crate) struct Staged {
    /// From the root of the repository.
    pub path: PathBuf,
    blob: String,
}

/// Runs git here and returns what it printed.
///
/// # Errors
/// With git's own words, if it fails.
pub(crate) fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Result<Vec<u8>> {
    let output = Command::new("git").args(args).stdin(Stdio::null()).output().map_err(|error| missing(&error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().trim_start_matches("fatal: ").trim_start_matches("error: ");
    Err(Error::file(format!("git: {said}")))
}

/// Runs git and returns the one line that it printed.
pub(crate) fn line<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Result<String> {
    Ok(String::from_utf8_lossy(&run(args)?).trim_end().to_owned())
}

/// Whether git runs with success; used for questions that it answers by its exit code.
pub(crate) fn succeeds<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Result<bool> {
    let mut command = Command::new("git");
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().map(|status| status.success()).map_err(|error| missing(&error))
}

/// The files below a folder that are in the index, also those that are ignored. None outside of a repository.
///
/// # Errors
/// If git does not answer in a repository.
pub(crate) fn tracked(folder: &Path) -> Result<Vec<PathBuf>> {
    use std::os::unix::ffi::OsStrExt as _;
    if files::repository(&files::absolute(folder)?).is_none() {
        return Ok(Vec::new());
    }
    let listed = run([OsStr::new("-C"), folder.as_os_str(), OsStr::new("ls-files"), OsStr::new("-z")])?;
    let paths = listed.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    Ok(paths.map(|path| folder.join(OsStr::from_bytes(path))).collect())
}

/// The files that a commit would add or change: regular files only, neither links nor submodules.
pub(crate) fn staged(paths: &[PathBuf]) -> Result<Vec<Staged>> {
    let fixed = [
        "diff",
        "--cached",
        "--raw",
        "-z",
        "--no-abbrev",
        "--no-renames",
        "--no-relative",
        "--no-ext-diff",
        "--diff-filter=ACMRT",
        "--",
    ];
    let args = fixed.iter().map(OsStr::new).chain(paths.iter().map(|path| path.as_os_str()));
    Ok(parse_raw(&run(args)?))
}

/// `:100644 100644 OLD NEW M\0path\0`, again and again.
fn parse_raw(raw: &[u8]) -> Vec<Staged> {
    use std::os::unix::ffi::OsStrExt as _;
    let mut parts = raw.split(|byte| *byte == 0);
    let mut staged = Vec::new();
    while let (Some(head), Some(path)) = (parts.next(), parts.next()) {
        let head = String::from_utf8_lossy(head);
        let mut fields = head.split(' ');
        let (mode, blob) = (fields.nth(1).unwrap_or_default(), fields.nth(1).unwrap_or_default());
        if mode.starts_with("100") {
            staged.push(Staged { path: Path::new(OsStr::from_bytes(path)).to_owned(), blob: blob.to_owned() });
        }
    }
    staged
}

/// Hands out the content of each file, as it stands in the index.
///
/// # Errors
/// If git does not give one of them.
pub(crate) fn contents(staged: &[Staged], mut take: impl FnMut(&Path, &[u8])) -> Result<()> {
    let failed = |error: &std::io::Error| Error::file("cannot read the index from git").because(error);
    let mut command = Command::new("git");
    command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| missing(&error))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else { return Ok(()) };
    let mut stdout = BufReader::new(stdout);
    let read: std::io::Result<()> = thread::scope(|scope| {
        // Asked from a thread of its own: git answers while it is asked, and pipes are short.
        scope.spawn(move || {
            for file in staged {
                // Where git is gone, reading says so.
                let _ = writeln!(stdin, "{}", file.blob);
            }
        });
        for file in staged {
            let mut head = String::new();
            stdout.read_line(&mut head)?;
            let size = head.trim_end().rsplit(' ').next().and_then(|size| size.parse::<usize>().ok());
            let size = size.ok_or_else(|| std::io::Error::other(format!("{} is missing", file.path.display())))?;
            let mut octets = Zeroizing::new(vec![0; size]);
            stdout.read_exact(&mut octets)?;
            stdout.read_exact(&mut [0])?;
            take(&file.path, &octets);
        }
        Ok(())
    });
    let ended = child.wait();
    read.and_then(|()| ended.map(drop)).map_err(|error| failed(&error))
}

fn missing(error: &std::io::Error) -> Error {
    Error::file("cannot run git").because(error).hint("install git, or put it on the PATH")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_submodules_are_no_files() {
        let (old, new) = ("0".repeat(40), "a".repeat(40));
        let entry = |mode: &str, path: &str| format!(":000000 {mode} {old} {new} A\0{path}\0");
        let raw = [entry("100644", "a b\n.yaml"), entry("120000", "link.yaml"), entry("160000", "module")].concat();
        let staged = parse_raw(raw.as_bytes());
        assert_eq!(staged.len(), 1);
        assert_eq!(staged[0].path, Path::new("a b\n.yaml"));
        assert_eq!(staged[0].blob, new);
        assert!(parse_raw(b"").is_empty());
    }
}
