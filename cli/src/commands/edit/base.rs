//! The file as it was when the editor opened, and what the user changed in it.

use std::collections::BTreeMap;

use kseal_core::{Format, SealedObject};
use kseal_crypto::{KeyRing, Plaintext, SealedValue};
use kseal_manifest::{Manifest, Node};
use zeroize::Zeroizing;

use super::view::{Shown, Value, View};
use crate::{
    applying,
    changing::{self, Changes, NewValue, Whom},
    choosing::{self, Found},
    error::{Error, Result},
    item_key, meaning,
    output::Output,
    secret,
};

/// The sealed objects of a file, opened as far as they can be.
pub(super) struct Base {
    name: String,
    pub text: Zeroizing<String>,
    manifest: Manifest,
    namespaces: [Option<String>; 2],
    objects: Vec<Opened>,
}

struct Opened {
    id: String,
    format: Format,
    /// In the order of the file; `Err` says why a value is not shown.
    values: Vec<(String, Result<Plaintext, String>)>,
    /// As they are written, to see what changed on disk.
    texts: BTreeMap<String, String>,
}

impl Base {
    /// Reads and opens a file.
    ///
    /// # Errors
    /// If it cannot be read, or nothing in it is sealed.
    pub(super) fn read(
        name: String,
        text: Zeroizing<String>,
        namespaces: [Option<&str>; 2],
        ring: &KeyRing,
    ) -> Result<Self> {
        let manifest = choosing::parse(&name, &text)?;
        let namespaces = namespaces.map(|namespace| namespace.map(ToOwned::to_owned));
        let mut objects: Vec<Opened> = Vec::new();
        for found in found(&name, &manifest, &namespaces)? {
            let what = meaning::describe(&found.0);
            let same = objects.iter().filter(|other| other.id == what || other.id.starts_with(&format!("{what} #")));
            let id = match same.count() {
                0 => what,
                count => format!("{what} #{}", count + 1),
            };
            let texts = texts(&found)?;
            let values = open(&found, texts.iter().map(|(key, _)| key.as_str()), ring)?;
            objects.push(Opened { id, format: found.1.format, values, texts: texts.into_iter().collect() });
        }
        Ok(Self { name, text, manifest, namespaces, objects })
    }

    pub(super) fn formats(&self) -> impl Iterator<Item = Format> {
        self.objects.iter().map(|object| object.format)
    }

    /// What is shown of it.
    pub(super) fn view(&self, file: &str) -> View {
        let value = |value: &Result<Plaintext, String>| match value {
            Ok(octets) => Value::Clear(copy(octets)),
            Err(why) => Value::Keep(why.clone()),
        };
        let objects = self.objects.iter().map(|object| Shown {
            id: object.id.clone(),
            values: object.values.iter().map(|(key, it)| (key.clone(), value(it))).collect(),
        });
        View { file: file.to_owned(), objects: objects.collect() }
    }

    /// The text with the changes made.
    pub(super) fn change(&self, diff: &Diff, whom: &mut Whom<'_>, output: &Output) -> Result<Zeroizing<String>> {
        let mut edits = Vec::new();
        for (found, opened) in found(&self.name, &self.manifest, &self.namespaces)?.iter().zip(&self.objects) {
            let Some(changes) = diff.0.get(&opened.id) else { continue };
            edits.extend(changing::edits(found, changes, Some(whom))?);
        }
        applying::apply(&self.name, &self.manifest, edits, output)
    }

    fn get(&self, id: &str) -> Option<&Opened> {
        self.objects.iter().find(|object| object.id == id)
    }
}

fn found<'m>(name: &str, manifest: &'m Manifest, namespaces: &[Option<String>; 2]) -> Result<Vec<Found<'m>>> {
    let in_place = |sealed| namespaces.iter().map(Option::as_deref).fold(sealed, SealedObject::or_in);
    Ok(choosing::sealed(name, manifest)?.into_iter().map(|(object, sealed)| (object, in_place(sealed))).collect())
}

/// The items as they are written, in that order.
fn texts((object, sealed): &Found<'_>) -> Result<Vec<(String, String)>> {
    if sealed.format == Format::InPlace {
        let written = secret::written(object)?.into_iter();
        return Ok(written.map(|item| (item.key.to_owned(), item.text.unwrap_or_default().to_owned())).collect());
    }
    let values = object.node.get("spec").and_then(|spec| spec.get("encryptedData"));
    let entries = values.into_iter().flat_map(Node::entries);
    Ok(entries.map(|it| (it.key().to_owned(), it.value().as_str().unwrap_or_default().to_owned())).collect())
}

/// The values in a given order; those that nobody sealed, too.
fn open<'k>(
    (object, sealed): &Found<'_>,
    order: impl Iterator<Item = &'k str>,
    ring: &KeyRing,
) -> Result<Vec<(String, Result<Plaintext, String>)>> {
    let mut opened: BTreeMap<String, Result<Plaintext, String>> = sealed
        .open_each(ring)
        .into_iter()
        .map(|(key, value)| (key, value.map_err(|reason| reason.to_string())))
        .collect();
    if sealed.format == Format::InPlace {
        for item in secret::written(object)? {
            if !SealedValue::is_claimed_by(item.text.unwrap_or_default()) {
                let plain = item.decode().map_err(|_| "not sealed, and not base64".to_owned());
                opened.insert(item.key.to_owned(), plain);
            }
        }
    }
    Ok(order.filter_map(|key| opened.remove_entry(key)).collect())
}

/// What is shown is a copy, wiped like the original.
fn copy(octets: &Plaintext) -> Plaintext {
    Plaintext::from(octets.to_vec())
}

/// What the user changed, by object.
pub(super) struct Diff(BTreeMap<String, Changes>);

impl Diff {
    /// Compares the edited text with the file.
    ///
    /// # Errors
    /// If objects came or went, a new item has no valid key, or a mark stands where there is nothing to keep.
    pub(super) fn of(base: &Base, view: View) -> Result<Self> {
        let mut all = BTreeMap::new();
        let mut seen = Vec::new();
        for Shown { id, values } in view.objects {
            let opened = base.get(&id).filter(|_| !seen.contains(&id)).ok_or_else(|| {
                let ids: Vec<&str> = base.objects.iter().map(|object| object.id.as_str()).collect();
                Error::input(format!("`object: {id}` is not one of the file, or stands here twice"))
                    .hint(format!("it has {}", ids.join(", ")))
            })?;
            let changes = changes(opened, values)?;
            if !changes.is_empty() {
                all.insert(id.clone(), changes);
            }
            seen.push(id);
        }
        match base.objects.iter().find(|object| !seen.contains(&object.id)) {
            Some(missing) => Err(Error::input(format!("`object: {}` is missing", missing.id))
                .hint("to remove all values of an object, write `values: {}`")),
            None => Ok(Self(all)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all changed objects are in another file, too.
    pub(super) fn fits(&self, other: &Base) -> bool {
        self.0.keys().all(|id| other.get(id).is_some())
    }

    /// Items that were changed here and on disk.
    pub(super) fn conflicts(&self, before: &Base, now: &Base) -> Vec<String> {
        let mut conflicts = Vec::new();
        for (id, changes) in &self.0 {
            let value = |base: &Base, key: &str| base.get(id)?.texts.get(key).cloned();
            let keys = changes.set.iter().map(|new| &new.key).chain(&changes.remove);
            let both = keys.filter(|key| value(before, key) != value(now, key));
            conflicts.extend(both.map(|key| format!("{key} of {id}")));
        }
        conflicts
    }

    /// Makes the changes in a view.
    pub(super) fn apply_to(&self, view: &mut View) {
        for Shown { id, values } in &mut view.objects {
            let Some(changes) = self.0.get(id) else { continue };
            values.retain(|(key, _)| !changes.remove.contains(key));
            for new in &changes.set {
                let value = Value::Clear(copy(&new.value));
                match values.iter_mut().find(|(key, _)| *key == new.key) {
                    Some((_, old)) => *old = value,
                    None => values.push((new.key.clone(), value)),
                }
            }
        }
    }

    /// What to tell of each changed object.
    pub(super) fn tell(&self, base: &Base) -> Vec<Told> {
        let told = self.0.iter().filter_map(|(id, changes)| {
            let opened = base.get(id)?;
            let is_old = |key: &str| opened.values.iter().any(|(old, _)| old == key);
            let (set, added): (Vec<&str>, Vec<&str>) =
                changes.set.iter().map(|new| new.key.as_str()).partition(|key| is_old(key));
            let removed: Vec<&str> = changes.remove.iter().map(String::as_str).collect();
            let parts = [("added", added), ("changed", set), ("removed", removed)].into_iter();
            let parts = parts.filter(|(_, keys)| !keys.is_empty());
            let parts: Vec<String> = parts.map(|(verb, keys)| format!("{verb} {}", keys.join(", "))).collect();
            let is_sealed = !changes.set.is_empty();
            Some(Told { id: id.clone(), format: opened.format, what: parts.join("; "), is_sealed })
        });
        told.collect()
    }
}

/// What was done to one object.
pub(super) struct Told {
    pub id: String,
    pub format: Format,
    pub what: String,
    /// Whether a value was sealed.
    pub is_sealed: bool,
}

fn changes(opened: &Opened, values: Vec<(String, Value)>) -> Result<Changes> {
    let remove = opened.values.iter().map(|(key, _)| key.clone()).collect();
    let mut changes = Changes { set: Vec::new(), remove };
    for (key, value) in values {
        let before = opened.values.iter().find(|(old, _)| *old == key).map(|(_, value)| value);
        changes.remove.remove(&key);
        match (value, before) {
            (Value::Keep(_), Some(_)) => {}
            (Value::Keep(_), None) => {
                return Err(Error::input(format!("{key} has no sealed value to keep"))
                    .hint("a sealed value opens under its own key only, so it cannot be renamed without opening it"));
            }
            (Value::Clear(value), Some(Ok(before))) if value.as_slice() == before.as_slice() => {}
            (Value::Clear(value), before) => {
                if before.is_none() {
                    item_key::check(&key)?;
                }
                changes.set.push(NewValue { key, value, field: None });
            }
        }
    }
    Ok(changes)
}
