//! `kseal verify`: checks that sealed files will open.

use std::path::Path;

use kseal_core::{Format, MAX_OBJECT_BYTES, SealedObject, WARN_OBJECT_BYTES};
use kseal_crypto::KeyRing;
use kseal_manifest::{Manifest, Object};
use serde::Serialize;
use serde_json::json;

use super::{DONE, FOUND};
use crate::{
    args::{ReportFormat, VerifyArgs},
    error::{Error, Result},
    files, guard, key_files,
    meaning::{self, Meaning},
    output::Output,
    recipients::{Resolved, Resolver},
    settings::Environment,
    sink, standings,
};

pub(crate) fn run(args: VerifyArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let key_files = args.keys.settle(environment);
    let ring = if key_files.is_empty() { None } else { Some(key_files::load(&key_files, output)?) };
    let mut verify = Verify {
        ring,
        namespace: args.namespace,
        allow_outdated: args.allow_outdated,
        resolver: Resolver::new(args.bundles.settle(environment), environment.now(), output),
        reports: Vec::new(),
        output,
    };
    let mut errors = Vec::new();
    for file in sink::inputs(args.files, false)? {
        errors.extend(verify.file(&file).err());
    }
    let reports = verify.reports;
    match args.report.format {
        ReportFormat::Json => output.json(&json!({ "objects": reports }))?,
        ReportFormat::Text => output.report(to_lines(&reports))?,
    }
    tell(&reports, output);
    if let Some(last) = errors.pop() {
        for error in &errors {
            output.error(error);
        }
        return Err(last);
    }
    Ok(if reports.iter().all(|report| report.ok) { DONE } else { FOUND })
}

/// What became of one object. The names of the fields are for programs and do not change.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    file: String,
    line: usize,
    kind: String,
    namespace: Option<String>,
    name: Option<String>,
    ok: bool,
    /// Whether all values were opened.
    opened: bool,
    /// Whether the recipients were compared with bundles.
    recipients_checked: bool,
    findings: Vec<Finding>,
    #[serde(skip)]
    format: Option<Format>,
    #[serde(skip)]
    what: String,
}

#[derive(Serialize)]
struct Finding {
    message: String,
    hint: Option<String>,
}

impl Finding {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }
}

struct Verify<'o> {
    ring: Option<KeyRing>,
    namespace: Option<String>,
    allow_outdated: bool,
    resolver: Resolver<'o>,
    reports: Vec<Report>,
    output: &'o Output,
}

impl Verify<'_> {
    fn file(&mut self, path: &Path) -> Result<()> {
        let input = files::read(path)?;
        let name = input.name();
        let manifest = Manifest::parse(input.text).map_err(|error| Error::input(format!("{name}: {error}")))?;
        let mut resolved = None;
        let before = self.reports.len();
        for object in manifest.objects() {
            let report = match meaning::of(&object) {
                Ok(Meaning::Other) => continue,
                Ok(Meaning::Plain) => plain(&name, &object),
                Ok(Meaning::Sealed(sealed)) => {
                    if resolved.is_none() {
                        resolved = Some(self.resolver.find(input.path.as_deref())?);
                    }
                    Some(self.sealed(&name, &object, *sealed, resolved.as_ref().and_then(Option::as_ref)))
                }
                Err(error) => {
                    let finding = Finding { message: error.message().to_owned(), hint: error.advice().map(Into::into) };
                    Some(Report::new(&name, &object, vec![finding]))
                }
            };
            self.reports.extend(report);
        }
        if self.reports.len() == before {
            return Err(Error::input(format!("{name}: nothing sealed in it")));
        }
        Ok(())
    }

    fn sealed(&self, name: &str, object: &Object<'_>, sealed: SealedObject, resolved: Option<&Resolved>) -> Report {
        let namespace = self.namespace.as_deref().or_else(|| resolved?.namespace.as_deref());
        let sealed = sealed.or_in(namespace);
        let mut findings = shape(&sealed, object);
        let moved = sealed.moved().map(|moved| Finding::new(moved.to_string(), "move it back, or seal it anew"));
        findings.extend(moved);
        let is_comparable = sealed.format != Format::Upstream;
        if let Some(resolved) = resolved.filter(|_| is_comparable) {
            let objections = standings::objections(&sealed, &resolved.recipients.bundles, self.allow_outdated);
            findings.extend(objections.into_iter().map(|it| Finding::new(it.message, it.hint)));
        }
        let opened = self.ring.as_ref().is_some_and(|ring| match sealed.open(ring) {
            Ok(_) => true,
            Err(failures) => {
                let known = sealed.failures();
                let news =
                    failures.iter().filter(|it| !known.contains(it) && it.reason != kseal_crypto::Reason::NoPlace);
                findings.extend(news.map(|it| Finding { message: it.to_string(), hint: None }));
                false
            }
        });
        let bytes = meaning::json_bytes(object);
        if bytes > WARN_OBJECT_BYTES && bytes <= MAX_OBJECT_BYTES {
            let what = meaning::describe(object);
            self.output.warn(format!("{name}: {what} has {bytes} bytes; objects of this size slow a cluster down"));
        }
        let recipients_checked = resolved.is_some() && is_comparable;
        let report = Report::new(name, object, findings);
        Report { opened, recipients_checked, format: Some(sealed.format), ..report }
    }
}

/// All that is known without a key.
fn shape(sealed: &SealedObject, object: &Object<'_>) -> Vec<Finding> {
    let failures = sealed.failures().into_iter();
    let mut findings: Vec<_> = failures.map(|it| Finding { message: it.to_string(), hint: None }).collect();
    if let Err(error) = sealed.place() {
        findings.push(Finding::new(error.to_string(), "set it in metadata, or give the namespace with -n"));
    }
    let bytes = meaning::json_bytes(object);
    if sealed.format == Format::Upstream && bytes > MAX_OBJECT_BYTES {
        let message = format!("{bytes} bytes of JSON, and etcd takes no more than {MAX_OBJECT_BYTES}");
        findings.push(Finding::new(message, "split it into several Secrets"));
    }
    let data_keys = sealed.envelope().into_iter().flat_map(|envelope| envelope.data_keys().values());
    let lonely = data_keys.filter(|data_key| data_key.recipients.is_empty());
    findings.extend(lonely.map(|data_key| {
        let message = format!("data key {} has no recipient: nobody opens its values", data_key.handle());
        Finding::new(message, "seal its values anew")
    }));
    findings
}

/// A Secret that is not sealed, unless there is nothing in it to seal.
fn plain(name: &str, object: &Object<'_>) -> Option<Report> {
    let values = guard::plaintext_values(object);
    let finding = || Finding::new(format!("{} of its values are plaintext", values.len()), "kseal encrypt seals them");
    (!values.is_empty()).then(|| Report::new(name, object, vec![finding()]))
}

impl Report {
    fn new(file: &str, object: &Object<'_>, findings: Vec<Finding>) -> Self {
        let named = meaning::object_ref(object);
        Self {
            file: file.to_owned(),
            line: object.node.location().line,
            kind: object.kind.to_owned(),
            namespace: named.namespace,
            name: named.name,
            ok: findings.is_empty(),
            opened: false,
            recipients_checked: false,
            findings,
            format: None,
            what: meaning::describe(object),
        }
    }
}

fn to_lines(reports: &[Report]) -> Vec<String> {
    let mut lines = Vec::new();
    for report in reports {
        let verdict = match (report.ok, report.opened) {
            (true, true) => "ok, opens",
            (true, false) => "ok",
            (false, _) => "not ok",
        };
        lines.push(format!("{}:{}: {}: {verdict}", report.file, report.line, report.what));
        for finding in &report.findings {
            lines.push(format!("  {}", finding.message));
            lines.extend(finding.hint.as_ref().map(|hint| format!("    hint: {hint}")));
        }
    }
    lines
}

/// Says what was not checked.
fn tell(reports: &[Report], output: &Output) {
    let sealed = || reports.iter().filter(|report| report.format.is_some());
    if sealed().any(|report| !report.opened && report.ok) {
        output.note("values were not opened: give a private key with --key to try");
    }
    let is_upstream = |report: &&Report| report.format == Some(Format::Upstream);
    if sealed().any(|report| !report.recipients_checked && !is_upstream(&report)) {
        output.warn(
            "recipients were not checked: no bundle is at hand; give one with --keys, write a .kseal.yaml, or name a cluster \
             with --context",
        );
    }
    if sealed().any(|report| is_upstream(&report) && !report.opened) {
        output.warn("recipients of bitnami.com objects were not checked: the format does not name them");
    }
}
