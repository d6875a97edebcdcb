//! A Secret stays a Secret: its values become sealed texts where they stand.

use kseal_api::names;
use kseal_core::{Moved, ObjectRef, SealedObject, place, sealed_annotation};
use kseal_crypto::SealedValue;
use kseal_manifest::{Edit, Object, Position, Tree};

use super::{Sealing, Texts, metadata, retype::set_metadata};
use crate::{
    args::SealFormat,
    error::{Error, Result},
    item_key, meaning,
    placing::Placed,
    secret::{self, Field, Item},
    settings::Rng,
};

impl Sealing<'_> {
    pub(super) fn in_place(
        &self,
        object: &Object<'_>,
        items: &[Item],
        placed: &Placed,
        rng: &mut Rng,
    ) -> Result<Vec<Edit>> {
        let texts = self.items(items, placed, rng)?;
        let bound = ObjectRef::bound_by(&placed.object, placed.scope);
        let mut annotations = vec![(names::SEALED.to_owned(), sealed_annotation::write(placed.scope, &bound))];
        annotations.extend(data_key_annotations(&texts));
        let mut edits = metadata::without_copies(object);
        edits.extend(self.placing.name.as_ref().map(|name| set_metadata(object, "name", Tree::str(name))));
        edits.extend(annotate(object, annotations));
        edits.extend(set_values(object, items, &texts));
        Ok(edits)
    }

    /// Seals what is still plaintext in a Secret that was sealed in place before, for the place that it has.
    pub(super) fn rest_of(&self, object: &Object<'_>, sealed: &SealedObject, rng: &mut Rng) -> Result<Vec<Edit>> {
        let written = secret::written(object)?;
        let plain = written.iter().filter(|item| !SealedValue::is_claimed_by(item.text.unwrap_or_default()));
        let mut items = Vec::new();
        for item in plain {
            item_key::check(item.key).map_err(|error| error.at(item.location))?;
            items.push(Item {
                key: item.key.to_owned(),
                field: item.field,
                value: item.decode()?,
                comments: item.comments.clone(),
            });
        }
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let what = meaning::describe(object);
        meaning::check_whole(&what, sealed)?;
        if self.format != SealFormat::Secret {
            return Err(Error::input(format!("{what} is sealed in place but for {}", items[0].key))
                .hint("seal the rest with --format secret; `kseal convert` changes the format"));
        }
        if self.placing.scope.is_some_and(|scope| scope != sealed.scope) {
            return Err(Error::usage(format!("{what} is sealed with scope {}", sealed.scope))
                .hint("leave out --scope, or decrypt and seal again"));
        }
        let named = self.named_as_sealed(object, sealed)?;
        let place = place(sealed.scope, &named).map_err(|error| Error::input(format!("{what}: {error}")))?;
        let texts = self.items(&items, &Placed { scope: sealed.scope, object: named, place }, rng)?;
        let mut edits = metadata::without_copies(object);
        edits.extend(annotate(object, data_key_annotations(&texts).collect()));
        edits.extend(set_values(object, &items, &texts));
        Ok(edits)
    }

    /// The name under which the values that are sealed already open.
    ///
    /// # Errors
    /// If that is another one than the rest would be sealed for: then not all would open in any place.
    fn named_as_sealed(&self, object: &Object<'_>, sealed: &SealedObject) -> Result<ObjectRef> {
        let mut named = meaning::object_ref(object);
        let fallback = [&self.placing.namespace, &sealed.sealed_for.namespace, &self.placing.rule_namespace];
        named.namespace = named.namespace.or_else(|| fallback.into_iter().flatten().next().cloned());
        if let Some(moved) = Moved::find(sealed.scope, &sealed.sealed_for, &named) {
            return Err(Error::usage(format!("{} cannot take values: {moved}", meaning::describe(object)))
                .hint("put it back to its place, or decrypt it and seal it anew for the new one"));
        }
        Ok(named)
    }
}

pub(super) fn data_key_annotations(texts: &Texts) -> impl Iterator<Item = (String, String)> {
    texts.data_keys.iter().map(|(handle, data_key)| {
        (format!("{}{handle}", names::DATA_KEY_PREFIX), sealed_annotation::write_data_key(data_key))
    })
}

/// Adds annotations, behind those that are there.
pub(crate) fn annotate(object: &Object<'_>, annotations: Vec<(String, String)>) -> Vec<Edit> {
    let path = object.path.clone().keys(["metadata", "annotations"]);
    let present = object.node.get("metadata").and_then(|metadata| metadata.get("annotations"));
    let filled =
        present.filter(|node| node.is_mapping() && node.entries().any(|it| !metadata::is_last_applied(it.key())));
    let Some(node) = filled else {
        let annotations = Tree::map(annotations.into_iter().map(|(key, value)| (key, Tree::from(value))));
        return vec![set_metadata(object, "annotations", annotations)];
    };
    let edit = |(key, value): (String, String)| match node.entry(&key) {
        Some(_) => Edit::Set { path: path.clone().key(key), value: Tree::from(value) },
        None => Edit::Insert { path: path.clone(), key, value: Tree::from(value), at: Position::End },
    };
    annotations.into_iter().map(edit).collect()
}

fn set_values(object: &Object<'_>, items: &[Item], texts: &Texts) -> Vec<Edit> {
    let sealed = items.iter().filter_map(|item| Some((item, texts.values.get(&item.key)?)));
    sealed
        .map(|(item, text)| Edit::Set { path: value_path(object, item.field, &item.key), value: Tree::str(text) })
        .collect()
}

/// Where an item stands.
pub(crate) fn value_path(object: &Object<'_>, field: Field, key: &str) -> kseal_manifest::Path {
    object.path.clone().keys([field.name(), key])
}
