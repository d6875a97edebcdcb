//! Which objects need which key: known from what was opened, also after a restart, and told to who looks after keys.

use anyhow::{Context as _, Result, ensure};
use kseal_api::{Scope, UsedKey, names};
use kseal_core::reconcile::{Group, status};
use kseal_crypto::PublicKey;
use kseal_tests::{
    cluster::{Cluster, Controller, ControllerOptions, Options, run, wait_until},
    site::{Case, SOON, Site, condition, sealed_for},
};
use serde_json::json;

use crate::ITEMS;

/// Waits until so many objects need a key and so many claim it.
async fn needed(site: &Site<'_>, key: &str, objects: usize, claimed: usize) -> Result<UsedKey> {
    wait_until("the usage of keys", SOON, || async {
        let usage = site.usage().await?;
        let used = usage.keys.get(key).with_context(|| format!("{key} is not told of: {usage:?}"))?.clone();
        ensure!((used.objects, used.claimed) == (objects, claimed), "{used:?}");
        Ok(used)
    })
    .await
}

async fn apply(case: &Case<'_>, key: &PublicKey, name: &str) -> Result<()> {
    case.site.objects.apply(&sealed_for(&[key], Scope::Strict, (&case.namespace, name), ITEMS)?).await.map(drop)
}

async fn operations(controller: &Controller) -> Result<f64> {
    Ok(controller.metric("kseal_private_key_operations_total{suite=\"HPKE\"}").await.unwrap_or(0.0))
}

#[test]
fn it_is_known_what_needs_a_key_also_after_a_restart() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, "deploy").await?;
        let controller = site.start(ControllerOptions::default()).await?;
        let case = site.case(Group::Native).await?;
        let first = site.first_key().await?;
        for number in 0..3 {
            apply(&case, &first, &format!("old-{number}")).await?;
            case.named(&format!("old-{number}")).holds(ITEMS).await?;
        }
        let upstream = case.of(Group::Upstream).named("upstream");
        upstream.apply(ITEMS).await?;
        upstream.holds(ITEMS).await?;
        let second = site.rotate().await?;
        apply(&case, &second, "new").await?;
        // Whoever may create objects can claim a key, and that holds nothing up.
        let mut claims = sealed_for(&[&second], Scope::Strict, (&case.namespace, "elsewhere"), ITEMS)?;
        claims["metadata"]["name"] = json!("claims");
        site.objects.apply(&claims).await?;

        let name = |key: &PublicKey| key.fingerprint().to_string();
        let old = needed(&site, &name(&first), 3, 0).await?;
        needed(&site, &name(&second), 1, 1).await?;
        ensure!(
            old.namespaces == [(case.namespace.clone(), 3)].into() && old.suite == "X-Wing" && old.state == "active"
        );
        ensure!(old.first == (0..3).map(|number| format!("{}/old-{number}", case.namespace)).collect::<Vec<_>>());
        let usage = site.usage().await?;
        let rsa = usage.keys.iter().find(|(_, key)| key.suite == "RSA").context("the RSA key")?;
        ensure!(rsa.1.objects == 1, "the key of upstream's object is known once it was opened: {rsa:?}");
        let series = format!("kseal_key_objects{{key=\"{}\"}}", name(&first));
        ensure!((controller.metric(&series).await? - 3.0).abs() < 0.5);

        controller.stop().await?;
        let path = format!("/api/v1/namespaces/{}/configmaps/{}", site.installation.namespace()?, names::KEY_USAGE);
        site.objects.delete(&path).await?;
        let controller = site.start(ControllerOptions::default()).await?;
        needed(&site, &name(&first), 3, 0).await?;
        needed(&site, &name(&second), 1, 1).await?;
        // The one that only claims is tried again, and nothing else.
        ensure!(operations(&controller).await? < 1.5);

        // Nobody but who looks after keys may see it.
        let get = ["-n", site.installation.namespace()?, "get", "configmap", names::KEY_USAGE];
        let anyone = cluster.user("somebody", &["system:authenticated"])?;
        ensure!(cluster.kubectl(get).kubeconfig(&anyone).run().await.is_err());
        site.objects.delete(&case.named("old-0").path()).await?;
        needed(&site, &name(&first), 2, 0).await?;
        Ok(())
    });
}

#[test]
fn what_a_compromised_key_opens_says_so_until_it_is_sealed_anew() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, "deploy").await?;
        let controller = site.start(ControllerOptions::default()).await?;
        let case = site.case(Group::Native).await?;
        let first = site.first_key().await?;
        for name in ["a", "b"] {
            apply(&case, &first, name).await?;
            case.named(name).holds(ITEMS).await?;
        }
        let state = async |state: &str| {
            let usage = site.usage().await?;
            let secret = &usage.keys[&first.fingerprint().to_string()].secret;
            let path = format!("/api/v1/namespaces/{}/secrets/{secret}", site.installation.namespace()?);
            site.objects.merge(&path, &json!({"metadata": {"labels": {names::KEY_STATE: state}}})).await.map(drop)
        };
        let says = async |name: &str, reason: &str| {
            wait_until("the object says it", SOON, || async {
                let object = case.named(name).object().await?;
                let ready = condition(&object, "Ready");
                ensure!(ready["reason"] == reason && ready["status"] == "True", "{ready}");
                Ok(ready["message"].as_str().unwrap_or_default().to_owned())
            })
            .await
        };
        needed(&site, &first.fingerprint().to_string(), 2, 0).await?;
        let version = case.named("a").secret().await?["metadata"]["resourceVersion"].clone();
        state("compromised").await?;
        let message = says("a", "KeyCompromised").await?;
        ensure!(message.contains(&first.fingerprint().to_string()) && message.contains("at its source"), "{message}");
        says("b", "KeyCompromised").await?;
        ensure!(case.named("a").secret().await?["metadata"]["resourceVersion"] == version, "the Secret is right");

        // A restart changes nothing of it and opens nothing.
        controller.stop().await?;
        let controller = site.start(ControllerOptions::default()).await?;
        needed(&site, &first.fingerprint().to_string(), 2, 0).await?;
        ensure!(operations(&controller).await? < 0.5);

        // A key took its place. What is sealed for that says nothing any more, and the rest does when the key is trusted.
        let second = site.next_key(&first).await?;
        apply(&case, &second, "a").await?;
        says("a", "Opened").await?;
        state("retiring").await?;
        says("b", "Opened").await?;
        Ok(())
    });
}

#[test]
fn a_key_whose_secret_is_gone_is_told_to_be_missing() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, "deploy").await?;
        let controller = site.start(ControllerOptions::default()).await?;
        let case = site.case(Group::Native).await?;
        let first = site.first_key().await?;
        apply(&case, &first, "a").await?;
        case.named("a").holds(ITEMS).await?;
        let name = first.fingerprint().to_string();
        let used = needed(&site, &name, 1, 0).await?;
        let path = format!("/api/v1/namespaces/{}/secrets/{}", site.installation.namespace()?, used.secret);
        site.objects.delete(&path).await?;
        wait_until("it is missing", SOON, || async {
            let usage = site.usage().await?;
            ensure!(usage.keys[&name].state == "missing" && usage.keys[&name].objects == 1, "{usage:?}");
            ensure!((controller.metric("kseal_keys_missing").await? - 1.0).abs() < 0.5);
            Ok(())
        })
        .await?;
        // Objects that wait for it claim it, whoever made them.
        let waits = case.named("waits");
        apply(&case, &first, "waits").await?;
        waits.wrong("NoKey").await?;
        needed(&site, &name, 1, 1).await?;
        let all = site.objects.get(&status::collection(Group::Native, Some(&case.namespace))).await?;
        ensure!(all["items"].as_array().context("a list")?.len() == 2);
        Ok(())
    });
}
