//! What documents say of `deploy/`.

use std::{collections::BTreeSet, fs};

use kseal_tests::document::{Step, is_excerpt, steps};

use super::{documents, folder};

#[test]
fn what_is_shown_as_an_example_is_what_is_installed() {
    let mut files = BTreeSet::new();
    for step in steps("docs/hardening.md").unwrap() {
        let Step::Excerpt { line, file, text } = step else { panic!("{step:?} is no excerpt") };
        let whole = fs::read_to_string(folder().join("..").join(&file)).unwrap();
        assert!(is_excerpt(&text, &whole), "docs/hardening.md:{line} is not in {file}:\n{text}");
        files.insert(file);
    }
    assert_eq!(files.len(), 6, "{files:?}");
}

/// Of each file below `components/` its kustomization tells how it is switched on, and `docs/operate.md` that there is one.
#[test]
fn every_component_is_told_of() {
    let document = fs::read_to_string(folder().join("../docs/operate.md")).unwrap();
    for entry in fs::read_dir(folder().join("components")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(document.contains(&name), "{name}");
        let kustomization = fs::read_to_string(path.join("kustomization.yaml")).unwrap();
        assert!(kustomization.contains(&format!("components: [../deploy/components/{name}]")), "{name}");
        assert_eq!(documents(&path.join("kustomization.yaml"))[0]["kind"], "Component");
    }
}
