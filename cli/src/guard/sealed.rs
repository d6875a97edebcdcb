//! Sealed objects that will not open, as far as it is known without a key.

use kseal_api::names;
use kseal_core::{Format, MAX_OBJECT_BYTES, SealedObject};
use kseal_crypto::{FailureClass, Place, Reason, Subject};
use kseal_manifest::{Entry, Object};

use super::{Finding, Rule, plaintext::Plain};
use crate::meaning::{self, Meaning};

/// More failures of one object are counted, not told.
const TOLD: usize = 8;

const MALFORMED: &str = "take it from an earlier commit, or seal it anew";

/// What does not hold. `plain` are the values that were reported already.
pub(super) fn findings(object: &Object<'_>, plain: &[Plain<'_>]) -> Vec<Finding> {
    let what = meaning::describe(object);
    let line = object.node.location().line;
    let finding = |line: usize, rule: Rule, message: String, hint: &str| Finding {
        line,
        rule,
        message: format!("{what}: {message}"),
        hint: hint.to_owned(),
    };
    let sealed = match meaning::of(object) {
        Ok(Meaning::Sealed(sealed)) => sealed,
        Ok(_) => {
            let message = format!("holds sealed values, but the annotation {} is missing", names::SEALED);
            return vec![finding(line, Rule::Malformed, message, MALFORMED)];
        }
        Err(error) => {
            let hint = error.advice().unwrap_or(MALFORMED);
            return vec![Finding {
                line,
                rule: Rule::Malformed,
                message: error.message().to_owned(),
                hint: hint.into(),
            }];
        }
    };
    let failures: Vec<_> = sealed.failures().into_iter().filter(|it| !is_reported(&it.subject, plain)).collect();
    let mut findings: Vec<Finding> = Vec::new();
    for failure in failures.iter().take(TOLD) {
        let line = line_of(object, &failure.subject).unwrap_or(line);
        findings.push(match failure.reason {
            Reason::ObjectTooLarge => too_large(&finding, line, meaning::json_bytes(object)),
            reason if reason.class() == FailureClass::Unsupported => {
                finding(line, Rule::Malformed, failure.to_string(), "a newer version of kseal may know it")
            }
            _ => finding(line, Rule::Malformed, failure.to_string(), MALFORMED),
        });
    }
    if failures.len() > TOLD {
        let message = format!("and {} more like this", failures.len() - TOLD);
        findings.push(finding(line, Rule::Malformed, message, MALFORMED));
    }
    // Of upstream's format kseal's reader has no limit, but etcd has.
    let bytes = if sealed.format == Format::Upstream { meaning::json_bytes(object) } else { 0 };
    if bytes > MAX_OBJECT_BYTES {
        findings.push(too_large(&finding, line, bytes));
    }
    findings.extend(moved(&sealed).map(|message| {
        finding(line, Rule::Moved, message, "move it back, or seal it anew for its new place: it does not open here")
    }));
    findings
}

fn too_large(finding: &impl Fn(usize, Rule, String, &str) -> Finding, line: usize, bytes: usize) -> Finding {
    let message = format!("{bytes} bytes of JSON, and etcd takes no more than {MAX_OBJECT_BYTES}");
    finding(line, Rule::TooLarge, message, "split it into several Secrets")
}

/// A file without a namespace gets one later, from kustomize or kubectl, and perhaps another name too; unless it is of none.
fn moved(sealed: &SealedObject) -> Option<String> {
    let is_of_none = matches!(sealed.place(), Ok(Place::ClusterSealedSecret { .. }));
    if sealed.object.namespace.is_none() && !is_of_none {
        return None;
    }
    sealed.moved().map(|moved| moved.to_string())
}

fn is_reported(subject: &Subject, plain: &[Plain<'_>]) -> bool {
    matches!(subject, Subject::Item(key) if plain.iter().any(|value| value.key == key))
}

/// The line of an item or a data key.
fn line_of(object: &Object<'_>, subject: &Subject) -> Option<usize> {
    let spec = object.node.get("spec");
    let entry = match subject {
        Subject::Object => None,
        Subject::Item(key) => {
            let fields =
                [spec.and_then(|it| it.get("encryptedData")), object.node.get("data"), object.node.get("stringData")];
            fields.into_iter().flatten().find_map(|field| field.entry(key))
        }
        Subject::DataKey(handle) | Subject::Recipient { data_key: handle, .. } => {
            let native = spec.and_then(|it| it.get("dataKeys")?.entry(handle));
            let annotations = object.node.get("metadata").and_then(|it| it.get("annotations"));
            native.or_else(|| annotations?.entry(&format!("{}{handle}", names::DATA_KEY_PREFIX)))
        }
    };
    entry.map(Entry::key_location).map(|location| location.line)
}
