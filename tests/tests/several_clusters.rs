//! One repository for several clusters: who is added can open, who is removed cannot, and nobody else notices.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    site::{Case, SOON, Site},
};
use serde_json::Value;

const ITEMS: &[(&str, &str)] = &[("user", "admin"), ("password", "hunter2")];

/// One of the clusters, in which `shop/db` is looked at.
fn db<'s>(site: &'s Site<'s>) -> Case<'s> {
    Case { site, group: Group::Native, namespace: "shop".to_owned(), name: "db".to_owned() }
}

/// Runs a script in the repository, with one of the clusters as the current context.
async fn script(site: &Site<'_>, folder: &Path, text: &str) -> Result<String> {
    site.cluster.script(folder, text)?.run().await
}

/// Fetches what the cluster publishes, and returns the line of the configuration that pins it.
async fn fetch(site: &Site<'_>, folder: &Path, name: &str) -> Result<String> {
    wait_until("its keys are published", SOON, || {
        script(site, folder, "kubectl -n kseal-system get configmap kseal-public-keys")
    })
    .await?;
    script(site, folder, &format!("kseal keys fetch -o {name}.yaml")).await?;
    let get = "kubectl -n kseal-system get configmap kseal-public-keys -o jsonpath='{.data.bundle\\.json}'";
    let bundle = kseal_core::Bundle::read(&serde_json::from_str(&script(site, folder, get).await?)?)?;
    let identity = bundle.publisher.context("nobody signed it")?.identity.fingerprint().to_string();
    Ok(format!("{name}: {{bundle: {name}.yaml, identity: {identity}}}"))
}

fn configure(folder: &Path, clusters: &[&String]) -> Result<()> {
    let clusters: Vec<&str> = clusters.iter().map(|cluster| cluster.as_str()).collect();
    fs::write(folder.join(".kseal.yaml"), format!("clusters:\n  {}\n", clusters.join("\n  ")))?;
    Ok(())
}

/// The lines of a sealed file that hold values, and how many recipients it has.
fn sealed(folder: &Path) -> Result<(Vec<String>, usize)> {
    let text = fs::read_to_string(folder.join("db.yaml"))?;
    let values = text.lines().filter(|line| line.contains(": ks1.")).map(ToOwned::to_owned).collect();
    let is_recipient = |line: &&str| line.trim_start().starts_with('k') && line.len() > 500;
    Ok((values, text.lines().filter(is_recipient).count()))
}

async fn version(case: &Case<'_>) -> Result<Value> {
    Ok(case.secret().await?["metadata"]["resourceVersion"].clone())
}

#[test]
fn a_file_opens_in_every_cluster_that_is_configured_and_in_no_other() {
    run(async {
        let folder = tempfile::tempdir()?;
        let here = folder.path();
        let (one, other) = tokio::try_join!(Cluster::start(Options::default()), Cluster::start(Options::default()))?;
        let (one, other) = (Site::bare(&one, "deploy").await?, Site::bare(&other, "deploy").await?);
        let controllers =
            [one.start(ControllerOptions::default()).await?, other.start(ControllerOptions::default()).await?];
        let mut pins = Vec::new();
        for (site, name) in [(&one, "one"), (&other, "other")] {
            script(site, here, "git init -q; kubectl create namespace shop").await?;
            pins.push(fetch(site, here, name).await?);
        }
        let keys = "umask 077; kubectl -n kseal-system get secret -o yaml -l kseal.dev/sealing-key > keys.yaml";
        script(&one, here, keys).await?;

        // Both.
        configure(here, &[&pins[0], &pins[1]])?;
        fs::write(
            here.join("db.yaml"),
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: shop\n\
             stringData:\n  user: admin\n  password: hunter2\n",
        )?;
        script(&one, here, "kseal encrypt -i db.yaml").await?;
        let first = sealed(here)?;
        ensure!(first.0.len() == 2 && first.1 == 2, "{first:?}");
        for site in [&one, &other] {
            script(site, here, "kubectl apply -f db.yaml").await?;
            db(site).holds(ITEMS).await?;
            // Which of the bundles is this cluster's, the command line sees by itself.
            script(site, here, "kseal keys fetch -i; kseal verify --context $(kubectl config current-context) db.yaml")
                .await?;
        }

        // One alone.
        let before = version(&db(&other)).await?;
        configure(here, &[&pins[0]])?;
        let refused = one.cluster.script(here, "kseal reencrypt --check db.yaml")?.output().await?;
        ensure!(refused.status.code() == Some(1), "{}", String::from_utf8(refused.stderr)?);
        let said = script(&one, here, "kseal reencrypt --key keys.yaml db.yaml 2>&1").await?;
        ensure!(said.contains("change") && said.contains("shop/db") && said.contains("password"), "{said}");
        let second = sealed(here)?;
        ensure!(second.1 == 1, "{second:?}");
        ensure!(second.0.iter().zip(&first.0).all(|(new, old)| new != old), "{second:?}");
        for site in [&one, &other] {
            script(site, here, "kubectl apply -f db.yaml").await?;
        }
        db(&one).holds(ITEMS).await?;
        db(&other).wrong("NoKey").await?;
        ensure!(version(&db(&other)).await? == before, "it was written");

        // The other again: the values' octets stay, and the first cluster has nothing to write.
        let before = version(&db(&one)).await?;
        configure(here, &[&pins[0], &pins[1]])?;
        script(&one, here, "kseal reencrypt --key keys.yaml db.yaml").await?;
        let third = sealed(here)?;
        ensure!(third == (second.0, 2), "{third:?}");
        for site in [&one, &other] {
            script(site, here, "kubectl apply -f db.yaml; kseal reencrypt --check db.yaml").await?;
            db(site).holds(ITEMS).await?;
        }
        ensure!(version(&db(&one)).await? == before, "it was written");
        for controller in controllers {
            controller.stop().await?;
        }
        Ok(())
    });
}
