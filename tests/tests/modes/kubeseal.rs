//! `deploy/sealed-secrets`: people go on with kubeseal, and need not know what runs.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use kseal_api::names;
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    site::{Case, SOON, Site},
};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::program::kubeseal;

/// The label by which upstream finds its keys.
const KEYS: &str =
    "/api/v1/namespaces/kube-system/secrets?labelSelector=sealedsecrets.bitnami.com%2Fsealed-secrets-key";

async fn sealed(program: &Path, arguments: &[&str], secret: &Value) -> Result<Value> {
    let mut command = Command::new(program);
    command.args(["--format", "json", "--kubeconfig", "/nonexistent"]).args(arguments);
    let input = secret.to_string();
    let output = spawn_blocking(move || {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        child.stdin.take().context("no stdin")?.write_all(input.as_bytes())?;
        anyhow::Ok(child.wait_with_output()?)
    })
    .await??;
    ensure!(output.status.success(), "kubeseal: {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[test]
fn what_kubeseal_seals_with_the_served_certificate_opens() {
    run(async {
        let program = spawn_blocking(kubeseal).await?;
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, "deploy/sealed-secrets").await?;
        let controller = site.installation.start(&ControllerOptions::default()).await?;
        controller.wait_ready().await?;
        let certificate = wait_until("it has a certificate", 2 * SOON, || controller.get("/v1/cert.pem")).await?;
        ensure!(certificate.matches("-----BEGIN CERTIFICATE-----").count() == 1, "{certificate}");
        let keys = site.objects.get(KEYS).await?;
        let [key] = keys["items"].as_array().context("no list")?.as_slice() else {
            anyhow::bail!("more than one key: {keys}");
        };
        let name = key["metadata"]["name"].as_str().unwrap_or_default();
        ensure!(name.starts_with("sealed-secrets-key"), "{name}");
        ensure!(key["type"] == "kubernetes.io/tls" && !key["data"]["tls.crt"].is_null(), "no key of upstream's form");
        ensure!(key["metadata"]["labels"][names::UPSTREAM_KEY] == "active");

        let url = format!("{}/v1/cert.pem", controller.address());
        let namespace = cluster.namespace("prod").await?;
        for (index, scope) in ["strict", "namespace-wide", "cluster-wide"].into_iter().enumerate() {
            let case =
                Case { site: &site, group: Group::Upstream, namespace: namespace.clone(), name: scope.to_owned() };
            let secret = json!({
                "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/basic-auth",
                "metadata": {"namespace": namespace, "name": scope, "labels": {"app": "db"}, "annotations": {"team": "a"}},
                "stringData": {"username": "admin", "password": "hunter2"},
            });
            let object = sealed(&program, &["--cert", &url, "--scope", scope], &secret).await?;
            site.objects.create(&object).await?;
            let made = case.holds(&[("username", "admin"), ("password", "hunter2")]).await?;
            ensure!(made["type"] == secret["type"], "{made}");
            let (is, was) = (&made["metadata"], &secret["metadata"]);
            ensure!(is["labels"] == was["labels"] && is["annotations"]["team"] == "a", "{is}");
            // What has a wider scope opens where that scope reaches, and nowhere else.
            let mut copy = object;
            copy["metadata"]["name"] = json!(format!("copy-{index}"));
            site.objects.create(&copy).await?;
            let copy = case.named(&format!("copy-{index}"));
            if scope == "strict" {
                let message = copy.wrong("CannotOpen").await?;
                ensure!(message == "no key could decrypt secret (password, username)", "{message}");
            } else {
                copy.right().await?;
            }
        }
        Ok(())
    });
}

/// kubeseal asks for the Service, takes the name of its first port, and goes through the API server's proxy.
#[test]
fn kubeseal_finds_the_service_where_upstream_has_it_and_everyone_may_go_through_it() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let kseal = cluster.install("deploy/sealed-secrets").await?;
        let anyone = cluster.user("somebody", &[])?;
        let get = ["-n", "kube-system", "get", "service", "sealed-secrets-controller", "-o", "json"];
        let service: Value = serde_json::from_str(&cluster.kubectl(get).kubeconfig(&anyone).run().await?)?;
        let port = &service["spec"]["ports"][0];
        ensure!(port["name"].is_null() && port["port"] == 8080, "{service}");
        ensure!(kseal.pod()["metadata"]["labels"]["app.kubernetes.io/name"] == "kseal-controller");
        ensure!(service["spec"]["selector"] == json!({"app.kubernetes.io/name": "kseal-controller"}), "{service}");
        for (verb, allowed) in [("get", true), ("create", false)] {
            let resource = "services/http:sealed-secrets-controller:";
            let can = ["-n", "kube-system", "auth", "can-i", verb, resource, "--subresource=proxy", "--quiet"];
            let output = cluster.kubectl(can).kubeconfig(&anyone).output().await?;
            ensure!(output.status.success() == allowed, "{verb}: {}", output.status);
        }
        Ok(())
    });
}
