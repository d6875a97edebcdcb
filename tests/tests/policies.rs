//! The admission policies of `deploy/` on a real API server: who may ask for what, and who may not.

#[path = "policies/asking.rs"]
mod asking;
#[path = "policies/exemptions.rs"]
mod exemptions;
#[path = "policies/optional.rs"]
mod optional;
#[path = "policies/people.rs"]
mod people;
#[path = "policies/pods.rs"]
mod pods;
#[path = "policies/types.rs"]
mod types;

use std::fs;

use anyhow::{Context as _, Result, ensure};
use kseal_api::names;
use kseal_manifest::Manifest;
use kseal_tests::{
    cluster::{Cluster, Part, run, wait_until},
    site::{Objects, SOON},
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::people::{WRITES, user};

/// The policies that ask who asks, with what each asks of one who has no right but to write the sealed kinds.
const ASKING: [&str; 4] = [
    "kseal-service-account-tokens",
    "kseal-image-pull-secrets",
    "kseal-cluster-sealed-secrets",
    "kseal-forbidden-types",
];

/// The control plane that these tests share, with all of `deploy/` and the kind of sealed-secrets.
async fn installed() -> Result<&'static Cluster> {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let cluster = Cluster::shared().await?;
    INSTALLED.get_or_try_init(|| install(cluster, "deploy")).await?;
    Ok(cluster)
}

/// Installs a folder, and waits until every policy is asked.
async fn install(cluster: &Cluster, folder: &str) -> Result<()> {
    cluster.kubectl(["create", "-f", "deploy/crds/bitnami.com_sealedsecrets.yaml"]).run().await?;
    cluster.install(folder).await?;
    // It looks for new kinds twice a minute, and collects no garbage of those that it has not found.
    cluster.restart(Part::ControllerManager).await?;
    let nobody = user(cluster, None, "nobody", WRITES).await?;
    let namespace = cluster.namespace("probe").await?;
    let pulls = json!({"scope": "Strict", "imagePullSecret": {"serviceAccounts": {"all": true}}});
    let probes = [
        token(&namespace, "probe", "Bound"),
        native(&namespace, "probe", &pulls),
        everywhere("probe", &json!({})),
        native(&namespace, "probe", &typed("bootstrap.kubernetes.io/token")),
    ];
    for (policy, probe) in ASKING.iter().zip(probes) {
        wait_until(&format!("{policy} is asked"), SOON, || async {
            let admitted = nobody.create(&probe).await;
            if admitted.is_ok() {
                nobody.delete(&kseal_tests::site::path(&probe)).await?;
            }
            refused(admitted, policy)
        })
        .await?;
    }
    Ok(())
}

/// That it was refused, by these words.
fn refused(outcome: Result<Value>, words: &str) -> Result<()> {
    let error = format!("{:?}", outcome.err().context("it was admitted")?);
    ensure!(error.contains(words), "{error}");
    Ok(())
}

fn object(kind: &str, metadata: &Value, spec: &Value) -> Value {
    let version = if kind == "bitnami" { names::UPSTREAM_API_VERSION } else { names::API_VERSION };
    let kind = if kind == "bitnami" { names::SEALED_SECRET } else { kind };
    json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
}

fn token(namespace: &str, name: &str, mode: &str) -> Value {
    let spec = json!({"serviceAccountName": "default", "mode": mode});
    object(names::SERVICE_ACCOUNT_TOKEN, &json!({"namespace": namespace, "name": name}), &spec)
}

/// A native SealedSecret. Nothing in it opens.
fn native(namespace: &str, name: &str, spec: &Value) -> Value {
    object(names::SEALED_SECRET, &json!({"namespace": namespace, "name": name}), spec)
}

/// One of sealed-secrets, with that template.
fn upstream(namespace: &str, name: &str, template: &Value) -> Value {
    let spec = json!({"encryptedData": {}, "template": template});
    object("bitnami", &json!({"namespace": namespace, "name": name}), &spec)
}

/// A ClusterSealedSecret for all namespaces.
fn everywhere(name: &str, spec: &Value) -> Value {
    let mut spec = spec.clone();
    spec["namespaceSelector"] = json!({});
    object(names::CLUSTER_SEALED_SECRET, &json!({"name": name}), &spec)
}

/// The spec of a native object that asks for a Secret of that type.
fn typed(type_: &str) -> Value {
    json!({"scope": "Strict", "template": {"type": type_}})
}

/// A policy, or the binding of its name.
fn policy(collection: &str, name: &str) -> String {
    format!("/apis/admissionregistration.k8s.io/v1/{collection}/{name}")
}

/// The controller compares what is in force with the files, so the API server may not add anything.
#[test]
fn what_is_stored_is_what_the_files_say() {
    run(async {
        let cluster = installed().await?;
        let objects = Objects::new(cluster.admin().await?);
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/policies");
        let mut compared = 0;
        for file in fs::read_dir(folder)? {
            let manifest = Manifest::parse(fs::read_to_string(file?.path())?).unwrap();
            for wanted in manifest.documents().iter().map(|document| document.root().to_json()) {
                let collection = match wanted["kind"].as_str() {
                    Some("ValidatingAdmissionPolicy") => "validatingadmissionpolicies",
                    Some("ValidatingAdmissionPolicyBinding") => "validatingadmissionpolicybindings",
                    _ => continue,
                };
                let name = wanted["metadata"]["name"].as_str().context("a name")?;
                let found = objects.get(&policy(collection, name)).await?;
                ensure!(found["spec"] == wanted["spec"], "{name}: {:#}\nis not\n{:#}", found["spec"], wanted["spec"]);
                // What the API server finds wrong with an expression it says there.
                ensure!(
                    found["status"]["typeChecking"]["expressionWarnings"].is_null(),
                    "{name}: {:#}",
                    found["status"]
                );
                compared += 1;
            }
        }
        ensure!(compared >= 12, "{compared}");
        Ok(())
    });
}
