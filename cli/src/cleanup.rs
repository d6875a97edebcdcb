//! Removes secret files on every way out but SIGKILL: at the end of a scope, on a panic, and on a signal.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, Once, PoisonError},
    thread,
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    iterator::Signals,
    low_level::emulate_default_handler,
};

static DOOMED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static WATCH: Once = Once::new();

/// A file or folder that goes when this does.
pub(crate) struct Doomed(PathBuf);

impl Doomed {
    /// Marks a path, best before anything secret is written to it.
    pub(crate) fn new(path: &Path) -> Self {
        WATCH.call_once(watch);
        doomed().push(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        remove(&self.0);
        doomed().retain(|path| *path != self.0);
    }
}

fn doomed() -> std::sync::MutexGuard<'static, Vec<PathBuf>> {
    DOOMED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Without the handler (no thread to be had) the files are still removed on every way out but a signal.
fn watch() {
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM]) else { return };
    thread::spawn(move || {
        for signal in signals.forever() {
            doomed().iter().for_each(|path| remove(path));
            let _ = emulate_default_handler(signal);
        }
    });
}

#[expect(clippy::disallowed_methods, reason = "the counterpart of the file module, where signals may enter")]
fn remove(path: &Path) {
    // What is gone already was removed by its owner.
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}
