//! Kubernetes objects among the documents, also those within lists.

use crate::manifest::Document;
use crate::node::Node;
use crate::path::Path;

/// A Kubernetes object: a mapping with a kind.
pub struct Object<'m> {
    /// Where it stands.
    pub path: Path,
    /// Its `apiVersion`, or that of the typed list which it is in. Empty if it has none.
    pub api_version: &'m str,
    /// Its `kind`. An item of a typed list (`SecretList`) may leave it to the list.
    pub kind: &'m str,
    /// The object itself.
    pub node: &'m Node,
}

impl<'m> Object<'m> {
    /// `metadata.name`, if it is a string.
    #[must_use]
    pub fn name(&self) -> Option<&'m str> {
        self.metadata("name")
    }

    /// `metadata.namespace`, if it is a string.
    #[must_use]
    pub fn namespace(&self) -> Option<&'m str> {
        self.metadata("namespace")
    }

    fn metadata(&self, key: &str) -> Option<&'m str> {
        self.node.get("metadata")?.get(key)?.as_str()
    }
}

/// All objects, in the order of the text.
pub(crate) fn find(documents: &[Document]) -> Vec<Object<'_>> {
    let mut found = Vec::new();
    for (number, document) in documents.iter().enumerate() {
        collect(Path::document(number), document.root(), None, &mut found);
    }
    found
}

/// What a typed list says of its items.
#[derive(Clone, Copy)]
struct Inherited<'m> {
    api_version: &'m str,
    kind: &'m str,
}

fn collect<'m>(path: Path, node: &'m Node, inherited: Option<Inherited<'m>>, found: &mut Vec<Object<'m>>) {
    let own = |key| node.get(key).and_then(Node::as_str);
    let Some(kind) = own("kind").or(inherited.map(|list| list.kind)) else { return };
    let api_version = own("apiVersion").or(inherited.map(|list| list.api_version)).unwrap_or("");
    if !node.is_mapping() {
        return;
    }
    let Some(items) = list_items(kind, node) else {
        return found.push(Object { path, api_version, kind, node });
    };
    let item_kind = kind.strip_suffix("List").filter(|kind| !kind.is_empty());
    let inherited = item_kind.map(|kind| Inherited { api_version, kind });
    for (number, item) in items.items().enumerate() {
        collect(path.clone().key("items").index(number), item, inherited, found);
    }
}

/// The items, if this is a list: a kind that ends so may as well be an object's own (`AllowList`).
/// Lists have no name, and their items are mappings; clients pass over an item that is null.
fn list_items<'m>(kind: &str, node: &'m Node) -> Option<&'m Node> {
    let items = node.get("items").filter(|_| kind.ends_with("List"))?;
    let named = node.get("metadata").is_some_and(|metadata| metadata.get("name").is_some());
    let fits = items.is_sequence() && items.items().all(|item| item.is_mapping() || item.is_null()) || items.is_null();
    (fits && (kind == "List" || !named)).then_some(items)
}
