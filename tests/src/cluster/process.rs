//! One process of a control plane, or a controller beside it.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{guard::Guard, wait_until};

/// As many lines of its log are shown when it fails.
const TAIL: usize = 30;

/// Runs until it is stopped, killed or dropped, or until the tests end.
pub(super) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    guard: Arc<Guard>,
}

impl Process {
    /// Starts it, with both of its outputs appended to `logs/NAME.log`.
    pub(super) fn start(guard: &Arc<Guard>, name: &str, mut command: Command) -> Result<Self> {
        let log = guard.folder().join("logs").join(format!("{name}.log"));
        let output = OpenOptions::new().create(true).append(true).open(&log)?;
        let errors: File = output.try_clone()?;
        // A group of its own: an interrupt from the terminal is for the tests.
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot run {name}: {command:?}"))?;
        let process = Self { name: name.to_owned(), child, log, guard: Arc::clone(guard) };
        process.guard.watch(process.id())?;
        Ok(process)
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it printed.
    pub(super) fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.log)?).into_owned())
    }

    /// Where that stands.
    pub(super) fn log_path(&self) -> &Path {
        &self.log
    }

    /// An error with the end of its log, if it has ended by itself.
    pub(super) fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let log = self.log()?;
            let lines: Vec<&str> = log.lines().collect();
            bail!("{} ended: {status}\n{}", self.name, lines[lines.len().saturating_sub(TAIL)..].join("\n"));
        }
        Ok(())
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.id())?;
        kill(Pid::from_raw(id), signal).with_context(|| format!("cannot send {signal} to {}", self.name))
    }

    /// Asks it to end, and waits until it has.
    pub(super) async fn stop(mut self, timeout: Duration) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        let what = format!("{} ends after SIGTERM", self.name);
        let child = &mut self.child;
        wait_until(&what, timeout, || {
            let status = child.try_wait();
            async move { status?.context("it runs") }
        })
        .await
    }

    /// Ends it at once, in the middle of whatever it does.
    pub(super) fn kill(mut self) -> Result<()> {
        ensure!(self.child.try_wait()?.is_none(), "{} had ended already", self.name);
        self.child.kill()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.guard.forget(self.child.id());
    }
}
