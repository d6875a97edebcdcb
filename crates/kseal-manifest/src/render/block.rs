//! Trees in YAML's block style: one line per entry, indented.

use crate::buffer::Buffer;
use crate::render::string::{self, Quotes};
use crate::tree::{Comments, Tree, TreeEntry};

/// The habits of a document.
#[derive(Clone, Copy)]
pub(crate) struct BlockStyle {
    /// How much deeper a level stands.
    pub(crate) unit: usize,
    /// Whether the dashes of a sequence stand deeper than the key that it belongs to.
    pub(crate) indented_sequences: bool,
    /// What ends a line.
    pub(crate) line_break: &'static str,
    /// Whether text of several lines may be a literal block.
    pub(crate) literals: bool,
}

impl Default for BlockStyle {
    /// As `kubectl` writes.
    fn default() -> Self {
        Self { unit: 2, indented_sequences: false, line_break: "\n", literals: true }
    }
}

/// Writes a whole document, without the last line break.
pub(crate) fn document(out: &mut Buffer, tree: &Tree, style: &BlockStyle) {
    match tree {
        Tree::Map(entries) if !entries.is_empty() => map(out, entries, 0, true, style),
        Tree::Seq(items) if !items.is_empty() => seq(out, items, 0, true, style),
        other => inline(out, other, Quotes::Free),
    }
}

/// Writes entries at a column. `begun`: the first line has its indentation already.
pub(crate) fn map(out: &mut Buffer, entries: &[TreeEntry], column: usize, begun: bool, style: &BlockStyle) {
    for (number, entry) in entries.iter().enumerate() {
        if number > 0 {
            out.push_str(style.line_break);
        }
        let TreeEntry { key, value, comments } = entry;
        self::entry(out, key, value, comments, column, begun && number == 0, style);
    }
}

/// Writes one entry with its comments.
pub(crate) fn entry(
    out: &mut Buffer,
    key: &str,
    tree: &Tree,
    comments: &Comments,
    column: usize,
    begun: bool,
    style: &BlockStyle,
) {
    let mut begun = begun;
    for line in &comments.lead {
        if !begun {
            out.spaces(column);
        }
        comment(out, line);
        out.push_str(style.line_break);
        begun = false;
    }
    if !begun {
        out.spaces(column);
    }
    // YAML looks no further than 1024 characters for the colon of a key without `?`.
    let explicit = key.len() > 160;
    if explicit {
        out.push_str("? ");
    }
    string::key(out, key, false, false);
    if explicit {
        out.push_str(style.line_break);
        out.spaces(column);
    }
    out.push(':');
    value(out, tree, column, comments, style);
}

/// Writes what follows a colon, or a dash in `column`, with the comment on that line.
pub(crate) fn value(out: &mut Buffer, tree: &Tree, column: usize, comments: &Comments, style: &BlockStyle) {
    match tree {
        Tree::Map(entries) if !entries.is_empty() => {
            trail(out, comments);
            out.push_str(style.line_break);
            map(out, entries, column + style.unit, false, style);
        }
        Tree::Seq(items) if !items.is_empty() => {
            trail(out, comments);
            out.push_str(style.line_break);
            let deeper = if style.indented_sequences { style.unit } else { 0 };
            seq(out, items, column + deeper, false, style);
        }
        Tree::Str(text) if style.literals && string::is_literal(text) => {
            out.push(' ');
            out.push_str(literal_header(text));
            trail(out, comments);
            literal(out, text, column + style.unit, style);
        }
        other => {
            out.push(' ');
            inline(out, other, Quotes::Free);
            trail(out, comments);
        }
    }
}

/// Writes items whose dashes stand at a column.
pub(crate) fn seq(out: &mut Buffer, items: &[Tree], column: usize, begun: bool, style: &BlockStyle) {
    for (number, tree) in items.iter().enumerate() {
        if number > 0 {
            out.push_str(style.line_break);
        }
        if !(begun && number == 0) {
            out.spaces(column);
        }
        item(out, tree, column, style);
    }
}

/// Writes one item, its dash at a column whose indentation is written.
pub(crate) fn item(out: &mut Buffer, tree: &Tree, column: usize, style: &BlockStyle) {
    out.push('-');
    match tree {
        Tree::Map(entries) if !entries.is_empty() => {
            out.push(' ');
            map(out, entries, column + 2, true, style);
        }
        Tree::Seq(items) if !items.is_empty() => {
            out.push(' ');
            seq(out, items, column + 2, true, style);
        }
        other => value(out, other, column, &Comments::default(), style),
    }
}

/// Writes a scalar or an empty collection on one line.
pub(crate) fn inline(out: &mut Buffer, tree: &Tree, quotes: Quotes) {
    match tree {
        Tree::Map(_) => out.push_str("{}"),
        Tree::Seq(_) => out.push_str("[]"),
        scalar => string::scalar(out, scalar, quotes, false, false),
    }
}

/// The header of a literal block for this text.
pub(crate) fn literal_header(text: &str) -> &'static str {
    if text.ends_with('\n') { "|" } else { "|-" }
}

/// Whether what is written last is a literal block that needs a line break behind it.
pub(crate) fn ends_open(tree: &Tree) -> bool {
    match tree {
        Tree::Str(text) => string::is_literal(text) && text.ends_with('\n'),
        Tree::Map(entries) => entries.last().is_some_and(|entry| ends_open(&entry.value)),
        Tree::Seq(items) => items.last().is_some_and(ends_open),
        _ => false,
    }
}

/// Writes the lines of a literal block, each after a line break.
pub(crate) fn literal(out: &mut Buffer, text: &str, column: usize, style: &BlockStyle) {
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push_str(style.line_break);
        if !line.is_empty() {
            out.spaces(column);
            out.push_str(line);
        }
    }
}

fn trail(out: &mut Buffer, comments: &Comments) {
    if let Some(text) = &comments.trail {
        out.push(' ');
        comment(out, text);
    }
}

/// Writes a comment, on one line whatever it contains.
fn comment(out: &mut Buffer, text: &str) {
    if !text.starts_with('#') {
        out.push_str("# ");
    }
    let clean = |c: char| c == '\t' || !(c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}'));
    out.push_str(&text.chars().map(|c| if clean(c) { c } else { ' ' }).collect::<String>());
}
