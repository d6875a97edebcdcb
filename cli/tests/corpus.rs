//! Every Secret of `tests/corpus`, sealed and opened by the program: no value changes on the way, and a file that is
//! sealed in place changes in its values alone.

#![expect(clippy::panic, clippy::print_stdout, reason = "this is test code, outside of a function that says so")]

mod harness;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use harness::Folder;
use kseal_crypto::{decode_data, encode_base64};
use kseal_manifest::{Entry, Manifest, Node, Object};
use serde_json::Value;

/// What the program refuses, and how it says so. An error names the line; nobody's values are guessed at.
const REFUSED: [(&str, &[&str], i32, &str); 11] = [
    // One text stands for several entries: sealing it would change what the others say.
    ("aliases-in-data.yaml", &ALL, 3, "write the value out there first"),
    // The labels move to the template, away from the anchor that another document part uses.
    ("anchors.yaml", &["kseal", "bitnami"], 3, "write the value out there first"),
    ("keys-explicit.yaml", &["secret"], 3, "an entry written with `?` cannot be edited"),
    // Read differently by different readers (README of the corpus).
    ("bom-inside.yaml", &ALL, 3, "a byte-order mark inside a document"),
    ("marker-comment-attached.yaml", &ALL, 3, "expected a key and a colon"),
    ("unicode-line-breaks.yaml", &ALL, 3, "U+0085 is not allowed here"),
    ("utf16.yaml", &ALL, 3, "not UTF-8"),
    // An API server decodes it twice.
    ("tags.yaml", &ALL, 3, "`!!binary` is not supported"),
    ("comments-only.yaml", &ALL, 3, "there is nothing in it"),
    ("empty.yaml", &ALL, 3, "there is nothing in it"),
    // The place of a value that opens under one name only needs that name.
    ("name-generated.yaml", &ALL, 6, "has generateName"),
];

/// What a file is sealed with beside the namespace that the rule gives.
const ARGUMENTS: [(&str, &[&str]); 1] = [("name-generated.yaml", &["--scope", "NamespaceWide"])];

/// Values that stand elsewhere in their file too, in plain sight: in comments, names, keys and other documents.
const REPEATED: [(&str, &str); 3] = [
    ("type-bootstrap-token.yaml", "canary"),
    ("value-in-comment.yaml", "canary"),
    ("value-in-comment.yaml", "canary: canary"),
];

const ALL: [&str; 3] = ["kseal", "bitnami", "secret"];

#[test]
fn every_secret_opens_as_it_was_after_kseal() {
    each_file("kseal", |_, original, _, opened| same_items(original, opened));
}

#[test]
fn every_secret_opens_as_it_was_after_bitnami() {
    each_file("bitnami", |_, original, _, opened| same_items(original, opened));
}

#[test]
fn every_secret_opens_as_it_was_after_in_place_and_nothing_but_its_values_changes() {
    each_file("secret", |name, original, sealed, opened| {
        same_items(original, opened);
        let (before, after) = (parse(original), parse(sealed));
        for (before, after) in secrets(&before).iter().zip(secrets(&after)) {
            same_but_for_values(before, &after);
        }
        for (before, after) in secrets(&before).iter().zip(secrets(&parse(opened))) {
            assert_eq!(skeleton(before), skeleton(&after), "opening leaves something behind");
        }
        lines_stay(original, &before, sealed);
        nothing_in_plain_sight(name, &before, sealed);
    });
}

#[test]
fn what_is_refused_is_refused_with_its_reason_and_a_line() {
    let folder = folder();
    for (name, formats, code, reason) in REFUSED {
        for format in formats {
            let run = seal(&folder, format, &file(name), &[]).exits_with(code);
            assert!(run.stderr.contains(reason), "{name}: {}", run.stderr);
            assert!(run.stdout.is_empty(), "{name}");
        }
    }
}

/// Seals and opens each file of the corpus, and hands over its name and the three texts.
fn each_file(format: &str, check: impl Fn(&str, &str, &str, &str)) {
    let folder = folder();
    let mut seen = 0;
    for path in files() {
        let name = path.file_name().and_then(|it| it.to_str()).expect("a name").to_owned();
        let arguments = ARGUMENTS.iter().find(|(file, _)| *file == name).map_or(&[][..], |(_, arguments)| arguments);
        let is_refused = REFUSED.iter().any(|(file, formats, ..)| *file == name && formats.contains(&format));
        if is_refused && arguments.is_empty() {
            continue;
        }
        println!("{format} {name}");
        let original = fs::read_to_string(&path).expect("UTF-8");
        let sealed = seal(&folder, format, &path, arguments).succeeds().stdout;
        folder.write("sealed.yaml", &sealed);
        let opened = folder.kseal(&["decrypt", "--key", "key.yaml", "--key", "rsa.pem", "sealed.yaml"]).succeeds();
        assert!(opened.stderr.is_empty(), "{}", opened.stderr);
        never_what_was_applied(&sealed);
        check(&name, &original, &sealed, &opened.stdout);
        seen += 1;
    }
    assert!(seen > 100, "only {seen} files of the corpus were found");
}

fn seal(folder: &Folder, format: &str, path: &Path, arguments: &[&str]) -> harness::Run {
    let config = if format == "bitnami" { "rsa-rules.yaml" } else { "rules.yaml" };
    let path = path.to_str().expect("UTF-8");
    let fixed = ["--quiet", "encrypt", "--allow-empty", "-f", format, "--config", config, path];
    folder.kseal(&[&fixed[..], arguments].concat())
}

/// Keys of both kinds, and rules that give a namespace to objects without one.
fn folder() -> Folder {
    let folder = Folder::with_keys();
    for (from, to) in [("rsa-2048-a.pem", "rsa.pem"), ("certificate-2048-a.pem", "certificate.pem")] {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
        folder.write(to, &fs::read_to_string(fixtures.join(from)).expect("the fixture"));
    }
    fs::set_permissions(folder.join("rsa.pem"), fs::Permissions::from_mode(0o600)).expect("the mode can be set");
    for (name, bundle) in [("rules.yaml", "bundle.yaml"), ("rsa-rules.yaml", "certificate.pem")] {
        let text = format!("clusters: {{it: {{bundle: {bundle}}}}}\nrules: [{{clusters: [it], namespace: default}}]\n");
        folder.write(name, &text);
    }
    folder
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus")
}

fn files() -> Vec<PathBuf> {
    let read = |folder| fs::read_dir(corpus().join(folder)).expect("the corpus").map(|it| it.expect("a file").path());
    let mut files: Vec<PathBuf> = ["hand", "tools"].into_iter().flat_map(read).collect();
    files.sort();
    files
}

fn file(name: &str) -> PathBuf {
    files().into_iter().find(|path| path.ends_with(name)).unwrap_or_else(|| panic!("{name} is not in the corpus"))
}

fn parse(text: &str) -> Manifest {
    Manifest::parse(text.to_owned()).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

fn secrets(manifest: &Manifest) -> Vec<Object<'_>> {
    manifest.objects().into_iter().filter(|object| object.kind == "Secret").collect()
}

/// The entries of `data` and `stringData`, each with its field.
fn entries<'m>(object: &Object<'m>) -> Vec<(&'static str, &'m Entry)> {
    let of = |field| object.node.get(field).into_iter().flat_map(Node::entries).map(move |entry| (field, entry));
    ["data", "stringData"].into_iter().flat_map(of).collect()
}

fn octets(field: &str, entry: &Entry) -> Vec<u8> {
    let text = entry.value().as_str().unwrap_or_default();
    if field == "data" { decode_data(text).expect("base64").to_vec() } else { text.as_bytes().to_vec() }
}

fn same_items(original: &str, opened: &str) {
    let items = |text: &str| {
        let manifest = parse(text);
        let secrets = secrets(&manifest).into_iter().map(|object| {
            let mut items: Vec<_> =
                entries(&object).into_iter().map(|(field, it)| (it.key().to_owned(), octets(field, it))).collect();
            items.sort();
            (object.name().map(ToOwned::to_owned), items)
        });
        secrets.collect::<Vec<_>>()
    };
    assert_eq!(items(original), items(opened));
}

/// The object without its values, and without what never stays.
fn skeleton(object: &Object<'_>) -> Value {
    let mut json = object.node.to_json();
    let fields = json.as_object_mut().expect("a mapping");
    fields.remove("data");
    fields.remove("stringData");
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|name, _| !name.ends_with("last-applied-configuration") && !is_ours(name));
        }
        metadata.retain(|name, value| name != "annotations" || value.as_object().is_some_and(|it| !it.is_empty()));
    }
    json
}

fn is_ours(annotation: &str) -> bool {
    annotation == "kseal.dev/sealed" || annotation.starts_with("kseal.dev/data-key.")
}

fn never_what_was_applied(sealed: &str) {
    for object in parse(sealed).objects() {
        let metadata = object.node.get("metadata");
        let annotations = metadata.and_then(|it| it.get("annotations")).into_iter().flat_map(Node::entries);
        assert!(annotations.into_iter().all(|entry| !entry.key().ends_with("last-applied-configuration")));
        let is_plain = matches!(object.kind, "Secret" | "SealedSecret");
        assert!(!is_plain || metadata.and_then(|it| it.get("managedFields")).is_none());
    }
}

/// Each item stays in its field, in its order, under its comments, and the rest of the object stays.
fn same_but_for_values(before: &Object<'_>, after: &Object<'_>) {
    assert_eq!(skeleton(before), skeleton(after));
    let keys = |object: &Object<'_>| -> Vec<(&str, String)> {
        entries(object).into_iter().map(|(field, entry)| (field, entry.key().to_owned())).collect()
    };
    assert_eq!(keys(before), keys(after));
    for ((_, before), (_, after)) in entries(before).into_iter().zip(entries(after)) {
        let key = before.key();
        assert!(before.comments() == after.comments(), "the comments of {key} changed");
        assert!(after.value().as_str().is_some_and(|text| text.starts_with("ks1.")), "{key} is not sealed");
    }
}

/// Lines without a value, and without what never stays, are all there, in their order; what is new is kseal's own.
fn lines_stay(original: &str, manifest: &Manifest, sealed: &str) {
    let replaceable = replaceable_lines(original, manifest);
    let mut new = sealed.split('\n');
    let mut added: Vec<&str> = Vec::new();
    for (index, line) in original.split('\n').enumerate() {
        if replaceable.contains(&(index + 1)) {
            continue;
        }
        // In braces, the annotations stand on the line of what is before them, or a comma does.
        let open = line.trim_end_matches([' ', '\r', ',', '}']);
        let found = new.by_ref().find(|other| {
            let is_longer = line.contains(['{', '}', '"']) && other.starts_with(open);
            let is_same = *other == line || is_longer || other.trim_end_matches(',') == line;
            if !is_same {
                added.push(other);
            }
            is_same
        });
        assert!(found.is_some(), "line {} is gone: {line}\n{sealed}", index + 1);
    }
    added.extend(new);
    for line in added {
        let text = line.trim();
        let is_ours = text.contains("ks1.") || text.contains("kseal.dev/");
        let is_frame = text.contains("annotations") || !text.contains(|char: char| char.is_alphanumeric());
        let is_comment = text.contains('#');
        let was_there = original.contains(text);
        assert!(is_ours || is_frame || is_comment || was_there, "a line that nobody asked for: {line}");
    }
}

/// The lines that hold a value, managedFields or what a client last applied.
fn replaceable_lines(text: &str, manifest: &Manifest) -> BTreeSet<usize> {
    let lines: Vec<&str> = text.split('\n').collect();
    let objects = manifest.objects();
    let mut replaceable = BTreeSet::new();
    for object in objects.iter().filter(|object| object.kind == "Secret") {
        let start = object.node.location().line;
        let marker = lines.iter().skip(start).position(|line| line.starts_with("---") || line.starts_with("..."));
        let next = objects.iter().map(|it| it.node.location().line).filter(|line| *line > start).min();
        let end = marker.map_or(lines.len(), |marker| start + marker).min(next.map_or(usize::MAX, |next| next - 1));
        let values: Vec<&str> = entries(object).iter().filter_map(|(_, entry)| entry.value().as_str()).collect();
        for field in ["data", "stringData"] {
            let Some((_, end)) = extent(object.node, field, end) else { continue };
            let node = object.node.get(field).expect("it has an extent");
            for entry in node.entries() {
                let (from, to) = extent(node, entry.key(), end).expect("an entry");
                let is_comment = |line: &usize| {
                    let text = lines[line - 1].trim();
                    text.starts_with('#') && !values.iter().any(|value| value.contains(text))
                };
                replaceable.extend((from..=to).filter(|line| !is_comment(line)));
            }
        }
        let Some((_, end)) = extent(object.node, "metadata", end) else { continue };
        let metadata = object.node.get("metadata").expect("it has an extent");
        replaceable.extend(extent(metadata, "managedFields", end).into_iter().flat_map(|(from, to)| from..=to));
        let Some((from, end)) = extent(metadata, "annotations", end) else { continue };
        let annotations = metadata.get("annotations").expect("it has an extent");
        let is_copy = |entry: &&Entry| entry.key().ends_with("last-applied-configuration");
        if annotations.entries().all(|entry| is_copy(&entry)) {
            replaceable.extend(from..=end);
        }
        for copy in annotations.entries().filter(is_copy) {
            replaceable.extend(extent(annotations, copy.key(), end).into_iter().flat_map(|(from, to)| from..=to));
        }
    }
    replaceable
}

/// The lines of an entry: up to the next one and its comments, or to the end of what both stand in.
fn extent(node: &Node, key: &str, end: usize) -> Option<(usize, usize)> {
    let from = node.entry(key)?.key_location().line;
    let later = node.entries().filter(|entry| entry.key_location() > node.entry(key).expect("it").key_location());
    let next = later.map(|entry| entry.key_location().line - entry.comments().lead.len()).min();
    Some((from, next.map_or(end, |next| (next - 1).max(from)).min(end.max(from))))
}

/// No value of six octets or more, and no long line of one, stands anywhere; nor its base64.
fn nothing_in_plain_sight(name: &str, original: &Manifest, sealed: &str) {
    for object in secrets(original) {
        for (field, entry) in entries(&object) {
            let value = octets(field, entry);
            let Ok(text) = std::str::from_utf8(&value) else { continue };
            if value.len() < 6 || REPEATED.contains(&(name, text)) {
                continue;
            }
            let key = entry.key();
            assert!(!sealed.contains(text), "the value of {key} stands in the output: {text}");
            assert!(!sealed.contains(&encode_base64(&value)), "the base64 of {key} stands in the output");
            for line in text.lines().filter(|line| line.len() >= 20) {
                assert!(!sealed.contains(line), "a line of {key} stands in the output: {line}");
            }
        }
    }
}
