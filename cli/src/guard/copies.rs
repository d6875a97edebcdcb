//! Copies of a Secret's values that clients and servers keep in its metadata: the file looks sealed, and is not.

use kseal_api::names;
use kseal_manifest::{Manifest, Node, Object};

use super::{Finding, Rule, plaintext};
use crate::meaning;

/// The copies in an object's own metadata and in that of its template.
pub(super) fn findings(object: &Object<'_>) -> Vec<Finding> {
    let own = object.node.get("metadata");
    let template = object.node.get("spec").and_then(|spec| spec.get("template")?.get("metadata"));
    let mut findings = Vec::new();
    for metadata in [own, template].into_iter().flatten() {
        let annotations = metadata.get("annotations").into_iter().flat_map(Node::entries);
        for entry in annotations.filter(|entry| names::LAST_APPLIED.contains(&entry.key())) {
            if entry.value().scalar_text().is_some_and(holds_plaintext) {
                let place = format!("annotation {}", entry.key());
                findings.push(finding(object, entry.key_location().line, &place));
            }
        }
        let managed = metadata.entry("managedFields").filter(|entry| tells_values(entry.value(), false));
        findings.extend(managed.map(|entry| finding(object, entry.key_location().line, "managedFields")));
    }
    findings
}

fn finding(object: &Object<'_>, line: usize, place: &str) -> Finding {
    Finding {
        line,
        rule: Rule::PlaintextCopy,
        message: format!("{} holds a copy of plaintext in its {place}", meaning::describe(object)),
        hint: format!("take {place} out of the file"),
    }
}

/// Whether what was last applied holds values. What cannot be read might.
fn holds_plaintext(text: &str) -> bool {
    let Ok(manifest) = Manifest::parse(text) else { return true };
    manifest.objects().iter().any(|object| !plaintext::values(object).is_empty() || !findings(object).is_empty())
}

/// Whether managedFields hold more than the names of items: a set's members are kept as values.
fn tells_values(node: &Node, in_data: bool) -> bool {
    let has_text = node.scalar_text().is_some_and(|text| !node.is_null() && !text.is_empty());
    (in_data && has_text)
        || node.items().any(|item| tells_values(item, in_data))
        || node.entries().any(|entry| {
            let in_data = in_data || ["f:data", "f:stringData"].contains(&entry.key());
            (in_data && entry.key().starts_with("v:")) || tells_values(entry.value(), in_data)
        })
}
