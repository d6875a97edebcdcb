//! Objects that nobody keeps in git are wrapped for the current key, so that the old one can go.

use anyhow::{Context as _, Result, ensure};
use kseal_api::Scope;
use kseal_core::reconcile::Group;
use kseal_crypto::PublicKey;
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    site::{Case, SOON, Site, sealed_for},
};
use serde_json::{Value, json};

use crate::{FOLDER, ITEMS};

/// Not only when the key is old enough to be in a backup.
fn at_once() -> ControllerOptions {
    ControllerOptions { arguments: vec!["--rewrap-objects-after=0s".to_owned()], ..ControllerOptions::default() }
}

/// The recipients of an object's data keys.
fn recipients(object: &Value) -> Vec<String> {
    let data_keys = object["spec"]["dataKeys"].as_object().into_iter().flat_map(|all| all.values());
    data_keys.flat_map(|it| it["recipients"].as_object().into_iter().flat_map(|all| all.keys().cloned())).collect()
}

async fn wrapped_for(case: &Case<'_>, key: &PublicKey) -> Result<Value> {
    wait_until("it is wrapped for the current key", SOON, || async {
        let object = case.object().await?;
        ensure!(recipients(&object) == [key.fingerprint().to_string()], "{:?}", recipients(&object));
        Ok(object)
    })
    .await
}

#[test]
fn objects_of_the_cluster_follow_the_key_and_those_of_gitops_tools_do_not() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, FOLDER).await?;
        let controller = site.start(at_once()).await?;
        let case = site.case(Group::Native).await?;
        let first = site.first_key().await?;
        let object = |name: &str| sealed_for(&[&first], Scope::Strict, (&case.namespace, name), ITEMS);
        let mut left = Vec::new();
        for (name, label) in [("argo", "argocd.argoproj.io/instance"), ("flux", "kustomize.toolkit.fluxcd.io/name")] {
            let mut owned = object(name)?;
            owned["metadata"]["labels"] = json!({label: "app"});
            left.push(owned);
        }
        let paused = object("paused")?;
        let elsewhere = kseal_tests::site::Keys::new()?;
        let both = [&first, elsewhere.native()];
        left.push(sealed_for(&both, Scope::Strict, (&case.namespace, "of-two-clusters"), ITEMS)?);
        for object in left.iter().chain([&paused, &object("plain")?]) {
            site.objects.apply(object).await?;
        }
        for name in ["argo", "flux", "paused", "of-two-clusters", "plain"] {
            case.named(name).holds(ITEMS).await?;
        }
        case.named("paused").annotate("kseal.dev/paused", "true").await?;
        let before = case.named("plain").object().await?;
        let version = case.named("plain").secret().await?["metadata"]["resourceVersion"].clone();

        let second = site.rotate().await?;
        let after = wrapped_for(&case.named("plain"), &second).await?;
        ensure!(before["spec"]["encryptedData"] == after["spec"]["encryptedData"], "the values keep their bytes");
        // The next one is made after all of that was looked at.
        let third = site.rotate().await?;
        wrapped_for(&case.named("plain"), &third).await?;
        wait_until("it was opened once more", SOON, || async {
            let object = case.named("plain").object().await?;
            let keys = &object["status"]["observed"]["keys"];
            ensure!(*keys == json!([third.fingerprint().to_string()]), "{keys}");
            Ok(())
        })
        .await?;
        ensure!(
            case.named("plain").secret().await?["metadata"]["resourceVersion"] == version,
            "the Secret is not written"
        );
        for name in ["argo", "flux", "paused", "of-two-clusters"] {
            let object = case.named(name).object().await?;
            ensure!(recipients(&object).contains(&first.fingerprint().to_string()), "{name}");
            ensure!(object["metadata"]["generation"] == 1, "{name} was changed");
        }
        ensure!(case.named("plain").object().await?["metadata"]["generation"] == 3, "one change for each key");
        let count = controller.metric("kseal_rewraps_total{kind=\"object\",result=\"wrapped\"}").await?;
        ensure!((count - 2.0).abs() < 0.5, "{count}");
        case.named("paused").annotate("kseal.dev/paused", Value::Null).await?;
        // Whoever is let go is looked at with the next key.
        let fourth = site.rotate().await?;
        wrapped_for(&case.named("paused"), &fourth).await.context("it goes on")?;
        Ok(())
    });
}

#[test]
fn one_that_cannot_be_changed_is_not_in_the_way_of_the_others() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, FOLDER).await?;
        let controller = site.start(at_once()).await?;
        let first = site.first_key().await?;
        let case = site.case(Group::Native).await?;
        // It comes first in every list.
        let namespace = cluster.namespace("a").await?;
        let stuck = Case { namespace, ..case.clone() };
        for case in [&stuck, &case] {
            site.objects.apply(&sealed_for(&[&first], Scope::Strict, (&case.namespace, &case.name), ITEMS)?).await?;
            case.holds(ITEMS).await?;
        }
        let webhook = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "dead"},
            "webhooks": [{
                "name": "dead.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
                "timeoutSeconds": 1, "failurePolicy": "Fail", "clientConfig": {"url": "https://127.0.0.1:1/"},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": stuck.namespace}},
                "rules": [{
                    "apiGroups": ["kseal.dev"], "apiVersions": ["*"], "operations": ["UPDATE"],
                    "resources": ["sealedsecrets"],
                }],
            }],
        });
        cluster.apply(&webhook.to_string()).await?;
        // Until the API server asks it.
        wait_until("the webhook is in the way", SOON, || async {
            ensure!(stuck.annotate("example.com/a", "b").await.is_err(), "it is not");
            Ok(())
        })
        .await?;
        let second = site.rotate().await?;
        wrapped_for(&case, &second).await?;
        ensure!(recipients(&stuck.object().await?) == [first.fingerprint().to_string()]);
        let series = "kseal_rewraps_total{kind=\"object\",result=\"refused\"}";
        wait_until("it was tried", SOON, || async {
            ensure!(controller.metric(series).await? > 0.5);
            Ok(())
        })
        .await?;
        // It is tried again by itself.
        cluster.kubectl(["delete", "validatingwebhookconfiguration", "dead"]).run().await?;
        wait_until("it follows", SOON + SOON, || wrapped_for(&stuck, &second)).await?;
        Ok(())
    });
}
