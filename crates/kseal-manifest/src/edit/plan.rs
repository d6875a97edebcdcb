//! Edits sorted into a tree that follows the document's, and what is wrong with them.

use crate::edit::{Edit, Position};
use crate::error::EditError;
use crate::manifest::{Document, Manifest};
use crate::node::{Content, Node, ValueKind};
use crate::path::{Path, Step};
use crate::tree::{Tree, TreeEntry};
use std::collections::{BTreeMap, HashSet};

/// What happens to one node.
#[derive(Default)]
pub(crate) struct Plan<'e> {
    pub(crate) set: Option<&'e Tree>,
    /// Removed, and whether with its lead comments.
    pub(crate) removed: Option<bool>,
    pub(crate) inserts: Vec<Insert<'e>>,
    pub(crate) appends: Vec<&'e Tree>,
    /// By number of the entry or item.
    pub(crate) children: BTreeMap<usize, Plan<'e>>,
}

pub(crate) struct Insert<'e> {
    pub(crate) key: &'e str,
    pub(crate) value: &'e Tree,
    pub(crate) at: &'e Position,
}

impl Plan<'_> {
    /// Whether the entry or item with this number goes.
    pub(crate) fn removes(&self, number: usize) -> Option<bool> {
        self.children.get(&number).and_then(|child| child.removed)
    }

    /// Whether parts come or go, rather than only change.
    pub(crate) fn restructures(&self) -> bool {
        !self.inserts.is_empty()
            || !self.appends.is_empty()
            || self.children.values().any(|child| child.removed.is_some())
    }

    /// The new content of a collection of which nothing old is left.
    pub(crate) fn all_new(&self, sequence: bool) -> Tree {
        if sequence || !self.appends.is_empty() {
            return Tree::Seq(self.appends.iter().map(|tree| tree.duplicate()).collect());
        }
        let mut inserts: Vec<_> = self.inserts.iter().collect();
        if inserts.iter().all(|insert| *insert.at == Position::Sorted) {
            inserts.sort_by_key(|insert| insert.key);
        }
        let entry = |insert: &&Insert<'_>| TreeEntry::new(insert.key, insert.value.duplicate());
        Tree::Map(inserts.iter().map(entry).collect())
    }
}

/// Sorts the edits by document and node, and refuses what cannot be done.
pub(crate) fn build<'e>(manifest: &Manifest, edits: &'e [Edit]) -> Result<BTreeMap<usize, Plan<'e>>, EditError> {
    let mut plans = BTreeMap::new();
    for edit in edits {
        add(manifest, &mut plans, edit)?;
    }
    for (&number, plan) in &plans {
        let document = &manifest.documents[number];
        check(plan, document.root(), &mut Path::document(number))?;
    }
    Ok(plans)
}

fn add<'e>(manifest: &Manifest, plans: &mut BTreeMap<usize, Plan<'e>>, edit: &'e Edit) -> Result<(), EditError> {
    let (Edit::Set { path, .. } | Edit::Insert { path, .. } | Edit::Append { path, .. } | Edit::Remove { path, .. }) =
        edit;
    let number = path.document_index();
    let Some(document) = manifest.documents.get(number) else {
        return Err(EditError::NotFound { path: Path::document(number) });
    };
    let mut plan = plans.entry(number).or_default();
    let mut node = document.root();
    for (depth, step) in path.steps().iter().enumerate() {
        let here = || ancestor(path, depth);
        changeable(document, node, here)?;
        let (number, child) = child(node, step, || ancestor(path, depth), || ancestor(path, depth + 1))?;
        plan = plan.children.entry(number).or_default();
        node = child;
    }
    changeable(document, node, || path.clone())?;
    let overlap = || EditError::Overlap { path: path.clone() };
    match edit {
        Edit::Set { value, .. } => {
            replaceable(document, node, path)?;
            if plan.set.replace(value).is_some() {
                return Err(overlap());
            }
        }
        Edit::Remove { comments, .. } => {
            replaceable(document, node, path)?;
            if path.steps().is_empty() {
                let what = "a whole document cannot be removed";
                return Err(EditError::Unsupported { path: path.clone(), location: node.location(), what });
            }
            if plan.removed.replace(*comments).is_some() {
                return Err(overlap());
            }
        }
        Edit::Insert { key, value, at, .. } => {
            wants(node, path, ValueKind::Mapping)?;
            plan.inserts.push(Insert { key, value, at });
        }
        Edit::Append { value, .. } => {
            wants(node, path, ValueKind::Sequence)?;
            plan.appends.push(value);
        }
    }
    Ok(())
}

fn child<'n>(
    node: &'n Node,
    step: &Step,
    here: impl Fn() -> Path,
    there: impl Fn() -> Path,
) -> Result<(usize, &'n Node), EditError> {
    let wrong =
        |wanted| EditError::WrongKind { path: here(), location: node.location(), found: node.value_kind(), wanted };
    match (step, &node.target().content) {
        (Step::Key(key), Content::Mapping(mapping)) => match mapping.position(key) {
            Some(number) => Ok((number, &mapping.entries[number].value)),
            None if mapping.get(key).is_some() => Err(EditError::Alias { path: there(), location: node.location() }),
            None => Err(EditError::NotFound { path: there() }),
        },
        (Step::Index(index), Content::Sequence(sequence)) => match sequence.items.get(*index) {
            Some(item) => Ok((*index, &item.node)),
            None => Err(EditError::NotFound { path: there() }),
        },
        (_, Content::Scalar(_)) if node.is_null() => Err(EditError::NotFound { path: there() }),
        (Step::Key(_), _) => Err(wrong(ValueKind::Mapping)),
        (Step::Index(_), _) => Err(wrong(ValueKind::Sequence)),
    }
}

fn ancestor(path: &Path, depth: usize) -> Path {
    path.steps()[..depth].iter().fold(Path::document(path.document_index()), |path, step| match step {
        Step::Key(key) => path.key(key),
        Step::Index(index) => path.index(*index),
    })
}

/// A node on the way: nothing may stand elsewhere for what is changed here, and the other way
/// round.
fn changeable(document: &Document, node: &Node, path: impl Fn() -> Path) -> Result<(), EditError> {
    if node.is_alias() {
        return Err(EditError::Alias { path: path(), location: node.location() });
    }
    if node.layout.anchor != 0 && document.aliased.contains(&node.layout.anchor) {
        return Err(EditError::Anchor { path: path(), location: node.location() });
    }
    Ok(())
}

/// The same for all that goes with a node.
fn replaceable(document: &Document, node: &Node, path: &Path) -> Result<(), EditError> {
    if document.aliased.is_empty() {
        return Ok(());
    }
    changeable(document, node, || path.clone())?;
    match &node.target().content {
        Content::Mapping(mapping) => {
            mapping.entries.iter().try_for_each(|entry| replaceable(document, &entry.value, path))
        }
        Content::Sequence(sequence) => {
            sequence.items.iter().try_for_each(|item| replaceable(document, &item.node, path))
        }
        Content::Scalar(_) | Content::Shared(_) => Ok(()),
    }
}

fn wants(node: &Node, path: &Path, wanted: ValueKind) -> Result<(), EditError> {
    let found = node.value_kind();
    if found == wanted || found == ValueKind::Null {
        return Ok(());
    }
    Err(EditError::WrongKind { path: path.clone(), location: node.location(), found, wanted })
}

/// What can only be seen once all edits are known.
fn check(plan: &Plan<'_>, node: &Node, path: &mut Path) -> Result<(), EditError> {
    let overlap = |path: &Path| EditError::Overlap { path: path.clone() };
    let inner = !plan.children.is_empty() || !plan.inserts.is_empty() || !plan.appends.is_empty();
    let whole = usize::from(plan.set.is_some()) + usize::from(plan.removed.is_some());
    if whole > 1 || (whole == 1 && inner) || (!plan.inserts.is_empty() && !plan.appends.is_empty()) {
        return Err(overlap(path));
    }
    check_inserts(plan, node, path)?;
    let unsupported = |path: &Path, location, what| Err(EditError::Unsupported { path: path.clone(), location, what });
    let bare = node.layout.start == node.layout.body && is_bare_pair(node);
    if bare && plan.restructures() {
        return unsupported(path, node.location(), "a pair without braces cannot be edited");
    }
    for (&number, child) in &plan.children {
        match &node.target().content {
            Content::Mapping(mapping) => {
                let entry = &mapping.entries[number];
                path.push(Step::Key(entry.key.clone()));
                if entry.site.explicit {
                    return unsupported(path, entry.key_location, "an entry written with `?` cannot be edited");
                }
                check(child, &entry.value, path)?;
            }
            Content::Sequence(sequence) => {
                path.push(Step::Index(number));
                check(child, &sequence.items[number].node, path)?;
            }
            Content::Scalar(_) | Content::Shared(_) => return Err(overlap(path)),
        }
        path.pop();
    }
    Ok(())
}

fn check_inserts(plan: &Plan<'_>, node: &Node, path: &Path) -> Result<(), EditError> {
    let mut keys = HashSet::new();
    for insert in &plan.inserts {
        let exists = |location| EditError::Exists { path: path.clone().key(insert.key), location };
        if !keys.insert(insert.key) {
            return Err(exists(node.location()));
        }
        let Some(mapping) = node.mapping() else { continue };
        if let Some(number) = mapping.position(insert.key)
            && plan.removes(number).is_none()
        {
            return Err(exists(mapping.entries[number].key_location));
        }
    }
    Ok(())
}

/// A mapping of one entry that stands in a flow sequence without braces: `[a: 1]`.
fn is_bare_pair(node: &Node) -> bool {
    let mapping = node.mapping().filter(|mapping| mapping.flow && mapping.entries.len() == 1);
    mapping.is_some_and(|mapping| mapping.entries[0].site.start == node.layout.body)
}
