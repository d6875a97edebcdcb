//! `kseal reencrypt`: brings a tree of sealed files up to date with the keys.

use std::path::{Path, PathBuf};

use kseal_crypto::KeyRing;
use kseal_manifest::Manifest;
use serde_json::{Value, json};

use super::{DONE, FOUND};
use crate::{
    args::{ReencryptArgs, ReportFormat},
    error::{Error, Result},
    files::{
        self, Privacy,
        given::{self, Given},
        walk,
    },
    key_files,
    output::{Output, Progress},
    recipients::{Ask, Resolver, Source},
    reencrypting::{Reencrypted, Reencrypting, holds_sealed, report::ObjectReport},
    settings::Environment,
    words::{are, count},
};

pub(crate) fn run(args: ReencryptArgs, environment: &Environment, output: &Output) -> Result<u8> {
    if args.paths.iter().any(|path| path == Path::new("-")) {
        return Err(Error::usage("the standard input cannot be re-encrypted: rules go by path").hint("name a file"));
    }
    let ring = key_files::load(&args.keys.settle(environment), output)?;
    let source = Source { ask: Ask::NamedFallback, ..args.recipients.settle(environment) };
    let mut command = Reencrypt {
        resolver: Resolver::new(source, environment.now(), output),
        ring,
        check: args.check,
        writes: !args.check && !args.dry_run,
        compact: args.compact,
        format: args.report.format,
        environment,
        output,
    };
    let outcome = command.all(&args.paths)?;
    command.conclude(&outcome)
}

struct Reencrypt<'a> {
    resolver: Resolver<'a>,
    ring: KeyRing,
    check: bool,
    writes: bool,
    compact: bool,
    format: ReportFormat,
    environment: &'a Environment,
    output: &'a Output,
}

/// What became of one file.
enum Fate {
    /// There is nothing sealed in it.
    NothingSealed,
    /// It was met in a folder and is no manifest.
    Unreadable,
    /// What became of its objects.
    Looked(Vec<ObjectReport>),
}

#[derive(Default)]
struct Outcome {
    files: Vec<(PathBuf, Vec<ObjectReport>)>,
    current: usize,
    nothing_sealed: usize,
    unreadable: usize,
    failed: usize,
    /// The highest exit code of an error.
    worst: u8,
    errors: Vec<Value>,
}

impl Reencrypt<'_> {
    fn all(&mut self, paths: &[PathBuf]) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let given = given::files(paths, &walk::Exclude::new(&[])?);
        let progress = self.output.progress(given.len());
        for file in given {
            let mut errors = Vec::new();
            match file.and_then(|file| Ok((self.file(&file, &mut errors)?, file.path))) {
                Ok((Fate::NothingSealed, _)) => outcome.nothing_sealed += 1,
                Ok((Fate::Unreadable, _)) => outcome.unreadable += 1,
                Ok((Fate::Looked(objects), path)) => {
                    // Said at once: whoever ends the program now must not lose what has to be changed.
                    progress.aside(|| self.tell(&path, &objects))?;
                    let is_open = |object: &ObjectReport| object.is_due() || object.is_unknown();
                    outcome.current += usize::from(errors.is_empty() && !objects.iter().any(is_open));
                    outcome.files.push((path, objects));
                }
                Err(error) => errors.push(error),
            }
            outcome.failed += usize::from(!errors.is_empty());
            for error in &errors {
                self.fail(error, &mut outcome, &progress);
            }
            progress.step();
        }
        Ok(outcome)
    }

    fn fail(&self, error: &Error, outcome: &mut Outcome, progress: &Progress) {
        progress.aside(|| self.output.error(error));
        outcome.worst = outcome.worst.max(error.code());
        outcome.errors.push(json!({"message": error.message(), "code": error.code(), "hint": error.advice()}));
    }

    /// Re-encrypts one file, which is written whole or not at all.
    fn file(&mut self, Given { path, named }: &Given, errors: &mut Vec<Error>) -> Result<Fate> {
        let input = match files::read(path) {
            Err(error) if !*named && error.code() == Error::input("").code() => return Ok(Fate::Unreadable),
            input => input?,
        };
        let name = input.name();
        let manifest = match Manifest::parse(input.text) {
            Err(_) if !*named => return Ok(Fate::Unreadable),
            manifest => manifest.map_err(|error| Error::input(format!("{name}: {error}")))?,
        };
        if !holds_sealed(&manifest) {
            return Ok(Fate::NothingSealed);
        }
        let resolved = self.resolver.resolve(Some(path)).map_err(|error| error.at(&name))?;
        let work = Reencrypting {
            recipients: &resolved.recipients,
            namespace: resolved.namespace.as_deref(),
            ring: &self.ring,
            compact: self.compact,
            only_plans: self.check,
            environment: self.environment,
            output: self.output,
        };
        let Reencrypted { text, objects, errors: failed } = work.run(&name, &manifest)?;
        errors.extend(failed);
        if let Some(text) = text.filter(|_| self.writes) {
            files::write(path, text.as_bytes(), Privacy::Public, Some(manifest.text()))?;
        }
        Ok(Fate::Looked(objects))
    }

    /// The lines of one file.
    fn tell(&self, path: &Path, objects: &[ObjectReport]) -> Result<()> {
        if self.format == ReportFormat::Json {
            return Ok(());
        }
        let mut lines = Vec::new();
        for object in objects {
            lines.extend(object.line(self.writes));
            let to_change = object.to_change().into_iter();
            lines.extend(to_change.map(|(items, why)| {
                format!("change at the source, since {why}: {} {}", object.object, items.join(", "))
            }));
        }
        self.output.report(lines.into_iter().map(|line| format!("{}: {line}", path.display())))
    }

    fn conclude(&self, outcome: &Outcome) -> Result<u8> {
        let objects = || outcome.files.iter().flat_map(|(_, objects)| objects);
        let due = outcome.files.iter().filter(|(_, objects)| objects.iter().any(ObjectReport::is_due)).count();
        let unknown = objects().filter(|object| object.is_unknown()).count();
        if self.format == ReportFormat::Json {
            self.output.json(&self.json(outcome))?;
        }
        self.note(outcome, due, unknown);
        let to_change: usize = objects().flat_map(ObjectReport::to_change).map(|(items, _)| items.len()).sum();
        if to_change > 0 {
            self.output.warn(format!(
                "{} could be opened by a key that should not open it: sealing anew does not help, \
                 change each at its source and seal the new one",
                count(to_change, "secret")
            ));
        }
        Ok(match (outcome.worst, self.check && due > 0) {
            (DONE, true) => FOUND,
            (worst, _) => worst,
        })
    }

    fn note(&self, outcome: &Outcome, due: usize, unknown: usize) {
        let changed = match (self.check, self.writes) {
            (true, _) => "to re-encrypt",
            (_, false) => "would be changed",
            (_, true) => "changed",
        };
        let mut parts = vec![format!("{} {changed}", count(due, "file")), format!("{} up to date", outcome.current)];
        let rest = [
            (outcome.failed, "failed"),
            (outcome.nothing_sealed, "without anything sealed"),
            (outcome.unreadable, "that cannot be read as YAML"),
        ];
        parts.extend(
            rest.into_iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")),
        );
        self.output.note(parts.join(", "));
        if unknown > 0 {
            self.output.note(format!(
                "{} of sealed-secrets' format, and no key at hand tells what {} sealed for",
                are(unknown, "object"),
                if unknown == 1 { "it is" } else { "they are" }
            ));
        }
    }

    fn json(&self, outcome: &Outcome) -> Value {
        let file = |(path, objects): &(PathBuf, Vec<ObjectReport>)| {
            let due = objects.iter().any(ObjectReport::is_due);
            let objects: Vec<Value> = objects.iter().map(ObjectReport::json).collect();
            json!({"path": path.display().to_string(), "due": due, "written": due && self.writes, "objects": objects})
        };
        json!({
            "files": outcome.files.iter().map(file).collect::<Vec<_>>(),
            "errors": outcome.errors,
            "nothingSealed": outcome.nothing_sealed,
            "unreadable": outcome.unreadable,
        })
    }
}
