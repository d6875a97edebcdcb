//! Private keys: Secrets that hold those of kseal and of sealed-secrets, and PEM in any text.

use kseal_api::names;
use kseal_manifest::{Node, Object};

use super::{Finding, Rule};
use crate::meaning;

const HEADER: &str = "-----BEGIN ";
/// How the header of every PEM private key ends.
pub(super) const HEADER_END: &str = "PRIVATE KEY-----";
/// How base64 of a PEM block begins.
pub(super) const ENCODED_HEADER: &str = "LS0tLS1CRUdJTi";
/// Fewer characters of base64 behind a header are an example in a text, not a key.
const SHORTEST: usize = 32;
/// Labels of PEM are shorter. How far to look keeps the time linear, also where a whole file is one line.
const LOOK_BACK: usize = 64;
/// The header's characters of base64 that are decoded.
const HEAD: usize = 80;
/// Line breaks and indentation between a header and its key.
const GAP: usize = 256;

const HINT: &str = "take it out, and keep it out of git; if it was pushed, it is public: make a new one";

/// Whether a Secret is one of those that hold sealing keys.
pub(super) fn is_key_secret(object: &Object<'_>) -> bool {
    let type_ = object.node.get("type").and_then(Node::as_str).unwrap_or_default();
    let label = object.node.get("metadata").and_then(|it| it.get("labels")?.get(names::UPSTREAM_KEY));
    [names::SEALING_KEY_TYPE, names::IDENTITY_KEY_TYPE].contains(&type_) || label.is_some()
}

/// What to say of such a Secret.
pub(super) fn secret(object: &Object<'_>) -> Finding {
    let message = format!("{} holds a private key that opens sealed values", meaning::describe(object));
    Finding { line: object.node.location().line, rule: Rule::PrivateKey, message, hint: HINT.to_owned() }
}

/// PEM private keys wherever they stand, also encoded in base64 (a kubeconfig holds them so); one for each line.
pub(super) fn in_text(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (place, line) in lines(text) {
        let plain = line.match_indices(HEADER_END).any(|(at, _)| is_key(text, place.start + at));
        if plain || line.match_indices(ENCODED_HEADER).any(|(at, _)| is_encoded_key(&line[at..])) {
            findings.push(Finding {
                line: place.line,
                rule: Rule::PrivateKey,
                message: "a private key in PEM".to_owned(),
                hint: HINT.to_owned(),
            });
        }
    }
    findings
}

struct Place {
    line: usize,
    start: usize,
}

/// The lines with their numbers from 1 and their offsets.
fn lines(text: &str) -> impl Iterator<Item = (Place, &str)> {
    text.split_inclusive('\n').scan(Place { line: 0, start: 0 }, |at, line| {
        let place = Place { line: at.line + 1, start: at.start };
        *at = Place { line: place.line, start: place.start + line.len() };
        Some((place, line))
    })
}

/// Whether a header ends here and base64 follows, behind line breaks of whatever notation.
fn is_key(text: &str, end: usize) -> bool {
    let before = &text.as_bytes()[end.saturating_sub(LOOK_BACK)..end];
    let is_label = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b' ';
    let label = before.iter().rev().take_while(|byte| is_label(byte)).count();
    // The label's characters reach back to the word BEGIN.
    let has_header = before[..before.len() - label].ends_with(b"-----")
        && before[before.len() - label..].starts_with(HEADER.trim_start_matches('-').as_bytes());
    let mut body = &text[end + HEADER_END.len()..];
    let gap = body.len().saturating_sub(GAP);
    while let Some(rest) = ["\\n", "\\r", "\n", "\r", " ", "\t", "\\"].iter().find_map(|it| body.strip_prefix(it)) {
        if rest.len() < gap {
            return false;
        }
        body = rest;
    }
    has_header && (body.starts_with("Proc-Type:") || base64_run(body, SHORTEST) >= SHORTEST)
}

fn is_encoded_key(text: &str) -> bool {
    if base64_run(text, HEAD) < HEAD {
        return false;
    }
    let header = kseal_crypto::decode_base64(&text[..HEAD]).unwrap_or_default();
    header.windows(HEADER_END.len()).any(|window| window == HEADER_END.as_bytes())
}

/// How many characters of base64 stand at the beginning; no more than `most` are counted.
fn base64_run(text: &str, most: usize) -> usize {
    text.bytes().take(most).take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')).count()
}
