//! Trees between brackets: JSON, and YAML's flow style.

use crate::buffer::Buffer;
use crate::render::string::{self, Quotes};
use crate::tree::Tree;

/// How collections between brackets are written.
#[derive(Clone)]
pub(crate) struct FlowStyle {
    /// Double quotes around every key and string.
    pub(crate) json: bool,
    /// What separates key and value.
    pub(crate) colon: &'static str,
    /// What separates two parts on one line.
    pub(crate) comma: &'static str,
    /// The line break and the indentation of one level, if every part has its own line.
    pub(crate) lines: Option<(&'static str, String)>,
}

impl FlowStyle {
    /// JSON with two spaces of indentation.
    pub(crate) fn pretty_json() -> Self {
        Self { json: true, colon: ": ", comma: ", ", lines: Some(("\n", "  ".to_owned())) }
    }

    /// JSON without any blanks.
    pub(crate) fn compact_json() -> Self {
        Self { json: true, colon: ":", comma: ",", lines: None }
    }

    /// YAML on one line.
    pub(crate) fn yaml() -> Self {
        Self { json: false, colon: ": ", comma: ", ", lines: None }
    }
}

/// Writes a tree. `indent` is the indentation of the line on which it begins.
pub(crate) fn write(out: &mut Buffer, tree: &Tree, style: &FlowStyle, indent: &str) {
    match tree {
        Tree::Map(entries) => {
            collection(out, ('{', '}'), entries, style, indent, |out, entry, indent| {
                part(out, &entry.key, &entry.value, style, indent);
            });
        }
        Tree::Seq(items) => collection(out, ('[', ']'), items, style, indent, |out, item, indent| {
            write(out, item, style, indent);
        }),
        scalar => string::scalar(out, scalar, Quotes::Free, style.json, true),
    }
}

/// Writes a key with its value.
pub(crate) fn part(out: &mut Buffer, key: &str, value: &Tree, style: &FlowStyle, indent: &str) {
    // YAML looks no further than 1024 characters for the colon of a key without `?`.
    if !style.json && key.len() > 160 {
        out.push_str("? ");
    }
    string::key(out, key, style.json, true);
    out.push_str(style.colon);
    write(out, value, style, indent);
}

fn collection<T>(
    out: &mut Buffer,
    brackets: (char, char),
    parts: &[T],
    style: &FlowStyle,
    indent: &str,
    write: impl Fn(&mut Buffer, &T, &str),
) {
    out.push(brackets.0);
    let inner = match &style.lines {
        Some((_, unit)) => format!("{indent}{unit}"),
        None => indent.to_owned(),
    };
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            out.push_str(if style.lines.is_some() { "," } else { style.comma });
        }
        if let Some((line_break, _)) = style.lines {
            out.push_str(line_break);
            out.push_str(&inner);
        }
        write(out, part, &inner);
    }
    if let (Some((line_break, _)), false) = (&style.lines, parts.is_empty()) {
        out.push_str(line_break);
        out.push_str(indent);
    }
    out.push(brackets.1);
}
