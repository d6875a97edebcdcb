//! Secrets where no client looks for objects: in values of Helm, templates of OpenShift, arrays, lists that are none, and
//! manifests within strings (patches of kustomize). Somebody makes objects of them later.

use kseal_manifest::{Manifest, Node, Object, Path};

use super::{Claim, Finding, as_text};
use crate::{meaning, secret::Field};

const HINT: &str = "kseal does not seal it there: give it a file of its own and seal that";

/// What stands anywhere in the documents beside the objects that a client finds.
pub(super) struct Nested<'m> {
    pub objects: Vec<Object<'m>>,
    pub texts: Vec<&'m Node>,
    known: Vec<*const Node>,
}

/// Walks every node. `known` are the objects that are looked at anyway.
pub(super) fn find<'m>(manifest: &'m Manifest, known: &[Object<'m>]) -> Nested<'m> {
    let mut known: Vec<_> = known.iter().map(|object| std::ptr::from_ref(object.node)).collect();
    known.sort_unstable();
    let mut nested = Nested { objects: Vec::new(), texts: Vec::new(), known };
    for (number, document) in manifest.documents().iter().enumerate() {
        nested.walk(number, document.root(), "");
    }
    nested
}

impl<'m> Nested<'m> {
    /// `inherited` is the kind of a typed list's items that state none.
    fn walk(&mut self, document: usize, node: &'m Node, inherited: &'m str) {
        if let Some(text) = node.scalar_text() {
            if text.contains('\n') && as_text::claims_secret(text) != Claim::Nothing {
                self.texts.push(node);
            }
            return;
        }
        for item in node.items() {
            self.walk(document, item, inherited);
        }
        if !node.is_mapping() {
            return;
        }
        let own = |key| node.get(key).and_then(Node::as_str);
        let (kind, api_version) = (own("kind").unwrap_or(inherited), own("apiVersion").unwrap_or(""));
        let object = Object { path: Path::document(document), api_version, kind, node };
        let is_secret = meaning::is_secret(&object);
        let is_known = self.known.binary_search(&std::ptr::from_ref(node)).is_ok();
        if is_secret && !is_known && Field::ALL.iter().any(|field| node.get(field.name()).is_some()) {
            self.objects.push(object);
        }
        for entry in node.entries() {
            let key = entry.key();
            // Values of a Secret are judged as a whole, and copies in annotations by their own rule.
            let is_judged = is_secret && Field::ALL.iter().any(|field| field.name() == key)
                || kseal_api::names::LAST_APPLIED.contains(&key);
            if !is_judged {
                let inherited = if kind == "SecretList" && key == "items" { "Secret" } else { "" };
                self.walk(document, entry.value(), inherited);
            }
        }
    }
}

/// What is found in a manifest within a string, at the lines of the text around it.
pub(super) fn in_string(name: &str, around: &[&str], node: &Node) -> Vec<Finding> {
    let text = node.scalar_text().unwrap_or_default();
    let found = match Manifest::parse(text) {
        Ok(manifest) => {
            let mut objects = manifest.objects();
            objects.extend(find(&manifest, &objects).objects);
            objects.iter().flat_map(|object| super::object(name, object, &mut Vec::new())).collect()
        }
        Err(error) if as_text::claims_secret(text) == Claim::Template => as_text::findings(name, text, &error),
        // Prose and scripts that show a Secret.
        Err(_) => Vec::new(),
    };
    let inner: Vec<&str> = text.lines().collect();
    let first = node.location().line;
    let place = |line: usize| {
        let wanted = inner.get(line - 1).map_or("", |line| line.trim());
        // A block begins below its header; in quotes lines are folded, and the string's own line must do.
        [first - 1, first]
            .into_iter()
            .map(|above| above + line)
            .find(|at| around.get(at - 1).is_some_and(|it| it.trim() == wanted))
    };
    found.into_iter().map(|it| at_hand(Finding { line: place(it.line).unwrap_or(first), ..it })).collect()
}

/// The finding with what can be done about it there.
pub(super) fn at_hand(finding: Finding) -> Finding {
    let hint = if finding.rule == super::Rule::PlaintextSecret { HINT.to_owned() } else { finding.hint };
    Finding { hint, ..finding }
}
