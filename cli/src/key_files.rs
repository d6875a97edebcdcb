//! Private keys from files: key Secrets of both formats, one, many or a List, and PEM.

use std::path::{Path, PathBuf};

use kseal_api::{KeyState, names};
use kseal_core::{KeySecret, key_secret};
use kseal_crypto::{
    KeyRing,
    sealed_secrets::{Certificate, RsaPrivateKey},
};
use kseal_manifest::{Manifest, Object};

use crate::{
    error::{Error, Result},
    files, meaning,
    output::Output,
    secret,
};

/// A private key, and the state that its label says.
pub(crate) struct Labelled {
    pub key: KeySecret,
    /// `None` for PEM, and for a label that says nothing known.
    pub state: Option<KeyState>,
}

/// Loads all private keys of all files.
pub(crate) fn load(paths: &[PathBuf], output: &Output) -> Result<KeyRing> {
    let mut ring = KeyRing::default();
    let mut rsa = Vec::new();
    for key in read_all(paths, output)? {
        match key.key {
            KeySecret::Native { key, .. } => ring.add(key),
            KeySecret::Rsa { key, certificate } => {
                rsa.push((certificate.map_or(0, |certificate| certificate.validity.not_before), key));
            }
        }
    }
    rsa.sort_by_key(|(not_before, _)| std::cmp::Reverse(*not_before));
    for (_, key) in rsa {
        ring.add_rsa(key);
    }
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
pub(crate) fn read_all(paths: &[PathBuf], output: &Output) -> Result<Vec<Labelled>> {
    let mut keys = Vec::new();
    for path in paths {
        let input = files::read(path)?;
        keys.extend(read(&input.name(), &input.text)?);
        warn_if_readable(path, output);
    }
    Ok(keys)
}

/// Warns of a file of private keys that others may read.
pub(crate) fn warn_if_readable(path: &Path, output: &Output) {
    if files::is_readable_by_others(path) {
        output.warn(format!("{}: the private key can be read by other users; chmod 600 it", path.display()));
    }
}

/// Whether a text holds keys in PEM, and no manifest.
pub(crate) fn is_pem(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("-----BEGIN "))
}

/// Reads the private keys of one text. The identity of a cluster may be among them, as in a backup: it opens nothing, and is
/// passed over.
pub(crate) fn read(name: &str, text: &str) -> Result<Vec<Labelled>> {
    if is_pem(text) {
        return Ok(vec![Labelled { key: read_pem(name, text)?, state: None }]);
    }
    let manifest = Manifest::parse(text.to_owned()).map_err(|error| Error::input(format!("{name}: {error}")))?;
    let mut keys = Vec::new();
    for object in secrets(&manifest).iter().filter(|object| !is_identity(object)) {
        let key = read_secret(object).map_err(|error| error.at(name))?;
        keys.push(Labelled { key, state: state(object) });
    }
    if keys.is_empty() {
        return Err(none(name));
    }
    Ok(keys)
}

/// A text without a private key.
pub(crate) fn none(name: &str) -> Error {
    Error::input(format!("{name}: holds no private key"))
        .hint("a private key is a Secret of type kseal.dev/sealing-key, one of sealed-secrets, or a PEM block")
}

/// Whether it is the Secret of a cluster's identity.
pub(crate) fn is_identity(object: &Object<'_>) -> bool {
    object.node.get("type").and_then(kseal_manifest::Node::as_str) == Some(names::IDENTITY_KEY_TYPE)
}

/// One private key in PEM, with its certificate if that is there, too.
fn read_pem(name: &str, text: &str) -> Result<KeySecret> {
    let blocks = pem_blocks(text);
    let holds = |block: &&str, what: &str| block.lines().next().is_some_and(|line| line.contains(what));
    let keys: Vec<&str> = blocks.iter().copied().filter(|block| holds(block, "PRIVATE KEY-----")).collect();
    let certificates: Vec<&str> =
        blocks.iter().copied().filter(|block| holds(block, "BEGIN CERTIFICATE-----")).collect();
    let key = match keys[..] {
        [key] => key,
        [] if !certificates.is_empty() => {
            return Err(Error::input(format!("{name}: a certificate, where a private key is wanted"))
                .hint("a certificate can seal only: give it with --keys"));
        }
        [] => return Err(Error::input(format!("{name}: holds no private key"))),
        _ => return Err(Error::input(format!("{name}: several private keys")).hint("give each in a file of its own")),
    };
    let key = RsaPrivateKey::from_pem(key)
        .map_err(|error| Error::input(format!("{name}: not a private key that can be used")).because(&error))?;
    let certificate = certificates.first().map(|block| Certificate::from_pem(block)).transpose();
    let certificate = certificate
        .map_err(|error| Error::input(format!("{name}: not a certificate that can be used")).because(&error))?;
    if certificate.as_ref().is_some_and(|it| it.public.fingerprint() != key.public().fingerprint()) {
        return Err(Error::input(format!("{name}: the certificate belongs to another key")));
    }
    Ok(KeySecret::Rsa { key, certificate })
}

/// The blocks of a PEM text, without what stands around them.
fn pem_blocks(text: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("-----BEGIN ") {
        rest = &rest[start..];
        let Some(end) = rest.find("\n-----END ") else { break };
        let end = rest[end + 1..].find('\n').map_or(rest.len(), |line| end + 1 + line + 1);
        blocks.push(&rest[..end]);
        rest = &rest[end..];
    }
    blocks
}

/// What the label of a key Secret says, of whichever format. Upstream's knows `active`, and people write `compromised`.
pub(crate) fn state(object: &Object<'_>) -> Option<KeyState> {
    let labels = object.node.get("metadata")?.get("labels")?;
    let label = [names::KEY_STATE, names::UPSTREAM_KEY].into_iter().find_map(|name| labels.get(name)?.as_str())?;
    KeyState::parse(label)
}

/// The Secrets of a text. `kubectl get -o json` of older versions prints a list whose items and self name no kind.
pub(crate) fn secrets(manifest: &Manifest) -> Vec<Object<'_>> {
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
    if meaning::annotation(object, names::SEALED).is_some() {
        let what = meaning::describe(object);
        return Err(Error::input(format!("{what} at {} is sealed itself", object.node.location())).hint(
            "`kseal decrypt --key` opens it, and `kseal keys import --key`, with the key that it was sealed for",
        ));
    }
    let items = secret::items(object)?;
    let stated = object.node.get("metadata").and_then(|it| it.get("annotations")?.get(names::FINGERPRINT)?.as_str());
    let declared = object.node.get("type").and_then(kseal_manifest::Node::as_str);
    // A Secret that was copied by hand may have lost its type.
    let mut type_ = declared.unwrap_or(key_secret::TLS_TYPE);
    // Upstream looks at the label, and not at the type.
    let labels = object.node.get("metadata").and_then(|metadata| metadata.get("labels"));
    if type_ != names::SEALING_KEY_TYPE && labels.is_some_and(|labels| labels.get(names::UPSTREAM_KEY).is_some()) {
        type_ = key_secret::TLS_TYPE;
    }
    let item = |name: &str| items.iter().find(|item| item.key == name).map(|item| item.value.as_slice());
    KeySecret::read(type_, stated, item).map_err(|error| {
        let name = object.name().unwrap_or("(no name)");
        Error::input(format!("Secret {name} at {} is no private key", object.node.location())).because(&error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_among_what_tools_write_around_them() {
        let text =
            "Bag Attributes\n-----BEGIN A-----\nxx\n-----END A-----\nsubject=\n-----BEGIN B-----\ny\n-----END B-----";
        assert_eq!(
            pem_blocks(text),
            ["-----BEGIN A-----\nxx\n-----END A-----\n", "-----BEGIN B-----\ny\n-----END B-----"]
        );
        assert!(pem_blocks("-----BEGIN A-----\ncut off").is_empty());
    }
}
