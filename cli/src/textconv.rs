//! Manifests for `git diff`: sealed values become short lines, so that a diff shows by name what changed.
//!
//! A digest of each ciphertext stands in for it: no change of a byte stays unseen. Of plaintext there is no digest,
//! which would be there for guesses.

use std::{collections::BTreeMap, fmt::Write as _};

use kseal_api::names;
use kseal_crypto::{KeyRing, Plaintext, SealedValue, Suite, decode_base64, decode_data, sealed_secrets::SealedBytes};
use kseal_manifest::{Edit, Manifest, Node, Object, Path, Step, Style, Tree, render};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    guard::{self, Claim},
    meaning::{self, Meaning},
    opening,
    secret::Field,
};

/// Shows a text. Values in clear text, where `ring` is given and opens them; then plaintext is shown too.
pub(crate) fn show(text: &str, ring: Option<&KeyRing>) -> Zeroizing<String> {
    let Ok(manifest) = Manifest::parse(text) else { return unreadable(text, ring.is_some()) };
    let masks: Vec<Mask> = manifest.objects().iter().flat_map(|object| of_object(object, ring)).collect();
    if masks.is_empty() {
        return Zeroizing::new(text.to_owned());
    }
    let edits = masks.iter().map(|(path, text)| Edit::Set { path: path.clone(), value: Tree::str(text) });
    match manifest.apply(edits.collect()) {
        Ok(text) => text,
        Err(_) => anew(&manifest, &masks),
    }
}

/// A value by its path, and what is shown instead.
type Mask = (Path, Zeroizing<String>);

fn unreadable(text: &str, in_clear: bool) -> Zeroizing<String> {
    Zeroizing::new(match guard::claims_secret(text) {
        Claim::Template if !in_clear => guard::masked(text),
        Claim::Broken if !in_clear => {
            format!("not shown ({} bytes, not readable as YAML or JSON, that may hold plaintext)\n", text.len())
        }
        _ => text.to_owned(),
    })
}

/// Aliases cannot be edited, so the documents are written anew without them.
fn anew(manifest: &Manifest, masks: &[Mask]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for (number, document) in manifest.documents().iter().enumerate() {
        let mut tree = Tree::from(document.root());
        for (path, shown) in masks.iter().filter(|(path, _)| path.document_index() == number) {
            if let Some(place) = at(&mut tree, path.steps()) {
                *place = Tree::str(shown);
            }
        }
        if number > 0 {
            text.push_str("---\n");
        }
        text.push_str(&render(&tree, Style::Yaml));
    }
    text
}

fn at<'t>(tree: &'t mut Tree, steps: &[Step]) -> Option<&'t mut Tree> {
    let Some((step, rest)) = steps.split_first() else { return Some(tree) };
    match (step, tree) {
        (Step::Key(key), Tree::Map(entries)) => {
            at(&mut entries.iter_mut().find(|entry| entry.key == *key)?.value, rest)
        }
        (Step::Index(index), Tree::Seq(items)) => at(items.get_mut(*index)?, rest),
        _ => None,
    }
}

fn of_object(object: &Object<'_>, ring: Option<&KeyRing>) -> Vec<Mask> {
    let is_native = object.api_version.starts_with("kseal.dev/");
    let is_sealed = [names::SEALED_SECRET, names::CLUSTER_SEALED_SECRET].contains(&object.kind)
        && (is_native || object.api_version.starts_with("bitnami.com/"));
    if !is_sealed && !meaning::is_secret(object) {
        return Vec::new();
    }
    let mut shown = Shown { object, opened: opened(object, ring), in_clear: ring.is_some(), masks: Vec::new() };
    for field in Field::ALL {
        shown.values(&[field.name()], if field == Field::Data { data } else { plain });
    }
    shown.annotations(&["metadata", "annotations"]);
    if is_sealed {
        shown.values(&["spec", "encryptedData"], if is_native { unsealed } else { upstream });
        // Upstream's deprecated form: the whole Secret in one value.
        shown.scalar(&["spec", "data"], upstream);
        shown.annotations(&["spec", "template", "metadata", "annotations"]);
        shown.data_keys();
    }
    shown.masks
}

/// The values that open, if they shall be shown.
fn opened(object: &Object<'_>, ring: Option<&KeyRing>) -> BTreeMap<String, Plaintext> {
    match (ring, meaning::of(object)) {
        (Some(ring), Ok(Meaning::Sealed(sealed))) => {
            let each = sealed.or_in(None).open_each(ring).into_iter();
            each.filter_map(|(item, value)| Some((item, value.ok()?))).collect()
        }
        _ => BTreeMap::new(),
    }
}

struct Shown<'o, 'm> {
    object: &'o Object<'m>,
    opened: BTreeMap<String, Plaintext>,
    in_clear: bool,
    masks: Vec<Mask>,
}

impl Shown<'_, '_> {
    fn mask(&mut self, keys: &[&str], key: Option<&str>, text: String) {
        let path = self.object.path.clone().keys(keys.iter().copied().chain(key));
        self.masks.push((path, Zeroizing::new(text)));
    }

    /// Every value of a mapping; `other` tells of one that is not sealed in kseal's format.
    fn values(&mut self, keys: &[&str], other: fn(&str) -> String) {
        let Some(node) = node(self.object, keys).filter(|node| !node.is_null()) else { return };
        if !node.is_mapping() {
            return self.scalar(keys, other);
        }
        let is_sealed_field = keys.len() > 1;
        for entry in node.entries() {
            let text = entry.value().scalar_text();
            let sealed = text.and_then(sealed);
            if let (Some(value), true) = (self.opened.get(entry.key()), sealed.is_some() || is_sealed_field) {
                let text = clear(value);
                self.mask(keys, Some(entry.key()), text);
            } else if let Some(sealed) = sealed {
                self.mask(keys, Some(entry.key()), sealed);
            } else if is_sealed_field || !self.in_clear {
                let text = text.map_or_else(|| "not a string and not sealed".to_owned(), other);
                self.mask(keys, Some(entry.key()), text);
            }
        }
    }

    fn scalar(&mut self, keys: &[&str], shown: fn(&str) -> String) {
        let Some(node) = node(self.object, keys).filter(|node| !node.is_null() && !self.in_clear) else { return };
        let text = node.scalar_text().map_or_else(|| "not a string and not sealed".to_owned(), shown);
        self.mask(keys, None, text);
    }

    /// Copies of plaintext, and the data keys of a Secret that is sealed in place.
    fn annotations(&mut self, keys: &[&str]) {
        let entries = node(self.object, keys).into_iter().flat_map(Node::entries);
        for (key, text) in entries.filter_map(|entry| Some((entry.key(), entry.value().scalar_text()?))) {
            if names::LAST_APPLIED.contains(&key) && !self.in_clear {
                self.mask(keys, Some(key), format!("not shown ({} bytes that may hold plaintext)", text.len()));
            } else if key.starts_with(names::DATA_KEY_PREFIX) {
                self.mask(keys, Some(key), data_key(text));
            }
        }
        let metadata = &keys[..keys.len() - 1];
        if !self.in_clear && node(self.object, metadata).is_some_and(|it| it.entry("managedFields").is_some()) {
            self.mask(metadata, Some("managedFields"), "not shown".to_owned());
        }
    }

    fn data_keys(&mut self) {
        let data_keys = node(self.object, &["spec", "dataKeys"]).into_iter().flat_map(Node::entries);
        for data_key in data_keys {
            let keys = ["spec", "dataKeys", data_key.key()];
            if let Some(text) = data_key.value().get("commitment").and_then(Node::scalar_text) {
                self.mask(&keys, Some("commitment"), format!("sha256 {}", digest(text)));
            }
            let recipients = data_key.value().get("recipients").into_iter().flat_map(Node::entries);
            for (key, text) in recipients.filter_map(|it| Some((it.key(), it.value().scalar_text()?))) {
                self.mask(&[keys[0], keys[1], keys[2], "recipients"], Some(key), wrap(text));
            }
        }
    }
}

fn node<'m>(object: &Object<'m>, keys: &[&str]) -> Option<&'m Node> {
    keys.iter().try_fold(object.node, |node, key| node.get(key))
}

/// `sealed (32 bytes) HANDLE/DIGEST`.
fn sealed(text: &str) -> Option<String> {
    if !SealedValue::is_claimed_by(text) {
        return None;
    }
    Some(match SealedValue::parse(text) {
        Ok(value) => format!("sealed ({} bytes) {}/{}", value.padded_len(), value.handle(), digest(text)),
        Err(reason) => format!("{reason} {}", digest(text)),
    })
}

/// An item of upstream's format: its exact length shows.
fn upstream(text: &str) -> String {
    let bytes = decode_base64(text);
    let parts = bytes.as_ref().and_then(|bytes| SealedBytes::parse(bytes).ok().map(|it| (it.key_size(), bytes.len())));
    let len = parts.and_then(|(key, len)| len.checked_sub(2 + key + 16).map(|len| (key, len)));
    match len {
        Some((key, len)) => format!("sealed ({len} bytes) RSA-{}/{}", key * 8, digest(text)),
        None => unsealed(text),
    }
}

fn unsealed(text: &str) -> String {
    format!("not a sealed value ({} bytes)", text.len())
}

fn plain(text: &str) -> String {
    format!("plaintext ({} bytes) not sealed", text.len())
}

fn data(text: &str) -> String {
    let len = decode_data(text).map_or(text.len(), |octets| octets.len());
    format!("plaintext ({len} bytes) not sealed")
}

/// Commitment and recipients of a data key in one line.
fn data_key(text: &str) -> String {
    let Some(data_key) = kseal_core::sealed_annotation::read_data_key(text) else {
        return format!("not a data key {}", digest(text));
    };
    let recipients = data_key.recipients.iter().map(|(key, text)| format!("{key} {}", wrap(text)));
    format!("{} for {}", digest(&data_key.commitment), recipients.collect::<Vec<_>>().join(" and "))
}

fn wrap(text: &str) -> String {
    let suite = decode_base64(text).and_then(|bytes| Suite::of_wrap_len(bytes.len()));
    format!("{}/{}", suite.map_or("unknown suite", Suite::name), digest(text))
}

/// What opened, if it is text.
fn clear(value: &Plaintext) -> String {
    match std::str::from_utf8(value).ok().filter(|text| opening::is_readable(text)) {
        Some(text) => text.to_owned(),
        None => format!("binary ({} bytes) {}", value.len(), digest_of(value)),
    }
}

fn digest(text: &str) -> String {
    digest_of(text.as_bytes())
}

/// 64 bits of SHA-256: nobody makes two ciphertexts that look the same by chance.
fn digest_of(octets: &[u8]) -> String {
    let mut text = String::new();
    for byte in &Sha256::digest(octets)[..8] {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_secret_stays_byte_for_byte() {
        for text in ["", "kind: ConfigMap\ndata: {a:   b} # c\n", "a: {{ b }}\n", "kind: Secret # none\nx: [\n"] {
            let shown = show(text, None);
            if text.starts_with("kind: Secret") {
                assert_eq!(&*shown, "not shown (25 bytes, not readable as YAML or JSON, that may hold plaintext)\n");
            } else {
                assert_eq!(&*shown, text);
            }
        }
    }

    #[test]
    fn plaintext_is_told_by_its_length_only() {
        let text = "# top\nkind: Secret\napiVersion: v1\ndata: {a: aHVudGVy, n: 12}\nstringData:\n  b: \"hunter\" # c\n  \
                    c: |\n    hunter\n    hunter\n";
        let shown = show(text, None);
        assert!(!shown.contains("hunter") && !shown.contains("aHVu"), "{}", *shown);
        assert!(
            shown.contains("b: \"plaintext (6 bytes) not sealed\" # c") && shown.starts_with("# top\n"),
            "{}",
            *shown
        );
        assert_eq!(&*show(text, Some(&KeyRing::default())), text);
    }

    #[test]
    fn aliases_do_not_show_what_they_stand_for() {
        let text =
            "kind: Secret\napiVersion: v1\nx: &x {a: aHVudGVy}\ndata: *x\nstringData: {<<: *x}\n---\nkind: Other\n";
        let shown = show(text, None);
        assert_eq!(shown.matches("plaintext (6 bytes)").count(), 1, "{}", *shown);
        assert!(shown.ends_with("---\nkind: Other\n"), "{}", *shown);
    }

    #[test]
    fn a_template_shows_all_but_its_literals() {
        let text = "kind: Secret\nstringData:\n  a: hunter2\n  b: {{ .b }}\n  c: |\n    hunter2\n  d: x\nother: y\n";
        let shown = show(text, None);
        let wanted = "kind: Secret\nstringData:\n  a: plaintext (7 bytes) not sealed\n  b: {{ .b }}\n  \
                      c: plaintext (7 bytes) not sealed\n  d: plaintext (1 bytes) not sealed\nother: y\n";
        assert_eq!(&*shown, wanted);
    }
}
