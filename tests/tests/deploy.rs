//! `deploy/` on a real API server: what only it can show.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[path = "deploy/backup.rs"]
mod backup;
#[path = "deploy/definitions.rs"]
mod definitions;
#[path = "deploy/policies.rs"]
mod policies;
#[path = "deploy/removal.rs"]
mod removal;
#[path = "deploy/rights.rs"]
mod rights;
#[path = "deploy/upstream.rs"]
mod upstream;

use std::{fs, process::Command, time::Duration};

use anyhow::{Result, ensure};
use kseal_tests::cluster::{Cluster, run};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// How long the API server may take to learn what it was told.
const SOON: Duration = Duration::from_secs(30);

/// The control plane that these tests share, with all of `deploy/` and upstream's definition.
async fn installed() -> Result<&'static Cluster> {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let cluster = Cluster::shared().await?;
    INSTALLED.get_or_try_init(|| install(cluster)).await?;
    Ok(cluster)
}

async fn install(cluster: &Cluster) -> Result<()> {
    policies::prepare(cluster).await?;
    cluster.kubectl(["apply", "-k", "deploy"]).run().await?;
    cluster.kubectl(["create", "-f", "deploy/crds/bitnami.com_sealedsecrets.yaml"]).run().await?;
    for name in ["sealedsecrets.kseal.dev", "sealedsecrets.bitnami.com"] {
        let definition = format!("customresourcedefinition/{name}");
        cluster.kubectl(["wait", "--for=condition=Established", "--timeout=30s", &definition]).run().await?;
    }
    Ok(())
}

/// A native SealedSecret of this spec. Nothing in it opens.
fn native(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "kseal.dev/v1alpha1", "kind": "SealedSecret",
        "metadata": {"namespace": namespace, "name": name}, "spec": spec,
    })
}

/// Creates it, without the annotation of `kubectl apply`.
async fn create(cluster: &Cluster, object: &Value) -> Result<String> {
    cluster.kubectl(["create", "-f", "-"]).stdin(&object.to_string()).run().await
}

/// What the API server says against it.
async fn refusal(cluster: &Cluster, object: &Value) -> Result<String> {
    let output = cluster.kubectl(["create", "-f", "-"]).stdin(&object.to_string()).output().await?;
    ensure!(!output.status.success(), "it was admitted");
    Ok(String::from_utf8(output.stderr)?)
}

/// An object as it is stored.
async fn stored(cluster: &Cluster, namespace: &str, kind: &str, name: &str) -> Result<Value> {
    Ok(serde_json::from_str(&cluster.kubectl(["-n", namespace, "get", kind, name, "-o", "json"]).run().await?)?)
}

/// Every object of `deploy/`, with the generation of its spec.
async fn generations(cluster: &Cluster) -> Result<Vec<(Value, Value, Value)>> {
    let all: Value = serde_json::from_str(&cluster.kubectl(["get", "-k", "deploy", "-o", "json"]).run().await?)?;
    let items = all["items"].as_array().unwrap().iter();
    Ok(items
        .map(|it| (it["kind"].clone(), it["metadata"]["name"].clone(), it["metadata"]["generation"].clone()))
        .collect())
}

/// `kubectl` says `configured` of lists that it cannot compare; whether they changed is told by their generation.
#[test]
fn all_of_it_is_accepted_and_a_second_time_changes_nothing() {
    run(async {
        let cluster = installed().await?;
        let before = generations(cluster).await?;
        ensure!(before.len() > 15, "{before:?}");
        cluster.kubectl(["apply", "-k", "deploy"]).run().await?;
        let after = generations(cluster).await?;
        ensure!(before == after, "{before:?}\n{after:?}");
        Ok(())
    });
}

#[test]
fn its_pod_is_admitted_in_a_namespace_of_the_strictest_standard() {
    run(async {
        let cluster = installed().await?;
        let deployment = stored(cluster, "kseal-system", "deployment", "kseal-controller").await?;
        let mut pod = deployment["spec"]["template"].clone();
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        pod["metadata"]["namespace"] = json!("kseal-system");
        pod["metadata"]["name"] = json!("probe");
        create(cluster, &pod).await?;
        pod["spec"]["containers"][0]["securityContext"]["capabilities"] = json!(null);
        let said = refusal(cluster, &pod).await?;
        ensure!(said.contains("violates PodSecurity \"restricted"), "{said}");
        Ok(())
    });
}

#[test]
fn the_variants_are_accepted_too() {
    run(async {
        let cluster = installed().await?;
        for team in ["team-a", "team-b"] {
            cluster.kubectl(["create", "namespace", team]).run().await?;
        }
        for variant in ["deploy/sealed-secrets", "deploy/namespaced"] {
            cluster.kubectl(["apply", "--dry-run=server", "-k", variant]).run().await?;
        }
        Ok(())
    });
}

/// A kustomization of one's own, as `docs/operate.md` has it.
#[test]
fn the_image_is_named_and_monitoring_added_from_outside() {
    run(async {
        let cluster = Cluster::shared().await?;
        let folder = tempfile::tempdir()?;
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy");
        let copied = Command::new("cp").arg("-r").arg(source).arg(folder.path().join("deploy")).status()?;
        ensure!(copied.success(), "cannot copy deploy/");
        let own = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [deploy]\n\
                   components: [deploy/components/monitoring]\n\
                   images:\n- {name: kseal-controller, newName: registry.example/kseal-controller, newTag: other}\n";
        fs::write(folder.path().join("kustomization.yaml"), own)?;
        let all = cluster.kubectl(["kustomize", folder.path().to_str().unwrap()]).run().await?;
        for wanted in ["image: registry.example/kseal-controller:other", "kind: ServiceMonitor", "kind: PrometheusRule"]
        {
            ensure!(all.contains(wanted), "no {wanted} in: {all}");
        }
        ensure!(all.matches("kind: NetworkPolicy").count() == 2, "{all}");
        Ok(())
    });
}
