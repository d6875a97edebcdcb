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
    error::{Error, Result},
    meaning,
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
        let selector = self.placing.namespace_selector().transpose()?;
        let kind = if selector.is_some() { names::CLUSTER_SEALED_SECRET } else { names::SEALED_SECRET };
        let mut edits = retype(object, names::API_VERSION, kind);
        edits.extend(metadata::strip(object));
        if selector.is_some() {
            edits.extend(self.without_namespace(object));
        }
        edits.extend(self.placing.name.as_ref().map(|name| set_metadata(object, "name", Tree::str(name))));
        edits.extend(remove_contents(object));
        let spec = spec(object, items, placed, texts, selector, self.pulls(object)?);
        edits.push(Edit::Insert { path: object.path.clone(), key: "spec".to_owned(), value: spec, at: Position::End });
        Ok(edits)
    }

    /// An object for many namespaces is of none.
    fn without_namespace(&self, object: &Object<'_>) -> Option<Edit> {
        object.node.get("metadata")?.entry("namespace")?;
        self.output.warn(format!(
            "{}: metadata.namespace is left out: a ClusterSealedSecret is of no namespace",
            meaning::describe(object)
        ));
        Some(Edit::Remove { path: object.path.clone().keys(["metadata", "namespace"]), comments: true })
    }

    /// Who shall pull images with the Secret, which must be one for that.
    fn pulls(&self, object: &Object<'_>) -> Result<Option<Tree>> {
        let Some(pulls) = self.placing.image_pull_secret().transpose()? else { return Ok(None) };
        let type_ = object.node.get("type").and_then(|type_| type_.as_str()).unwrap_or("Opaque");
        if names::DOCKER_TYPES.contains(&type_) {
            return Ok(Some(pulls));
        }
        let wanted = names::DOCKER_TYPES.join(" or ");
        Err(Error::input(format!(
            "{}: images are pulled with Secrets of type {wanted}, and this one is of type {type_}",
            meaning::describe(object)
        ))
        .hint("leave out --image-pull-secret-for, or make it with `kseal create docker-registry`"))
    }
}

fn spec(
    object: &Object<'_>,
    items: &[Item],
    placed: &Placed,
    texts: Texts,
    selector: Option<Tree>,
    pulls: Option<Tree>,
) -> Tree {
    let scope = || TreeEntry::new("scope", Tree::str(placed.scope.to_string()));
    let mut spec = vec![
        selector.map_or_else(scope, |selector| TreeEntry::new("namespaceSelector", selector)),
        TreeEntry::new("sealedFor", sealed_for(ObjectRef::bound_by(&placed.object, placed.scope))),
        TreeEntry::new("dataKeys", data_keys(texts.data_keys)),
        TreeEntry::new("encryptedData", values(items, texts.values)).with_comments(field_comments(object)),
    ];
    let template = template(object);
    if let Some(template) = template {
        spec.push(TreeEntry::new("template", template));
    }
    spec.extend(pulls.map(|pulls| TreeEntry::new("imagePullSecret", pulls)));
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
