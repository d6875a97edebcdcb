//! The CustomResourceDefinitions that a cluster installs, as values: `cargo xtask generate` writes them to `deploy/crds/`.
//!
//! A schema refuses what can be refused before anything is stored: wrong shapes, and counts beyond the reader's limits.
//! What the texts mean stays the reader's affair. No field has a default, so what is stored is what was applied, and no
//! rule's message repeats a value, because what stands where a sealed value belongs may be plaintext.

mod cluster;
mod native;
mod rewrap;
mod token;
mod upstream;

use serde_json::{Value, json};

use crate::names;

/// The most items of one object.
pub const MAX_ITEMS: usize = 4_096;
/// The most data keys of one object.
pub const MAX_DATA_KEYS: usize = 64;
/// The most wraps of one object, over all data keys.
pub const MAX_WRAPS: usize = 256;
/// The longest text of an object as compact JSON, and so of any value in it.
pub const MAX_TEXT: usize = 1_400_000;

/// So many namespaces are named with what is wrong in them.
pub const MAX_FAILURES: usize = 16;

/// One definition and the file that holds it.
pub struct Definition {
    /// The name of the file below `deploy/crds/`.
    pub file: &'static str,
    /// What a reader of the file should know first; lines without a `#`.
    pub preamble: &'static str,
    /// A `CustomResourceDefinition` of `apiextensions.k8s.io/v1`.
    pub object: Value,
}

/// Every definition.
#[must_use]
pub fn definitions() -> Vec<Definition> {
    vec![
        Definition {
            file: "kseal.dev_sealedsecrets.yaml",
            preamble: "SealedSecret of kseal.dev. Deleting this definition deletes every SealedSecret, and with each its Secret.",
            object: definition(names::GROUP, NAMESPACED, &sealed_secrets(&["kss"]), &native::version()),
        },
        Definition {
            file: "kseal.dev_clustersealedsecrets.yaml",
            preamble: "ClusterSealedSecret: one sealed Secret in many namespaces. Deleting this definition deletes every one, and each of its\n\
                       Secrets. Served by controllers with --cluster-sealed-secrets.",
            object: definition(names::GROUP, "Cluster", &cluster::names(), &cluster::version()),
        },
        Definition {
            file: "kseal.dev_serviceaccounttokens.yaml",
            preamble: "ServiceAccountToken: a token in a Secret. Deleting this definition deletes every one, and with each its token.\n\
                       Served by controllers with --service-account-tokens.",
            object: definition(names::GROUP, NAMESPACED, &token::names(), &token::version()),
        },
        Definition {
            file: "kseal.dev_rewraprequests.yaml",
            preamble: "RewrapRequest: a question that is answered once and goes. Answered by controllers with --rewrap-requests.",
            object: definition(names::GROUP, NAMESPACED, &rewrap::names(), &rewrap::version()),
        },
        Definition {
            file: "bitnami.com_sealedsecrets.yaml",
            preamble: "SealedSecret of bitnami.com, for clusters that do not have it from sealed-secrets already: create it,\n\
                       never apply it over another. It accepts all that sealed-secrets' own definition accepts.",
            object: definition(names::UPSTREAM_GROUP, NAMESPACED, &sealed_secrets(&[]), &upstream::version()),
        },
    ]
}

/// Both groups name theirs `sealedsecrets`, so the native one has a short name that is its alone.
fn sealed_secrets(short_names: &[&str]) -> Value {
    let mut kinds = json!({
        "kind": names::SEALED_SECRET,
        "listKind": "SealedSecretList",
        "plural": "sealedsecrets",
        "singular": "sealedsecret",
    });
    if !short_names.is_empty() {
        kinds["shortNames"] = json!(short_names);
    }
    kinds
}

const NAMESPACED: &str = "Namespaced";

fn definition(group: &str, scope: &str, kinds: &Value, version: &Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{}.{group}", kinds["plural"].as_str().unwrap_or_default()),
            "labels": { "app.kubernetes.io/name": "kseal", "app.kubernetes.io/part-of": "kseal" },
            "annotations": {
                // A definition that a GitOps tool removes takes every Secret with it.
                "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
                "kustomize.toolkit.fluxcd.io/prune": "disabled",
            },
        },
        "spec": { "group": group, "names": kinds, "scope": scope, "versions": [version] },
    })
}

/// The schema of a whole object of a kind.
fn object(kind: &str, description: &str, spec: &Value, status: &Value) -> Value {
    json!({
        "description": description,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": { "type": "string", "description": "The version of the schema of this object." },
            "kind": { "type": "string", "description": format!("{kind}.") },
            "metadata": { "type": "object" },
            "spec": spec,
            "status": status,
        },
    })
}
