//! A Secret becomes a SealedSecret of kseal.dev.

use std::collections::BTreeMap;

use kseal_api::{DataKey, SealedFor, names};
use kseal_core::ObjectRef;
use kseal_manifest::{Comments, Edit, Object, Position, Tree, TreeEntry};

use super::{
    Sealing, Texts, metadata,
    retype::{retype, set_metadata},
};
use crate::{
    error::Result,
    placing::Placed,
    secret::{Field, Item},
    settings::Rng,
};

impl Sealing<'_> {
    pub(super) fn native(
        &self,
        object: &Object<'_>,
        items: &[Item],
        placed: &Placed,
        rng: &mut Rng,
    ) -> Result<Vec<Edit>> {
        let texts = self.items(items, placed, rng)?;
        let mut edits = retype(object, names::API_VERSION, names::SEALED_SECRET);
        edits.extend(metadata::strip(object));
        edits.extend(self.placing.name.as_ref().map(|name| set_metadata(object, "name", Tree::str(name))));
        edits.extend(remove_contents(object));
        let spec = spec(object, items, placed, texts);
        edits.push(Edit::Insert { path: object.path.clone(), key: "spec".to_owned(), value: spec, at: Position::End });
        Ok(edits)
    }
}

fn spec(object: &Object<'_>, items: &[Item], placed: &Placed, texts: Texts) -> Tree {
    let mut spec = vec![
        TreeEntry::new("scope", Tree::str(placed.scope.to_string())),
        TreeEntry::new("sealedFor", sealed_for(ObjectRef::bound_by(&placed.object, placed.scope))),
        TreeEntry::new("dataKeys", data_keys(texts.data_keys)),
        TreeEntry::new("encryptedData", values(items, texts.values)).with_comments(field_comments(object)),
    ];
    let template = template(object);
    if let Some(template) = template {
        spec.push(TreeEntry::new("template", template));
    }
    Tree::Map(spec)
}

/// What the scope binds, as a tree.
pub(crate) fn sealed_for(bound: SealedFor) -> Tree {
    let parts = [("namespace", bound.namespace), ("name", bound.name)];
    Tree::map(parts.into_iter().filter_map(|(key, part)| Some((key, Tree::from(part?)))))
}

/// The data keys as a tree, sorted.
pub(crate) fn data_keys(data_keys: impl IntoIterator<Item = (String, DataKey)>) -> Tree {
    Tree::map(data_keys.into_iter().map(|(handle, data_key)| (handle, self::data_key(data_key))))
}

/// One data key as a tree.
pub(crate) fn data_key(data_key: DataKey) -> Tree {
    let recipients = Tree::map(data_key.recipients.into_iter().map(|(key, wrap)| (key, Tree::from(wrap))));
    Tree::map([("commitment", Tree::from(data_key.commitment)), ("recipients", recipients)])
}

/// The sealed values in the order of the input, each with its comments.
pub(super) fn values(items: &[Item], mut texts: BTreeMap<String, String>) -> Tree {
    let entries = items.iter().filter_map(|item| {
        let text = texts.remove(&item.key)?;
        Some(TreeEntry::new(&item.key, Tree::from(text)).with_comments(item.comments.clone()))
    });
    Tree::Map(entries.collect())
}

/// The comments above `data` and `stringData`.
pub(super) fn field_comments(object: &Object<'_>) -> Comments {
    let entries = Field::ALL.into_iter().filter_map(|field| object.node.entry(field.name()));
    Comments { lead: entries.flat_map(|entry| entry.comments().lead.clone()).collect(), trail: None }
}

/// Type, immutable, labels and annotations, if there are any.
pub(super) fn template(object: &Object<'_>) -> Option<Tree> {
    let copied = ["type", "immutable"].into_iter().filter_map(|key| object.node.entry(key)).map(TreeEntry::from);
    let mut template: Vec<TreeEntry> = copied.collect();
    template.extend(metadata::template(object).map(|metadata| TreeEntry::new("metadata", metadata)));
    (!template.is_empty()).then_some(Tree::Map(template))
}

/// Takes out what moved into the spec.
pub(super) fn remove_contents(object: &Object<'_>) -> Vec<Edit> {
    let fields = ["type", "immutable", "data", "stringData", "status"].into_iter();
    let present = fields.filter(|field| object.node.entry(field).is_some());
    present.map(|field| Edit::Remove { path: object.path.clone().key(field), comments: true }).collect()
}
