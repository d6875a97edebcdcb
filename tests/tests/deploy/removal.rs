//! What goes with a definition, and how it is kept. There is no controller here: ownership is the API server's affair.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kseal_tests::cluster::{Cluster, Options, run, wait_until};
use serde_json::{Value, json};

use super::{create, install, native, stored};

/// The garbage collector looks for new kinds every 30 seconds.
const COLLECTED: Duration = Duration::from_mins(2);
const DEFINITION: &str = "customresourcedefinition/sealedsecrets.kseal.dev";

/// A SealedSecret with a Secret that it owns, as the controller makes it.
async fn owned(cluster: &Cluster, namespace: &str, name: &str) -> Result<()> {
    create(cluster, &native(namespace, name, &json!({"scope": "Strict"}))).await?;
    let owner = stored(cluster, namespace, "kss", name).await?;
    let uid = owner["metadata"]["uid"].as_str().context("no UID")?;
    create(
        cluster,
        &json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"namespace": namespace, "name": name, "ownerReferences": [{
                "apiVersion": "kseal.dev/v1alpha1", "kind": "SealedSecret", "name": name, "uid": uid, "controller": true,
            }]},
        }),
    )
    .await?;
    Ok(())
}

async fn secret(cluster: &Cluster, namespace: &str, name: &str) -> Result<Option<Value>> {
    let text =
        cluster.kubectl(["-n", namespace, "get", "secret", name, "-o", "json", "--ignore-not-found"]).run().await?;
    Ok(if text.is_empty() { None } else { Some(serde_json::from_str(&text)?) })
}

async fn gone(cluster: &Cluster, namespace: &str, name: &str) -> Result<()> {
    wait_until(&format!("the Secret {name} is gone"), COLLECTED, || async {
        ensure!(secret(cluster, namespace, name).await?.is_none());
        Ok(())
    })
    .await
}

/// What `docs/operate.md` says of uninstalling, and its steps.
#[test]
fn a_definition_takes_every_secret_with_it_unless_the_objects_were_deleted_as_orphaning() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        install(&cluster).await?;
        let namespace = cluster.namespace("removal").await?;
        owned(&cluster, &namespace, "alone").await?;
        cluster.kubectl(["-n", &namespace, "delete", "kss", "alone"]).run().await?;
        gone(&cluster, &namespace, "alone").await?;

        // Cascading of the definition itself is about what the definition owns, which is nothing.
        for (name, cascade) in [("with", "--cascade=background"), ("without", "--cascade=orphan")] {
            owned(&cluster, &namespace, name).await?;
            cluster.kubectl(["delete", DEFINITION, cascade]).run().await?;
            gone(&cluster, &namespace, name).await?;
            cluster.kubectl(["apply", "-k", "deploy/crds"]).run().await?;
            cluster.kubectl(["wait", "--for=condition=Established", "--timeout=30s", DEFINITION]).run().await?;
        }

        owned(&cluster, &namespace, "kept").await?;
        let all = ["delete", "sealedsecrets.kseal.dev", "--all", "--all-namespaces", "--cascade=orphan"];
        cluster.kubectl(all).run().await?;
        wait_until("the Secret has no owner", COLLECTED, || async {
            let secret = secret(&cluster, &namespace, "kept").await?.context("it went, too")?;
            ensure!(secret["metadata"].get("ownerReferences").is_none(), "{secret}");
            Ok(())
        })
        .await?;
        cluster.kubectl(["delete", "-k", "deploy", "--timeout=2m"]).run().await?;
        ensure!(secret(&cluster, &namespace, "kept").await?.is_some(), "what was orphaned went after all");
        Ok(())
    });
}
