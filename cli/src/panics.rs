//! What is said and done when the program panics.

use std::{panic, process};

use crate::{cleanup, output::Output};

/// What the process exits with, as any Rust program that panicked.
const CODE: i32 = 101;

/// Ends the process when any thread panics, without the secret files.
///
/// Where it happened is told, and not what was said: a panic's message quotes the values that it is about. The process
/// exits and does not abort, since an abort may leave a core file with what was opened in it.
pub(crate) fn exit_on_panic() {
    panic::set_hook(Box::new(|info| {
        // Held to the end, so that nothing new is made after the removal.
        let _held = cleanup::remove_all();
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        Output::bug(&place);
        process::exit(CODE);
    }));
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path, process::Command};

    use super::*;
    use crate::cleanup::Doomed;

    /// By this the test below tells its process where to put a secret file.
    const FOLDER: &str = "KSEAL_TESTS_FOLDER";

    /// Ends the process that runs it.
    #[test]
    #[ignore = "the test below runs it in a process of its own"]
    #[expect(clippy::disallowed_methods, reason = "by the environment one process of this program tells another")]
    fn panics() {
        let Some(folder) = env::var_os(FOLDER) else { return };
        exit_on_panic();
        let _doomed = Doomed::make(|| fs::create_dir(&folder).map(|()| &folder)).unwrap();
        fs::write(Path::new(&folder).join("left-by-the-editor.swp"), "hunter2").unwrap();
        let thread = std::thread::spawn(|| panic!("the value is {}", "hunter2"));
        let _ = thread.join();
    }

    #[test]
    fn a_panic_in_any_thread_leaves_no_secret_file_and_tells_the_place_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("secret");
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "panics::tests::panics", "--ignored", "--nocapture", "--test-threads=1"]);
        let output = command.env(FOLDER, &folder).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(CODE), "{said}");
        assert!(said.contains("this is a bug") && said.contains("panics.rs:"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        assert!(!folder.exists());
    }
}
