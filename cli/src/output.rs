//! The only module that prints: data to stdout, talk to stderr.

use std::io::{self, IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::{
    error::{Error, Result},
    settings::Environment,
};

/// Work of fewer steps is done before a bar can be read.
const LONG_WORK: usize = 25;

/// A bar on stderr, or nothing where nobody would see it. Gone when dropped.
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// One more step is done.
    pub(crate) fn step(&self) {
        if let Some(bar) = &self.0 {
            bar.inc(1);
        }
    }

    /// Prints something while the bar steps aside.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Where the program talks.
pub(crate) struct Output {
    quiet: bool,
    color: bool,
}

impl Output {
    pub(crate) fn new(quiet: bool, environment: &Environment) -> Self {
        Self { quiet, color: !environment.no_color && io::stderr().is_terminal() }
    }

    /// Whether what goes to stdout is seen by a person.
    #[expect(clippy::unused_self, reason = "whoever prints holds the output")]
    pub(crate) fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Whether progress may be drawn.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// A bar for so many steps, if they are many.
    pub(crate) fn progress(&self, steps: usize) -> Progress {
        let shown = self.shows_progress() && steps >= LONG_WORK;
        Progress(shown.then(|| {
            let length = u64::try_from(steps).unwrap_or(u64::MAX);
            ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr())
        }))
    }

    /// Data to stdout, whole.
    ///
    /// # Errors
    /// If it cannot be written, as into a closed pipe or a full disk.
    #[expect(clippy::unused_self, reason = "whoever prints holds the output")]
    pub(crate) fn data(&self, bytes: &[u8]) -> Result<()> {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        written.map_err(|error| Error::file("cannot write to the standard output").because(&error))
    }

    /// A report to stdout as JSON, one line end at the end.
    pub(crate) fn json(&self, value: &serde_json::Value) -> Result<()> {
        self.data(format!("{value:#}\n").as_bytes())
    }

    /// Something worth knowing, unless `--quiet`.
    pub(crate) fn note(&self, message: impl AsRef<str>) {
        if !self.quiet {
            self.line("", message.as_ref());
        }
    }

    /// Something that is probably wrong, unless `--quiet`.
    pub(crate) fn warn(&self, message: impl AsRef<str>) {
        if !self.quiet {
            self.line(self.label("warning:", "33"), message.as_ref());
        }
    }

    /// An error, always.
    pub(crate) fn error(&self, error: &Error) {
        self.line(self.label("error:", "31"), error.message());
        for cause in error.causes() {
            self.line(self.label("caused by:", "31"), cause);
        }
        if let Some(hint) = error.advice() {
            self.line(self.label("hint:", "36"), hint);
        }
    }

    fn label<'l>(&self, label: &'l str, color: &str) -> std::borrow::Cow<'l, str> {
        if self.color { format!("\x1b[1;{color}m{label}\x1b[0m").into() } else { label.into() }
    }

    #[expect(clippy::unused_self, reason = "whoever prints holds the output")]
    fn line(&self, label: impl AsRef<str>, message: &str) {
        let label = label.as_ref();
        let space = if label.is_empty() { "" } else { " " };
        // Where stderr is gone there is nobody to tell.
        let _ = writeln!(io::stderr().lock(), "{label}{space}{message}");
    }
}
