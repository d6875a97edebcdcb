//! Private keys from files: key Secrets of both formats, one, many or a List, and PEM.

use std::path::PathBuf;

use kseal_api::names;
use kseal_core::{KeySecret, key_secret};
use kseal_crypto::{KeyRing, sealed_secrets::RsaPrivateKey};
use kseal_manifest::{Manifest, Object};

use crate::{
    error::{Error, Result},
    files,
    output::Output,
    secret,
};

/// Loads all private keys of all files.
pub(crate) fn load(paths: &[PathBuf], output: &Output) -> Result<KeyRing> {
    let mut ring = KeyRing::default();
    let mut rsa = Vec::new();
    for key in read_all(paths, output)? {
        match key {
            KeySecret::Native { key, .. } => ring.add(key),
            KeySecret::Rsa { key, certificate } => {
                rsa.push((certificate.map_or(0, |certificate| certificate.validity.not_before), key));
            }
        }
    }
    rsa.sort_by_key(|(not_before, _)| std::cmp::Reverse(*not_before));
    rsa.into_iter().for_each(|(_, key)| ring.add_rsa(key));
    Ok(ring)
}

/// Loads the private keys, of which there must be one.
pub(crate) fn require(paths: &[PathBuf], output: &Output) -> Result<KeyRing> {
    if paths.is_empty() {
        return Err(Error::no_key("no private key is at hand").hint("give its file with --key, or set KSEAL_KEY_FILE"));
    }
    load(paths, output)
}

/// Reads the private keys of all files, in their order.
pub(crate) fn read_all(paths: &[PathBuf], output: &Output) -> Result<Vec<KeySecret>> {
    let mut keys = Vec::new();
    for path in paths {
        if files::is_readable_by_others(path) {
            output.warn(format!("{}: the private key can be read by other users; chmod 600 it", path.display()));
        }
        let input = files::read(path)?;
        keys.extend(read(&input.name(), &input.text)?);
    }
    Ok(keys)
}

/// Reads the private keys of one text.
pub(crate) fn read(name: &str, text: &str) -> Result<Vec<KeySecret>> {
    if text.trim_start().starts_with("-----BEGIN") {
        return read_pem(name, text).map(|key| vec![key]);
    }
    let manifest = Manifest::parse(text.to_owned()).map_err(|error| Error::input(format!("{name}: {error}")))?;
    let mut keys = Vec::new();
    for object in secrets(&manifest) {
        keys.push(read_secret(&object).map_err(|error| error.at(name))?);
    }
    if keys.is_empty() {
        return Err(Error::input(format!("{name}: holds no private key"))
            .hint("a private key is a Secret of type kseal.dev/sealing-key, one of sealed-secrets, or a PEM block"));
    }
    Ok(keys)
}

fn read_pem(name: &str, text: &str) -> Result<KeySecret> {
    if text.contains("-----BEGIN CERTIFICATE-----") && !text.contains("PRIVATE KEY-----") {
        return Err(Error::input(format!("{name}: a certificate, where a private key is wanted"))
            .hint("a certificate can seal only: give it with --keys"));
    }
    let key = RsaPrivateKey::from_pem(text)
        .map_err(|error| Error::input(format!("{name}: not a private key that can be used")).because(&error))?;
    Ok(KeySecret::Rsa { key, certificate: None })
}

/// The Secrets of a text. `kubectl get -o json` of older versions prints a list whose items and self name no kind.
fn secrets(manifest: &Manifest) -> Vec<Object<'_>> {
    let objects: Vec<_> = manifest.objects().into_iter().filter(|object| object.kind == "Secret").collect();
    if !objects.is_empty() {
        return objects;
    }
    let roots = manifest.documents().iter().map(kseal_manifest::Document::root).enumerate();
    let untyped = roots.filter(|(_, root)| root.get("kind").is_none());
    let lists = untyped.filter_map(|(index, root)| Some((index, root.get("items")?)));
    lists
        .flat_map(|(index, items)| {
            items.items().enumerate().map(move |(item, node)| Object {
                path: kseal_manifest::Path::document(index).key("items").index(item),
                api_version: "v1",
                kind: "Secret",
                node,
            })
        })
        .collect()
}

/// Reads one key Secret.
pub(crate) fn read_secret(object: &Object<'_>) -> Result<KeySecret> {
    let items = secret::items(object)?;
    let stated = object.node.get("metadata").and_then(|it| it.get("annotations")?.get(names::FINGERPRINT)?.as_str());
    let declared = object.node.get("type").and_then(kseal_manifest::Node::as_str);
    // A Secret that was copied by hand may have lost its type.
    let type_ = declared.unwrap_or(key_secret::TLS_TYPE);
    let item = |name: &str| items.iter().find(|item| item.key == name).map(|item| item.value.as_slice());
    KeySecret::read(type_, stated, item).map_err(|error| {
        let name = object.name().unwrap_or("(no name)");
        Error::input(format!("Secret {name} at {} is no private key", object.node.location())).because(&error)
    })
}
