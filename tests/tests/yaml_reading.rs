//! What kseal reads is what kubectl reads: the whole corpus, compared with `sigs.k8s.io/yaml` behind kubectl's own
//! splitting into documents.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use kseal_manifest::Manifest;
use serde_json::Value;

/// Files that kubectl reads otherwise, each with what kseal does instead. `tests/corpus/README.md` says why.
const EXCEPTIONS: &[(&str, Expected)] = &[
    ("bom-inside.yaml", Expected::Refused),
    ("directive.yaml", Expected::Documents(1)),
    ("marker-comment-attached.yaml", Expected::Refused),
    ("marker-content.yaml", Expected::Documents(2)),
    ("marker-end-alone.yaml", Expected::Documents(2)),
    ("marker-tag.yaml", Expected::Documents(1)),
    ("tags.yaml", Expected::Refused),
    ("unicode-line-breaks.yaml", Expected::Refused),
    ("utf16.yaml", Expected::Refused),
];

#[derive(Debug, PartialEq, Eq)]
enum Expected {
    /// An error that names a place, and nothing is changed.
    Refused,
    /// So many documents.
    Documents(usize),
}

#[test]
fn every_file_of_the_corpus_is_read_as_kubectl_reads_it() {
    let files = corpus();
    assert!(files.len() > 100, "the corpus is not where it should be");
    let judged = judge(&files);
    let mut differences = Vec::new();
    for file in &files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let read = read(file);
        if let Some((_, expected)) = EXCEPTIONS.iter().find(|(exception, _)| *exception == name) {
            let found = read.as_ref().map_or(Expected::Refused, |it| Expected::Documents(it.len()));
            if found != *expected {
                differences.push(format!("{name}: {found:?} where {expected:?} is the exception"));
            }
        } else {
            let kubectl = &judged[file];
            if read.as_ref() != Some(kubectl) {
                let ours = read.map_or_else(|| "an error".to_owned(), |it| Value::from(it).to_string());
                differences.push(format!("{name}:\n  kseal   {ours}\n  kubectl {}", Value::from(kubectl.clone())));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn corpus() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let folders = ["hand", "tools"].map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let paths = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == "yaml" || it == "json")).collect();
    files.sort();
    files
}

/// What kubectl reads, by file.
fn judge(files: &[PathBuf]) -> BTreeMap<PathBuf, Vec<Value>> {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("yamlreader");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("yamlreader");
    let built = Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(module).status().unwrap();
    assert!(built.success());
    let output = Command::new(program).args(files).output().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    let parsed = lines.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let documents = line["documents"].as_array().cloned().unwrap_or_default();
        (PathBuf::from(line["file"].as_str().unwrap()), documents)
    });
    parsed.collect()
}

/// What kseal reads, `None` if it refuses the file.
fn read(file: &Path) -> Option<Vec<Value>> {
    let text = String::from_utf8(fs::read(file).unwrap()).ok()?;
    let manifest = Manifest::parse(text).ok()?;
    let values = manifest.documents().iter().filter(|it| !it.is_empty()).map(|it| it.root().to_json());
    Some(values.filter(|value| !value.is_null()).collect())
}
