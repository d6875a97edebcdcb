//! Values that everyone can read.

use kseal_crypto::SealedValue;
use kseal_manifest::{Document, Manifest, Node, Object};

use super::{Finding, Rule};
use crate::{meaning, secret::Field};

/// A value that is neither empty, nor sealed, nor a placeholder.
pub(crate) struct Plain<'m> {
    /// The item's key, or the field's if it is no mapping.
    pub key: &'m str,
    pub line: usize,
}

/// The plaintext values of an object: in `data` and in `stringData`, whatever their type.
pub(crate) fn values<'m>(object: &Object<'m>) -> Vec<Plain<'m>> {
    let mut plain = Vec::new();
    // An object that says that it is sealed has no excuse for an empty value: sealing seals those too.
    let is_sealed = meaning::annotation(object, kseal_api::names::SEALED).is_some();
    for field in Field::ALL {
        let Some(entry) = object.node.entry(field.name()) else { continue };
        let node = entry.value();
        if !node.is_mapping() {
            plain.extend(is_plain(node).then(|| Plain { key: entry.key(), line: node.location().line }));
        }
        let items = node.entries().filter(|item| is_plain(item.value()) || is_sealed && is_empty(item.value()));
        plain.extend(items.map(|item| Plain { key: item.key(), line: item.key_location().line }));
    }
    plain
}

fn is_empty(node: &Node) -> bool {
    node.scalar_text().is_some_and(str::is_empty)
}

fn is_plain(node: &Node) -> bool {
    match node.scalar_text() {
        Some(text) => !node.is_null() && !text.is_empty() && !SealedValue::is_claimed_by(text) && !is_placeholder(text),
        None => node.items().len() > 0 || node.entries().len() > 0,
    }
}

/// Whether a value is put in later: nothing but Go templates (`{{ … }}`) and variables (`${NAME}`), or a value that
/// sops has encrypted.
pub(super) fn is_placeholder(text: &str) -> bool {
    let mut rest = text.trim();
    if rest.starts_with("ENC[AES256_GCM,") && rest.ends_with(']') {
        return true;
    }
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let after = match rest.strip_prefix("{{") {
            Some(inner) => inner.split_once("}}").map(|(_, after)| after),
            None => rest.strip_prefix("${").and_then(|inner| inner.split_once('}')).and_then(|(name, after)| {
                let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                is_name.then_some(after)
            }),
        };
        match after {
            Some(after) => rest = after.trim_start(),
            None => return false,
        }
    }
    true
}

/// What to say of the plaintext values of one object.
pub(super) fn finding(
    name: &str,
    object: &Object<'_>,
    line: usize,
    plain: &[Plain<'_>],
    is_annotated: bool,
) -> Finding {
    let what = meaning::describe(object);
    let keys = list(plain.iter().map(|value| value.key));
    let (message, hint) = if is_annotated {
        (format!("{what} is sealed, but not all of it: {keys}"), format!("kseal encrypt -i --format secret {name}"))
    } else if meaning::is_secret(object) {
        (format!("{what} holds plaintext: {keys}"), format!("kseal encrypt -i {name}"))
    } else {
        let hint = format!("values belong into spec.encryptedData: kseal set {name} ITEM");
        (format!("{what} holds plaintext beside its sealed values: {keys}"), hint)
    };
    Finding { line, rule: Rule::PlaintextSecret, message, hint }
}

/// A few names, and how many more.
pub(super) fn list<'k>(keys: impl Iterator<Item = &'k str>) -> String {
    const SHOWN: usize = 5;
    let keys: Vec<&str> = keys.collect();
    let shown = keys[..keys.len().min(SHOWN)].join(", ");
    if keys.len() > SHOWN { format!("{shown} and {} more", keys.len() - SHOWN) } else { shown }
}

/// Whether a Secret holds sealed values, but not the annotation that says so.
pub(crate) fn lost_annotation(object: &Object<'_>) -> bool {
    let fields = Field::ALL.into_iter().filter_map(|field| object.node.get(field.name()));
    let mut values = fields.flat_map(Node::entries);
    meaning::is_secret(object)
        && values.any(|item| item.value().as_str().is_some_and(|text| SealedValue::parse(text).is_ok()))
}

/// Plaintext that kustomize would make a Secret of.
pub(super) fn generators(manifest: &Manifest) -> Vec<Finding> {
    let generators = manifest.documents().iter().map(Document::root).filter_map(|root| root.get("secretGenerator"));
    let mut findings = Vec::new();
    for generator in generators.flat_map(Node::items) {
        let literals: Vec<&Node> = generator.get("literals").into_iter().flat_map(Node::items).collect();
        let plain = literals.iter().filter_map(|node| node.scalar_text()?.split_once('='));
        let plain: Vec<&str> =
            plain.filter(|(_, value)| !value.is_empty() && !is_placeholder(value)).map(|(key, _)| key).collect();
        if let (Some(first), false) = (literals.first(), plain.is_empty()) {
            let name = generator.get("name").and_then(Node::as_str).unwrap_or("(no name)");
            findings.push(Finding {
                line: first.location().line,
                rule: Rule::PlaintextSecret,
                message: format!("secretGenerator {name} holds plaintext: {}", list(plain.into_iter())),
                hint: "seal the Secret with `kseal create` and name its file under resources".to_owned(),
            });
        }
    }
    findings
}
