//! What becomes of a Secret's metadata when it is sealed.

use kseal_api::names;
use kseal_manifest::{Edit, Entry, Node, Object, Tree, TreeEntry};

use crate::placing::is_scope_annotation;

/// Fields that a server filled in. They say nothing about the Secret that is wanted, and `managedFields` can name its
/// items' contents.
const OF_THE_SERVER: [&str; 9] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Labels and annotations for the template of a sealed object, in the order of the input.
pub(super) fn template(object: &Object<'_>) -> Option<Tree> {
    let metadata = object.node.get("metadata")?;
    let parts = ["labels", "annotations"].into_iter().filter_map(|part| {
        let node = metadata.get(part).filter(|node| node.is_mapping())?;
        let stays = |name: &str| !is_scope_annotation(name) && !is_last_applied(name) && !is_of_the_envelope(name);
        let entries = node.entries().filter(|entry| stays(entry.key()));
        let entries: Vec<TreeEntry> = entries.map(TreeEntry::from).collect();
        (!entries.is_empty()).then(|| TreeEntry::new(part, Tree::Map(entries)))
    });
    let parts: Vec<TreeEntry> = parts.collect();
    (!parts.is_empty()).then_some(Tree::Map(parts))
}

/// Takes what moved to the template, and what the server filled in, out of the object's own metadata.
pub(super) fn strip(object: &Object<'_>) -> Vec<Edit> {
    let moved = ["labels", "annotations", "finalizers"];
    remove(object, moved.into_iter().chain(OF_THE_SERVER))
}

/// Takes out what can hold plaintext: managedFields, and what a client last applied. Annotations that would be left
/// empty are not touched: [`super::in_place::annotate`] replaces them as a whole.
pub(crate) fn without_copies(object: &Object<'_>) -> Vec<Edit> {
    let mut edits = remove(object, ["managedFields"]);
    let annotations = object.node.get("metadata").and_then(|metadata| metadata.get("annotations"));
    let keys: Vec<&str> = annotations.into_iter().flat_map(Node::entries).map(Entry::key).collect();
    if !keys.iter().all(|key| is_last_applied(key)) {
        let copies = keys.into_iter().filter(|key| is_last_applied(key));
        let path = |key| object.path.clone().keys(["metadata", "annotations", key]);
        edits.extend(copies.map(|key| Edit::Remove { path: path(key), comments: false }));
    }
    edits
}

/// Annotations in which a Secret that is sealed in place holds its data keys.
pub(crate) fn is_of_the_envelope(name: &str) -> bool {
    name == names::SEALED || name.starts_with(names::DATA_KEY_PREFIX)
}

pub(crate) fn is_last_applied(name: &str) -> bool {
    names::LAST_APPLIED.contains(&name)
}

fn remove<'f>(object: &Object<'_>, fields: impl IntoIterator<Item = &'f str>) -> Vec<Edit> {
    let Some(metadata) = object.node.get("metadata") else { return Vec::new() };
    let present = fields.into_iter().filter(|field| metadata.entry(field).is_some());
    present.map(|field| Edit::Remove { path: object.path.clone().keys(["metadata", field]), comments: false }).collect()
}
