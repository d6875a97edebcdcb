//! Random edits on random documents: they take, and nothing else changes.

mod author;
mod sketch;

use crate::node::{Content, Node};
use crate::text::{line_start, next_line};
use crate::{Edit, Manifest, Path, Position, Style, Tree, render};
use author::Author;
use proptest::prelude::*;
use sketch::sketch;

/// All paths below a node, with their nodes.
fn paths<'n>(node: &'n Node, path: &Path, found: &mut Vec<(Path, &'n Node)>) {
    found.push((path.clone(), node));
    for entry in node.entries() {
        paths(entry.value(), &path.clone().key(entry.key()), found);
    }
    for (number, item) in node.items().enumerate() {
        paths(item, &path.clone().index(number), found);
    }
}

fn common(old: &str, new: &str) -> (usize, usize) {
    let before = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
    let behind = old.bytes().rev().zip(new.bytes().rev()).take_while(|(a, b)| a == b).count();
    (before, behind)
}

fn applied(text: &str, edit: Edit) -> Result<String, TestCaseError> {
    let manifest = Manifest::parse(text).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
    let applied = manifest.apply(vec![edit]);
    applied.map(|text| text.to_string()).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))
}

proptest! {

    #[test]
    fn a_rendered_tree_reads_as_that_tree(sketch in sketch()) {
        let tree = sketch.tree();
        for style in [Style::Yaml, Style::Json] {
            let text = render(&tree, style);
            let manifest = Manifest::parse(text.as_str())
                .map_err(|error| TestCaseError::fail(format!("{error}\n{}", *text)))?;
            let [document] = manifest.documents() else {
                return Err(TestCaseError::fail(format!("not one document\n{}", *text)));
            };
            prop_assert!(super::verify::reads_as(&tree, document.root()), "{}", *text);
        }
    }

    #[test]
    fn a_set_value_changes_its_own_lines_only(seed: u64, pick: usize, sketch in sketch()) {
        let text = Author::document(seed);
        let manifest = Manifest::parse(text.as_str())
            .map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        let mut all = Vec::new();
        paths(manifest.documents()[0].root(), &Path::document(0), &mut all);
        let (path, node) = &all[pick % all.len()];
        let new = applied(&text, Edit::Set { path: path.clone(), value: sketch.tree() })?;
        let (before, behind) = common(&text, &new);
        let start = line_start(&text, node.layout.head.min(node.layout.start));
        prop_assert!(before >= start, "{}\n{}", text, new);
        prop_assert!(text.len() - behind <= next_line(&text, node.layout.end), "{}\n{}", text, new);
    }

    #[test]
    fn an_inserted_entry_leaves_every_byte(seed: u64, pick: usize, at: u8, sketch in sketch()) {
        let text = Author::document(seed);
        let manifest = Manifest::parse(text.as_str()).unwrap();
        let mut all = Vec::new();
        paths(manifest.documents()[0].root(), &Path::document(0), &mut all);
        all.retain(|(_, node)| node.is_mapping() || node.is_null());
        let (path, node) = &all[pick % all.len()];
        let at = match at % 3 {
            0 => Position::End,
            1 => Position::Sorted,
            _ => Position::After("b1".to_owned()),
        };
        let edit = Edit::Insert { path: path.clone(), key: "e5".into(), value: sketch.tree(), at };
        let new = applied(&text, edit)?;
        let (before, behind) = common(&text, &new);
        let empty = node.entries().len() == 0;
        prop_assert!(empty || before + behind >= text.len(), "{}\n{}", text, new);
    }

    #[test]
    fn a_removed_part_takes_its_own_lines_only(seed: u64, pick: usize, comments: bool) {
        let text = Author::document(seed);
        let manifest = Manifest::parse(text.as_str()).unwrap();
        let mut all = Vec::new();
        paths(manifest.documents()[0].root(), &Path::document(0), &mut all);
        // Braces come in the place of the last part: two changes, which is not what this looks at.
        let siblings = |path: &Path| {
            let parent = path.steps().split_last().map_or(&[][..], |(_, parent)| parent);
            let sibling = |other: &Path| {
                other.steps().len() == parent.len() + 1 && other.steps().starts_with(parent)
            };
            all.iter().filter(|(other, _)| sibling(other)).count()
        };
        let parts: Vec<_> = all[1..].iter().filter(|(path, _)| siblings(path) > 1).collect();
        let Some((path, _)) = parts.get(pick % parts.len().max(1)) else { return Ok(()) };
        let new = applied(&text, Edit::Remove { path: path.clone(), comments })?;
        let (before, behind) = common(&text, &new);
        prop_assert!(before + behind >= new.len(), "{}\n{}", text, new);
    }

    #[test]
    fn many_edits_at_once_read_as_meant(
        seed: u64,
        picks in prop::collection::vec((any::<usize>(), 0_u8..5, sketch()), 1..8),
    ) {
        let text = Author::document(seed);
        let manifest = Manifest::parse(text.as_str()).unwrap();
        let mut all = Vec::new();
        paths(manifest.documents()[0].root(), &Path::document(0), &mut all);
        let mut edits: Vec<Edit> = Vec::new();
        let mut taken: Vec<Path> = Vec::new();
        for (number, (pick, kind, sketch)) in picks.into_iter().enumerate() {
            let (path, node) = &all[pick % all.len()];
            let overlaps = |other: &Path| {
                let shared = path.steps().len().min(other.steps().len());
                path.steps()[..shared] == other.steps()[..shared]
            };
            let (path, value) = (path.clone(), sketch.tree());
            let inner = matches!(node.target().content, Content::Mapping(_)) && kind < 3;
            if !inner && (path.steps().is_empty() || taken.iter().any(overlaps)) {
                continue;
            }
            let key = format!("e{}", number + 5);
            if inner {
                let whole = |other: &Path| path.steps().starts_with(other.steps());
                if taken.iter().any(whole) {
                    continue;
                }
                let at = [Position::End, Position::Sorted, Position::After("b1".into())];
                let at = at[usize::from(kind)].clone();
                edits.push(Edit::Insert { path, key, value, at });
                continue;
            }
            let touched = |edit: &Edit| matches!(edit, Edit::Insert { path: other, .. }
                if other.steps().starts_with(path.steps()));
            if edits.iter().any(touched) {
                continue;
            }
            taken.push(path.clone());
            edits.push(if kind % 2 == 0 { Edit::Set { path, value } } else { Edit::Remove { path, comments: kind > 2 } });
        }
        let result = manifest.apply(edits);
        prop_assert!(result.is_ok(), "{}\n{}", result.err().unwrap(), text);
    }

    #[test]
    fn edits_of_json_leave_json(
        sketch in sketch(),
        new in sketch(),
        pick: usize,
        kind in 0..3,
        pretty: bool,
    ) {
        let tree = Tree::map([("root", sketch.tree()), ("other", Tree::Int(1))]);
        let mut text = render(&tree, Style::Json).to_string();
        if !pretty {
            text = serde_json::from_str::<serde_json::Value>(&text).unwrap().to_string();
        }
        let manifest = Manifest::parse(text.as_str()).unwrap();
        let mut all = Vec::new();
        paths(manifest.documents()[0].root(), &Path::document(0), &mut all);
        all.retain(|(path, node)| kind != 1 || !path.steps().is_empty() && !node.is_null());
        all.retain(|(_, node)| kind != 2 || node.is_mapping());
        let path = all[pick % all.len()].0.clone();
        let value = new.tree();
        let edit = match kind {
            0 => Edit::Set { path, value },
            1 => Edit::Remove { path, comments: true },
            _ => Edit::Insert { path, key: "a new\nkey".into(), value, at: Position::Sorted },
        };
        let new = applied(&text, edit)?;
        prop_assert!(serde_json::from_str::<serde_json::Value>(&new).is_ok(), "{}", new);
    }

    #[test]
    fn a_number_reads_back(int: i64, uint: u64, float: f64) {
        for tree in [Tree::Int(int), Tree::Uint(uint), Tree::Float(float), Tree::Float(f64::INFINITY)] {
            for style in [Style::Yaml, Style::Json] {
                let text = render(&Tree::seq([tree.duplicate()]), style);
                let manifest = Manifest::parse(text.as_str()).unwrap();
                let root = manifest.documents()[0].root();
                prop_assert!(super::verify::reads_as(&Tree::seq([tree.duplicate()]), root), "{}", *text);
            }
        }
    }
}
