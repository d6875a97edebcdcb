//! `kseal edit`: the values of a sealed file, in clear text, in the user's editor.

mod base;
mod view;

use std::path::{Path, PathBuf};

use kseal_crypto::KeyRing;
use zeroize::Zeroizing;

use self::{
    base::{Base, Diff},
    view::View,
};
use super::DONE;
use crate::{
    args::EditArgs,
    changing::{self, Whom},
    editor::Editor,
    error::{Error, Result},
    files::{self, Privacy},
    key_files,
    output::Output,
    recipients::{Resolved, Resolver},
    settings::Environment,
    sink,
};

/// A script in the place of an editor does not get better by being asked again.
const UNATTENDED_ROUNDS: usize = 5;

pub(crate) fn run(args: EditArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let EditArgs { target, namespace, recipients, keys } = args;
    if target.file == Path::new("-") {
        return Err(Error::usage("edit wants a file: the standard input belongs to the editor"));
    }
    let to = target.output.unwrap_or_else(|| target.file.clone());
    let key_files = keys.settle(environment);
    let mut resolver = Resolver::new(recipients.settle(environment), environment.now(), output);
    let session = Session {
        file: target.file,
        namespace,
        ring: key_files::load(&key_files, output)?,
        resolved: resolver.resolve(Some(&to))?,
        to,
        environment,
        output,
    };
    session.run()?;
    Ok(DONE)
}

struct Session<'a> {
    file: PathBuf,
    to: PathBuf,
    namespace: Option<String>,
    ring: KeyRing,
    resolved: Resolved,
    environment: &'a Environment,
    output: &'a Output,
}

/// Where the next round begins.
struct Round {
    text: Zeroizing<String>,
    /// If the same text fails in the same way once more, there is no use in asking again.
    failure: Option<String>,
    /// How often it was asked again.
    number: usize,
    /// Whether the text counts only if it is saved.
    must_save: bool,
}

impl Session<'_> {
    fn run(&self) -> Result<()> {
        let mut base = self.read()?;
        for format in base.formats() {
            self.whom().check(format)?;
        }
        let editor = Editor::new(&self.file_name(), self.environment, self.output)?;
        let mut round = Round { text: self.view(&base).render(), failure: None, number: 0, must_save: false };
        loop {
            let edited = editor.edit(&round.text)?;
            if round.must_save && !edited.saved {
                return Err(Error::refused(format!(
                    "{} changed on disk, and the text was not saved again",
                    self.name()
                ))
                .hint("nothing was written; edit once more"));
            }
            let body = view::without_errors(&edited.text);
            if view::is_empty(body) {
                self.output.note(format!("{}: the text is empty, so nothing was changed", self.name()));
                return Ok(());
            }
            match self.attempt(&base, body) {
                Ok(None) => {
                    self.output.note(format!("{}: nothing changed", self.name()));
                    return self.copy(&base);
                }
                Ok(Some((changed, diff))) => match self.save(&base, &changed, &diff)? {
                    Saved::Done => return Ok(()),
                    Saved::Moved(new) => {
                        let conflicts = diff.conflicts(&base, &new);
                        let mut view = self.view(&new);
                        diff.apply_to(&mut view);
                        round = Round {
                            text: view::with_error(&view.render(), &self.moved(&conflicts)),
                            failure: None,
                            number: round.number + 1,
                            must_save: true,
                        };
                        base = new;
                    }
                    Saved::Lost(error) => round = self.again(body, &round, error)?,
                },
                Err(error) => {
                    // The error's own lines push the text down, and its line numbers shall be those that are seen.
                    let lines = view::error_lines(&error);
                    let shifted = Zeroizing::new(format!("{}{body}", "\n".repeat(lines)));
                    let error = self.attempt(&base, &shifted).err().unwrap_or(error);
                    round = self.again(body, &round, error)?;
                }
            }
        }
    }

    /// The next round, with the error on top.
    fn again(&self, body: &str, round: &Round, error: Error) -> Result<Round> {
        let text = view::with_error(body, &error);
        let failure = error.message().to_owned();
        let in_vain = round.failure.as_ref() == Some(&failure) && *round.text == *text;
        if in_vain || round.number >= UNATTENDED_ROUNDS && !files::stdin_is_terminal() {
            return Err(error.at(self.name()));
        }
        Ok(Round { text, failure: Some(failure), number: round.number + 1, must_save: false })
    }

    /// What the edited text makes of the file; `None` if it is the same.
    fn attempt(&self, base: &Base, body: &str) -> Result<Option<(Zeroizing<String>, Diff)>> {
        let diff = Diff::of(base, View::parse(body)?)?;
        if diff.is_empty() {
            return Ok(None);
        }
        let text = base.change(&diff, &mut self.whom(), self.output)?;
        Ok(Some((text, diff)))
    }

    /// Writes the result, unless the file is another one by now.
    fn save(&self, base: &Base, text: &str, diff: &Diff) -> Result<Saved> {
        match files::read(&self.file) {
            Ok(now) if *now.text == *base.text => {}
            Ok(_) => {
                return Ok(match self.read() {
                    Ok(new) if diff.fits(&new) => Saved::Moved(new),
                    Ok(_) => Saved::Lost(self.lost()),
                    Err(error) => Saved::Lost(error),
                });
            }
            Err(error) => return Ok(Saved::Lost(error)),
        }
        let name = self.name();
        let namespaces = self.namespaces();
        changing::report(&name, text, namespaces, &self.resolved.recipients, self.output)?;
        sink::write(
            vec![sink::Outgoing::new(Some(self.to.clone()), Zeroizing::new(text.to_owned()))],
            Privacy::Public,
            self.output,
        )?;
        for told in diff.tell(base) {
            let whom = self.resolved.recipients.describe(super::set::seal_format(told.format));
            let whom = if told.is_sealed { format!(", sealed for {whom}") } else { String::new() };
            self.output.note(format!("{name}: {}: {}{whom}", told.id, told.what));
        }
        Ok(Saved::Done)
    }

    /// With `-o`, an unchanged text is written too.
    fn copy(&self, base: &Base) -> Result<()> {
        if self.to == self.file {
            return Ok(());
        }
        sink::write(vec![sink::Outgoing::new(Some(self.to.clone()), base.text.clone())], Privacy::Public, self.output)
    }

    fn lost(&self) -> Error {
        Error::refused(format!("{} changed on disk, and an object that you changed is gone from it", self.name()))
            .hint("put it back and save again, or copy your values from here")
    }

    fn moved(&self, conflicts: &[String]) -> Error {
        let error = Error::refused(format!(
            "{} changed on disk meanwhile; below it is as it is now, with your changes",
            self.name()
        ));
        if conflicts.is_empty() {
            return error.hint("save again to write it");
        }
        error.hint(format!("save again to write it; changed on both sides, and yours stand: {}", conflicts.join(", ")))
    }

    fn read(&self) -> Result<Base> {
        let input = files::read(&self.file).map_err(|error| error.hint("`kseal create` makes a new file"))?;
        Base::read(self.name(), input.text, self.namespaces(), &self.ring)
    }

    fn view(&self, base: &Base) -> View {
        base.view(&self.name())
    }

    fn whom(&self) -> Whom<'_> {
        let (now, rng) = (self.environment.now(), self.environment.rng());
        Whom { recipients: &self.resolved.recipients, now, rng }
    }

    fn namespaces(&self) -> [Option<&str>; 2] {
        [self.namespace.as_deref(), self.resolved.namespace.as_deref()]
    }

    fn name(&self) -> String {
        files::name(Some(&self.file))
    }

    /// The name by which an editor knows what it shows.
    fn file_name(&self) -> String {
        let stem = self.file.file_stem().unwrap_or_default().to_string_lossy();
        format!("{stem}.yaml")
    }
}

/// What became of a result.
enum Saved {
    /// It is written.
    Done,
    /// The file is another one by now, in which the changes still make sense.
    Moved(Base),
    /// The file is another one by now, and the changes have no place in it.
    Lost(Error),
}
