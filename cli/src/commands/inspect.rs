//! `kseal inspect`: shows what sealed files hold, without showing a value.

mod report;
mod text;

use std::path::Path;

use kseal_core::KeySecret;
use kseal_crypto::KeyRing;
use kseal_manifest::Manifest;
use serde_json::json;

use super::DONE;
use crate::{
    args::{InspectArgs, ReportFormat},
    error::{Error, Result},
    files,
    key_files::{self, Labelled},
    meaning::{self, Meaning},
    output::Output,
    recipients::Resolver,
    settings::Environment,
    sink,
};
use report::{Held, Report};

pub(crate) fn run(args: InspectArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let mut inspect = Inspect {
        keys: held(key_files::read_all(&args.keys.settle(environment), output)?),
        namespace: args.namespace,
        resolver: Resolver::new(args.bundles.settle(environment), environment.now(), output),
        output,
    };
    let mut reports = Vec::new();
    for file in sink::inputs(args.files, false)? {
        reports.extend(inspect.file(&file)?);
    }
    match args.report.format {
        ReportFormat::Json => output.json(&json!({ "objects": reports }))?,
        ReportFormat::Text => output.report(text::render(&reports))?,
    }
    Ok(DONE)
}

/// Each private key in a ring of its own, so that it shows which one opens what.
fn held(keys: Vec<Labelled>) -> Vec<Held> {
    let each = keys.into_iter().map(|key| {
        let mut ring = KeyRing::default();
        let fingerprint = match key.key {
            KeySecret::Native { key, .. } => {
                let fingerprint = key.fingerprint().to_string();
                ring.add(key);
                fingerprint
            }
            KeySecret::Rsa { key, .. } => {
                let fingerprint = key.public().fingerprint().to_string();
                ring.add_rsa(key);
                fingerprint
            }
        };
        Held { fingerprint, ring }
    });
    each.collect()
}

struct Inspect<'o> {
    keys: Vec<Held>,
    namespace: Option<String>,
    resolver: Resolver<'o>,
    output: &'o Output,
}

impl Inspect<'_> {
    fn file(&mut self, path: &Path) -> Result<Vec<Report>> {
        let input = files::read(path)?;
        let name = input.name();
        let manifest = Manifest::parse(input.text).map_err(|error| Error::input(format!("{name}: {error}")))?;
        // What does not belong to the file must not keep anybody from looking into it.
        let resolved = self.resolver.find(input.path.as_deref()).unwrap_or_else(|error| {
            self.output.warn(format!("{}; recipients are shown without their clusters", error.message()));
            None
        });
        let bundles = resolved.as_ref().map(|resolved| resolved.recipients.bundles.as_slice());
        let namespace = self.namespace.as_deref().or_else(|| resolved.as_ref()?.namespace.as_deref());
        let mut reports = Vec::new();
        for object in manifest.objects() {
            let report = Report::new(&name, &object);
            reports.push(match meaning::of(&object) {
                Ok(Meaning::Other) => continue,
                Ok(Meaning::Plain) => report.plain(&object),
                Ok(Meaning::Sealed(sealed)) => report.sealed(&sealed.or_in(namespace), bundles, &self.keys),
                Err(error) => report.broken(error.message()),
            });
        }
        if reports.is_empty() {
            return Err(Error::input(format!("{name}: nothing sealed in it")));
        }
        Ok(reports)
    }
}
