//! kseal and a real cluster, whose controller publishes keys and opens what is sealed for them.

#[path = "command_line/connections.rs"]
mod connections;

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use kseal_tests::cluster::{Cluster, ControllerOptions, Kubectl, Options, Said, run, wait_until};
use serde_json::Value;

const SOON: Duration = Duration::from_mins(1);

async fn said(run: Kubectl) -> Result<Said> {
    run.said().await
}

fn secret(namespace: &str, name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\nstringData: {{password: hunter2}}\n"
    )
}

/// The row of an object in the report of `kseal status`.
async fn row(cluster: &Cluster, folder: &Path, namespace: &str, name: &str, format: &str) -> Result<Value> {
    let run = cluster.kseal(folder, ["status", "-n", namespace, "-o", "json", name])?;
    let report: Value = serde_json::from_str(&said(run).await?.ends(0)?.stdout)?;
    let rows = report["objects"].as_array().context("no objects")?;
    let row = rows.iter().find(|row| row["format"] == format).context("it is not there")?;
    Ok(row.clone())
}

/// A key that is compromised: told, and the kept bundle follows.
async fn a_compromised_key_is_told(cluster: &Cluster, here: &Path, user: &Path) -> Result<()> {
    fs::write(here.join(".kseal.yaml"), "clusters: {prod: {bundle: prod.yaml}}\n")?;
    said(cluster.kseal(here, ["keys", "fetch", "-i"])?.kubeconfig(user)).await?.ends(0)?;
    let context = cluster.kubectl(["config", "current-context"]).run().await?;
    let verify = ["verify", "--context", context.trim(), "native.yaml"];
    said(cluster.kseal(here, verify)?).await?.ends(0)?;
    let compromise = [
        "-n",
        "kseal-system",
        "label",
        "secret",
        "-l",
        "kseal.dev/sealing-key=active",
        "--overwrite",
        "kseal.dev/sealing-key=compromised",
    ];
    cluster.kubectl(compromise).run().await?;
    wait_until("it is published as compromised", SOON, || async {
        said(cluster.kseal(here, verify)?).await?.ends(1)?.says(&["of prod is compromised"])
    })
    .await?;
    said(cluster.kseal(here, ["verify", "native.yaml"])?).await?.ends(0)?;
    said(cluster.kseal(here, ["keys", "fetch", "-i"])?.kubeconfig(user)).await?.ends(0)?;
    said(cluster.kseal(here, ["verify", "native.yaml"])?).await?.ends(1)?.says(&["of prod is compromised"])?;
    Ok(())
}

/// All that it asked for, and nothing else.
async fn ensure_it_only_read(cluster: &Cluster) -> Result<()> {
    let events = cluster.audit().await?;
    let ours: Vec<_> = events.iter().filter(|event| event.user_agent.starts_with("kseal/")).collect();
    ensure!(!ours.is_empty(), "nothing in the audit log");
    for event in ours {
        let is_known = match (event.verb.as_str(), event.resource.as_str()) {
            ("get", "configmaps") => event.name == "kseal-public-keys" && event.namespace == "kseal-system",
            ("get" | "list", "sealedsecrets") | ("list", "clustersealedsecrets") => true,
            ("get", "") => event.uri.starts_with("/apis/"),
            _ => false,
        };
        ensure!(is_known, "{event:?}");
    }
    Ok(())
}

#[test]
fn what_a_cluster_publishes_is_fetched_sealed_for_opened_and_compared() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let kseal = cluster.install("deploy").await?;
        cluster.kubectl(["create", "-f", "deploy/crds/bitnami.com_sealedsecrets.yaml"]).run().await?;
        let folder = tempfile::tempdir()?;
        let here = folder.path();
        let namespace = cluster.namespace("shop").await?;
        let user = cluster.kubeconfig_of(&namespace, "default").await?;

        // Before anything is published.
        let run = cluster.kseal(here, ["keys", "fetch"])?.kubeconfig(&user);
        said(run)
            .await?
            .ends(8)?
            .says(&["has no ConfigMap kseal-system/kseal-public-keys", "is the controller installed"])?;

        let arguments = vec!["--sealed-secrets=generate".to_owned(), "--cluster-name=prod".to_owned()];
        let controller = kseal.start(&ControllerOptions { arguments, ..ControllerOptions::default() }).await?;
        controller.wait_ready().await?;
        let certificate = wait_until("keys of both kinds are published", SOON, || async {
            let run = cluster.kseal(here, ["keys", "fetch"])?.kubeconfig(&user);
            let bundle = said(run).await?.ends(0)?.stdout;
            ensure!(bundle.contains("BEGIN CERTIFICATE") && bundle.contains("state: active"), "{bundle}");
            Ok(bundle)
        })
        .await?;
        ensure!(certificate.contains("name: prod"), "{certificate}");

        // Sealed for the current context, by somebody who may do nothing else there.
        fs::write(here.join("db.yaml"), secret(&namespace, "db"))?;
        let run = cluster.kseal(here, ["encrypt", "-o", "native.yaml", "db.yaml"])?.kubeconfig(&user);
        said(run).await?.ends(0)?.says(&["at first sight", "sealed 1 Secret for prod (k"])?;
        fs::write(here.join("old.yaml"), secret(&namespace, "old"))?;
        let run =
            cluster.kseal(here, ["encrypt", "-f", "bitnami", "-o", "upstream.yaml", "old.yaml"])?.kubeconfig(&user);
        said(run).await?.ends(0)?;
        for file in ["native.yaml", "upstream.yaml"] {
            cluster.apply(&fs::read_to_string(here.join(file))?).await?;
        }
        for (name, format, key) in [("db", "kseal", "k"), ("old", "bitnami", "SHA256:")] {
            let row = wait_until("it is opened", SOON, || async {
                let row = row(&cluster, here, &namespace, name, format).await?;
                ensure!(row["ready"] == "True", "{row}");
                Ok(row)
            })
            .await?;
            let keys = row["keys"].as_array().context("no keys")?;
            ensure!(keys.len() == 1 && keys[0].as_str().is_some_and(|it| it.starts_with(key)), "{row}");
        }
        let opened = ["-n", &namespace, "get", "secret", "db", "-o", "jsonpath={.data.password}"];
        ensure!(cluster.kubectl(opened).run().await? == "aHVudGVyMg==");

        // What is sealed for another place, and who may look.
        let moved =
            fs::read_to_string(here.join("native.yaml"))?.replace("name: db, namespace", "name: moved, namespace");
        cluster.apply(&moved).await?;
        wait_until("it is refused", SOON, || async {
            let row = row(&cluster, here, &namespace, "moved", "kseal").await?;
            ensure!(row["ready"] == "False" && row["stalled"] == true, "{row}");
            Ok(())
        })
        .await?;
        let run = cluster.kseal(here, ["status", "-A", "--check"])?;
        said(run).await?.ends(1)?.says(&["moved", "False", &format!("sealed for {namespace}/db")])?;
        let mine = || cluster.kseal(here, ["status", "-n", &namespace]).map(|run| run.kubeconfig(&user));
        said(mine()?).await?.ends(8)?.says(&["cannot list resource", "ask for the right"])?;
        let account = format!("{namespace}:default");
        let bind =
            ["-n", &namespace, "create", "rolebinding", "viewer", "--clusterrole=view", "--serviceaccount", &account];
        cluster.kubectl(bind).run().await?;
        wait_until("the right has arrived", SOON, || async {
            said(mine()?).await?.ends(0)?.says(&["db", "old", "moved"])
        })
        .await?;
        let all = cluster.kseal(here, ["status", "-A"])?.kubeconfig(&user);
        said(all).await?.ends(8)?.says(&["in all namespaces", "one namespace with -n"])?;

        a_compromised_key_is_told(&cluster, here, &user).await?;
        controller.stop().await?;

        ensure_it_only_read(&cluster).await?;
        Ok(())
    });
}

#[test]
fn a_cluster_made_anew_is_not_the_one_that_is_kept() {
    run(async {
        let folder = tempfile::tempdir()?;
        let here = folder.path();
        let mut kept = String::new();
        for number in 0..2 {
            let cluster = Cluster::start(Options::default()).await?;
            let kseal = cluster.install("deploy").await?;
            let controller = kseal.start(&ControllerOptions::default()).await?;
            controller.wait_ready().await?;
            let fetch = || cluster.kseal(here, ["keys", "fetch", "-o", "prod.yaml"]);
            if number == 0 {
                wait_until("the keys are published", SOON, || async { said(fetch()?).await?.ends(0) }).await?;
                kept = fs::read_to_string(here.join("prod.yaml"))?;
            } else {
                let refused = wait_until("they are refused", SOON, || async { said(fetch()?).await?.ends(6) }).await?;
                refused.says(&["another cluster, or another identity", "kept", "published", "--trust"])?;
                ensure!(fs::read_to_string(here.join("prod.yaml"))? == kept);
                said(cluster.kseal(here, ["keys", "fetch", "-o", "prod.yaml", "--trust"])?).await?.ends(0)?;
                ensure!(fs::read_to_string(here.join("prod.yaml"))? != kept);
            }
        }
        Ok(())
    });
}
