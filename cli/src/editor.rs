//! Runs the user's editor on a text that must not stay behind.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use zeroize::Zeroizing;

use crate::{
    cleanup::{Doomed, Interrupts},
    error::{Error, Result},
    files,
    output::Output,
    settings::Environment,
};

/// An editor with a private folder, which goes with it.
pub(crate) struct Editor {
    command: String,
    path: PathBuf,
    _folder: Doomed,
}

/// What the user left in the file.
pub(crate) struct Edited {
    pub text: Zeroizing<String>,
    /// Whether the file was written at all.
    pub saved: bool,
}

impl Editor {
    /// Makes the folder. `name` is what the file in it is called.
    pub(crate) fn new(name: &str, environment: &Environment, output: &Output) -> Result<Self> {
        let (folder, doomed) = files::secret_folder(&parents(environment))?;
        if !files::is_in_memory(&folder) {
            let place = folder.parent().unwrap_or(&folder).display();
            output.note(format!("there is no folder in memory, so the clear text stands in {place} while you edit"));
        }
        let command = environment.editor.clone().unwrap_or_else(|| "vi".to_owned());
        Ok(Self { command, path: folder.join(name), _folder: doomed })
    }

    /// Shows a text and waits for the editor to end.
    ///
    /// # Errors
    /// If the editor does not run, or says that it failed.
    pub(crate) fn edit(&self, text: &str) -> Result<Edited> {
        files::write_new_secret(&self.path, text.as_bytes())?;
        let before = files::modified(&self.path);
        let status = self.run()?;
        if !status.success() {
            let hint = match status.code() {
                Some(126 | 127) => "set VISUAL or EDITOR to an editor that is there",
                _ => "nothing was changed",
            };
            return Err(Error::file(format!("the editor `{}` failed: {status}", self.command)).hint(hint));
        }
        let after = files::modified(&self.path);
        let Some(edited) = files::read_if_exists(&self.path)? else {
            return Ok(Edited { text: Zeroizing::new(String::new()), saved: true });
        };
        let saved = *edited.text != *text || before != after;
        Ok(Edited { text: edited.text, saved })
    }

    /// As git does: the variable may hold arguments and all that a shell understands.
    fn run(&self) -> Result<ExitStatus> {
        let _interrupts = Interrupts::leave_to_child();
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{} \"$@\"", self.command)).arg(&self.command).arg(&self.path);
        command.status().map_err(|error| Error::file("cannot run the editor").because(&error))
    }
}

/// Where the folder may stand: in memory if there is such a place.
fn parents(environment: &Environment) -> Vec<PathBuf> {
    let mut parents: Vec<PathBuf> = environment.runtime_dir.iter().cloned().collect();
    parents.push(PathBuf::from("/dev/shm"));
    parents.push(environment.temp_dir.clone());
    parents.sort_by_key(|folder| !files::is_in_memory(Path::new(folder)));
    parents
}
