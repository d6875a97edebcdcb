//! The keys of a cluster on a real API server: made, published, watched, lost, repaired, with no more rights than
//! `deploy/` grants.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kseal_api::{KeyState, SealingKeyBundle, names};
use kseal_core::Bundle;
use kseal_tests::cluster::{Cluster, Controller, ControllerOptions, Options, run, wait_until};
use serde_json::Value;

const NAMESPACE: &str = names::SYSTEM_NAMESPACE;
const SOON: Duration = Duration::from_mins(1);
const ITEM: &str = "jsonpath={.data.bundle\\.json}";

fn read(text: &str) -> Result<Bundle> {
    let text: SealingKeyBundle = serde_json::from_str(text)?;
    Ok(Bundle::read(&text)?)
}

/// What is published, as `kubectl` shows it.
async fn published(cluster: &Cluster) -> Result<Bundle> {
    let get = ["-n", NAMESPACE, "get", "configmap", names::PUBLIC_KEYS, "-o", ITEM];
    read(&cluster.kubectl(get).run().await?)
}

/// Epochs and states of the published keys.
fn standing(bundle: &Bundle) -> Vec<(u32, KeyState)> {
    let mut keys: Vec<_> = bundle.keys.iter().map(|key| (key.epoch, key.state)).collect();
    keys.sort_by_key(|(epoch, _)| *epoch);
    keys
}

async fn stands(cluster: &Cluster, expected: &[(u32, KeyState)]) -> Result<Bundle> {
    wait_until("the keys are published so", SOON, || async {
        let bundle = published(cluster).await?;
        ensure!(standing(&bundle) == expected, "{:?}", standing(&bundle));
        Ok(bundle)
    })
    .await
}

fn serial(bundle: &Bundle) -> u64 {
    bundle.publisher.as_ref().map_or(0, |publisher| publisher.serial)
}

async fn key_secrets(cluster: &Cluster) -> Result<Vec<String>> {
    let get = ["-n", NAMESPACE, "get", "secrets", "-l", names::KEY_STATE, "-o", "name"];
    let names = cluster.kubectl(get).run().await?;
    Ok(names.lines().map(|name| name.trim_start_matches("secret/").to_owned()).collect())
}

async fn relabel(cluster: &Cluster, secret: &str, state: KeyState) -> Result<()> {
    let label = format!("{}={state}", names::KEY_STATE);
    cluster.kubectl(["-n", NAMESPACE, "label", "--overwrite", "secret", secret, &label]).run().await.map(drop)
}

async fn has_event(cluster: &Cluster, reason: &str, part: &str) -> Result<()> {
    let get = ["-n", NAMESPACE, "get", "events", "-o", "json"];
    wait_until("it is told by an event", SOON, || async {
        let events: Value = serde_json::from_str(&cluster.kubectl(get).run().await?)?;
        let is_told = |event: &Value| {
            event["reason"] == reason && event["message"].as_str().is_some_and(|message| message.contains(part))
        };
        ensure!(events["items"].as_array().context("a list")?.iter().any(is_told), "{reason}");
        Ok(())
    })
    .await
}

/// Whether a metric is 1.
async fn one(controller: &Controller, series: &str) -> Result<bool> {
    Ok((controller.metric(series).await? - 1.0).abs() < 0.5)
}

fn options_of_controller() -> ControllerOptions {
    ControllerOptions { arguments: vec!["--sealed-secrets=generate".to_owned()], ..ControllerOptions::default() }
}

/// A cluster whose controller has made its keys, all of them.
async fn settled(options: Options) -> Result<(Cluster, Controller)> {
    let cluster = Cluster::start(options).await?;
    cluster.kubectl(["create", "-f", "deploy/crds/bitnami.com_sealedsecrets.yaml"]).run().await?;
    let kseal = cluster.install("deploy").await?;
    let controller = kseal.start(&options_of_controller()).await?;
    controller.wait_ready().await?;
    wait_until("all is published", SOON, || async {
        ensure!(published(&cluster).await?.certificate.is_some(), "there is no certificate");
        Ok(())
    })
    .await?;
    Ok((cluster, controller))
}

/// Nothing that the controller asked for was forbidden, and it asked for nothing that changes or deletes Secrets.
async fn asked_for_little(cluster: &Cluster) -> Result<()> {
    for event in cluster.audit().await?.into_iter().filter(|event| event.user.ends_with(names::CONTROLLER)) {
        ensure!(event.code != 403, "{event:?}");
        let is_key = event.resource == "secrets" && event.namespace == NAMESPACE;
        ensure!(!is_key || !matches!(event.verb.as_str(), "patch" | "update" | "delete"), "{event:?}");
    }
    Ok(())
}

#[test]
fn a_fresh_cluster_gets_keys_that_everyone_may_read() {
    run(async {
        let (cluster, controller) = settled(Options::default()).await?;
        let bundle = published(&cluster).await?;
        ensure!(standing(&bundle) == [(1, KeyState::Active)]);
        let uid = cluster.kubectl(["get", "ns", "kube-system", "-o", "jsonpath={.metadata.uid}"]).run().await?;
        ensure!(bundle.publisher.as_ref().is_some_and(|publisher| publisher.cluster_uid == uid));
        ensure!(key_secrets(&cluster).await? == [format!("kseal-1-{}", &uid[..8])]);
        has_event(&cluster, "KeyCreated", "kubectl get secret -n kseal-system -l kseal.dev/sealing-key -o yaml")
            .await?;
        has_event(&cluster, "KeyCreated", "-l sealedsecrets.bitnami.com/sealed-secrets-key").await?;
        has_event(&cluster, "IdentityCreated", "kubectl get secret -n kseal-system kseal-identity").await?;

        // Whoever is somebody reads the ConfigMap, and nothing else there.
        let anyone = cluster.user("somebody", &[])?;
        let get = ["-n", NAMESPACE, "get", "configmap", names::PUBLIC_KEYS, "-o", ITEM];
        let text = cluster.kubectl(get).kubeconfig(&anyone).run().await?;
        ensure!(read(&text)?.sealing_key().is_some());
        let secrets = cluster.kubectl(["-n", NAMESPACE, "get", "secrets"]).kubeconfig(&anyone).output().await?;
        ensure!(!secrets.status.success());

        ensure!(controller.get("/v1/keys").await? == text);
        let certificate = controller.get("/v1/cert.pem").await?;
        ensure!(certificate.matches("BEGIN CERTIFICATE").count() == 1);
        ensure!(bundle.certificate.is_some_and(|published| published.to_pem() == certificate));
        ensure!(one(&controller, "kseal_keys{kind=\"native\",state=\"active\"}").await?);
        asked_for_little(&cluster).await
    });
}

#[test]
fn labels_take_effect_and_what_is_lost_is_told() {
    run(async {
        for watch_list in [true, false] {
            let (cluster, controller) = settled(Options { watch_list, ..Options::default() }).await?;
            let [first] = key_secrets(&cluster).await?.try_into().ok().context("one key")?;
            relabel(&cluster, &first, KeyState::Compromised).await?;
            let before = stands(&cluster, &[(1, KeyState::Compromised), (2, KeyState::Active)]).await?;
            relabel(&cluster, &first, KeyState::Retired).await?;
            stands(&cluster, &[(1, KeyState::Retired), (2, KeyState::Active)]).await?;
            relabel(&cluster, &first, KeyState::Retiring).await?;
            stands(&cluster, &[(1, KeyState::Retiring), (2, KeyState::Active)]).await?;

            let second = first.replacen("kseal-1-", "kseal-2-", 1);
            cluster.kubectl(["-n", NAMESPACE, "delete", "secret", &second]).run().await?;
            let lost = [(1, KeyState::Retiring), (2, KeyState::Retiring), (3, KeyState::Active)];
            let after = stands(&cluster, &lost).await?;
            ensure!(serial(&after) > serial(&before));
            has_event(&cluster, "KeyMissing", "restore them from a backup").await?;
            ensure!(one(&controller, "kseal_keys_missing").await?);

            cluster.kubectl(["-n", NAMESPACE, "delete", "configmap", names::PUBLIC_KEYS]).run().await?;
            let repaired = stands(&cluster, &[(1, KeyState::Retiring), (3, KeyState::Active)]).await?;
            ensure!(serial(&repaired) > serial(&after));
            let broken = r#"{"data": {"bundle.json": "{}"}}"#;
            let patch = ["-n", NAMESPACE, "patch", "configmap", names::PUBLIC_KEYS, "--type=merge", "-p", broken];
            cluster.kubectl(patch).run().await?;
            let repaired_again = stands(&cluster, &[(1, KeyState::Retiring), (3, KeyState::Active)]).await?;
            ensure!(serial(&repaired_again) > serial(&repaired));
            asked_for_little(&cluster).await?;
            controller.stop().await?;
        }
        Ok(())
    });
}

#[test]
fn a_backup_brings_everything_back() {
    run(async {
        let (cluster, controller) = settled(Options::default()).await?;
        let before = published(&cluster).await?;
        let backup = ["-n", NAMESPACE, "get", "secrets", "-o", "yaml"];
        let backup = cluster.kubectl(backup).run().await?;
        controller.stop().await?;
        cluster.kubectl(["-n", NAMESPACE, "delete", "secrets", "--all"]).run().await?;
        cluster.kubectl(["apply", "-f", "-"]).stdin(&backup).run().await?;
        let controller = cluster.install("deploy").await?.start(&options_of_controller()).await?;
        controller.wait_ready().await?;
        // The same identity, and the same keys: nothing is to be published.
        let after = stands(&cluster, &standing(&before)).await?;
        let signer = |bundle: &Bundle| bundle.publisher.as_ref().map(|publisher| publisher.identity);
        ensure!(signer(&after) == signer(&before) && serial(&after) == serial(&before));
        wait_until("it leads", SOON, || async {
            ensure!(one(&controller, "kseal_leader").await?);
            Ok(())
        })
        .await?;
        ensure!(one(&controller, "kseal_keys{kind=\"sealed-secrets\",state=\"active\"}").await?);
        ensure!(key_secrets(&cluster).await?.len() == 1);
        Ok(())
    });
}
