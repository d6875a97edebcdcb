//! `kseal keys list`: what stands in bundles, certificates and files of private keys, and what a cluster has. Nothing
//! secret is printed.

mod of_cluster;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kseal_core::{Bundle, KeySecret};
use kseal_crypto::sealed_secrets::{Certificate, RsaPublicKey};
use serde_json::{Value, json};

use crate::{
    args::{ListArgs, ReportFormat},
    bundles,
    commands::DONE,
    config::{self, Config},
    error::{Error, Result},
    files,
    key_files::{self, Labelled},
    output::Output,
    settings::Environment,
    table,
    words::short,
};

pub(crate) fn run(args: ListArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let publishing = args.published.settle(environment);
    if args.cluster || publishing.access.is_named() {
        return of_cluster::run(&publishing, args.report.format, args.wide, environment.now(), output);
    }
    let mut rows = Vec::new();
    if args.files.is_empty() {
        let config = args.config.or_else(|| environment.config.clone());
        rows.extend(configured(config)?);
        for path in &environment.key_files {
            rows.extend(file(path)?);
        }
        if rows.is_empty() {
            return Err(Error::no_key("nothing to list: there is no .kseal.yaml, and KSEAL_KEY_FILE is not set")
                .hint("name bundles, certificates or files of private keys, or a cluster with --cluster"));
        }
    }
    for path in &args.files {
        rows.extend(file(path)?);
    }
    match args.report.format {
        ReportFormat::Json => output.json(&rows.iter().map(Row::json).collect())?,
        ReportFormat::Text => output.report(lines(&rows, args.wide))?,
    }
    Ok(DONE)
}

/// One key.
struct Row {
    file: String,
    kind: &'static str,
    /// Of the bundle, or of the cluster in `.kseal.yaml`.
    name: Option<String>,
    fingerprint: String,
    suite: String,
    state: Option<String>,
    epoch: Option<u32>,
    created: Option<String>,
    expires: Option<String>,
    /// Whether sealing uses it.
    seals: bool,
}

/// The bundles of the configuration, each under its cluster's name.
fn configured(config: Option<PathBuf>) -> Result<Vec<Row>> {
    let path = match config {
        Some(path) => Some(path),
        None => config::find(&files::absolute(Path::new("."))?)?,
    };
    let Some(path) = path else { return Ok(Vec::new()) };
    let config = Config::read(&path)?;
    let mut rows = Vec::new();
    for (name, cluster) in &config.clusters {
        let input = files::read(&config.folder().join(&cluster.bundle))?;
        let mut bundle = bundles::read(&input.name(), &input.text)?;
        bundle.name.clone_from(name);
        rows.extend(of_bundle(&input.name(), &bundle));
    }
    Ok(rows)
}

fn file(path: &Path) -> Result<Vec<Row>> {
    let input = files::read(path)?;
    let name = input.name();
    let is_private = input.text.contains("PRIVATE KEY-----");
    if input.text.contains("SealingKeyBundle") {
        return bundles::read(&name, &input.text).map(|bundle| of_bundle(&name, &bundle));
    }
    if input.text.contains("-----BEGIN CERTIFICATE-----") && !is_private {
        let bundle = bundles::read(&name, &input.text)?;
        return Ok(bundle.certificate.iter().map(|it| of_certificate(&name, None, it)).collect());
    }
    if !is_private && !input.text.contains("Secret") && !input.text.contains("items") {
        return Err(Error::input(format!("{name}: neither a key bundle, nor a certificate, nor a private key")));
    }
    Ok(key_files::read(&name, &input.text)?.iter().map(|key| of_private(&name, key)).collect())
}

fn of_bundle(file: &str, bundle: &Bundle) -> Vec<Row> {
    let sealing = bundle.sealing_key().map(|key| key.public.fingerprint());
    let mut keys: Vec<_> = bundle.keys.iter().collect();
    keys.sort_by_key(|key| std::cmp::Reverse(key.epoch));
    let rows = keys.into_iter().map(|key| Row {
        file: file.to_owned(),
        kind: "public",
        name: Some(bundle.name.clone()),
        fingerprint: key.public.fingerprint().to_string(),
        suite: key.public.suite().to_string(),
        state: Some(key.state.to_string()),
        epoch: Some(key.epoch),
        created: Some(key.created_at.clone()),
        expires: None,
        seals: Some(key.public.fingerprint()) == sealing,
    });
    rows.chain(bundle.certificate.iter().map(|it| of_certificate(file, Some(&bundle.name), it))).collect()
}

fn of_certificate(file: &str, name: Option<&str>, certificate: &Certificate) -> Row {
    let row = of_rsa(file, "certificate", &certificate.public, Some(certificate));
    Row { name: name.map(ToOwned::to_owned), seals: true, ..row }
}

fn of_private(file: &str, Labelled { key, state }: &Labelled) -> Row {
    let row = match key {
        KeySecret::Native { key, created_at } => Row {
            file: file.to_owned(),
            kind: "private",
            name: None,
            fingerprint: key.fingerprint().to_string(),
            suite: key.public().suite().to_string(),
            state: None,
            epoch: None,
            created: Some(created_at.clone()),
            expires: None,
            seals: false,
        },
        KeySecret::Rsa { key, certificate } => of_rsa(file, "private", key.public(), certificate.as_ref()),
    };
    Row { state: state.map(|state| state.to_string()), ..row }
}

fn of_rsa(file: &str, kind: &'static str, key: &RsaPublicKey, certificate: Option<&Certificate>) -> Row {
    let time = |seconds: u64| Timestamp::from_second(i64::try_from(seconds).ok()?).ok().map(|time| time.to_string());
    Row {
        file: file.to_owned(),
        kind,
        name: None,
        fingerprint: key.fingerprint().to_string(),
        suite: format!("RSA-{}", key.bits()),
        state: None,
        epoch: None,
        created: certificate.and_then(|it| time(it.validity.not_before)),
        expires: certificate.and_then(|it| time(it.validity.not_after)),
        seals: false,
    }
}

impl Row {
    fn json(&self) -> Value {
        json!({
            "file": self.file, "kind": self.kind, "name": self.name, "fingerprint": self.fingerprint,
            "suite": self.suite, "state": self.state, "epoch": self.epoch, "createdAt": self.created,
            "expiresAt": self.expires, "seals": self.seals,
        })
    }

    fn cells(&self, wide: bool) -> [String; 8] {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        [
            if wide { self.fingerprint.clone() } else { short(&self.fingerprint) },
            self.suite.clone(),
            self.kind.to_owned(),
            or_dash(&self.state),
            if self.seals { "yes" } else { "-" }.to_owned(),
            or_dash(&self.created),
            or_dash(&self.expires),
            match &self.name {
                Some(name) => format!("{name} ({})", self.file),
                None => self.file.clone(),
            },
        ]
    }
}

fn lines(rows: &[Row], wide: bool) -> Vec<String> {
    let header =
        ["FINGERPRINT", "SUITE", "KIND", "STATE", "SEALS", "CREATED", "EXPIRES", "FROM"].map(ToOwned::to_owned);
    let rows: Vec<_> = std::iter::once(header).chain(rows.iter().map(|row| row.cells(wide))).collect();
    table::lines(&rows)
}
