//! What is left behind when the process of the tests ends, in whatever way: nothing, or the folder if a test failed.
//!
//! A static is never dropped and a killed process drops nothing. So a small shell script waits beside each control plane
//! for the end of a pipe that only the process of the tests holds.

use std::{
    cell::RefCell,
    fs,
    io::Write as _,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    panic,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, Once, PoisonError},
};

use anyhow::{Context as _, Result};

/// Folders that a failure keeps.
static LIVE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static HOOK: Once = Once::new();
thread_local! {
    /// Guards of the test that runs on this thread, if one does.
    static HELD: RefCell<Option<Vec<Arc<Guard>>>> = const { RefCell::new(None) };
}

/// A folder, and the processes that work in it.
pub(super) struct Guard {
    folder: PathBuf,
    script: Mutex<Script>,
}

struct Script {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Guard {
    /// Makes a folder for which it stands.
    pub(super) fn new() -> Result<Arc<Self>> {
        HOOK.call_once(keep_after_panic);
        let folder =
            tempfile::Builder::new().prefix("kseal-cluster-").tempdir().context("cannot make a folder")?.keep();
        // Others may pass through it to what is theirs: a controller runs as a user of its own.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o711))?;
        let mut child = Command::new("sh")
            .args(["-c", include_str!("guard.sh"), "guard"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // An interrupt from the terminal is for the tests, and the script's work begins after it.
            .process_group(0)
            .spawn()
            .context("cannot run sh")?;
        let stdin = child.stdin.take();
        lock(&LIVE).push(folder.clone());
        let guard = Arc::new(Self { folder, script: Mutex::new(Script { child, stdin }) });
        HELD.with_borrow_mut(|held| {
            if let Some(held) = held {
                held.push(Arc::clone(&guard));
            }
        });
        Ok(guard)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// This process ends when the tests end.
    pub(super) fn watch(&self, process: u32) -> Result<()> {
        self.tell("watch", process).context("the guard is gone")
    }

    /// This process has ended, and its number may be another's now.
    pub(super) fn forget(&self, process: u32) {
        // Without a guard there is nobody who would kill it.
        let _ = self.tell("forget", process);
    }

    fn tell(&self, verb: &str, process: u32) -> Result<()> {
        let mut script = lock(&self.script);
        let stdin = script.stdin.as_mut().context("its pipe is closed")?;
        writeln!(stdin, "{verb} {process}")?;
        Ok(())
    }
}

/// By now every process has been stopped: each of them holds the guard.
impl Drop for Guard {
    fn drop(&mut self) {
        lock(&LIVE).retain(|folder| *folder != self.folder);
        let mut script = lock(&self.script);
        script.stdin = None;
        // It removes the folder; if it does not, nobody else could.
        let _ = script.child.wait();
    }
}

/// Lives as long as a test. One that gives up has dropped its control plane before anybody knows that it failed, and the
/// folder must still be there.
pub(super) struct Held(());

impl Held {
    pub(super) fn new() -> Self {
        HELD.set(Some(Vec::new()));
        Self(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(HELD.take());
    }
}

/// Keeps the data of every control plane that this process has, and says where it is.
pub(super) fn keep() {
    for folder in lock(&LIVE).iter() {
        let mark = folder.join("keep");
        if !mark.exists() && fs::write(&mark, "a test failed\n").is_ok() {
            super::say(&format!("the data of the control plane is kept in {}", folder.display()));
        }
    }
}

fn keep_after_panic() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        previous(info);
        keep();
    }));
}

/// A mutex that a panic poisoned still holds what it held.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
