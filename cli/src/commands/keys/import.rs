//! `kseal keys import`: private keys of any form become manifests.

use std::path::{Path, PathBuf};

use kseal_api::names;
use kseal_core::KeySecret;
use kseal_crypto::sealed_secrets::Certificate;
use zeroize::Zeroizing;

use crate::{
    args::ImportArgs,
    bundles,
    commands::DONE,
    error::{Error, Result},
    files::{self, Input},
    key_backup,
    key_files::{self, Labelled},
    key_manifest, opening,
    output::Output,
    settings::Environment,
    words::count,
};

pub(crate) fn run(args: ImportArgs, environment: &Environment, output: &Output) -> Result<u8> {
    super::refuse_stdout(&args.output)?;
    let openers = args.keys.settle(environment);
    let (mut keys, mut identities) = (Vec::new(), Vec::new());
    for path in &args.files {
        let input = files::read(path)?;
        let (name, text) = (input.name(), opened(input, &openers, output)?);
        keys.extend(key_files::read(&name, &text)?);
        identities.extend(key_backup::identities(&name, &text)?);
        key_files::warn_if_readable(path, output);
    }
    if let Some(path) = &args.cert {
        give_certificate(&mut keys, path)?;
    }
    let keys = keep_once(keys);
    let bundle = bundles::of_private(&args.name, &keys)?;
    key_backup::keep_once(&mut identities);
    let manifests = key_manifest::all(&keys, args.namespace.as_deref())?;
    let manifests = key_backup::join(&[manifests, key_backup::write(&identities, args.namespace.as_deref(), None)]);
    files::create_secret(&args.output, manifests.as_bytes())?;
    let number = count(keys.len(), "private key");
    let number = if identities.is_empty() { number } else { format!("{number} and the identity") };
    output.note(format!("wrote {number} to {}: keep it out of git, and keep a copy", args.output.display()));
    output.data(key_manifest::bundle(&bundle).as_bytes())?;
    Ok(DONE)
}

/// The text of a file; if keys are sealed in it, as they are when they were opened.
fn opened(input: Input, openers: &[PathBuf], output: &Output) -> Result<Zeroizing<String>> {
    if !input.text.contains(names::SEALED) {
        return Ok(input.text);
    }
    let ring = key_files::require(openers, output)?;
    opening::open(&input.name(), &input.text, &ring, None)
}

/// Gives a certificate to the key that it belongs to.
fn give_certificate(keys: &mut [Labelled], path: &Path) -> Result<()> {
    let input = files::read(path)?;
    let certificate = Certificate::from_pem(&input.text)
        .map_err(|error| Error::input(format!("{}: not a usable certificate", input.name())).because(&error))?;
    let fingerprint = certificate.public.fingerprint().clone();
    let owner = keys.iter_mut().find_map(|labelled| match &mut labelled.key {
        KeySecret::Rsa { key, certificate } if *key.public().fingerprint() == fingerprint => Some(certificate),
        _ => None,
    });
    match owner {
        Some(place) => *place = Some(certificate),
        None => {
            return Err(Error::input(format!("{}: the certificate belongs to none of these keys", input.name()))
                .hint(format!("it is of the RSA key {fingerprint}")));
        }
    }
    Ok(())
}

/// A key that is given twice is written once, in the graver of its states.
fn keep_once(keys: Vec<Labelled>) -> Vec<Labelled> {
    let mut kept: Vec<(String, Labelled)> = Vec::new();
    for labelled in keys {
        let fingerprint = match &labelled.key {
            KeySecret::Native { key, .. } => key.fingerprint().to_string(),
            KeySecret::Rsa { key, .. } => key.public().fingerprint().to_string(),
        };
        let Some((_, first)) = kept.iter_mut().find(|(other, _)| *other == fingerprint) else {
            kept.push((fingerprint, labelled));
            continue;
        };
        first.state = key_backup::graver(first.state, labelled.state);
        if matches!(&first.key, KeySecret::Rsa { certificate: None, .. }) {
            first.key = labelled.key;
        }
    }
    kept.into_iter().map(|(_, labelled)| labelled).collect()
}
