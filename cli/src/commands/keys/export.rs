//! `kseal keys export`: the bundle of private keys, or the keys themselves, from files or from a cluster; in the open, or
//! sealed for another key.

mod from_cluster;

use std::rc::Rc;

use jiff::Timestamp;
use kseal_api::Scope;
use kseal_core::sealing_keys;
use zeroize::Zeroizing;

use crate::{
    args::{ExportArgs, SealFormat},
    bundles,
    cluster::Publishing,
    commands::DONE,
    error::{Error, Result},
    files::{self, Privacy},
    key_backup::{self, Kept},
    key_files, key_manifest,
    output::Output,
    placing::Placing,
    recipients::{Ask, Recipients, Resolver, Source},
    sealing::{Previous, Sealing},
    settings::Environment,
    sink,
    words::count,
};

pub(crate) fn run(args: ExportArgs, environment: &Environment, output: &Output) -> Result<u8> {
    if args.public { public(&args, output) } else { private(args, environment, output) }
}

fn public(args: &ExportArgs, output: &Output) -> Result<u8> {
    let keys = key_files::read_all(&args.files, output)?;
    let bundle = bundles::of_private(&args.name, &keys)?;
    if bundle.sealing_key().is_none() && bundle.certificate.is_none() {
        output.warn("no key of this bundle seals: all are compromised or retired");
    }
    let text = key_manifest::bundle(&bundle);
    match &args.output {
        Some(path) => files::write(path, text.as_bytes(), Privacy::Public, None)?,
        None => output.data(text.as_bytes())?,
    }
    Ok(DONE)
}

fn private(args: ExportArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let ExportArgs { files, seal_for, cluster, output: target, namespace, show, published, .. } = args;
    let prefix = args.sealed_secrets_key_prefix;
    let publishing = published.settle(environment);
    let now = environment.now();
    let recipients = seal_for.map(|bundle| recipients(&bundle, &publishing, now, output)).transpose()?;
    if recipients.is_none() {
        sink::guard_terminal(target.as_deref(), show, output)?;
    }
    let mut secrets = Vec::new();
    if cluster || publishing.access.is_named() {
        secrets.extend(from_cluster::read(&publishing, &prefix, output)?);
    }
    for path in &files {
        let input = files::read(path)?;
        secrets.extend(key_backup::read(&input.name(), &input.text)?);
        key_files::warn_if_readable(path, output);
    }
    for told in key_backup::keep_once(&mut secrets) {
        output.note(told);
    }
    // What is sealed opens in its namespace only, so it must have one.
    let fallback = recipients.as_ref().map(|_| publishing.namespace.as_str());
    let mut text = key_backup::write(&secrets, namespace.as_deref(), fallback);
    let mut what = describe(&secrets);
    if let Some(recipients) = &recipients {
        text = seal(&text, &secrets, recipients, environment, output)?;
        what = format!("{what}, sealed for {}", recipients.describe(SealFormat::Secret));
    }
    match &target {
        Some(path) => {
            files::create_secret(path, text.as_bytes())?;
            let advice = if recipients.is_some() {
                "keep the key that opens them elsewhere, and try it: `kseal decrypt --key`"
            } else {
                "keep them out of git"
            };
            output.note(format!("wrote {what} to {}: {advice}", path.display()));
        }
        None => output.data(text.as_bytes())?,
    }
    Ok(DONE)
}

/// `2 private keys and the identity`.
fn describe(secrets: &[Kept]) -> String {
    let identities = secrets.iter().filter(|kept| kept.is_identity).count();
    let keys = count(secrets.len() - identities, "private key");
    match identities {
        0 => keys,
        1 => format!("{keys} and the identity"),
        _ => format!("{keys} and {identities} identities"),
    }
}

/// Whom the keys are sealed for.
fn recipients(bundle: &str, publishing: &Publishing, now: Timestamp, output: &Output) -> Result<Rc<Recipients>> {
    let source = Source {
        keys: vec![bundle.to_owned()],
        config: None,
        allow_classical: false,
        publishing: publishing.clone(),
        ask: Ask::Compare,
    };
    let recipients = Resolver::new(source, now, output).resolve(None)?.recipients;
    recipients.sealing_keys()?;
    Ok(recipients)
}

/// Seals each Secret where it stands, for its name and namespace.
fn seal(
    text: &str,
    secrets: &[Kept],
    recipients: &Recipients,
    environment: &Environment,
    output: &Output,
) -> Result<Zeroizing<String>> {
    let keys = sealing_keys(&recipients.bundles, recipients.floor).unwrap_or_default();
    let own = keys.iter().map(|key| key.fingerprint().to_string());
    if let Some(own) = own.into_iter().find(|own| secrets.iter().any(|kept| kept.fingerprint == *own)) {
        return Err(Error::refused(format!("the key {own} would be sealed for itself, and nothing would open it"))
            .hint("seal the keys for one that is kept apart from them: `kseal keys generate -o offline.yaml`"));
    }
    let sealing = Sealing {
        format: SealFormat::Secret,
        recipients,
        placing: Placing { scope: Some(Scope::Strict), ..Placing::default() },
        allow_empty: false,
        previous: Previous::default(),
        now: environment.now(),
        environment,
        output,
    };
    Ok(sealing.seal("the keys", text)?.text)
}
