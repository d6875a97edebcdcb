//! What must not be committed: plaintext, private keys, and sealed objects that will not open. Looks at one text and
//! decides nothing else; `kseal check` brings the texts.
//!
//! It guards against mistakes. Who wants to hide a secret from it can.

mod as_text;
mod copies;
mod plaintext;
mod private_keys;
mod sealed;

pub(crate) use plaintext::lost_annotation;

use kseal_api::names;
use kseal_manifest::{Manifest, Object};
use serde::Serialize;

use crate::meaning;

pub(crate) use as_text::{Claim, claims_secret, masked};
pub(crate) use plaintext::values as plaintext_values;

/// Which rule a finding breaks. The names are for programs and do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rule {
    /// A Secret's value that everyone can read.
    PlaintextSecret,
    /// A copy of a Secret's values in the metadata of a sealed object.
    PlaintextCopy,
    /// A private key.
    PrivateKey,
    /// A sealed object that breaks a rule of its format.
    Malformed,
    /// A sealed object that stands elsewhere than it was sealed for.
    Moved,
    /// A sealed object that no API server takes.
    TooLarge,
    /// A text that claims to hold a Secret and cannot be read.
    Unreadable,
}

/// One thing that must not be committed. Holds no value.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// From 1.
    pub line: usize,
    pub rule: Rule,
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// What was found in a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Guarded {
    pub findings: Vec<Finding>,
    /// Why the text was searched as text only.
    pub unread: Option<String>,
}

/// A text without any of these holds nothing to find, and is not even parsed.
const WORDS: [&str; 4] = ["Secret", "secretGenerator", private_keys::HEADER_END, private_keys::ENCODED_HEADER];

/// Looks at one text. `name` is that of the file, for hints.
pub(crate) fn look(name: &str, text: &str) -> Guarded {
    if !WORDS.iter().any(|word| text.contains(word)) {
        return Guarded::default();
    }
    let mut guarded = Guarded::default();
    // Lines that a finding names already as values of a Secret.
    let mut named = Vec::new();
    match Manifest::parse(text) {
        Ok(manifest) => {
            for object in manifest.objects() {
                guarded.findings.extend(self::object(name, &object, &mut named));
            }
            guarded.findings.extend(plaintext::generators(&manifest));
        }
        Err(error) => {
            guarded.findings.extend(as_text::findings(name, text, &error));
            guarded.unread = Some(error.to_string());
        }
    }
    guarded.findings.extend(private_keys::in_text(text).into_iter().filter(|it| !named.contains(&it.line)));
    guarded.findings.sort_by_key(|finding| (finding.line, finding.rule));
    guarded
}

fn object(name: &str, object: &Object<'_>, named: &mut Vec<usize>) -> Vec<Finding> {
    let sealed_kind = is_sealed_kind(object);
    if !sealed_kind && !meaning::is_secret(object) {
        return Vec::new();
    }
    let plain = plaintext::values(object);
    // The header of a block scalar stands a line above its text.
    named.extend(plain.iter().flat_map(|value| [value.line, value.line + 1]));
    let is_annotated = meaning::annotation(object, names::SEALED).is_some();
    let mut findings = match plain.first() {
        Some(_) if private_keys::is_key_secret(object) => vec![private_keys::secret(object)],
        Some(first) => vec![plaintext::finding(name, object, first.line, &plain, is_annotated)],
        None => Vec::new(),
    };
    if findings.is_empty() || is_annotated || sealed_kind {
        findings.extend(copies::findings(object));
    }
    if sealed_kind || is_annotated || lost_annotation(object) {
        findings.extend(sealed::findings(object, &plain));
    }
    findings
}

/// A kind whose values are always sealed.
fn is_sealed_kind(object: &Object<'_>) -> bool {
    let group = object.api_version.split('/').next().unwrap_or_default();
    let kind = [names::SEALED_SECRET, names::CLUSTER_SEALED_SECRET].contains(&object.kind);
    kind && ["kseal.dev", "bitnami.com"].contains(&group)
}

#[cfg(test)]
mod tests;
