//! `deploy/crds/`, written from the definitions in `kseal-api`.

use std::fs;

use anyhow::{Context as _, Result, anyhow, ensure};
use kseal_api::crd::{Definition, definitions};
use kseal_manifest::{Manifest, Style, Tree, render};

use crate::run::below_root;

const FOLDER: &str = "deploy/crds";

/// Writes each definition.
pub(crate) fn write() -> Result<()> {
    for definition in definitions() {
        let name = format!("{FOLDER}/{}", definition.file);
        fs::write(below_root(&name), text(&definition)?).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(())
}

/// Compares each definition with what is there.
pub(crate) fn check() -> Result<()> {
    for definition in definitions() {
        let name = format!("{FOLDER}/{}", definition.file);
        let found = fs::read_to_string(below_root(&name)).with_context(|| format!("cannot read {name}"))?;
        ensure!(found == text(&definition)?, "{name} is not what `cargo xtask generate` writes");
    }
    Ok(())
}

/// The definition as YAML, below its preamble.
fn text(definition: &Definition) -> Result<String> {
    let json = Manifest::parse(definition.object.to_string()).map_err(|error| anyhow!("{error}"))?;
    let document = json.documents().first().context("a definition is one document")?;
    let yaml = render(&Tree::from(document.root()), Style::Yaml);
    let comment = definition.preamble.replace('\n', "\n# ");
    Ok(format!("# Written by `cargo xtask generate` from crates/kseal-api/src/crd.rs.\n# {comment}\n{}", *yaml))
}
