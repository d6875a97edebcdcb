//! The only module that prints: data to stdout, talk to stderr.

use std::{
    borrow::Cow,
    io::{self, IsTerminal as _, Write as _},
};

use indicatif::{ProgressBar, ProgressDrawTarget};
use zeroize::Zeroizing;

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

/// A text on one line, whose control characters are seen and do nothing: names in files of others must not rewrite what
/// a terminal shows, or begin a line of a log.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        if char.is_control() {
            shown.extend(char.escape_default());
        } else {
            shown.push(char);
        }
    }
    shown.into()
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

    /// A report to stdout as JSON, one line end at the end. `serde_json` leaves DEL and the C1 controls as they are, which
    /// stand in strings only.
    pub(crate) fn json(&self, value: &serde_json::Value) -> Result<()> {
        let mut text = String::new();
        for char in format!("{value:#}\n").chars() {
            match char {
                '\n' => text.push(char),
                char if char.is_control() => text.extend(format!("\\u{:04x}", u32::from(char)).chars()),
                char => text.push(char),
            }
        }
        self.data(text.as_bytes())
    }

    /// A report for people to stdout, by its lines. What files hold is in it: no control character of theirs gets out.
    pub(crate) fn report(&self, lines: impl IntoIterator<Item = String>) -> Result<()> {
        let mut text = String::new();
        for line in lines {
            text.push_str(&visible(&line));
            text.push('\n');
        }
        self.data(text.as_bytes())
    }

    /// A text of many lines to stdout that keeps its tabs and line ends, and no other control character.
    pub(crate) fn text(&self, text: &str) -> Result<()> {
        let is_layout = |char| matches!(char, '\n' | '\r' | '\t');
        let parts = text.split_inclusive(is_layout).map(|part| match part.char_indices().next_back() {
            Some((at, char)) if is_layout(char) => (&part[..at], &part[at..]),
            _ => (part, ""),
        });
        let mut shown = Zeroizing::new(String::with_capacity(text.len()));
        for (part, layout) in parts {
            shown.push_str(&visible(part));
            shown.push_str(layout);
        }
        self.data(shown.as_bytes())
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
        for line in error.lines() {
            self.line("", &format!("  {line}"));
        }
        for cause in error.causes() {
            self.line(self.label("caused by:", "31"), cause);
        }
        if let Some(hint) = error.advice() {
            self.line(self.label("hint:", "36"), hint);
        }
    }

    /// The program ends where it should not, whatever was asked for.
    pub(crate) fn bug(place: &str) {
        let _ = writeln!(io::stderr().lock(), "error: this is a bug: please report it with the place, {place}");
    }

    fn label<'l>(&self, label: &'l str, color: &str) -> Cow<'l, str> {
        if self.color { format!("\x1b[1;{color}m{label}\x1b[0m").into() } else { label.into() }
    }

    #[expect(clippy::unused_self, reason = "whoever prints holds the output")]
    fn line(&self, label: impl AsRef<str>, message: &str) {
        let label = label.as_ref();
        let space = if label.is_empty() { "" } else { " " };
        // Where stderr is gone there is nobody to tell.
        let _ = writeln!(io::stderr().lock(), "{label}{space}{}", visible(message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_seen_and_do_nothing() {
        assert_eq!(visible("a\u{1b}[2Jb\u{7}\n\u{9b}\u{7f}"), "a\\u{1b}[2Jb\\u{7}\\n\\u{9b}\\u{7f}");
        assert!(matches!(visible("jürgen 'a' \\n"), Cow::Borrowed(_)));
    }
}
