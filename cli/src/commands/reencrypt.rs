//! `kseal reencrypt`: brings a tree of sealed files up to date with the keys.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use kseal_crypto::KeyRing;
use kseal_manifest::Manifest;
use serde_json::{Value, json};

use super::{DONE, FOUND};
use crate::{
    args::{ReencryptArgs, ReportFormat},
    cluster::Publishing,
    error::{Error, Result},
    files::{
        self, Privacy,
        given::{self, Given},
        walk,
    },
    key_files,
    output::{Output, Progress},
    recipients::{Ask, Resolved, Resolver, Source},
    reencrypting::{
        Reencrypted, Reencrypting, holds_sealed,
        report::{self, ObjectReport},
    },
    rewrapping::Through,
    settings::Environment,
    words::{are, count},
};

pub(crate) fn run(args: ReencryptArgs, environment: &Environment, output: &Output) -> Result<u8> {
    if args.paths.iter().any(|path| path == Path::new("-")) {
        return Err(Error::usage("the standard input cannot be re-encrypted: rules go by path").hint("name a file"));
    }
    let ring = key_files::load(&args.keys.settle(environment), output)?;
    let ask = if args.through_cluster { Ask::Through } else { Ask::NamedFallback };
    let is_fixed = !args.recipients.keys.is_empty() || args.recipients.config.is_some();
    let source = Source { ask, ..args.recipients.settle(environment) };
    if is_fixed && source.publishing.access.is_named() && !args.through_cluster {
        return Err(Error::usage(
            "--keys or --config say whom to seal for, so --context and --kubeconfig have nothing to say",
        )
        .hint("leave them out, or let that cluster do the work with --through-cluster"));
    }
    let publishing = args.through_cluster.then(|| source.publishing.clone());
    let mut command = Reencrypt {
        resolver: Resolver::new(source, environment.now(), output),
        ring,
        through: None,
        check: args.check,
        writes: !args.check && !args.dry_run,
        compact: args.compact,
        format: args.report.format,
        environment,
        output,
    };
    let given = given::files(&args.paths, &walk::Exclude::new(&[])?);
    if let Some(publishing) = publishing {
        command.ask(&publishing, &given, args.timeout)?;
    }
    let outcome = command.all(given)?;
    command.conclude(&outcome)
}

struct Reencrypt<'a> {
    resolver: Resolver<'a>,
    ring: KeyRing,
    through: Option<Through>,
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
    /// Has a cluster wrap what no private key at hand opens. What cannot be read or judged is told when it is its turn.
    ///
    /// # Errors
    /// If the cluster cannot be asked, or is not the configured one: then nothing is done at all.
    fn ask(&mut self, publishing: &Publishing, given: &[Result<Given>], timeout: Duration) -> Result<()> {
        let mut through = Through::connect(publishing)?;
        let mut questions = Vec::new();
        for given in given.iter().flatten() {
            let Ok(Some((_, manifest))) = read(given) else { continue };
            let Ok(resolved) = self.resolver.resolve(Some(&given.path)) else { continue };
            questions.extend(self.work(&resolved).questions(&manifest, &through)?);
        }
        through.ask(questions, timeout, self.output);
        self.through = Some(through);
        Ok(())
    }

    fn all(&mut self, given: Vec<Result<Given>>) -> Result<Outcome> {
        let mut outcome = Outcome::default();
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
        outcome.errors.push(json!({
            "message": error.message(), "details": error.lines(), "code": error.code(), "hint": error.advice(),
        }));
    }

    /// Re-encrypts one file, which is written whole or not at all.
    fn file(&mut self, given: &Given, errors: &mut Vec<Error>) -> Result<Fate> {
        let Some((name, manifest)) = read(given)? else { return Ok(Fate::Unreadable) };
        if !holds_sealed(&manifest) {
            return Ok(Fate::NothingSealed);
        }
        let resolved = self.resolver.resolve(Some(&given.path)).map_err(|error| error.at(&name))?;
        let Reencrypted { text, objects, errors: failed } = self.work(&resolved).run(&name, &manifest)?;
        errors.extend(failed);
        if let Some(text) = text.filter(|_| self.writes) {
            files::write(&given.path, text.as_bytes(), Privacy::Public, Some(manifest.text()))?;
        }
        Ok(Fate::Looked(objects))
    }

    fn work<'w>(&'w self, resolved: &'w Resolved) -> Reencrypting<'w> {
        Reencrypting {
            recipients: &resolved.recipients,
            namespace: resolved.namespace.as_deref(),
            ring: &self.ring,
            through: self.through.as_ref(),
            compact: self.compact,
            only_plans: self.check,
            environment: self.environment,
            output: self.output,
        }
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
            lines.extend(to_change.map(|(items, why)| report::to_change(&object.object, &items, &why)));
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

/// A file with its name; `None` if it was met in a folder and cannot be read as a manifest.
fn read(Given { path, named }: &Given) -> Result<Option<(String, Manifest)>> {
    let input = match files::read(path) {
        Err(error) if !*named && error.code() == Error::input("").code() => return Ok(None),
        input => input?,
    };
    let name = input.name();
    match Manifest::parse(input.text) {
        Err(_) if !*named => Ok(None),
        manifest => Ok(Some((name.clone(), manifest.map_err(|error| Error::input(format!("{name}: {error}")))?))),
    }
}
