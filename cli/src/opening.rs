//! Opens the sealed objects of a text.

use std::collections::BTreeMap;

use kseal_core::{Format, SealedObject};
use kseal_crypto::{Failures, KeyRing, Plaintext, encode_base64};
use kseal_manifest::{Edit, Manifest, Node, Object, Position, Tree, TreeEntry};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    meaning::{self, Meaning},
    sealing::{
        in_place::value_path,
        metadata::is_of_the_envelope,
        retype::{retype, set_metadata, untype_lists},
    },
    secret::{self, Field},
};

/// Opens every sealed object of a text, which become Secrets. `name` is that of the file.
///
/// # Errors
/// If one of them does not open: then none does. If there is none.
pub(crate) fn open(name: &str, text: &str, ring: &KeyRing, namespace: Option<&str>) -> Result<Zeroizing<String>> {
    let manifest = Manifest::parse(text.to_owned()).map_err(|error| Error::input(format!("{name}: {error}")))?;
    let mut edits = Vec::new();
    let mut opened = Vec::new();
    for object in manifest.objects() {
        let Meaning::Sealed(sealed) = meaning::of(&object).map_err(|error| error.at(name))? else { continue };
        let sealed = sealed.or_in(namespace);
        let values = values(&meaning::describe(&object), &sealed, ring).map_err(|error| error.at(name))?;
        match sealed.format {
            Format::InPlace => edits.extend(in_place(&object, &values)?),
            Format::Native | Format::Upstream => edits.extend(secret(&object, &values)),
        }
        opened.push((object, sealed.format));
    }
    if opened.is_empty() {
        return Err(Error::input(format!("{name}: nothing sealed in it")));
    }
    let retyped = opened.iter().filter(|(_, format)| *format != Format::InPlace).map(|(object, _)| object);
    edits.extend(untype_lists(retyped));
    manifest.apply(edits).map_err(|error| Error::input(format!("{name}: {error}")))
}

/// All values of one object.
///
/// # Errors
/// If one does not open, with what can be said about why.
pub(crate) fn values(what: &str, sealed: &SealedObject, ring: &KeyRing) -> Result<BTreeMap<String, Plaintext>> {
    sealed.open(ring).map_err(|failures| failed(what, sealed, &failures))
}

/// Why an object does not open, as far as it can be said.
pub(crate) fn failed(what: &str, sealed: &SealedObject, failures: &Failures) -> Error {
    let error = Error::sealed(failures.class(), format!("{what} does not open")).because(failures);
    match (failures.class(), sealed.moved()) {
        (kseal_crypto::FailureClass::Open, Some(moved)) => {
            error.hint(format!("{moved}; seal it anew for its new place"))
        }
        (kseal_crypto::FailureClass::NoKey, _) => {
            let recipients = sealed.envelope().into_iter().flat_map(|it| it.data_keys().values());
            let mut names: Vec<_> =
                recipients.flat_map(|it| it.recipients.keys()).map(kseal_crypto::Fingerprint::short).collect();
            names.sort_unstable();
            names.dedup();
            error.hint(if names.is_empty() {
                "give the private key of the controller that it was sealed for".to_owned()
            } else {
                format!("give one of its keys with --key: {}", names.join(", "))
            })
        }
        _ => error,
    }
}

/// A Secret that was sealed in place: each value goes back into its field, and kseal's annotations go.
fn in_place(object: &Object<'_>, values: &BTreeMap<String, Plaintext>) -> Result<Vec<Edit>> {
    let mut edits = Vec::new();
    let metadata = object.path.clone().key("metadata");
    let annotations: Vec<_> = object.node.get("metadata").and_then(|it| it.get("annotations")).into_iter().collect();
    let ours: Vec<&str> = annotations
        .iter()
        .flat_map(|node| node.entries())
        .map(kseal_manifest::Entry::key)
        .filter(|key| is_of_the_envelope(key))
        .collect();
    if annotations.iter().all(|node| node.entries().len() == ours.len()) {
        edits.push(Edit::Remove { path: metadata.key("annotations"), comments: false });
    } else {
        let path = |key: &str| metadata.clone().key("annotations").key(key);
        edits.extend(ours.into_iter().map(|key| Edit::Remove { path: path(key), comments: false }));
    }
    let mut to_data = Vec::new();
    for item in secret::written(object)? {
        let Some(value) = values.get(item.key) else { continue };
        let path = value_path(object, item.field, item.key);
        match (item.field, std::str::from_utf8(value)) {
            (Field::Data, _) => edits.push(Edit::Set { path, value: Tree::from(encode_base64(value)) }),
            (Field::StringData, Ok(text)) => edits.push(Edit::Set { path, value: Tree::str(text) }),
            (Field::StringData, Err(_)) => {
                edits.push(Edit::Remove { path, comments: true });
                to_data.push(TreeEntry::new(item.key, Tree::from(encode_base64(value))));
            }
        }
    }
    edits.extend(insert_all(object, Field::Data.name(), to_data));
    Ok(edits)
}

/// Adds entries to a mapping of the object, which may be missing.
pub(crate) fn insert_all(object: &Object<'_>, field: &str, entries: Vec<TreeEntry>) -> Vec<Edit> {
    let path = object.path.clone();
    if entries.is_empty() {
        return Vec::new();
    }
    if object.node.get(field).is_none_or(Node::is_null) {
        return vec![crate::sealing::retype::set(object, field, Tree::Map(entries))];
    }
    let insert = |entry: TreeEntry| Edit::Insert {
        path: path.clone().key(field),
        key: entry.key,
        value: entry.value,
        at: Position::End,
    };
    entries.into_iter().map(insert).collect()
}

/// A SealedSecret becomes the Secret that the controller would write.
fn secret(object: &Object<'_>, values: &BTreeMap<String, Plaintext>) -> Vec<Edit> {
    let contents = contents(object, |item| {
        let value = values.get(item)?;
        Some(match field_for(value) {
            Field::StringData => (Field::StringData, Tree::str(std::str::from_utf8(value).unwrap_or_default())),
            Field::Data => (Field::Data, Tree::from(encode_base64(value))),
        })
    });
    to_secret(object, contents, Vec::new())
}

/// A SealedSecret becomes a Secret of these contents: its metadata is that of the template, with more annotations.
pub(crate) fn to_secret(object: &Object<'_>, contents: Vec<TreeEntry>, annotations: Vec<TreeEntry>) -> Vec<Edit> {
    let mut edits = retype(object, "v1", "Secret");
    let template = object.node.get("spec").and_then(|spec| spec.get("template"));
    let wanted = template.and_then(|template| template.get("metadata"));
    let mut more = annotations;
    for part in ["labels", "annotations"] {
        let wanted = wanted.and_then(|metadata| metadata.get(part)).into_iter().flat_map(Node::entries);
        let mut wanted: Vec<TreeEntry> = wanted.map(TreeEntry::from).collect();
        if part == "annotations" {
            wanted.append(&mut more);
        }
        let present = object.node.get("metadata").is_some_and(|metadata| metadata.entry(part).is_some());
        if !wanted.is_empty() {
            edits.push(set_metadata(object, part, Tree::Map(wanted)));
        } else if present {
            edits.push(Edit::Remove { path: object.path.clone().keys(["metadata", part]), comments: false });
        }
    }
    for field in ["spec", "status"].into_iter().filter(|field| object.node.entry(field).is_some()) {
        edits.push(Edit::Remove { path: object.path.clone().key(field), comments: true });
    }
    let copied = ["type", "immutable"].into_iter().filter_map(|key| template?.entry(key));
    let mut fields: Vec<TreeEntry> = copied.map(TreeEntry::from).collect();
    fields.extend(contents);
    edits.extend(fields.into_iter().map(|entry| Edit::Insert {
        path: object.path.clone(),
        key: entry.key,
        value: entry.value,
        at: Position::End,
    }));
    edits
}

/// `data` and `stringData` in the order of the sealed values, each with its comments.
pub(crate) fn contents(object: &Object<'_>, value: impl Fn(&str) -> Option<(Field, Tree)>) -> Vec<TreeEntry> {
    let (mut data, mut string_data) = (Vec::new(), Vec::new());
    let sealed = object.node.get("spec").and_then(|spec| spec.get("encryptedData"));
    for entry in sealed.into_iter().flat_map(Node::entries) {
        let Some((field, value)) = value(entry.key()) else { continue };
        let entry = TreeEntry::new(entry.key(), value).with_comments(entry.comments().clone());
        match field {
            Field::Data => data.push(entry),
            Field::StringData => string_data.push(entry),
        }
    }
    let fields = [(Field::Data, data), (Field::StringData, string_data)].into_iter();
    fields
        .filter(|(_, entries)| !entries.is_empty())
        .map(|(field, it)| TreeEntry::new(field.name(), Tree::Map(it)))
        .collect()
}

/// Text that people can read goes to `stringData`.
pub(crate) fn field_for(value: &Plaintext) -> Field {
    match std::str::from_utf8(value) {
        Ok(text) if is_readable(text) => Field::StringData,
        _ => Field::Data,
    }
}

/// Whether a value is text without control characters but line feeds and tabs.
pub(crate) fn is_readable(text: &str) -> bool {
    !text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\t'))
}
