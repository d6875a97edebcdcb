//! The only module that reads and writes files. Files are written whole or not at all.

pub(crate) mod given;
pub(crate) mod walk;

use std::{
    fs, io,
    io::{IsTerminal as _, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::Access;
use zeroize::Zeroizing;

use crate::{
    cleanup::Doomed,
    error::{Error, Result},
};

/// No manifest that a cluster takes is a hundredth as large.
const MAX_BYTES: u64 = 256 * 1_024 * 1_024;

/// A text that was read, and from where.
pub(crate) struct Input {
    /// `None` for the standard input.
    pub path: Option<PathBuf>,
    /// Wiped when dropped.
    pub text: Zeroizing<String>,
}

impl Input {
    /// The name in messages.
    pub(crate) fn name(&self) -> String {
        name(self.path.as_deref())
    }
}

/// The name of a file, or of the standard input, in messages.
pub(crate) fn name(path: Option<&Path>) -> String {
    path.map_or_else(|| "standard input".to_owned(), |path| path.display().to_string())
}

/// Reads a text; `-` is the standard input.
pub(crate) fn read(path: &Path) -> Result<Input> {
    let path = (path != Path::new("-")).then(|| path.to_owned());
    let octets = Zeroizing::new(read_octets(path.as_deref())?);
    let text = std::str::from_utf8(&octets).map_err(|error| {
        let offset = error.valid_up_to() + 1;
        Error::input(format!("{}: not UTF-8 text, from byte {offset} on", name(path.as_deref())))
            .hint("give a manifest in YAML or JSON; an archive or a binary file is none")
    })?;
    Ok(Input { text: Zeroizing::new(text.to_owned()), path })
}

/// Reads octets; `None` is the standard input.
pub(crate) fn read_octets(path: Option<&Path>) -> Result<Vec<u8>> {
    let failed = |error: &io::Error| Error::file(format!("cannot read {}", name(path))).because(error);
    let Some(path) = path else {
        let mut octets = Vec::new();
        io::stdin().lock().take(MAX_BYTES).read_to_end(&mut octets).map_err(|error| failed(&error))?;
        return Ok(octets);
    };
    let file = fs::File::open(path).map_err(|error| failed(&error))?;
    let metadata = file.metadata().map_err(|error| failed(&error))?;
    if metadata.is_dir() {
        return Err(Error::file(format!("cannot read {}: it is a folder", path.display())).hint("name its files"));
    }
    if metadata.len() > MAX_BYTES {
        return Err(Error::input(format!("{}: larger than 256 MiB", path.display())));
    }
    let mut octets = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    file.take(MAX_BYTES).read_to_end(&mut octets).map_err(|error| failed(&error))?;
    Ok(octets)
}

/// Whether the standard input is a person.
pub(crate) fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// The files directly in a folder, by name; `None` if it is no folder. Links, folders and devices are left out, as
/// `kubectl` does.
pub(crate) fn files_of(folder: &Path) -> Result<Option<Vec<PathBuf>>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let failed = |error: io::Error| Error::file(format!("cannot read {}", folder.display())).because(&error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(Some(files))
}

/// Whether a file would be lost if something else were written there.
pub(crate) fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// The first file of this name in the folders that can be run, by its absolute path.
pub(crate) fn program(name: &Path, folders: &[PathBuf]) -> Option<PathBuf> {
    let mut found = folders.iter().map(|folder| folder.join(name));
    let path = found.find(|path| path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok())?;
    std::path::absolute(path).ok()
}

/// When a file was last written.
pub(crate) fn modified(path: &Path) -> Option<std::time::SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// Whether what is written there stays in memory.
#[cfg(target_os = "linux")]
pub(crate) fn is_in_memory(folder: &Path) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;
    // The type of the number differs from one architecture to the next.
    rustix::fs::statfs(folder).is_ok_and(|it| matches!(u64::try_from(it.f_type), Ok(TMPFS | RAMFS)))
}

/// Whether what is written there stays in memory: unknown.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_in_memory(_: &Path) -> bool {
    false
}

/// Reads a text that may be missing. A device or a pipe has no text to keep.
pub(crate) fn read_if_exists(path: &Path) -> Result<Option<Input>> {
    if path.is_file() { read(path).map(Some) } else { Ok(None) }
}

/// Who may read a file that is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privacy {
    /// As the file that is replaced, or as the umask says.
    Public,
    /// Only its owner: mode 0600, and the temporary file goes on every way out.
    Secret,
}

/// Refuses a file whose text is not `expected` any more: what somebody else wrote meanwhile would be lost. What is no
/// file, as a pipe, cannot be read twice and is not looked at.
pub(crate) fn refuse_changed(path: &Path, expected: &str) -> Result<()> {
    if path.exists() && !path.is_file() {
        return Ok(());
    }
    match read_if_exists(path)? {
        Some(now) if *now.text == *expected => Ok(()),
        _ => Err(Error::refused(format!("{} was changed meanwhile, by something else", path.display()))
            .hint("it was left as it is now; run it again")),
    }
}

/// Replaces a file in one step: a temporary file beside it is written, synced and renamed. A file that was read to make
/// what is written must still be as `expected`.
pub(crate) fn write(path: &Path, octets: &[u8], privacy: Privacy, expected: Option<&str>) -> Result<()> {
    let failed = |error: &io::Error| cannot_write(path, error);
    // A device or a pipe cannot be replaced, and may be a link that leads nowhere, as /dev/stdout does.
    if fs::metadata(path).is_ok_and(|before| !before.is_file() && !before.is_dir()) {
        return write_through(path, octets).map_err(|error| failed(&error));
    }
    // A link stays a link: what it points to is replaced, or made.
    let target = fs::canonicalize(path).or_else(|_| end_of_links(path)).map_err(|error| failed(&error))?;
    let before = fs::metadata(&target).ok();
    if before.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(Error::file(format!("cannot write {}: it is a folder", path.display())).hint("name a file in it"));
    }
    if before.is_some() {
        // A rename would replace a file that its owner made read-only.
        rustix::fs::access(&target, Access::WRITE_OK).map_err(|error| failed(&error.into()))?;
    }
    let replaces = before.is_some();
    let mode = match (privacy, before) {
        (Privacy::Secret, _) => 0o600,
        (Privacy::Public, Some(before)) => before.mode() & 0o7777,
        (Privacy::Public, None) => 0o666,
    };
    let (mut temporary, doomed) = Doomed::make(|| temporary_beside(&target, mode)).map_err(|error| failed(&error))?;
    // The umask is for new files.
    let kept = if replaces { temporary.as_file().set_permissions(fs::Permissions::from_mode(mode)) } else { Ok(()) };
    let written = kept.and_then(|()| temporary.write_all(octets)).and_then(|()| temporary.as_file().sync_all());
    written.map_err(|error| failed(&error))?;
    if let Some(expected) = expected {
        refuse_changed(path, expected)?;
    }
    temporary.persist(&target).map_err(|error| failed(&error.error))?;
    drop(doomed);
    Ok(())
}

/// The error without the name of the temporary file, which nobody knows.
fn cannot_write(path: &Path, error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        return Error::file(format!("cannot write {}: its folder is missing", path.display())).hint("make it first");
    }
    let bare = error.get_ref().map(|_| io::Error::from(error.kind()));
    Error::file(format!("cannot write {}", path.display())).because(bare.as_ref().unwrap_or(error))
}

/// Where links lead to whose end is not there yet.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    /// As many as Linux follows.
    const MAX: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MAX {
        if !path.is_symlink() {
            return Ok(path);
        }
        let next = fs::read_link(&path)?;
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    Err(io::Error::other("too many links"))
}

fn write_through(path: &Path, octets: &[u8]) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(path)?.write_all(octets)
}

/// Creates a file that must not be there yet, mode 0600: not even one that appears meanwhile is replaced.
pub(crate) fn create_secret(path: &Path, octets: &[u8]) -> Result<()> {
    let failed = |error: &io::Error| cannot_write(path, error);
    let exists = || {
        Error::refused(format!("{} is there already, and a private key must not be lost", path.display()))
            .hint("name another file, or move the old one away")
    };
    // A link that leads nowhere is there, too.
    if path.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let (mut temporary, _doomed) = Doomed::make(|| temporary_beside(path, 0o600)).map_err(|error| failed(&error))?;
    let written = temporary.write_all(octets).and_then(|()| temporary.as_file().sync_all());
    written.map_err(|error| failed(&error))?;
    match temporary.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(exists()),
        Err(error) => Err(failed(&error.error)),
    }
}

/// An empty file in the folder of another, in whose place it can be renamed.
fn temporary_beside(path: &Path, mode: u32) -> io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix(".kseal-").permissions(fs::Permissions::from_mode(mode)).tempfile_in(folder)
}

/// Makes a folder, and those that it stands in.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| Error::file(format!("cannot make {}", path.display())).because(&error))
}

/// Whether it is a folder.
pub(crate) fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

/// The length of a file, if it can be known.
pub(crate) fn len(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|metadata| metadata.len())
}

/// Whether two paths are one file.
pub(crate) fn are_same(a: &Path, b: &Path) -> bool {
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// Whether group or others may read the file.
pub(crate) fn is_readable_by_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.mode() & 0o044 != 0)
}

/// The root of the git repository that an absolute folder is in.
pub(crate) fn repository(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|ancestor| ancestor.join(".git").exists())
}

/// The users who own a file and, if the path is a link, the link.
pub(crate) fn owners(path: &Path) -> Vec<u32> {
    [fs::symlink_metadata(path), fs::metadata(path)].into_iter().flatten().map(|metadata| metadata.uid()).collect()
}

/// The path without `.`, `..` and links, as far as it exists.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    let failed = |error: io::Error| Error::file(format!("cannot resolve {}", path.display())).because(&error);
    if let Ok(path) = fs::canonicalize(path) {
        return Ok(path);
    }
    let path = std::path::absolute(path).map_err(failed)?;
    match (path.parent().map(fs::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(file)) => Ok(folder.join(file)),
        _ => Ok(path),
    }
}

/// A private folder for files that an editor opens, mode 0700, gone with the returned guard.
pub(crate) fn secret_folder(parents: &[PathBuf]) -> Result<(PathBuf, Doomed)> {
    let mut last = None;
    for parent in parents {
        let mut builder = tempfile::Builder::new();
        builder.prefix("kseal-").permissions(fs::Permissions::from_mode(0o700));
        match Doomed::make(|| builder.tempdir_in(parent)) {
            Ok((folder, doomed)) => return Ok((folder.keep(), doomed)),
            Err(error) => last = Some(error),
        }
    }
    let error = last.unwrap_or_else(|| io::Error::other("no folder for temporary files"));
    Err(Error::file("cannot make a private temporary folder").because(&error))
}

/// Creates a file of mode 0600 in a private folder.
pub(crate) fn write_new_secret(path: &Path, octets: &[u8]) -> Result<()> {
    let open = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    open.and_then(|mut file| file.write_all(octets))
        .map_err(|error| Error::file(format!("cannot write {}", path.display())).because(&error))
}
