//! The data keys of a changed object: the new one comes, those that nothing needs go.

use std::collections::BTreeSet;

use kseal_api::names;
use kseal_core::{Format, ObjectRef, sealed_annotation};
use kseal_crypto::envelope::MAX_DATA_KEYS;
use kseal_manifest::{Edit, Entry, Node, Object, Path, Position, Tree};

use super::New;
use crate::{
    choosing::Found,
    error::{Error, Result},
    sealing::{in_place::annotate, native},
    secret,
};

/// Adds the new data key, and removes those that no remaining value names.
///
/// # Errors
/// If there would be too many.
pub(super) fn edits((object, sealed): &Found<'_>, new: &New, remove: &BTreeSet<String>) -> Result<Vec<Edit>> {
    if sealed.format == Format::Upstream {
        return Ok(Vec::new());
    }
    let kept = kept_texts(object, sealed.format, |key| {
        remove.contains(key) || new.values.iter().any(|(changed, ..)| changed == key)
    })?;
    let (path, prefix) = site(object, sealed.format);
    let written: Vec<&str> = node(object, sealed.format)
        .into_iter()
        .flat_map(Node::entries)
        .filter_map(|entry| entry.key().strip_prefix(prefix))
        .collect();
    // A value that this version cannot read, of a later one perhaps, may name its data key all the same.
    let is_named = |handle: &str| kept.iter().any(|text| text.split('.').any(|part| part == handle));
    let (needed, unneeded): (Vec<&str>, Vec<&str>) = written.into_iter().partition(|handle| is_named(handle));
    if new.data_key.is_some() && needed.len() >= MAX_DATA_KEYS {
        return Err(Error::refused(format!("has {} data keys, and no reader takes more", needed.len()))
            .hint("`kseal reencrypt --compact` gathers all values under one"));
    }
    let removed = unneeded.into_iter().map(|handle| format!("{prefix}{handle}"));
    let mut edits: Vec<Edit> =
        removed.map(|key| Edit::Remove { path: path.clone().key(key), comments: false }).collect();
    edits.extend(add(object, sealed.format, path, new));
    Ok(edits)
}

/// The texts of the values that stay.
fn kept_texts<'m>(object: &Object<'m>, format: Format, is_gone: impl Fn(&str) -> bool) -> Result<Vec<&'m str>> {
    if format == Format::InPlace {
        let written = secret::written(object)?.into_iter();
        return Ok(written.filter(|item| !is_gone(item.key)).filter_map(|item| item.text).collect());
    }
    let values = object.node.get("spec").and_then(|spec| spec.get("encryptedData"));
    let entries = values.into_iter().flat_map(Node::entries).filter(|entry| !is_gone(entry.key()));
    Ok(entries.filter_map(|entry: &Entry| entry.value().as_str()).collect())
}

/// Where data keys stand, and what stands before their handles.
fn site(object: &Object<'_>, format: Format) -> (Path, &'static str) {
    match format {
        Format::InPlace => (object.path.clone().keys(["metadata", "annotations"]), names::DATA_KEY_PREFIX),
        Format::Native | Format::Upstream => (object.path.clone().keys(["spec", "dataKeys"]), ""),
    }
}

fn node<'m>(object: &Object<'m>, format: Format) -> Option<&'m Node> {
    match format {
        Format::InPlace => object.node.get("metadata")?.get("annotations"),
        Format::Native | Format::Upstream => object.node.get("spec")?.get("dataKeys"),
    }
}

fn add(object: &Object<'_>, format: Format, path: Path, new: &New) -> Vec<Edit> {
    let Some((handle, data_key)) = &new.data_key else { return Vec::new() };
    if format == Format::InPlace {
        let annotation = format!("{}{handle}", names::DATA_KEY_PREFIX);
        return annotate(object, vec![(annotation, sealed_annotation::write_data_key(data_key))]);
    }
    let value = native::data_key(data_key.clone());
    vec![match node(object, format) {
        Some(_) => Edit::Insert { path, key: handle.clone(), value, at: Position::Sorted },
        None => Edit::Insert {
            path: object.path.clone().key("spec"),
            key: "dataKeys".to_owned(),
            value: Tree::map([(handle.clone(), value)]),
            at: Position::After("sealedFor".to_owned()),
        },
    }]
}

/// An object that stands elsewhere than it was sealed for says so rightly once none of its old values is left.
///
/// # Errors
/// If only a flag says that it stands elsewhere, and old values would stay: the object could not be opened anywhere.
pub(super) fn move_to_its_place(
    (object, sealed): &Found<'_>,
    new: &New,
    remove: &BTreeSet<String>,
) -> Result<Vec<Edit>> {
    let Some(moved) = sealed.moved() else { return Ok(Vec::new()) };
    let is_new = |item: &&str| remove.contains(*item) || new.values.iter().any(|(key, ..)| key == item);
    if !sealed.items().iter().all(is_new) {
        let by_flag = object.namespace().is_none() && sealed.sealed_for.namespace != sealed.object.namespace;
        return if by_flag {
            Err(Error::usage(format!("{moved}, as -n says"))
                .hint("leave out -n: other values are sealed for that place"))
        } else {
            Ok(Vec::new())
        };
    }
    let bound = ObjectRef::bound_by(&sealed.object, sealed.scope);
    Ok(match sealed.format {
        Format::InPlace => {
            annotate(object, vec![(names::SEALED.to_owned(), sealed_annotation::write(sealed.scope, &bound))])
        }
        Format::Native | Format::Upstream => {
            vec![Edit::Set { path: object.path.clone().keys(["spec", "sealedFor"]), value: native::sealed_for(bound) }]
        }
    })
}
