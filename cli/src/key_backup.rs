//! The Secrets of keys as they stand in a cluster, to be created again as they were: name, type, labels and content.
//!
//! What a server added goes, and so do annotations, among which clients keep what they applied. The Secret of the cluster's
//! identity is among them: it seals nothing, but a cluster without it is another one to those who pin it.

mod twice;

use kseal_api::names;
use kseal_core::{KeySecret, key_secret};
use kseal_crypto::{encode_base64, identity::IdentityKey};
use kseal_manifest::{Document, Manifest, Node, Object, Style, Tree, TreeEntry, render};
use zeroize::Zeroizing;

pub(crate) use self::twice::{graver, keep_once};
use crate::{
    error::{Error, Result},
    key_files::{self, Labelled},
    key_manifest, meaning,
    secret::{self, Item},
};

/// The Secret of a key, which was read and holds.
pub(crate) struct Kept {
    /// Of the key, or of the identity.
    pub fingerprint: String,
    pub is_identity: bool,
    /// Whether the Secret states the fingerprint.
    is_stated: bool,
    name: String,
    namespace: Option<String>,
    labels: Vec<(String, String)>,
    type_: String,
    is_immutable: bool,
    items: Vec<Item>,
}

/// Reads the Secrets of keys and identities of one text; a key that is given as PEM gets one.
///
/// # Errors
/// If there is none, or one does not hold.
pub(crate) fn read(name: &str, text: &str) -> Result<Vec<Kept>> {
    if key_files::is_pem(text) {
        let made = key_manifest::all(&key_files::read(name, text)?, None)?;
        return of(name, &made);
    }
    let kept = of(name, text)?;
    if kept.is_empty() { Err(key_files::none(name)) } else { Ok(kept) }
}

/// The identities of one text.
///
/// # Errors
/// If one does not hold.
pub(crate) fn identities(name: &str, text: &str) -> Result<Vec<Kept>> {
    if key_files::is_pem(text) {
        return Ok(Vec::new());
    }
    let manifest = parse(name, text)?;
    let secrets = key_files::secrets(&manifest);
    let identities = secrets.iter().filter(|object| key_files::is_identity(object));
    identities.map(|object| one(object).map_err(|error| error.at(name))).collect()
}

/// Reads those of a text that hold. What has the label of a key and is none is told of and left out: the controller passes
/// over it, too. The token of the next page comes with them.
///
/// # Errors
/// If the text is not what an API server answers.
pub(crate) fn readable(text: &str, mut left_out: impl FnMut(&Error)) -> Result<(Vec<Kept>, Option<String>)> {
    let manifest = parse("the answer", text)?;
    let root = manifest.documents().first().map(Document::root);
    // What is something else may parse, and hold nothing: that would be a backup without keys.
    let kind = root.and_then(|root| root.get("kind")?.as_str());
    if !matches!(kind, Some("Secret" | "SecretList")) {
        return Err(Error::input("the answer is neither a Secret nor a list of them"));
    }
    let mut kept = Vec::new();
    for object in key_files::secrets(&manifest) {
        match one(&object) {
            Ok(secret) => kept.push(secret),
            Err(error) => left_out(&error),
        }
    }
    let next = root.and_then(|root| root.get("metadata")?.get("continue")?.as_str());
    Ok((kept, next.filter(|token| !token.is_empty()).map(ToOwned::to_owned)))
}

/// The text of all, one document each. Those of a namespace of their own keep it, unless another is wanted.
pub(crate) fn write(secrets: &[Kept], namespace: Option<&str>, fallback: Option<&str>) -> Zeroizing<String> {
    let texts: Vec<Zeroizing<String>> = secrets
        .iter()
        .map(|kept| render(&kept.tree(namespace.or(kept.namespace.as_deref()).or(fallback)), Style::Yaml))
        .collect();
    join(&texts)
}

/// Several documents as one text.
pub(crate) fn join(texts: &[Zeroizing<String>]) -> Zeroizing<String> {
    const BETWEEN: &str = "---\n";
    // The size is known before: a text that grows leaves copies behind.
    let length = texts.iter().map(|text| text.len() + BETWEEN.len()).sum();
    let mut joined = Zeroizing::new(String::with_capacity(length));
    for text in texts.iter().filter(|text| !text.is_empty()) {
        if !joined.is_empty() {
            joined.push_str(BETWEEN);
        }
        joined.push_str(text);
    }
    joined
}

fn parse(name: &str, text: &str) -> Result<Manifest> {
    Manifest::parse(text.to_owned()).map_err(|error| Error::input(format!("{name}: {error}")))
}

fn of(name: &str, text: &str) -> Result<Vec<Kept>> {
    let manifest = parse(name, text)?;
    key_files::secrets(&manifest).iter().map(|object| one(object).map_err(|error| error.at(name))).collect()
}

fn one(object: &Object<'_>) -> Result<Kept> {
    if key_files::is_identity(object) {
        return identity(object);
    }
    let key = key_files::read_secret(object)?;
    let fingerprint = match &key {
        KeySecret::Native { key, .. } => key.fingerprint().to_string(),
        KeySecret::Rsa { key, .. } => key.public().fingerprint().to_string(),
    };
    // What was copied by hand may have lost its name: it gets that of a key that is imported.
    if object.name().is_none_or(str::is_empty) {
        let state = key_files::state(object);
        let made = key_manifest::all(&[Labelled { key, state }], None)?;
        let manifest = parse("a key", &made)?;
        let objects = manifest.objects();
        return objects
            .first()
            .map_or_else(|| Err(key_files::none("a key")), |object| kept(object, fingerprint, false));
    }
    kept(object, fingerprint, false)
}

fn identity(object: &Object<'_>) -> Result<Kept> {
    let items = secret::items(object)?;
    let seed = items.iter().find(|item| item.key == key_secret::SEED);
    let key = seed.and_then(|item| IdentityKey::from_seed(&item.value).ok()).ok_or_else(|| {
        let what = meaning::describe(object);
        Error::input(format!("{what} at {} is no identity: its item seed is not 32 bytes", object.node.location()))
            .hint("take it from a backup, or leave it out")
    })?;
    kept(object, key.public().fingerprint().to_string(), true)
}

fn kept(object: &Object<'_>, fingerprint: String, is_identity: bool) -> Result<Kept> {
    let labels = object.node.get("metadata").and_then(|metadata| metadata.get("labels"));
    let labels = labels.into_iter().flat_map(Node::entries);
    let labels = labels.filter_map(|it| Some((it.key().to_owned(), it.value().as_str()?.to_owned())));
    let type_ = object.node.get("type").and_then(Node::as_str).unwrap_or(key_secret::TLS_TYPE).to_owned();
    Ok(Kept {
        is_stated: type_ == names::SEALING_KEY_TYPE || meaning::annotation(object, names::FINGERPRINT).is_some(),
        fingerprint,
        is_identity,
        name: object.name().unwrap_or(names::IDENTITY).to_owned(),
        namespace: meaning::object_ref(object).namespace,
        labels: labels.collect(),
        type_,
        is_immutable: object.node.get("immutable").and_then(Node::as_bool).unwrap_or(false),
        items: secret::items(object)?,
    })
}

impl Kept {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn tree(&self, namespace: Option<&str>) -> Tree {
        let mut metadata = vec![TreeEntry::new("name", Tree::str(&self.name))];
        metadata.extend(namespace.map(|namespace| TreeEntry::new("namespace", Tree::str(namespace))));
        if !self.labels.is_empty() {
            let labels = self.labels.iter().map(|(name, value)| (name.clone(), Tree::str(value)));
            metadata.push(TreeEntry::new("labels", Tree::map(labels)));
        }
        if self.is_stated {
            let annotation = Tree::map([(names::FINGERPRINT, Tree::str(&self.fingerprint))]);
            metadata.push(TreeEntry::new("annotations", annotation));
        }
        let data = self.items.iter().map(|item| {
            let text = Zeroizing::new(encode_base64(&item.value));
            (item.key.clone(), Tree::Str(text))
        });
        let mut entries = vec![
            TreeEntry::new("apiVersion", Tree::str("v1")),
            TreeEntry::new("kind", Tree::str("Secret")),
            TreeEntry::new("metadata", Tree::Map(metadata)),
            TreeEntry::new("type", Tree::str(&self.type_)),
        ];
        if self.is_immutable {
            entries.push(TreeEntry::new("immutable", Tree::Bool(true)));
        }
        entries.push(TreeEntry::new("data", Tree::map(data)));
        Tree::Map(entries)
    }
}
