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

/// PEM private keys wherever they stand, also encoded in base64 (a kubeconfig holds them so).
pub(super) fn in_text(text: &str) -> Vec<Finding> {
    let plain = text.match_indices(HEADER_END).filter(|(at, _)| is_key(text, *at)).map(|(at, _)| at);
    let encoded = text.match_indices(ENCODED_HEADER).filter(|(at, _)| is_encoded_key(&text[*at..])).map(|(at, _)| at);
    let finding = |at: usize| Finding {
        line: text[..at].matches('\n').count() + 1,
        rule: Rule::PrivateKey,
        message: "a private key in PEM".to_owned(),
        hint: HINT.to_owned(),
    };
    plain.chain(encoded).map(finding).collect()
}

/// Whether a header ends here and base64 follows, behind line breaks of whatever notation.
fn is_key(text: &str, end: usize) -> bool {
    let line = text[..end].rfind('\n').map_or(0, |at| at + 1);
    let has_header = text[line..end].rfind(HEADER).is_some_and(|at| {
        let label = &text[line + at + HEADER.len()..end];
        label.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ')
    });
    let mut body = &text[end + HEADER_END.len()..];
    while let Some(rest) = ["\\n", "\\r", "\n", "\r", " ", "\t", "\\"].iter().find_map(|it| body.strip_prefix(it)) {
        body = rest;
    }
    has_header && (body.starts_with("Proc-Type:") || base64_run(body).len() >= SHORTEST)
}

fn is_encoded_key(text: &str) -> bool {
    let run = base64_run(text);
    let head = &run[..run.len().min(80) / 4 * 4];
    let header = kseal_crypto::decode_base64(head).unwrap_or_default();
    run.len() >= 80 && header.windows(HEADER_END.len()).any(|window| window == HEADER_END.as_bytes())
}

fn base64_run(text: &str) -> &str {
    let len = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')).count();
    &text[..len]
}
