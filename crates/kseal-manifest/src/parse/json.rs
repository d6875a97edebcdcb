//! JSON: a scanner that keeps positions, since YAML parsers read JSON almost but not quite.

use crate::error::ParseError;
use crate::location::{Location, Locator};
use crate::manifest::Document;
use crate::node::{Content, Entry, EntrySite, Item, Layout, Mapping, Node, Scalar, ScalarStyle, Sequence};
use crate::parse::DEPTH_LIMIT;
use crate::scalar::Value;
use crate::tree::Comments;
use zeroize::Zeroizing;

/// Reads one or many JSON values, one after the other.
pub(super) fn parse(text: &str) -> Result<Vec<Document>, ParseError> {
    let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut scanner = Scanner { text, at, depth: 0, locator: Locator::new(text) };
    let mut documents = Vec::new();
    scanner.blanks();
    while scanner.at < text.len() {
        documents.push(Document::new(scanner.value()?));
        scanner.blanks();
    }
    Ok(documents)
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    locator: Locator<'t>,
}

impl Scanner<'_> {
    fn value(&mut self) -> Result<Node, ParseError> {
        let (start, location) = (self.at, self.here());
        let content = match self.peek() {
            Some(b'{') => self.object()?,
            Some(b'[') => self.array()?,
            Some(b'"') => scalar(self.string()?, ScalarStyle::Double, Value::Str),
            _ => self.word()?,
        };
        let end = self.at;
        let layout = Layout { head: start, start, body: start, properties_end: start, end, anchor: 0 };
        Ok(Node { location, layout, content })
    }

    fn object(&mut self) -> Result<Content, ParseError> {
        self.enter()?;
        let mut entries = Vec::new();
        while self.part(b'}', entries.is_empty())? {
            let (start, key_location) = (self.at, self.here());
            if self.peek() != Some(b'"') {
                return Err(self.problem("expected a key in double quotes"));
            }
            let key = self.string()?.to_string();
            let key_end = self.at;
            self.blanks();
            self.expect(b':', "expected `:`")?;
            let after_colon = Some(self.at);
            self.blanks();
            let value = self.value()?;
            let site = EntrySite { start, after_colon, key_end, quoted: true, ..EntrySite::default() };
            let comments = Comments::default();
            entries.push(Entry { key, key_location, value, comments, site });
        }
        self.depth -= 1;
        Mapping::new(entries, true).map(Content::Mapping)
    }

    fn array(&mut self) -> Result<Content, ParseError> {
        self.enter()?;
        let mut items = Vec::new();
        while self.part(b']', items.is_empty())? {
            items.push(Item { start: self.at, node: self.value()? });
        }
        self.depth -= 1;
        Ok(Content::Sequence(Sequence { items, flow: true }))
    }

    /// Steps to the next part of a collection, or behind its closing bracket.
    fn part(&mut self, close: u8, first: bool) -> Result<bool, ParseError> {
        self.blanks();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(false);
        }
        if !first {
            let problem = if close == b'}' { "expected `,` or `}`" } else { "expected `,` or `]`" };
            self.expect(b',', problem)?;
            self.blanks();
        }
        Ok(true)
    }

    fn string(&mut self) -> Result<Zeroizing<String>, ParseError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        self.at += 1;
        loop {
            match bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(b' '..) => self.at += 1,
                Some(_) => return Err(self.problem("a line break or control character in a string")),
                None => {
                    self.at = start;
                    return Err(self.problem("a quote is not closed"));
                }
            }
        }
        self.at += 1;
        let text = self.text.get(start..self.at).unwrap_or_default();
        if !escaped {
            return Ok(Zeroizing::new(text[1..text.len() - 1].to_owned()));
        }
        serde_json::from_str(text).map(Zeroizing::new).map_err(|_| {
            self.at = start;
            self.problem("unknown or broken escape")
        })
    }

    fn word(&mut self) -> Result<Content, ParseError> {
        let rest = &self.text[self.at..];
        let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')).count();
        let word = &rest[..length];
        let value = match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => match number(word) {
                Some(value) => value,
                None => return Err(self.problem("expected a JSON value")),
            },
        };
        self.at += length;
        Ok(scalar(Zeroizing::new(word.to_owned()), ScalarStyle::Plain, value))
    }

    fn enter(&mut self) -> Result<(), ParseError> {
        if self.depth == DEPTH_LIMIT {
            return Err(ParseError::Depth { location: self.here(), limit: DEPTH_LIMIT });
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn expect(&mut self, byte: u8, problem: &'static str) -> Result<(), ParseError> {
        if self.peek() != Some(byte) {
            return Err(self.problem(problem));
        }
        self.at += 1;
        Ok(())
    }

    fn blanks(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn here(&mut self) -> Location {
        self.locator.locate(self.at)
    }

    fn problem(&mut self, problem: &'static str) -> ParseError {
        let mut at = self.at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        ParseError::Syntax { location: self.locator.locate(at), problem }
    }
}

fn scalar(text: Zeroizing<String>, style: ScalarStyle, value: Value) -> Content {
    Content::Scalar(Scalar { text, style, value })
}

/// A number by JSON's grammar. serde_json checks it, but rounds floats unless built otherwise.
fn number(word: &str) -> Option<Value> {
    serde_json::from_str::<serde_json::Number>(word).ok()?;
    if word == "-0" {
        return Some(Value::Float(-0.0));
    }
    if let Ok(value) = word.parse() {
        return Some(Value::Int(value));
    }
    if let Ok(value) = word.parse() {
        return Some(Value::Uint(value));
    }
    word.parse().ok().map(Value::Float)
}
