//! Strings, keys and numbers: when quotes are needed, and how they are written.

use crate::buffer::Buffer;
use crate::scalar::{self, Value};
use crate::tree::Tree;

/// The presentation to keep, if the value allows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// None where it is safe, else single around JSON, else double.
    Free,
    Single,
    Double,
}

/// A scalar on one line. Collections are none and are written as null.
pub(crate) fn scalar(out: &mut Buffer, tree: &Tree, quotes: Quotes, json: bool, flow: bool) {
    match tree {
        Tree::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Tree::Int(value) => out.push_str(&value.to_string()),
        Tree::Uint(value) => out.push_str(&value.to_string()),
        Tree::Float(value) => out.push_str(&float(*value, json)),
        Tree::Str(value) if json => double_quoted(out, value),
        Tree::Str(value) => string(out, value, quotes, flow),
        Tree::Null | Tree::Map(_) | Tree::Seq(_) => out.push_str("null"),
    }
}

/// A key, in double quotes unless it is safe without.
pub(crate) fn key(out: &mut Buffer, key: &str, quoted: bool, flow: bool) {
    string(out, key, if quoted { Quotes::Double } else { Quotes::Free }, flow);
}

fn string(out: &mut Buffer, text: &str, quotes: Quotes, flow: bool) {
    match quotes {
        Quotes::Free if is_plain(text, flow) => out.push_str(text),
        // JSON within YAML is readable in single quotes only.
        Quotes::Free if is_single_line(text) && text.contains('"') && !text.contains('\'') => {
            out.push('\'');
            out.push_str(text);
            out.push('\'');
        }
        Quotes::Single if is_single_line(text) => {
            out.push('\'');
            out.push_str(&zeroize::Zeroizing::new(text.replace('\'', "''")));
            out.push('\'');
        }
        _ => double_quoted(out, text),
    }
}

/// A string in double quotes, with escapes that JSON knows too.
pub(crate) fn double_quoted(out: &mut Buffer, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(needs_escape) {
        out.push_str(&rest[..at]);
        let mut chars = rest[at..].chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// Whether a text of several lines can be written as a literal block. One that begins with white
/// space would need an indentation indicator, which readers understand differently, and one that
/// ends in blank lines would take those that follow it for its own.
pub(crate) fn is_literal(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\t', '\n'])
        && !text.ends_with("\n\n")
        && text.chars().all(|c| c == '\n' || c == '\t' || is_printable(c))
}

fn is_single_line(text: &str) -> bool {
    text.chars().all(is_printable) && !text.starts_with(' ') && !text.ends_with(' ')
}

/// Whether a text without quotes is this very string for every reader: YAML 1.1 and 1.2, in block
/// and, if asked, in flow style. Narrower than it could be.
pub(crate) fn is_plain(text: &str, flow: bool) -> bool {
    let Some(first) = text.chars().next() else { return false };
    if !(first.is_alphanumeric() || matches!(first, '_' | '/' | '.' | '+')) {
        return false;
    }
    let mut before = '\0';
    for (at, c) in text.char_indices() {
        let fits = match c {
            ' ' => before != ' ' && at + 1 < text.len(),
            ':' => {
                let next = text[at + 1..].chars().next();
                !flow && next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '/')
            }
            _ => c.is_alphanumeric() || matches!(c, '_' | '/' | '.' | '+' | '=' | '-' | '@' | '(' | ')'),
        };
        if !fits {
            return false;
        }
        before = c;
    }
    matches!(scalar::plain(text), Value::Str) && !is_numeric_somewhere(text)
}

/// Numbers, times and dates in any version of YAML: what begins like a number and is written with
/// the characters of numbers only.
fn is_numeric_somewhere(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '+'))
        && text.chars().all(|c| c.is_ascii_hexdigit() || " _.:+-xXoOtTzZpP".contains(c))
}

fn needs_escape(c: char) -> bool {
    matches!(c, '"' | '\\') || !is_printable(c)
}

/// Whether a character may stand in a line of any YAML text as it is.
fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}')
        || matches!(c, '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

/// A float that every reader reads as a float.
fn float(value: f64, json: bool) -> String {
    match value {
        _ if value.is_finite() => format!("{value:?}"),
        _ if json => "null".to_owned(),
        _ if value.is_nan() => ".nan".to_owned(),
        _ if value > 0.0 => ".inf".to_owned(),
        _ => "-.inf".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_reader_takes_for_that_string_is_plain() {
        let plain = [
            "a",
            "Opaque",
            "YWRtaW4=",
            "+abc/",
            "db.example.com:5432",
            "v1",
            "a b",
            "kseal.dev/x",
            "Müller",
            ".dockerconfigjson",
        ];
        for text in plain {
            assert!(is_plain(text, false), "{text}");
        }
        let quoted = [
            "",
            " a",
            "a ",
            "a  b",
            "y",
            "No",
            "on",
            "null",
            "~",
            "1",
            "1.5",
            "0x1F",
            "1e3",
            "1_000",
            "1:30",
            "1:30:00.5",
            "2001-01-01",
            "2001-01-01T00:00:00Z",
            ".5",
            ".inf",
            "...",
            "---",
            "-",
            "- a",
            "-a",
            "a: b",
            "a:",
            "a #b",
            "#a",
            "*a",
            "&a",
            "!a",
            "|",
            ">",
            "@a",
            "`a",
            "%a",
            "{a",
            "[a",
            "'a",
            "\"a",
            "?",
            "? a",
            "=",
            "<<",
            "a\tb",
            "a\nb",
            "a\u{feff}b",
        ];
        for text in quoted {
            assert!(!is_plain(text, false), "{text}");
        }
        assert!(!is_plain("a:b", true) && !is_plain("a,b", true) && is_plain("a b", true));
    }
}
