//! Which crate may use which, and what none below `crates/` may pull in.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::run::{cargo, output, run, say};

/// Each package of the workspace with those that it may use. Dev-dependencies count too.
const ALLOWED: &[(&str, &[&str])] = &[
    ("kseal-crypto", &[]),
    ("kseal-api", &[]),
    ("kseal-manifest", &[]),
    ("kseal-core", &["kseal-api", "kseal-crypto"]),
    ("xtask", &["kseal-api", "kseal-manifest"]),
    ("kseal", &["kseal-api", "kseal-core", "kseal-crypto", "kseal-manifest"]),
    ("kseal-controller", &["kseal-api", "kseal-core", "kseal-crypto"]),
    ("kseal-tests", &["kseal", "kseal-api", "kseal-controller", "kseal-core", "kseal-crypto", "kseal-manifest"]),
];

/// Nothing below `crates/` talks to a network.
const CLIENTS: &[&str] =
    &["curl", "hyper", "hyper-util", "kube", "kube-client", "native-tls", "reqwest", "rustls", "tokio", "ureq"];

/// Checks edges and clients, and that each package compiles alone: features of one must not hide what another lacks.
pub(crate) fn check() -> Result<Vec<String>> {
    let metadata = output(cargo().args(["metadata", "--format-version", "1", "--all-features"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = packages(&metadata)?;
    let mut findings = Vec::new();
    for package in packages.values().filter(|package| package.is_member) {
        findings.extend(unallowed(package));
        if package.is_below_crates {
            findings.extend(clients(package, &packages));
        }
    }
    for (name, _) in ALLOWED {
        say(format!("tidy: checking {name} alone"));
        if run(cargo().args(["check", "--quiet", "--all-targets", "--package", name])).is_err() {
            findings.push(format!("{name} does not compile alone"));
        }
    }
    Ok(findings)
}

struct Package {
    name: String,
    is_member: bool,
    is_below_crates: bool,
    /// Names of all direct dependencies, dev-dependencies included.
    declared: BTreeSet<String>,
    /// Ids of what is linked.
    linked: Vec<String>,
}

fn packages(metadata: &Value) -> Result<BTreeMap<String, Package>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let members: BTreeSet<String> = list(&metadata["workspace_members"]).iter().map(text).collect();
    let mut packages = BTreeMap::new();
    for package in list(&metadata["packages"]) {
        let id = text(&package["id"]);
        packages.insert(
            id.clone(),
            Package {
                name: text(&package["name"]),
                is_member: members.contains(&id),
                is_below_crates: text(&package["manifest_path"]).contains("/crates/"),
                declared: list(&package["dependencies"]).iter().map(|it| text(&it["name"])).collect(),
                linked: Vec::new(),
            },
        );
    }
    for node in list(&metadata["resolve"]["nodes"]) {
        let is_linked =
            |dependency: &Value| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].as_str() != Some("dev"));
        let linked = list(&node["deps"]).iter().filter(|it| is_linked(it)).map(|it| text(&it["pkg"])).collect();
        packages.get_mut(&text(&node["id"])).context("a node without a package")?.linked = linked;
    }
    Ok(packages)
}

fn unallowed(package: &Package) -> Vec<String> {
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package.name) else {
        return vec![format!("{} is not in the table of allowed edges", package.name)];
    };
    let ours = package.declared.iter().filter(|name| ALLOWED.iter().any(|(ours, _)| ours == name));
    ours.filter(|name| !allowed.contains(&name.as_str()))
        .map(|name| format!("{} must not know {name}", package.name))
        .collect()
}

fn clients(package: &Package, packages: &BTreeMap<String, Package>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut queue = package.linked.clone();
    while let Some(id) = queue.pop() {
        if seen.insert(id.clone())
            && let Some(package) = packages.get(&id)
        {
            queue.extend(package.linked.iter().cloned());
        }
    }
    let names = seen.iter().filter_map(|id| packages.get(id)).map(|linked| linked.name.as_str());
    names.filter(|name| CLIENTS.contains(name)).map(|name| format!("{} pulls in {name}", package.name)).collect()
}
