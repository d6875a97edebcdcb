//! The last look: the new text is read, and compared with the old tree and the plan.

use crate::edit::plan::Plan;
use crate::error::EditError;
use crate::manifest::Manifest;
use crate::node::{Content, Entry, Mapping, Node};
use crate::path::{Path, Step};
use crate::scalar::Value;
use crate::tree::Tree;
use std::collections::{BTreeMap, HashMap};

/// Whether a text is what the plans make of the old one.
pub(crate) fn verify(old: &Manifest, plans: &BTreeMap<usize, Plan<'_>>, text: &str) -> Result<(), EditError> {
    let (documents, _) = crate::parse::parse(text).map_err(EditError::Unreadable)?;
    let shared = old.documents.len().min(documents.len());
    for (number, (old, new)) in old.documents.iter().zip(&documents).enumerate() {
        let mut comparison = Comparison { path: Path::document(number) };
        if !comparison.node(plans.get(&number), old.root(), new.root()) {
            return Err(EditError::Diverged { path: comparison.path });
        }
    }
    if old.documents.len() != documents.len() {
        return Err(EditError::Diverged { path: Path::document(shared) });
    }
    Ok(())
}

/// Goes down both trees; where they differ it stops with the path of the difference.
struct Comparison {
    path: Path,
}

impl Comparison {
    fn node(&mut self, plan: Option<&Plan<'_>>, old: &Node, new: &Node) -> bool {
        let Some(plan) = plan else { return self.same(old, new) };
        if let Some(tree) = plan.set {
            return reads_as(tree, new);
        }
        if !plan.restructures() && plan.children.is_empty() {
            return self.same(old, new);
        }
        match (&old.target().content, &new.target().content) {
            (Content::Mapping(old), Content::Mapping(new)) => self.mapping(plan, old, new),
            (Content::Sequence(old), Content::Sequence(new)) => {
                let kept = old.items.iter().enumerate().filter(|(n, _)| plan.removes(*n).is_none());
                let mut items = new.items.iter();
                for (number, item) in kept {
                    let Some(new) = items.next() else { return false };
                    self.path.push(Step::Index(number));
                    if !self.node(plan.children.get(&number), &item.node, &new.node) {
                        return false;
                    }
                    self.path.pop();
                }
                items.len() == plan.appends.len()
                    && items.zip(&plan.appends).all(|(item, tree)| reads_as(tree, &item.node))
            }
            (Content::Scalar(_), Content::Mapping(mapping)) => {
                let inserted: HashMap<_, _> = plan.inserts.iter().map(|i| (i.key, i.value)).collect();
                mapping.entries.len() == inserted.len()
                    && mapping
                        .entries
                        .iter()
                        .all(|entry| inserted.get(entry.key()).is_some_and(|tree| reads_as(tree, &entry.value)))
            }
            (Content::Scalar(_), Content::Sequence(sequence)) => {
                sequence.items.len() == plan.appends.len()
                    && sequence.items.iter().zip(&plan.appends).all(|(i, t)| reads_as(t, &i.node))
            }
            _ => false,
        }
    }

    /// The old entries that stay must follow each other as before, with the new ones among them,
    /// and no merge key may hide what was changed.
    fn mapping(&mut self, plan: &Plan<'_>, old: &Mapping, new: &Mapping) -> bool {
        let mut inserted: HashMap<_, _> = plan.inserts.iter().map(|i| (i.key, i.value)).collect();
        let mut kept = old.entries.iter().enumerate().filter(|(n, _)| plan.removes(*n).is_none());
        for entry in &new.entries {
            self.path.push(Step::Key(entry.key.clone()));
            let tree = inserted.remove(entry.key()).filter(|_| !entry.site.merge);
            let child;
            let same = if let Some(tree) = tree {
                child = None;
                reads_as(tree, &entry.value)
            } else if let Some((number, old)) = kept.next() {
                child = plan.children.get(&number);
                same_key(old, entry) && self.node(child, &old.value, &entry.value)
            } else {
                return false;
            };
            let changed = tree.is_some() || child.is_some();
            let counts = || new.get(entry.key()).is_some_and(|found| std::ptr::eq(found, entry));
            if !same || (changed && !entry.site.merge && !counts()) {
                return false;
            }
            self.path.pop();
        }
        inserted.is_empty() && kept.next().is_none()
    }

    fn same(&mut self, old: &Node, new: &Node) -> bool {
        if old.is_alias() != new.is_alias() {
            return false;
        }
        match (&old.target().content, &new.target().content) {
            (Content::Scalar(old), Content::Scalar(new)) => *old.text == *new.text && same_value(old.value, new.value),
            (Content::Mapping(old), Content::Mapping(new)) => {
                old.entries.len() == new.entries.len()
                    && old.entries.iter().zip(&new.entries).all(|(old, new)| {
                        self.path.push(Step::Key(old.key.clone()));
                        let same = same_key(old, new) && self.same(&old.value, &new.value);
                        if same {
                            self.path.pop();
                        }
                        same
                    })
            }
            (Content::Sequence(old), Content::Sequence(new)) => {
                old.items.len() == new.items.len()
                    && old.items.iter().zip(&new.items).enumerate().all(|(number, (old, new))| {
                        self.path.push(Step::Index(number));
                        let same = self.same(&old.node, &new.node);
                        if same {
                            self.path.pop();
                        }
                        same
                    })
            }
            _ => false,
        }
    }
}

fn same_key(old: &Entry, new: &Entry) -> bool {
    old.key == new.key && old.site.merge == new.site.merge
}

fn same_value(old: Value, new: Value) -> bool {
    match (old, new) {
        (Value::Float(old), Value::Float(new)) => old.to_bits() == new.to_bits() || old.is_nan() && new.is_nan(),
        (old, new) => old == new,
    }
}

/// Whether a node reads as a tree says.
pub(crate) fn reads_as(tree: &Tree, node: &Node) -> bool {
    let value = |wanted: Value| node.scalar().is_some_and(|s| same_value(wanted, s.value));
    match tree {
        Tree::Null => node.is_null(),
        Tree::Bool(wanted) => value(Value::Bool(*wanted)),
        Tree::Int(wanted) => value(Value::Int(*wanted)),
        Tree::Uint(wanted) => value(match i64::try_from(*wanted) {
            Ok(wanted) => Value::Int(wanted),
            Err(_) => Value::Uint(*wanted),
        }),
        Tree::Float(wanted) => value(Value::Float(*wanted)) || (!wanted.is_finite() && node.is_null()),
        Tree::Str(wanted) => node.as_str() == Some(wanted.as_str()),
        Tree::Map(entries) => {
            let found = node.entries();
            node.is_mapping()
                && found.len() == entries.len()
                && found
                    .zip(entries)
                    .all(|(found, entry)| found.key() == entry.key && reads_as(&entry.value, found.value()))
        }
        Tree::Seq(items) => {
            let found = node.items();
            node.is_sequence()
                && found.len() == items.len()
                && found.zip(items).all(|(found, tree)| reads_as(tree, found))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::plan;
    use crate::{Edit, Position};

    #[test]
    fn a_text_that_is_not_what_was_meant_is_found_out() {
        let manifest = Manifest::parse("a: [1]\nl:\n- x\n---\nb: 2\n").unwrap();
        let root = Path::document(0);
        let edits = [
            Edit::Insert { path: root.clone(), key: "c".into(), value: Tree::Int(3), at: Position::End },
            Edit::Append { path: root.key("l"), value: Tree::Int(4) },
        ];
        let plans = plan::build(&manifest, &edits).unwrap();
        let verdict = |text| match verify(&manifest, &plans, text) {
            Ok(()) => "same".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(verdict("{a: [1], l: [x, 4], c: 3}\n---\nb: 2\n"), "same");
        let differs = [
            ("a: [1]\nl: [x, 4]\n---\nb: 2\n", "document 1"),
            ("a: [1]\nl: [x]\nc: 3\n---\nb: 2\n", "document 1, l"),
            ("a: [1]\nl: [x, 4, 5]\nc: 3\n---\nb: 2\n", "document 1, l"),
            ("a: ['1']\nl: [x, 4]\nc: 3\n---\nb: 2\n", "document 1, a[0]"),
            ("a: [1]\nl: [x, 4]\nc: '3'\n---\nb: 2\n", "document 1, c"),
            ("a: [1]\nl: [x, 4]\nc: 3\nd: 4\n---\nb: 2\n", "document 1, d"),
            ("l: [x, 4]\na: [1]\nc: 3\n---\nb: 2\n", "document 1, l"),
            ("a: [1]\nl: [x, 4]\nc: 3\n---\nb: 3\n", "document 2, b"),
            ("a: [1]\nl: [x, 4]\nc: 3\n", "document 2"),
            ("a: [1]\nl: [x, 4]\nc: 3\n---\nb: 2\n---\n", "document 3"),
        ];
        for (text, path) in differs {
            assert_eq!(verdict(text), format!("{path}: the edited text would read differently than meant"));
        }
        assert_eq!(verdict("a: ["), "the edited text would not be readable");
    }

    #[test]
    fn a_change_that_a_merge_key_hides_is_found_out() {
        let manifest = Manifest::parse("b: &b {k: 1}\nm:\n  a: 0\n  <<: *b\n").unwrap();
        let path = Path::document(0).key("m");
        let at = Position::After("a".into());
        let edits = [Edit::Insert { path, key: "k".into(), value: Tree::Int(2), at }];
        assert!(matches!(manifest.apply(edits.into()), Err(EditError::Diverged { .. })));
    }
}
