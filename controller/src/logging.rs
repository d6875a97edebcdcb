//! Log lines on stderr, as text or JSON, and what is said when the program panics.
//!
//! No line holds plaintext, a key or a token. Of our own lines that is a matter of writing them; of the libraries' lines it
//! is a matter of not having them: kube logs whole answers at debug and trace, and a library may log at those levels what
//! it likes tomorrow. So theirs are cut at `warn`, and at `info` when ours are asked for in detail, and no setting lifts that.

use std::io;
use std::panic;
use std::process;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

use crate::args::{LogFormat, LogLevel};

/// Our crates' names begin so, and so do their targets.
const OURS: &str = "kseal";
/// What the process exits with after a panic, as after any error.
const FAILURE: i32 = 1;

/// Sends log lines to stderr from now on. Only the first call in a process has an effect.
pub fn start(format: LogFormat, level: LogLevel) {
    // It fails where a subscriber is there already, which then goes on.
    let _ = tracing::subscriber::set_global_default(subscriber(format, level, io::stderr));
}

/// Ends the process when any thread panics, so that it is started anew instead of living on without that thread's work.
///
/// Where it happened is logged, and not what was said: a panic's message quotes the values that it is about. The process
/// exits and does not abort, since an abort may leave a core file with every key in it.
pub fn exit_on_panic() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(
            place,
            "this is a bug: please report it with the place; the controller ends, to be started anew"
        );
        process::exit(FAILURE);
    }));
}

fn subscriber<W>(format: LogFormat, level: LogLevel, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let ours = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let foreign = if ours > LevelFilter::INFO { LevelFilter::INFO } else { ours.min(LevelFilter::WARN) };
    let filter = Targets::new().with_default(foreign).with_target(OURS, ours);
    let lines = fmt::layer().with_writer(writer);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    Box::new(tracing_subscriber::registry().with(lines.with_filter(filter)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(format: LogFormat, level: LogLevel, talk: impl FnOnce()) -> Vec<String> {
        let page = Page::default();
        let writer = page.clone();
        tracing::subscriber::with_default(subscriber(format, level, move || writer.clone()), talk);
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn everybody_talks() {
        tracing::trace!(target: "kseal_controller::engine", "ours, trace");
        tracing::info!(target: "kseal_core", "ours, info");
        tracing::trace!(target: "hyper_util::client", "theirs, trace");
        tracing::debug!(target: "kube_client::client", "theirs, debug");
        tracing::info!(target: "kube_client::client", "theirs, info");
        tracing::warn!(target: "kube_client::client", "theirs, warn");
        tracing::error!(target: "kube_client::client", "theirs, error");
    }

    fn said(level: LogLevel) -> String {
        let lines = lines(LogFormat::Text, level, everybody_talks);
        let ends = lines.iter().map(|line| line.rsplit(": ").next().unwrap().to_owned());
        ends.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn others_are_not_heard_below_info_whatever_is_asked_for() {
        assert_eq!(said(LogLevel::Error), "theirs, error");
        assert_eq!(said(LogLevel::Info), "ours, info; theirs, warn; theirs, error");
        assert_eq!(said(LogLevel::Debug), "ours, info; theirs, info; theirs, warn; theirs, error");
        assert_eq!(said(LogLevel::Trace), "ours, trace; ours, info; theirs, info; theirs, warn; theirs, error");
    }

    /// By this the test below tells its process that it may end.
    const MAY_END: &str = "KSEAL_TESTS_MAY_END";

    /// Ends the process that runs it.
    #[test]
    #[ignore = "the test below runs it in a process of its own"]
    #[expect(clippy::disallowed_methods, reason = "by the environment one process of this program tells another")]
    fn panics() {
        if std::env::var_os(MAY_END).is_none() {
            return;
        }
        start(LogFormat::Text, LogLevel::Error);
        exit_on_panic();
        let thread = std::thread::spawn(|| panic!("the value is {}", "hunter2"));
        let _ = thread.join();
    }

    #[test]
    fn a_panic_in_any_thread_ends_the_process_and_tells_the_place_alone() {
        let tests = std::env::current_exe().unwrap();
        let mut command = process::Command::new(tests);
        command.args(["--exact", "logging::tests::panics", "--ignored", "--nocapture", "--test-threads=1"]);
        let output = command.env(MAY_END, "").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(FAILURE), "{said}");
        assert!(said.contains("this is a bug") && said.contains("logging.rs:"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }

    /// Names within objects are written by whoever may write the object. A field called `message` would be taken for
    /// the line's own words, and not be quoted.
    #[test]
    fn what_others_named_stays_within_its_quotes() {
        let name = "x\n2026-11-26T00:00:00Z ERROR forged\r\u{1b}[2J";
        let lines = lines(LogFormat::Text, LogLevel::Info, || {
            tracing::warn!(target: "kseal_controller", why = name.to_owned(), "not right");
        });
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert!(line.contains(r#"not right why="x\n2026-"#), "{line}");
        assert!(!line.contains(['\r', '\u{1b}']), "{line}");
    }

    #[test]
    fn json_is_one_object_a_line_with_its_fields() {
        let lines = lines(LogFormat::Json, LogLevel::Info, || {
            tracing::info!(target: "kseal_controller", object = "prod/db\n", count = 3, "two\nlines");
        });
        let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&line["message"], &line["object"], &line["count"]),
            (&"two\nlines".into(), &"prod/db\n".into(), &3.into())
        );
        assert_eq!(line["level"], "INFO");
        assert!(line["timestamp"].is_string());
    }
}
