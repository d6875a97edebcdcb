//! A new value in the place of an old one.

use crate::buffer::Buffer;
use crate::edit::writer::{Role, Slot, Writer};
use crate::node::{Content, Node, ScalarStyle};
use crate::render::block::{self, BlockStyle};
use crate::render::flow::{self, FlowStyle};
use crate::render::string::{self, Quotes};
use crate::text::{begins_line, column, line_end, next_line, skip_blanks};
use crate::tree::{Comments, Tree};

/// How a new value is written in block context.
enum Form<'t> {
    /// On the line where the old one began.
    Inline,
    /// A literal block: a header on that line, and lines below.
    Literal(&'t str),
    /// On lines of its own.
    Lines,
}

impl Writer<'_> {
    pub(super) fn set(&mut self, node: &Node, tree: &Tree, slot: Slot<'_>) {
        if let Some(style) = slot.flow {
            return self.set_in_flow(node, tree, style, slot);
        }
        if tree.is_filled() && is_filled_flow(node) {
            let style = FlowStyle::yaml();
            return self.set_in_flow(node, tree, &style, slot);
        }
        let layout = &node.layout;
        let begins_at_head = !self.text[layout.head..layout.start.max(layout.head)].contains('\n');
        let form = match tree {
            _ if tree.is_filled() => Form::Lines,
            Tree::Str(text) if string::is_literal(text) && slot.role != Role::Root => {
                let style = self.style_below(node, slot);
                if style.literals && begins_at_head && quotes_of(node) != Quotes::Double {
                    Form::Literal(text)
                } else {
                    Form::Inline
                }
            }
            _ => Form::Inline,
        };
        match form {
            Form::Inline => {
                let mut out = Self::buffer();
                block::inline(&mut out, tree, quotes_of(node));
                self.replace_block(node, slot, &out, None);
            }
            Form::Literal(text) => {
                let mut header = Self::buffer();
                header.push_str(block::literal_header(text));
                let mut lines = Self::buffer();
                block::literal(&mut lines, text, slot.column + self.block.unit, &self.block);
                self.close(&mut lines, tree, node.layout.end);
                self.replace_block(node, slot, &header, Some(lines));
            }
            Form::Lines => self.set_lines(node, tree, slot),
        }
    }

    fn set_in_flow(&mut self, node: &Node, tree: &Tree, style: &FlowStyle, slot: Slot<'_>) {
        let mut out = Self::buffer();
        let layout = &node.layout;
        if layout.start == layout.end {
            out.push_str(if slot.role == (Role::Entry { colon: false }) { ": " } else { " " });
        }
        if matches!(tree, Tree::Map(_) | Tree::Seq(_)) {
            flow::write(&mut out, tree, style, self.indent_for(style, slot.start));
        } else {
            let quotes = quotes_of(node);
            string::scalar(&mut out, tree, quotes, self.json || style.json, true);
        }
        self.splices.replace(layout.start, layout.end, out);
    }

    /// Puts a text where the old value began, and lines, if any, on the lines below it; what else
    /// the old value had goes. Comments on the first line stay.
    fn replace_block(&mut self, node: &Node, slot: Slot<'_>, first: &Buffer, lines: Option<Buffer>) {
        let (start, end, rest) = self.old_extent(node, slot);
        let mut out = Self::buffer();
        if start == end && !begins_line(self.text, start) {
            out.push(' ');
        }
        out.push_str(first);
        self.splices.replace(start, end, out);
        let after = line_end(self.text, end);
        let rest = rest.max(after);
        let lines = match lines {
            Some(lines) => lines,
            None if rest > after => Buffer::new(),
            None => return,
        };
        self.splices.replace(after, rest, lines);
    }

    /// The offsets of the old value on its first line, and where the rest of it ends.
    fn old_extent(&self, node: &Node, slot: Slot<'_>) -> (usize, usize, usize) {
        let layout = &node.layout;
        if let Some(ScalarStyle::Block { header_end }) = node.scalar().map(|scalar| scalar.style) {
            return (layout.start, header_end, layout.end);
        }
        if !node.is_block_collection() {
            return (layout.start, layout.end, layout.end);
        }
        let rest = line_end(self.text, layout.end);
        let same_line = !self.text[layout.head..layout.body].contains('\n');
        if same_line || slot.role == Role::Root {
            return (layout.start, rest, rest);
        }
        if layout.start < layout.body {
            return (layout.start, layout.properties_end, rest);
        }
        (layout.head, layout.head, rest)
    }

    /// Puts a filled collection in the place of the old value, on lines of its own but for the
    /// first one of an item.
    fn set_lines(&mut self, node: &Node, tree: &Tree, slot: Slot<'_>) {
        let (start, end, rest) = self.old_extent(node, slot);
        let after = line_end(self.text, end);
        let rest = rest.max(after);
        let mut out = Self::buffer();
        let style = self.style_below(node, slot);
        let commented = skip_blanks(self.text, end) < after;
        let begun = match slot.role {
            Role::Root => !commented && begins_line(self.text, start),
            Role::Item => !commented && !self.text[node.layout.head..start].contains('\n'),
            Role::Entry { .. } => false,
        };
        if begun {
            let mut own_column = column(self.text, start);
            if start == end && slot.role == Role::Item {
                out.push(' ');
                own_column += 1;
            }
            Self::collection(&mut out, tree, own_column, true, &style);
            self.close(&mut out, tree, rest);
            self.splices.replace(start, rest, out);
            return;
        }
        // The old value goes with the blanks before it, so that none trail.
        let start = if self.text[node.layout.head..start].contains('\n') { start } else { node.layout.head };
        self.splices.delete(start, end);
        out.push_str(self.block.line_break);
        Self::collection(&mut out, tree, self.column_below(node, tree, slot), false, &style);
        self.close(&mut out, tree, rest);
        self.splices.replace(after, rest, out);
    }

    /// Ends the last line of new lines that end the text, where it needs an end.
    fn close(&self, out: &mut Buffer, tree: &Tree, end: usize) {
        if block::ends_open(tree) && line_end(self.text, end) == self.text.len() {
            out.push_str(self.block.line_break);
        }
    }

    fn collection(out: &mut Buffer, tree: &Tree, own_column: usize, begun: bool, style: &BlockStyle) {
        match tree {
            Tree::Map(entries) => block::map(out, entries, own_column, begun, style),
            Tree::Seq(items) => block::seq(out, items, own_column, begun, style),
            other => block::value(out, other, own_column, &Comments::default(), style),
        }
    }

    /// How to write lines below the first one of a value.
    fn style_below(&self, node: &Node, slot: Slot<'_>) -> BlockStyle {
        self.style_before(next_line(self.text, node.layout.end), slot.column)
    }

    /// The column of a new collection: that of the old one of its kind, or the document's habit.
    fn column_below(&self, node: &Node, tree: &Tree, slot: Slot<'_>) -> usize {
        let first = match (&node.target().content, tree) {
            (Content::Mapping(old), Tree::Map(_)) if !old.flow => old.entries.first().map(|entry| entry.site.start),
            (Content::Sequence(old), Tree::Seq(_)) if !old.flow => old.items.first().map(|item| item.start),
            _ => None,
        };
        match (first, slot.role, tree) {
            (Some(first), ..) => column(self.text, first),
            (None, Role::Root, _) => 0,
            (None, Role::Entry { .. }, Tree::Seq(_)) if !self.block.indented_sequences => slot.column,
            (None, ..) => slot.column + self.block.unit,
        }
    }
}

/// The quotes to keep.
fn quotes_of(node: &Node) -> Quotes {
    match node.scalar().map(|scalar| scalar.style) {
        Some(ScalarStyle::Double) => Quotes::Double,
        Some(ScalarStyle::Single) => Quotes::Single,
        _ => Quotes::Free,
    }
}

fn is_filled_flow(node: &Node) -> bool {
    match &node.target().content {
        Content::Mapping(mapping) => mapping.flow && !mapping.entries.is_empty(),
        Content::Sequence(sequence) => sequence.flow && !sequence.items.is_empty(),
        Content::Scalar(_) | Content::Shared(_) => false,
    }
}
