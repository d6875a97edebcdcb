//! The digests by which the controller knows the admission policies of `deploy/policies`. They are computed here, since
//! `kseal-core` may not know YAML.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use kseal_api::names;
use kseal_core::policy::{Policy, digest};
use kseal_manifest::Manifest;
use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/policies");
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/kseal-core/src/policy/expected.txt");
const HEAD: &str = "\
# Digests of the admission policies that the controller relies on, each with its binding.
# Of this release, written by `cargo xtask generate` from deploy/policies:
";
/// From here on nothing is written.
const LAST: &str = "# Of the last release, kept by hand:\n";

/// Writes what is of this release.
///
/// # Errors
/// A policy is not there as it should be.
pub fn write() -> Result<()> {
    fs::write(FILE, wanted()?).context(FILE)
}

/// Whether it is written as it should be.
///
/// # Errors
/// A policy is not there as it should be.
pub fn is_written() -> Result<bool> {
    Ok(fs::read_to_string(FILE)? == wanted()?)
}

fn wanted() -> Result<String> {
    let before = fs::read_to_string(FILE).context(FILE)?;
    let (_, last) = before.split_once(LAST).with_context(|| format!("{FILE} has no line {LAST}"))?;
    let mut text = HEAD.to_owned();
    for policy in Policy::ALL {
        let found = find(policy.name())?;
        let digest = digest(&found[0], &found[1], names::SYSTEM_NAMESPACE);
        text.extend([policy.name(), " ", &digest, "\n"]);
    }
    Ok(text + LAST + last)
}

/// The specs of a policy and of its binding, in the one file that has them.
fn find(name: &str) -> Result<[Value; 2]> {
    let file = name.strip_prefix("kseal-").unwrap_or(name);
    let path = Path::new(FOLDER).join(file).with_extension("yaml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let manifest = Manifest::parse(text).with_context(|| path.display().to_string())?;
    let documents: Vec<Value> = manifest.documents().iter().map(|document| document.root().to_json()).collect();
    let of = |kind: &str| -> Result<Value> {
        let found: Vec<&Value> = documents.iter().filter(|it| it["kind"] == kind).collect();
        ensure!(found.len() == 1 && found[0]["metadata"]["name"] == name, "{}: one {kind} {name}", path.display());
        Ok(found[0]["spec"].clone())
    };
    Ok([of("ValidatingAdmissionPolicy")?, of("ValidatingAdmissionPolicyBinding")?])
}
