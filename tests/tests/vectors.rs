//! The vectors of `tests/vectors/`, judged by kseal and by the second implementation, and made anew.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use kseal_tests::{reader, vector::Vector, vectors};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// All vectors by the name of their file.
fn all() -> BTreeMap<String, Vector> {
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let vector = Vector::parse(&fs::read_to_string(&path).unwrap());
        (name.clone(), vector.map_err(|fault| format!("{name}: {fault}")).unwrap())
    };
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.file_name().unwrap() != "README.md").map(read).collect()
}

#[test]
fn kseal_agrees_with_every_vector() {
    let mut faults = Vec::new();
    for (name, vector) in all() {
        let got = match reader::read(&vector) {
            Ok(contents) if contents == vector.contents => "opens".to_owned(),
            Ok(_) => "other contents".to_owned(),
            Err(class) => class.to_string(),
        };
        if got != vector.expect {
            faults.push(format!("{name} ({}): {got}, not {}", vector.case, vector.expect));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_vectors_show_every_class_of_every_format_that_has_it() {
    let shown: BTreeSet<(String, String)> = all().into_values().map(|vector| (vector.format, vector.expect)).collect();
    let classes = |format: &str| -> Vec<&str> {
        shown.iter().filter(|(of, _)| of == format).map(|(_, class)| class.as_str()).collect()
    };
    let sealed = ["malformed", "no-key", "open", "opens", "unsupported"];
    assert_eq!(classes("native"), sealed);
    assert_eq!(classes("in-place"), sealed);
    assert_eq!(classes("sealed-secrets"), sealed);
    assert_eq!(classes("bundle"), ["malformed", "open", "opens"]);
    assert_eq!(classes("key"), ["malformed", "opens"]);
    assert_eq!(shown.iter().map(|(format, _)| format).collect::<BTreeSet<_>>().len(), 5, "a format of its own");
}

#[test]
fn no_two_vectors_show_the_same() {
    let mut cases = BTreeMap::new();
    for (name, vector) in all() {
        assert!(name.starts_with(&format!("{}-", vector.format)), "{name} is not named for its format");
        if let Some(other) = cases.insert((vector.format, vector.case), name.clone()) {
            panic!("{name} and {other} are described in the same words");
        }
    }
}

#[test]
fn the_files_are_those_that_the_generator_makes() {
    let differences = vectors::differences(&folder()).unwrap();
    assert!(differences.is_empty(), "run `cargo run -p kseal-tests --bin vectors`:\n{}", differences.join("\n"));
}

#[test]
fn the_check_says_what_differs_is_missing_or_is_extra() {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("vectors-copy");
    vectors::write(&copy).unwrap();
    assert_eq!(vectors::differences(&copy).unwrap(), Vec::<String>::new());
    fs::write(copy.join("native-strict.txt"), "case: other\n").unwrap();
    fs::remove_file(copy.join("key-x-wing.txt")).unwrap();
    fs::write(copy.join("native-planted.txt"), "").unwrap();
    let expected = ["missing: key-x-wing.txt", "differs: native-strict.txt", "extra: native-planted.txt"];
    assert_eq!(vectors::differences(&copy).unwrap(), expected);
    vectors::write(&copy).unwrap();
    assert!(vectors::differences(&copy).unwrap().is_empty());
}

#[test]
fn the_second_implementation_agrees_with_every_vector() {
    let reader = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reader");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("reader");
    let built = Command::new("go").args(["build", "-o"]).arg(&reader).arg(".").current_dir(source).status().unwrap();
    assert!(built.success(), "the reader does not build");
    let output = Command::new(&reader).arg(folder()).output().unwrap();
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let faults: Vec<String> =
        lines.iter().filter(|line| line["got"] != line["expect"]).map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let judged: BTreeSet<&str> = lines.iter().map(|line| line["file"].as_str().unwrap()).collect();
    assert_eq!(judged, all().keys().map(String::as_str).collect());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
