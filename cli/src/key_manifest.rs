//! Keys as manifests: the private key's Secret, and the bundle.

use jiff::Timestamp;
use kseal_api::{KeyState, SealingKeyBundle, SealingKeyBundleSpec, names};
use kseal_core::{Bundle, KeySecret, key_secret};
use kseal_crypto::{
    PrivateKey, encode_base64,
    sealed_secrets::{Certificate, RsaPrivateKey},
};
use kseal_manifest::{Style, Tree, TreeEntry, render};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    key_files::Labelled,
};

/// RFC 3339 without fractions, as Kubernetes writes times.
pub(crate) fn seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).map_or_else(|_| String::new(), |time| time.to_string())
}

/// The Secrets of private keys, as documents of one text.
///
/// # Errors
/// If one has no certificate, which upstream's form wants.
pub(crate) fn all(keys: &[Labelled], namespace: Option<&str>) -> Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    for Labelled { key, state } in keys {
        let manifest = match key {
            KeySecret::Native { key, created_at } => {
                // Whatever a key was in its cluster, in another one it only opens, unless it is promoted.
                let state = state.filter(|state| *state != KeyState::Active).unwrap_or(KeyState::Retiring);
                native(key, created_at, state, namespace)
            }
            KeySecret::Rsa { key, certificate } => {
                let certificate = certificate.as_ref().ok_or_else(|| no_certificate(key))?;
                rsa(key, certificate, state.unwrap_or(KeyState::Active), namespace)
            }
        };
        // The size is known before: a text that grows leaves copies behind.
        let mut longer = Zeroizing::new(String::with_capacity(text.len() + manifest.len() + 4));
        longer.push_str(&text);
        longer.push_str(if text.is_empty() { "" } else { "---\n" });
        longer.push_str(&manifest);
        text = longer;
    }
    Ok(text)
}

/// An RSA key alone is of no use to those who seal.
pub(crate) fn no_certificate(key: &RsaPrivateKey) -> Error {
    Error::input(format!("the RSA key {} has no certificate", key.public().fingerprint()))
        .hint("give it with `kseal keys import --cert FILE`, or put both into one PEM file")
}

/// The Secret of a native private key, named by its fingerprint. The label of a new one is that of an imported key: it
/// opens, and does not seal in a cluster unless it is promoted.
pub(crate) fn native(
    key: &PrivateKey,
    created_at: &str,
    state: KeyState,
    namespace: Option<&str>,
) -> Zeroizing<String> {
    let fingerprint = key.fingerprint();
    let metadata = metadata(
        &format!("kseal-{fingerprint}"),
        namespace,
        (names::KEY_STATE, state.as_str()),
        Some((names::FINGERPRINT, &fingerprint.to_string())),
    );
    let data = [
        (key_secret::SUITE, key.public().suite().name().as_bytes()),
        (key_secret::SEED, key.seed().as_slice()),
        (key_secret::CREATED_AT, created_at.as_bytes()),
    ];
    secret(metadata, names::SEALING_KEY_TYPE, true, &data)
}

/// The Secret of an RSA key, in upstream's form. Upstream loads it if its label says `active`, and only then.
pub(crate) fn rsa(
    key: &RsaPrivateKey,
    certificate: &Certificate,
    state: KeyState,
    namespace: Option<&str>,
) -> Zeroizing<String> {
    let fingerprint = key.public().fingerprint().to_string();
    let suffix: String = fingerprint.chars().filter(char::is_ascii_alphanumeric).skip(6).take(8).collect();
    let name = format!("sealed-secrets-key-{}", suffix.to_lowercase());
    let label = (names::UPSTREAM_KEY, state.as_str());
    let metadata = metadata(&name, Some(namespace.unwrap_or("kube-system")), label, None);
    let pem = key.to_pkcs1_pem();
    let data = [(key_secret::TLS_KEY, pem.as_bytes()), (key_secret::TLS_CRT, certificate.to_pem().as_bytes())];
    secret(metadata, key_secret::TLS_TYPE, false, &data)
}

fn metadata(name: &str, namespace: Option<&str>, label: (&str, &str), annotation: Option<(&str, &str)>) -> Tree {
    let mut metadata = vec![TreeEntry::new("name", Tree::str(name))];
    metadata.extend(namespace.map(|namespace| TreeEntry::new("namespace", Tree::str(namespace))));
    let map = |(key, value)| Tree::map([(key, Tree::str(value))]);
    metadata.push(TreeEntry::new("labels", map(label)));
    metadata.extend(annotation.map(|annotation| TreeEntry::new("annotations", map(annotation))));
    Tree::Map(metadata)
}

fn secret(metadata: Tree, type_: &str, immutable: bool, data: &[(&str, &[u8])]) -> Zeroizing<String> {
    let data = Tree::map(data.iter().map(|(item, octets)| {
        let text = Zeroizing::new(encode_base64(octets));
        (*item, Tree::Str(text))
    }));
    let mut entries = vec![
        TreeEntry::new("apiVersion", Tree::str("v1")),
        TreeEntry::new("kind", Tree::str("Secret")),
        TreeEntry::new("metadata", metadata),
        TreeEntry::new("type", Tree::str(type_)),
    ];
    if immutable {
        entries.push(TreeEntry::new("immutable", Tree::Bool(true)));
    }
    entries.push(TreeEntry::new("data", data));
    render(&Tree::Map(entries), Style::Yaml)
}

/// The text of a bundle of local keys.
pub(crate) fn bundle(bundle: &Bundle) -> Zeroizing<String> {
    published(bundle.to_local_text())
}

/// The text of a bundle as it was published, in the order in which its fields are documented.
pub(crate) fn published(text: SealingKeyBundle) -> Zeroizing<String> {
    let SealingKeyBundleSpec { cluster_uid, identity, serial, issued_at, keys, certificate, signature } = text.spec;
    let keys = keys.into_iter().map(|key| {
        Tree::map([
            ("fingerprint", Tree::from(key.fingerprint)),
            ("suite", Tree::from(key.suite)),
            ("publicKey", Tree::from(key.public_key)),
            ("epoch", Tree::from(i64::from(key.epoch))),
            ("createdAt", Tree::from(key.created_at)),
            ("state", Tree::str(key.state.as_str())),
        ])
    });
    let entry = |field, text: Option<String>| text.map(|text| TreeEntry::new(field, Tree::from(text)));
    let mut spec = Vec::new();
    spec.extend(entry("clusterUID", cluster_uid));
    spec.extend(entry("identity", identity));
    let number = |number| i64::try_from(number).map_or(Tree::Uint(number), Tree::Int);
    spec.extend(serial.map(|serial| TreeEntry::new("serial", number(serial))));
    spec.extend(entry("issuedAt", issued_at));
    spec.push(TreeEntry::new("keys", Tree::seq(keys)));
    spec.extend(entry("certificate", certificate));
    spec.extend(entry("signature", signature));
    let bundle = Tree::map([
        ("apiVersion", Tree::from(text.api_version)),
        ("kind", Tree::from(text.kind)),
        ("metadata", Tree::map([("name", Tree::from(text.metadata.name))])),
        ("spec", Tree::Map(spec)),
    ]);
    render(&bundle, Style::Yaml)
}
