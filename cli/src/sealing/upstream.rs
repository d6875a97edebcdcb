//! A Secret becomes a SealedSecret of bitnami.com.

use std::collections::BTreeMap;

use kseal_api::{Scope, names};
use kseal_core::seal_upstream;
use kseal_manifest::{Edit, Object, Position, Tree, TreeEntry};

use super::{
    Sealing, metadata,
    native::{field_comments, remove_contents, values},
    retype::{retype, set_metadata},
};
use crate::{
    error::{Error, Result},
    placing::Placed,
    secret::Item,
    settings::Rng,
};

impl Sealing<'_> {
    pub(super) fn upstream(
        &self,
        object: &Object<'_>,
        items: &[Item],
        placed: &Placed,
        rng: &mut Rng,
    ) -> Result<Vec<Edit>> {
        let texts = self.upstream_items(items, placed, rng)?;
        let mut edits = retype(object, names::UPSTREAM_API_VERSION, names::SEALED_SECRET);
        edits.extend(metadata::strip(object).into_iter().filter(|edit| !is_replaced(edit, placed.scope)));
        edits.extend(self.metadata_edits(object, placed));
        edits.extend(remove_contents(object));
        let spec = Tree::Map(vec![
            TreeEntry::new("encryptedData", values(items, texts)).with_comments(field_comments(object)),
            TreeEntry::new("template", template(object, placed)),
        ]);
        edits.push(Edit::Insert { path: object.path.clone(), key: "spec".to_owned(), value: spec, at: Position::End });
        Ok(edits)
    }

    /// Seals items, and keeps what an earlier output has for values that did not change.
    pub(super) fn upstream_items(
        &self,
        items: &[Item],
        placed: &Placed,
        rng: &mut Rng,
    ) -> Result<BTreeMap<String, String>> {
        let recipient = self.recipients.rsa(self.now)?;
        let mut texts = self.previous.unchanged_upstream(items, placed, recipient);
        let changed = items.iter().filter(|item| !texts.contains_key(&item.key));
        let changed: Vec<_> = changed.map(|item| (item.key.as_str(), item.value.as_slice())).collect();
        let new = seal_upstream(&placed.place, recipient, changed, rng)
            .map_err(|error| Error::no_key("cannot seal").because(&error))?;
        texts.extend(new);
        Ok(texts)
    }

    /// Name, namespace, and the annotation that says the scope.
    fn metadata_edits(&self, object: &Object<'_>, placed: &Placed) -> Vec<Edit> {
        let mut edits = Vec::new();
        edits.extend(self.placing.name.as_ref().map(|name| set_metadata(object, "name", Tree::str(name))));
        let stated = object.namespace().is_some_and(|namespace| !namespace.is_empty());
        let namespace = placed.object.namespace.as_ref().filter(|_| !stated);
        edits.extend(namespace.map(|namespace| set_metadata(object, "namespace", Tree::str(namespace))));
        edits.extend(
            scope_annotation(placed.scope)
                .map(|annotation| set_metadata(object, "annotations", Tree::map([(annotation, Tree::str("true"))]))),
        );
        edits
    }
}

/// Upstream's annotation for a scope.
pub(crate) const fn scope_annotation(scope: Scope) -> Option<&'static str> {
    match scope {
        Scope::Strict => None,
        Scope::NamespaceWide => Some(names::UPSTREAM_NAMESPACE_WIDE),
        Scope::ClusterWide => Some(names::UPSTREAM_CLUSTER_WIDE),
    }
}

/// Whether the annotations are not only removed but set anew.
fn is_replaced(edit: &Edit, scope: Scope) -> bool {
    let Edit::Remove { path, .. } = edit else { return false };
    let last = path.steps().last();
    scope != Scope::Strict && last == Some(&kseal_manifest::Step::Key("annotations".to_owned()))
}

/// As kubeseal writes it: name and namespace stand in the template too, and are not read.
fn template(object: &Object<'_>, placed: &Placed) -> Tree {
    let mut entries: Vec<TreeEntry> =
        ["type", "immutable"].into_iter().filter_map(|key| object.node.entry(key)).map(TreeEntry::from).collect();
    let parts = [("name", &placed.object.name), ("namespace", &placed.object.namespace)];
    let named = parts.into_iter().filter_map(|(key, part)| Some(TreeEntry::new(key, Tree::str(part.as_ref()?))));
    let mut metadata: Vec<TreeEntry> = named.collect();
    if let Some(Tree::Map(more)) = metadata::template(object) {
        metadata.extend(more);
    }
    entries.push(TreeEntry::new("metadata", Tree::Map(metadata)));
    Tree::Map(entries)
}
