//! From text to documents. What looks like JSON and is JSON is read as JSON, all else as YAML.

mod json;
mod problem;
mod yaml;

pub(crate) use yaml::lead_start;

use crate::error::ParseError;
use crate::location::Locator;
use crate::manifest::Document;
use crate::render::Style;
use crate::text::skip_trivia;

/// How many collections may stand within each other, aliases resolved.
pub(crate) const DEPTH_LIMIT: usize = 128;

/// Reads all documents of a text, and tells in which of the two languages it is.
pub(crate) fn parse(text: &str) -> Result<(Vec<Document>, Style), ParseError> {
    let content = text.strip_prefix('\u{feff}').unwrap_or(text).trim_start();
    if !content.starts_with(['{', '[']) {
        return Ok((yaml::parse(text)?, Style::Yaml));
    }
    match json::parse(text) {
        Ok(documents) => Ok((documents, Style::Json)),
        // A YAML text may begin with a flow collection. Of two complaints, the one in the language
        // that the author seems to write is the useful one.
        Err(json_error @ ParseError::Syntax { .. }) => match yaml::parse(text) {
            Ok(documents) => Ok((documents, Style::Yaml)),
            Err(yaml_error) => Err(if seems_json(text, content) { json_error } else { yaml_error }),
        },
        Err(error) => Err(error),
    }
}

fn seems_json(text: &str, content: &str) -> bool {
    let start = text.len() - content.len() + 1;
    text[skip_trivia(text, start)..].starts_with(['"', '{', '[', '}', ']'])
}

/// Refuses characters that Go's YAML reader refuses, and those that YAML 1.1 and 1.2 read
/// differently: U+0085, U+2028 and U+2029 are line breaks in one of them only, and so is a
/// carriage return that stands alone.
fn check_characters(text: &str) -> Result<(), ParseError> {
    let plain = |b: u8| matches!(b, b'\t' | b'\n' | b' '..=b'~');
    let mut at = 0;
    let bytes = text.as_bytes();
    while at < bytes.len() {
        if plain(bytes[at]) {
            at += 1;
            continue;
        }
        let Some(c) = text[at..].chars().next() else { break };
        let allowed = match c {
            '\r' => bytes.get(at + 1) == Some(&b'\n'),
            '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{fffd}' | '\u{10000}'.. => true,
            _ => false,
        };
        if !allowed {
            let location = Locator::new(text).locate(at);
            return Err(ParseError::Character { location, code: c.into() });
        }
        at += c.len_utf8();
    }
    Ok(())
}
