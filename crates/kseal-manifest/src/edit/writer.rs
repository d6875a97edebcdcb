//! From a plan to replacements: the walk, and the habits of the document that new text follows.

use crate::buffer::Buffer;
use crate::edit::plan::Plan;
use crate::edit::splice::Splices;
use crate::manifest::{Document, Manifest};
use crate::node::{Content, Mapping, Node, Sequence};
use crate::render::Style;
use crate::render::block::BlockStyle;
use crate::render::flow::FlowStyle;
use crate::text::{begins_line, column, line_break, line_end, line_start, next_line, skip_blanks};
use zeroize::Zeroizing;

/// Collects the replacements for a text.
pub(crate) struct Writer<'m> {
    pub(crate) text: &'m str,
    pub(crate) json: bool,
    pub(crate) block: BlockStyle,
    pub(crate) splices: Splices,
}

/// Where a value stands.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'s> {
    pub(crate) role: Role,
    /// The column of the key or dash.
    pub(crate) column: usize,
    /// Where its part begins.
    pub(crate) start: usize,
    /// The style of the brackets that it stands in.
    pub(crate) flow: Option<&'s FlowStyle>,
}

/// What a value is to its parent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Root,
    /// With whether there is a colon.
    Entry {
        colon: bool,
    },
    Item,
}

impl<'m> Writer<'m> {
    pub(crate) fn new(manifest: &'m Manifest) -> Self {
        Self {
            text: &manifest.text,
            json: manifest.style == Style::Json,
            block: BlockStyle { line_break: line_break(&manifest.text), ..BlockStyle::default() },
            splices: Splices::default(),
        }
    }

    pub(crate) fn finish(self) -> Zeroizing<String> {
        self.splices.apply(self.text)
    }

    pub(crate) fn buffer() -> Buffer {
        Buffer::new()
    }

    pub(crate) fn document(&mut self, document: &Document, plan: &Plan<'_>) {
        let root = document.root();
        let mut habits = Habits::default();
        if !self.json {
            habits.observe(self.text, root, None);
        }
        self.block.unit = habits.unit.unwrap_or(2).clamp(2, 16);
        self.block.indented_sequences = habits.indented_sequences.unwrap_or(false);
        let style = self.json.then(|| self.json_style(root));
        let start = root.layout.start;
        let slot = Slot { role: Role::Root, column: 0, start, flow: style.as_ref() };
        self.node(root, plan, slot);
    }

    /// Makes the changes within a node.
    pub(crate) fn node(&mut self, node: &Node, plan: &Plan<'_>, slot: Slot<'_>) {
        if let Some(tree) = plan.set {
            return self.set(node, tree, slot);
        }
        match &node.target().content {
            Content::Mapping(mapping) => self.mapping(node, mapping, plan, slot),
            Content::Sequence(sequence) => self.sequence(node, sequence, plan, slot),
            Content::Scalar(_) | Content::Shared(_) if plan.restructures() => {
                self.set(node, &plan.all_new(false), slot);
            }
            Content::Scalar(_) | Content::Shared(_) => {}
        }
    }

    fn mapping(&mut self, node: &Node, mapping: &Mapping, plan: &Plan<'_>, slot: Slot<'_>) {
        if (0..mapping.entries.len()).all(|number| plan.removes(number).is_some()) {
            return self.set(node, &plan.all_new(false), slot);
        }
        if mapping.flow {
            self.flow_mapping(node, mapping, plan, slot);
        } else {
            self.block_mapping(node, mapping, plan);
        }
    }

    fn sequence(&mut self, node: &Node, sequence: &Sequence, plan: &Plan<'_>, slot: Slot<'_>) {
        if (0..sequence.items.len()).all(|number| plan.removes(number).is_some()) {
            return self.set(node, &plan.all_new(true), slot);
        }
        if sequence.flow {
            self.flow_sequence(node, sequence, plan, slot);
        } else {
            self.block_sequence(node, sequence, plan);
        }
    }

    /// How to write what comes before the line at this offset: a literal block would take comments
    /// and blanks that are indented deeper for its own lines.
    pub(crate) fn style_before(&self, line: usize, own_column: usize) -> BlockStyle {
        let mut line = line;
        while !self.is_deep(line, own_column) && self.is_blank(line) {
            line = next_line(self.text, line);
        }
        BlockStyle { literals: !self.is_deep(line, own_column), ..self.block }
    }

    /// Whether a line has no content but is indented deeper than a column.
    pub(crate) fn is_deep(&self, line: usize, own_column: usize) -> bool {
        let indent = skip_blanks(self.text, line) - line;
        indent > own_column && (self.is_deep_comment(line, own_column) || self.is_blank(line))
    }

    /// Whether a line is a comment that is indented deeper than a column.
    pub(crate) fn is_deep_comment(&self, line: usize, own_column: usize) -> bool {
        let content = skip_blanks(self.text, line);
        self.text[content..].starts_with('#') && content - line > own_column
    }

    /// Whether a line is there and has no content.
    pub(crate) fn is_blank(&self, line: usize) -> bool {
        line < self.text.len() && skip_blanks(self.text, line) == line_end(self.text, line)
    }

    /// The indentation of a line, as it is written.
    pub(crate) fn indentation(&self, offset: usize) -> &'m str {
        let start = line_start(self.text, offset);
        &self.text[start..skip_blanks(self.text, start).min(offset)]
    }

    /// How a JSON document is laid out, as seen at the first collections.
    fn json_style(&self, root: &Node) -> FlowStyle {
        let mut style = FlowStyle::compact_json();
        let entry = root.mapping().and_then(|mapping| mapping.entries.first());
        let colon = entry.and_then(|entry| entry.site.after_colon);
        if colon.is_some_and(|at| self.text[at..].starts_with([' ', '\t'])) {
            style.colon = ": ";
            style.comma = ", ";
        }
        let first = match &root.target().content {
            Content::Mapping(mapping) => mapping.entries.first().map(|entry| entry.site.start),
            Content::Sequence(sequence) => sequence.items.first().map(|item| item.start),
            Content::Scalar(_) | Content::Shared(_) => None,
        };
        if let Some(first) = first.filter(|&first| self.text[root.layout.body..first].contains('\n')) {
            let outer = self.indentation(root.layout.body);
            let inner = self.indentation(first);
            let unit = inner.strip_prefix(outer).unwrap_or(inner).to_owned();
            style.lines = Some((self.block.line_break, unit));
        }
        style
    }
}

/// What a document shows of its author's habits, at the first place where it does.
#[derive(Default)]
struct Habits {
    unit: Option<usize>,
    indented_sequences: Option<bool>,
}

impl Habits {
    fn observe(&mut self, text: &str, node: &Node, parent: Option<usize>) {
        if self.unit.is_some() && self.indented_sequences.is_some() || !node.is_block_collection() {
            return;
        }
        if let Some(mapping) = node.mapping() {
            let Some(first) = mapping.entries.first() else { return };
            let own = column(text, first.site.start);
            if let Some(parent) = parent.filter(|_| begins_line(text, first.site.start)) {
                self.unit.get_or_insert(own.saturating_sub(parent));
            }
            mapping.entries.iter().for_each(|e| self.observe(text, &e.value, Some(own)));
        }
        if let Some(sequence) = node.sequence() {
            let Some(first) = sequence.items.first() else { return };
            if let Some(parent) = parent {
                self.indented_sequences.get_or_insert(column(text, first.start) > parent);
            }
            sequence.items.iter().for_each(|item| self.observe(text, &item.node, None));
        }
    }
}
