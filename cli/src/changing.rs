//! Changes items of a sealed object, with or without a private key at hand.
//!
//! Changed values are sealed under one new data key, all others keep their bytes, and data keys that no value names any
//! more go. Recipients come from configuration; what the file says of them is only reported on.

mod data_keys;
mod report;

use std::collections::BTreeSet;

use jiff::Timestamp;
use kseal_api::DataKey;
use kseal_core::{Format, SealedObject, seal_native, seal_upstream};
use kseal_crypto::{Place, Plaintext};
use kseal_manifest::{Edit, Node, Object, Path, Position, Tree, TreeEntry};

use crate::{
    choosing::Found,
    error::{Error, Result},
    meaning,
    opening::insert_all,
    recipients::Recipients,
    sealing::{self, in_place::value_path},
    secret::{self, Field},
    settings::Rng,
};

pub(crate) use report::report;

/// A value that an item gets.
pub(crate) struct NewValue {
    pub key: String,
    pub value: Plaintext,
    /// In which field of a Secret sealed in place it stands, if it is not there yet.
    pub field: Option<Field>,
}

/// What becomes of the items of one object.
#[derive(Default)]
pub(crate) struct Changes {
    pub set: Vec<NewValue>,
    pub remove: BTreeSet<String>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }
}

/// Changes with their values sealed.
#[derive(Default)]
struct New {
    data_key: Option<(String, DataKey)>,
    values: Vec<(String, Field, String)>,
}

/// Whom new values are sealed for, and when.
pub(crate) struct Whom<'a> {
    pub recipients: &'a Recipients,
    pub now: Timestamp,
    pub rng: Rng,
}

impl Whom<'_> {
    /// Refuses what cannot be sealed for, before somebody has typed a value.
    pub(crate) fn check(&self, format: Format) -> Result<()> {
        match format {
            Format::Upstream => self.recipients.rsa(self.now).map(drop),
            Format::Native | Format::InPlace => self.recipients.sealing_keys().map(drop),
        }
    }

    fn seal(&mut self, (object, sealed): &Found<'_>, place: &Place, set: &[NewValue]) -> Result<New> {
        let items = set.iter().map(|it| (it.key.as_str(), it.value.as_slice()));
        let failed = |error: kseal_core::SealError| Error::no_key("cannot seal").because(&error);
        let (data_key, mut texts) = match sealed.format {
            Format::Upstream => {
                let recipient = self.recipients.rsa(self.now)?;
                (None, seal_upstream(place, recipient, items, &mut self.rng).map_err(failed)?)
            }
            Format::Native | Format::InPlace => {
                let recipients = self.recipients.sealing_keys()?;
                let sealed = seal_native(place, &recipients, items, &mut self.rng).map_err(failed)?;
                (sealed.data_key, sealed.values)
            }
        };
        let values = set.iter().map(|new| {
            let field = new.field.unwrap_or_else(|| usual_field(object, &new.value));
            let text = texts.remove(&new.key).unwrap_or_default();
            (new.key.clone(), field, text)
        });
        Ok(New { data_key, values: values.collect() })
    }
}

/// The edits that make the changes. `whom` may be missing where nothing is set.
///
/// # Errors
/// If the object has no place, an item to remove is not there, there is nobody to seal for, or a limit is passed.
pub(crate) fn edits(found: &Found<'_>, changes: &Changes, whom: Option<&mut Whom<'_>>) -> Result<Vec<Edit>> {
    let (object, sealed) = found;
    let what = meaning::describe(object);
    check_items(&what, sealed, changes)?;
    let Changes { set, remove } = changes;
    let mut new = New::default();
    let mut edits = Vec::new();
    if let (false, Some(whom)) = (set.is_empty(), whom) {
        meaning::check_whole(&what, sealed)?;
        let place = sealed.place().map_err(|error| {
            Error::input(format!("{what}: {error}")).hint("write it into its metadata, or give the namespace with -n")
        })?;
        new = whom.seal(found, &place, set)?;
        edits.extend(data_keys::move_to_its_place(found, &new, remove).map_err(|error| error.at(&what))?);
    }
    edits.extend(data_keys::edits(found, &new, remove).map_err(|error| error.at(&what))?);
    edits.extend(match sealed.format {
        Format::InPlace => in_place(object, new.values, remove)?,
        Format::Native | Format::Upstream => encrypted_data(object, new.values, remove),
    });
    Ok(edits)
}

fn check_items(what: &str, sealed: &SealedObject, changes: &Changes) -> Result<()> {
    let items = sealed.items();
    let missing: Vec<&str> = changes.remove.iter().map(String::as_str).filter(|key| !items.contains(key)).collect();
    if !missing.is_empty() {
        let has = if items.is_empty() { "it has none".to_owned() } else { format!("it has {}", items.join(", ")) };
        return Err(Error::input(format!("{what} has no item {}", missing.join(", "))).hint(has));
    }
    Ok(())
}

/// Sets, adds and removes entries of `spec.encryptedData`.
fn encrypted_data(object: &Object<'_>, values: Vec<(String, Field, String)>, remove: &BTreeSet<String>) -> Vec<Edit> {
    let spec = object.path.clone().key("spec");
    let node = object.node.get("spec").and_then(|spec| spec.get("encryptedData"));
    let path = spec.clone().key("encryptedData");
    let mut edits = remove_all(&path, remove.iter().map(String::as_str));
    let values = values.into_iter().map(|(key, _, text)| (key, Tree::from(text)));
    if let Some(node) = node {
        edits.extend(values.map(|(key, value)| set_or_insert(&path, node, key, value)));
    } else {
        let entries: Vec<_> = values.map(|(key, value)| TreeEntry::new(key, value)).collect();
        if !entries.is_empty() {
            let (key, value) = ("encryptedData".to_owned(), Tree::Map(entries));
            edits.push(Edit::Insert { path: spec, key, value, at: Position::End });
        }
    }
    edits
}

/// Sets, adds and removes values where they stand in a Secret.
fn in_place(object: &Object<'_>, values: Vec<(String, Field, String)>, remove: &BTreeSet<String>) -> Result<Vec<Edit>> {
    let written = secret::written(object)?;
    let mut edits = sealing::without_copies(object);
    let mut added = [Vec::new(), Vec::new()];
    for item in written.iter().filter(|item| remove.contains(item.key)) {
        edits.push(Edit::Remove { path: value_path(object, item.field, item.key), comments: true });
    }
    for (key, field, text) in values {
        match written.iter().find(|item| item.key == key) {
            Some(item) => edits.push(Edit::Set { path: value_path(object, item.field, &key), value: Tree::from(text) }),
            None => added[usize::from(field == Field::StringData)].push(TreeEntry::new(key, Tree::from(text))),
        }
    }
    for (field, entries) in Field::ALL.into_iter().zip(added) {
        edits.extend(insert_all(object, field.name(), entries));
    }
    Ok(edits)
}

/// Text goes where the Secret has text already.
fn usual_field(object: &Object<'_>, value: &Plaintext) -> Field {
    let has_text = object.node.get(Field::StringData.name()).is_some_and(|node| node.entries().len() > 0);
    if has_text && std::str::from_utf8(value).is_ok() { Field::StringData } else { Field::Data }
}

fn set_or_insert(path: &Path, node: &Node, key: String, value: Tree) -> Edit {
    match node.entry(&key) {
        Some(_) => Edit::Set { path: path.clone().key(key), value },
        None => Edit::Insert { path: path.clone(), key, value, at: Position::End },
    }
}

fn remove_all<'k>(path: &Path, keys: impl Iterator<Item = &'k str>) -> Vec<Edit> {
    keys.map(|key| Edit::Remove { path: path.clone().key(key), comments: true }).collect()
}
