//! Where the Secret is, and where it is not.

use std::time::Duration;

use anyhow::{Result, ensure};
use kseal_tests::cluster::{Cluster, Options, run, wait_until};
use serde_json::json;

use crate::{
    ITEMS, OTHERS,
    world::{NAME, World, path},
};

#[test]
fn every_namespace_that_is_selected_has_the_secret_and_no_other() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let _controller = world.start(NAME).await?;
        for (name, team) in [("one", "a"), ("two", "a"), ("other", "b")] {
            world.namespace(name, &json!({"team": team})).await?;
        }
        world.apply(ITEMS).await?;
        for name in ["one", "two"] {
            world.holds(name, ITEMS).await?;
        }
        world.ready(2).await?;
        world.gone("other").await?;

        // A namespace appears.
        world.namespace("three", &json!({"team": "a"})).await?;
        world.holds("three", ITEMS).await?;
        world.ready(3).await?;

        // Labels change, either way.
        world.label("other", &json!({"team": "a"})).await?;
        world.holds("other", ITEMS).await?;
        world.label("two", &json!({"team": null})).await?;
        world.gone("two").await?;
        world.ready(3).await?;

        // Namespaces are excluded by name, and selected by another selector. What stays is not written again.
        let version = world.secret("three").await?["metadata"]["resourceVersion"].clone();
        world.change(&json!({"spec": {"excludedNamespaces": ["other"]}})).await?;
        world.gone("other").await?;
        world.ready(2).await?;
        let selector =
            json!({"matchLabels": null, "matchExpressions": [{"key": "team", "operator": "In", "values": ["a", "c"]}]});
        world.change(&json!({"spec": {"namespaceSelector": selector}})).await?;
        world.label("two", &json!({"team": "c"})).await?;
        world.holds("two", ITEMS).await?;
        world.ready(3).await?;
        ensure!(world.secret("three").await?["metadata"]["resourceVersion"] == version, "it was written for nothing");

        // Another content is everywhere.
        let sealed = world.sealed(NAME, OTHERS)?;
        let values = json!({"dataKeys": sealed["spec"]["dataKeys"], "encryptedData": {"token": sealed["spec"]["encryptedData"]["token"], "user": null}});
        world.change(&json!({"spec": values})).await?;
        for name in ["one", "two", "three"] {
            world.holds(name, OTHERS).await?;
        }
        world.ready(3).await?;

        // A namespace goes, and is left to its end.
        cluster.kubectl(["delete", "namespace", "three", "--wait"]).run().await?;
        world.ready(2).await?;
        let late: Vec<_> = world.writes().await?.into_iter().filter(|event| event.code == 403).collect();
        ensure!(late.is_empty(), "{late:?}");

        // The object goes, and its Secrets with it.
        world.objects().delete(&path(NAME)).await?;
        for name in ["one", "two"] {
            world.gone(name).await?;
        }
        Ok(())
    });
}

#[test]
fn all_namespaces_are_selected_by_an_empty_selector_but_for_the_controllers_own() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let _controller = world.start("*").await?;
        let mut object = world.sealed(NAME, ITEMS)?;
        object["spec"]["namespaceSelector"] = json!({});
        object["spec"]["excludedNamespaces"] = json!(["kube-public"]);
        world.objects().apply(&object).await?;
        for name in ["default", "kube-system", "kube-node-lease"] {
            world.holds(name, ITEMS).await?;
        }
        world.ready(3).await?;
        for name in ["kube-public", "kseal-system"] {
            world.gone(name).await?;
        }
        Ok(())
    });
}

/// How long after a namespace its Secret is there, against what creating a Secret there takes.
#[test]
fn a_namespace_has_its_secret_before_anyone_could_use_it() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let _controller = world.start(NAME).await?;
        world.apply(ITEMS).await?;
        world.ready(0).await?;
        let mut times = Vec::new();
        for number in 0..20 {
            let name = format!("fresh-{number}");
            let began = tokio::time::Instant::now();
            world.namespace(&name, &json!({"team": "a"})).await?;
            while world.objects().find(&crate::world::secret(&name)).await?.is_none() {
                ensure!(began.elapsed() < Duration::from_secs(10), "{name} has none");
            }
            times.push(began.elapsed());
        }
        times.sort();
        println!("from the request for a namespace to its Secret: median {:?}, most {:?}", times[10], times[19]);
        world.ready(20).await?;
        Ok::<_, anyhow::Error>(())
    });
}

/// The status is right, whoever changed it.
#[test]
fn a_status_that_somebody_else_wrote_does_not_stay() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let _controller = world.start(NAME).await?;
        world.namespace("one", &json!({"team": "a"})).await?;
        world.apply(ITEMS).await?;
        let before = world.ready(1).await?;
        let status = format!("{}/status", path(NAME));
        world.objects().merge(&status, &json!({"status": {"namespaces": {"ready": 7}, "observed": null}})).await?;
        wait_until("it says what is so", Duration::from_secs(20), || async {
            let now = world.object().await?;
            ensure!(now["status"]["observed"] == before["status"]["observed"], "{}", now["status"]);
            ensure!(now["status"]["namespaces"] == before["status"]["namespaces"], "{}", now["status"]);
            Ok(())
        })
        .await?;
        let secrets = world.writes().await?.into_iter().filter(|event| event.resource == "secrets").count();
        ensure!(secrets == 1, "{secrets} writes of Secrets");
        Result::<()>::Ok(())
    });
}
