//! Random edits on random documents: they take, and nothing else changes.

use crate::node::{Content, Node};
use crate::text::{line_start, next_line};
use crate::{Edit, Manifest, Path, Position, Style, Tree, TreeEntry, render};
use proptest::prelude::*;

/// Characters and words at which presentations differ.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9+/]{1,12}={0,2}",
        "[a-z]{1,4}(\n[a-z #:]{0,6}){1,4}\n{0,3}",
        "[ -~\n\t]{0,12}",
        "[ -~é\u{2028}\u{85}\u{feff}\u{7f}\u{1f600}\u{fffe}\u{0}\r]{0,6}",
        prop::sample::select(vec![
            "",
            " ",
            "y",
            "No",
            "~",
            "null",
            "0o17",
            "1_0",
            ".inf",
            "1:30",
            "2001-01-01",
            "<<",
            "-",
            "- a",
            "a: b",
            "a #b",
            "#",
            "'",
            "\"",
            "{}",
            "[a]",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%a",
            "@",
            "`",
            "---",
            "...",
            "a:",
            "? a",
            "=",
            "0x1F",
            "+1",
            "1e3",
            "a\n\n b\n",
            "\na",
            " a\nb",
            "a\tb",
        ])
        .prop_map(str::to_owned),
    ]
}

fn unique(entries: Vec<(String, Tree)>) -> Tree {
    let mut seen = std::collections::HashSet::new();
    let entries = entries.into_iter().filter(|(key, _)| seen.insert(key.clone()));
    Tree::Map(entries.map(|(key, value)| TreeEntry::new(key, value)).collect())
}

/// Trees cannot be cloned, so proptest makes them from what can be.
#[derive(Clone, Debug)]
enum Sketch {
    Scalar(String, u8),
    Map(Vec<(String, Sketch)>),
    Seq(Vec<Sketch>),
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let leaf = (text(), any::<u8>()).prop_map(|(text, kind)| Sketch::Scalar(text, kind));
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec((text(), inner.clone()), 0..5).prop_map(Sketch::Map),
            prop::collection::vec(inner, 0..4).prop_map(Sketch::Seq),
        ]
    })
}

impl Sketch {
    fn tree(&self) -> Tree {
        match self {
            Self::Scalar(text, kind) => match kind % 12 {
                0 => Tree::Null,
                1 => Tree::Bool(*kind > 100),
                2 => Tree::Int(i64::from(*kind) - 100),
                3 => Tree::Float(f64::from(*kind) / 7.0),
                _ => Tree::str(text),
            },
            Self::Map(entries) => unique(entries.iter().map(|(k, v)| (k.clone(), v.tree())).collect()),
            Self::Seq(items) => Tree::seq(items.iter().map(Self::tree)),
        }
    }
}

/// A stream of choices.
struct Choices(u64);

impl Choices {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }
}

/// Writes a document as people do: comments, blank lines, and every presentation there is.
struct Author {
    choices: Choices,
    comments: usize,
    out: String,
    unit: usize,
    indented: bool,
}

impl Author {
    fn document(seed: u64) -> String {
        let mut author = Self { choices: Choices(seed), comments: 0, out: String::new(), unit: 2, indented: false };
        author.unit = 2 + author.choices.below(3);
        author.indented = author.choices.below(2) == 0;
        if author.choices.below(4) == 0 {
            author.out.push_str("---");
            author.trail();
        }
        author.mapping(0, 0, false);
        match author.choices.below(4) {
            0 => author.out.push_str("...\n"),
            1 => author.out.push_str("---\nother: document # c\n"),
            2 => {
                author.out.pop();
            }
            _ => {}
        }
        if author.choices.below(3) == 0 { author.out.replace('\n', "\r\n") } else { author.out }
    }

    fn comment(&mut self) -> String {
        self.comments += 1;
        format!("# comment {}", self.comments)
    }

    /// Ends a line, perhaps with a comment.
    fn trail(&mut self) {
        if self.choices.below(4) == 0 {
            let comment = self.comment();
            self.out.push_str(&format!("  {comment}"));
        }
        self.out.push('\n');
    }

    fn above(&mut self, column: usize) {
        match self.choices.below(8) {
            0 => {
                let comment = self.comment();
                self.out.push_str(&format!("{:column$}{comment}\n", ""));
            }
            1 => self.out.push('\n'),
            _ => {}
        }
    }

    fn mapping(&mut self, column: usize, depth: usize, begun: bool) {
        for number in 0..=self.choices.below(4) {
            if !(begun && number == 0) {
                self.above(column);
                self.out.push_str(&" ".repeat(column));
            }
            let quote = ["", "", "", "'", "\""][self.choices.below(5)];
            let letter = char::from(b'a' + u8::try_from(self.choices.below(12)).unwrap());
            self.out.push_str(&format!("{quote}{letter}{number}{quote}:"));
            self.value(column, depth, false);
        }
    }

    fn value(&mut self, column: usize, depth: usize, item: bool) {
        let kinds = if depth > 3 { 9 } else { 12 };
        match self.choices.below(kinds) {
            0 => self.trail(),
            1 => self.line(" plain text"),
            2 => self.line(" 'single ''quoted'' text'"),
            3 => self.line(" \"double \\\"quoted\\\"\\n text\""),
            4 => self.block(column),
            5 => self.line([" {}", " []", " ~", " 12", " yes"][self.choices.0 as usize % 5]),
            6 => self.line(" {a: 1, \"b\": [x, y], c: {d: }}"),
            7 => {
                let indent = " ".repeat(column + self.unit);
                self.line(&format!(" plain\n{indent}over\n\n{indent}lines"));
            }
            8 => {
                let indent = " ".repeat(column + self.unit);
                self.line(&format!(" {{\n{indent}a: 1,\n{indent}b: [x]\n{indent}}}"));
            }
            9 if item => {
                self.out.push(' ');
                self.mapping(column + 2, depth + 1, true);
            }
            9 | 10 => {
                self.trail();
                self.mapping(column + self.unit, depth + 1, false);
            }
            _ => {
                self.trail();
                let deeper = if self.indented || item { self.unit } else { 0 };
                for _ in 0..=self.choices.below(3) {
                    self.above(column + deeper);
                    self.out.push_str(&format!("{:width$}-", "", width = column + deeper));
                    self.value(column + deeper, depth + 1, true);
                }
            }
        }
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.trail();
    }

    fn block(&mut self, column: usize) {
        let indent = column + self.unit;
        let header = ["|", "|-", "|+", ">", ">-", ">+"][self.choices.below(6)];
        self.out.push_str(&format!(" {header}"));
        self.trail();
        for line in ["first", "", "  deeper", "# no comment"].iter().take(1 + self.choices.below(4)) {
            let indent = if line.is_empty() { 0 } else { indent };
            self.out.push_str(&format!("{:indent$}{line}\n", ""));
        }
        if self.choices.below(3) == 0 {
            self.out.push('\n');
        }
    }
}

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
