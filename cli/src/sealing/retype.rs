//! Gives an object another kind where it stands.

use kseal_manifest::{Edit, Object, Path, Position, Step, Tree};

/// Sets `apiVersion` and `kind`. An item of a typed list says its kind for itself, since the list cannot any more.
pub(crate) fn retype(object: &Object<'_>, api_version: &str, kind: &str) -> Vec<Edit> {
    [("apiVersion", api_version), ("kind", kind)]
        .into_iter()
        .map(|(key, value)| set(object, key, Tree::str(value)))
        .collect()
}

/// Sets or inserts a field at the top of an object.
pub(crate) fn set(object: &Object<'_>, key: &str, value: Tree) -> Edit {
    if object.node.entry(key).is_some() {
        Edit::Set { path: object.path.clone().key(key), value }
    } else {
        Edit::Insert { path: object.path.clone(), key: key.to_owned(), value, at: Position::End }
    }
}

/// Sets or inserts a field of an object's metadata.
pub(crate) fn set_metadata(object: &Object<'_>, key: &str, value: Tree) -> Edit {
    let path = object.path.clone().key("metadata");
    match object.node.get("metadata") {
        Some(metadata) if metadata.entry(key).is_some() => Edit::Set { path: path.key(key), value },
        Some(_) => Edit::Insert { path, key: key.to_owned(), value, at: Position::End },
        None => set(object, "metadata", Tree::map([(key, value)])),
    }
}

/// Turns the typed lists (`SecretList`) that hold these objects into plain ones, each once: their items say their kind
/// themselves from now on.
pub(crate) fn untype_lists<'m>(objects: impl IntoIterator<Item = &'m Object<'m>>) -> Vec<Edit> {
    let mut lists: Vec<Path> = Vec::new();
    for object in objects {
        let is_typed = object.node.get("kind").is_none();
        let list = list_of(&object.path).filter(|_| is_typed);
        if let Some(list) = list.filter(|list| !lists.contains(list)) {
            lists.push(list);
        }
    }
    let set = |list: &Path, key: &str, value| Edit::Set { path: list.clone().key(key), value: Tree::str(value) };
    lists.iter().flat_map(|list| [set(list, "apiVersion", "v1"), set(list, "kind", "List")]).collect()
}

/// The list that an item stands in.
fn list_of(item: &Path) -> Option<Path> {
    let [rest @ .., Step::Key(items), Step::Index(_)] = item.steps() else { return None };
    if items != "items" {
        return None;
    }
    Some(rest.iter().fold(Path::document(item.document_index()), |path, step| match step {
        Step::Key(key) => path.key(key),
        Step::Index(index) => path.index(*index),
    }))
}
