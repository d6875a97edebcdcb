//! What the admission policy refuses.

use anyhow::{Context as _, Result, ensure};
use kseal_tests::cluster::{Cluster, run, wait_until};
use serde_json::{Value, json};

use super::{SOON, create, installed, refusal, stored};

const SEALED: &str = "kseal.dev/sealed";

fn secret(namespace: &str, name: &str, annotations: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"namespace": namespace, "name": name, "annotations": annotations},
        "stringData": {"password": "ks1.daaaaaaaaaaaaaaaa.AAAA"},
    })
}

/// The namespace of a sealed Secret that was there before the policy.
const BEFORE: &str = "before-the-policy";

pub(super) async fn prepare(cluster: &Cluster) -> Result<()> {
    cluster.kubectl(["create", "namespace", BEFORE]).run().await?;
    let mut object = secret(BEFORE, "db", &json!({SEALED: "{}"}));
    object["metadata"]["finalizers"] = json!(["kseal.dev/test"]);
    create(cluster, &object).await?;
    Ok(())
}

/// A policy that was just made is not yet asked.
async fn enforced(cluster: &Cluster, namespace: &str) -> Result<()> {
    let object = secret(namespace, "probe", &json!({SEALED: "{}"})).to_string();
    wait_until("the policy is asked", SOON, || async {
        let arguments = ["create", "--dry-run=server", "-f", "-"];
        let output = cluster.kubectl(arguments).stdin(&object).output().await?;
        ensure!(!output.status.success());
        Ok(())
    })
    .await
}

#[test]
fn a_secret_that_is_sealed_in_place_is_refused_with_what_to_do_and_any_other_is_not() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("in-place").await?;
        enforced(cluster, &namespace).await?;
        let sealed = secret(&namespace, "db", &json!({SEALED: "{\"scope\":\"Strict\"}"}));
        let said = refusal(cluster, &sealed).await?;
        ensure!(said.contains("kseal decrypt FILE | kubectl apply -f -") && !said.contains("ks1."), "{said}");

        let written = include_str!("../../../cli/tests/cmd/fixtures/sealed/in-place.yaml");
        let written = written.replace("namespace: prod", &format!("namespace: {namespace}"));
        let output = cluster.kubectl(["create", "-f", "-"]).stdin(&written).output().await?;
        let said = String::from_utf8(output.stderr)?;
        ensure!(said.contains("this Secret is sealed in place"), "what `kseal encrypt` writes: {said}");

        create(cluster, &secret(&namespace, "none", &json!(null))).await?;
        create(cluster, &secret(&namespace, "other", &json!({"kseal.dev/managed": "true"}))).await?;
        let annotate = ["-n", &namespace, "annotate", "secret", "none", "kseal.dev/sealed={}"];
        let output = cluster.kubectl(annotate).output().await?;
        ensure!(!output.status.success(), "an annotation made a Secret sealed");
        cluster.kubectl(["-n", &namespace, "annotate", "secret", "none", "other=annotation"]).run().await?;
        Ok(())
    });
}

/// Else nobody could label it, and the garbage collector could not take its finalizer off.
#[test]
fn one_that_is_there_already_can_be_labelled_and_deleted_but_not_filled() {
    run(async {
        let cluster = installed().await?;
        let namespace = BEFORE;
        enforced(cluster, namespace).await?;
        cluster.kubectl(["-n", namespace, "label", "secret", "db", "a=b"]).run().await?;
        let fill = json!({"stringData": {"password": "other"}}).to_string();
        let output = cluster.kubectl(["-n", namespace, "patch", "secret", "db", "-p", &fill]).output().await?;
        ensure!(!output.status.success(), "its values could be changed");
        cluster.kubectl(["-n", namespace, "delete", "secret", "db", "--wait=false"]).run().await?;
        let finalizers = json!({"metadata": {"finalizers": null}}).to_string();
        cluster.kubectl(["-n", namespace, "patch", "secret", "db", "--type=merge", "-p", &finalizers]).run().await?;
        let gone = stored(cluster, namespace, "secret", "db").await;
        ensure!(gone.err().context("it is still there")?.to_string().contains("NotFound"));
        Ok(())
    });
}
