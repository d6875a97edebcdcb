//! Removes secret files on every way out but SIGKILL: at the end of a scope, on a panic, and on a signal.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    iterator::Signals,
    low_level::emulate_default_handler,
};

static DOOMED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static WATCH: Once = Once::new();
static CHILD_HAS_TERMINAL: AtomicBool = AtomicBool::new(false);

/// A file or folder that goes when this does.
pub(crate) struct Doomed(PathBuf);

impl Doomed {
    /// Makes a file or a folder and marks it in one step, between which no signal can come.
    pub(crate) fn make<T: AsRef<Path>>(create: impl FnOnce() -> io::Result<T>) -> io::Result<(T, Self)> {
        WATCH.call_once(watch);
        let mut doomed = doomed();
        let made = create()?;
        let path = made.as_ref().to_owned();
        doomed.push(path.clone());
        Ok((made, Self(path)))
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        remove(&self.0);
        doomed().retain(|path| *path != self.0);
    }
}

/// While this lives, what is typed to interrupt (SIGINT, SIGQUIT) is for the program that has the terminal. Other
/// signals still end this one.
pub(crate) struct Interrupts(());

impl Interrupts {
    /// Leaves them to a program that is about to start.
    pub(crate) fn leave_to_child() -> Self {
        WATCH.call_once(watch);
        CHILD_HAS_TERMINAL.store(true, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        CHILD_HAS_TERMINAL.store(false, Ordering::SeqCst);
    }
}

fn doomed() -> MutexGuard<'static, Vec<PathBuf>> {
    DOOMED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Without the handler (no thread to be had) the files are still removed on every way out but a signal.
fn watch() {
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM]) else { return };
    thread::spawn(move || {
        for signal in signals.forever() {
            if matches!(signal, SIGINT | SIGQUIT) && CHILD_HAS_TERMINAL.load(Ordering::SeqCst) {
                continue;
            }
            // Held to the end, so that nothing new is made after the removal.
            let doomed = remove_all();
            let _ = emulate_default_handler(signal);
            drop(doomed);
        }
    });
}

/// Removes them all. Nothing new is made while what it returns is held.
pub(crate) fn remove_all() -> MutexGuard<'static, Vec<PathBuf>> {
    let doomed = doomed();
    doomed.iter().for_each(|path| remove(path));
    doomed
}

fn remove(path: &Path) {
    // What is gone already was removed by its owner.
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_all_that_is_in_it() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("secret");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("left-by-the-editor.swp"), "hunter2").unwrap();
        drop(Doomed::make(|| Ok(&folder)).unwrap());
        assert!(!folder.exists());
        assert!(!doomed().contains(&folder));
    }
}
