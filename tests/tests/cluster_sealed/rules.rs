//! What is not done, and what is said then.

use anyhow::{Result, ensure};
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    site::{Keys, SOON, Site, condition},
};
use serde_json::{Value, json};

use crate::{
    ITEMS,
    world::{NAME, World, path, sealed_for},
};

async fn message(world: &World<'_>, reason: &str) -> Result<String> {
    let object = world.wrong(reason).await?;
    Ok(condition(&object, "Ready")["message"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn what_may_not_be_is_not_done_and_the_object_says_why() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        world.namespace("one", &json!({"team": "a"})).await?;

        // Names are listed by who runs the controller.
        let controller = world.start("another,more").await?;
        world.apply(ITEMS).await?;
        let said = message(&world, "SwitchedOff").await?;
        ensure!(said.contains("--cluster-sealed-secrets"), "{said}");
        world.gone("one").await?;
        controller.stop().await?;
        let _controller = world.start(NAME).await?;
        world.holds("one", ITEMS).await?;

        // Rights and keys are no texts.
        let of_type = |type_: &str| {
            let mut object = world.sealed(NAME, ITEMS)?;
            object["spec"]["template"] = json!({"type": type_});
            Ok::<Value, anyhow::Error>(object)
        };
        let version = world.secret("one").await?["metadata"]["resourceVersion"].clone();
        for type_ in ["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token", "kseal.dev/sealing-key"] {
            world.objects().apply(&of_type(type_)?).await?;
            let said = message(&world, "ForbiddenType").await?;
            ensure!(said.contains(type_), "{said}");
        }
        let mut pulls = world.sealed(NAME, ITEMS)?;
        pulls["spec"]["imagePullSecret"] = json!({"serviceAccounts": {"all": true}});
        world.objects().apply(&pulls).await?;
        message(&world, "NotForPulling").await?;
        ensure!(world.secret("one").await?["metadata"]["resourceVersion"] == version, "what was right stays");

        // Values open under their name alone.
        let mut moved = world.sealed("another", ITEMS)?;
        moved["metadata"]["name"] = json!(NAME);
        world.objects().apply(&moved).await?;
        let said = message(&world, "Moved").await?;
        ensure!(said.contains("another"), "{said}");
        ensure!(world.secret("one").await?["metadata"]["resourceVersion"] == version, "what was right stays");
        world.apply(ITEMS).await?;
        world.ready(1).await?;
        Ok(())
    });
}

#[test]
fn a_paused_object_is_left_alone() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let controller = world.start(NAME).await?;
        world.namespace("one", &json!({"team": "a"})).await?;
        world.apply(ITEMS).await?;
        world.ready(1).await?;
        world.change(&json!({"metadata": {"annotations": {"kseal.dev/paused": "true"}}})).await?;
        world.namespace("two", &json!({"team": "a"})).await?;
        world.label("one", &json!({"team": "b"})).await?;
        // Another object shows that the controller is beyond that.
        world.objects().merge(&path(NAME), &json!({"metadata": {"labels": {"x": "y"}}})).await?;
        wait_until("it is counted as idle", SOON, || async {
            let idle = controller.metric("kseal_cluster_sealed_secrets{state=\"idle\"}").await?;
            ensure!(idle > 0.5);
            Ok(())
        })
        .await?;
        world.gone("two").await?;
        world.secret("one").await?;
        world.change(&json!({"metadata": {"annotations": {"kseal.dev/paused": null}}})).await?;
        world.holds("two", ITEMS).await?;
        world.gone("one").await?;
        Ok(())
    });
}

#[test]
fn a_key_that_comes_later_opens_what_waits_and_is_counted_as_needed() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let _controller = world.start(NAME).await?;
        world.namespace("one", &json!({"team": "a"})).await?;
        let theirs = Keys::new()?;
        world.objects().apply(&sealed_for(&theirs, NAME, ITEMS)?).await?;
        world.wrong("NoKey").await?;
        world.site.add_keys(&theirs).await?;
        world.holds("one", ITEMS).await?;
        let object = world.ready(1).await?;
        ensure!(object["status"]["observed"]["keys"] == json!([theirs.fingerprint()]), "{}", object["status"]);
        wait_until("the key is counted as needed", SOON, || async {
            let usage = world.site.usage().await?;
            let key = usage.keys.get(&theirs.fingerprint()).cloned().unwrap_or_default();
            ensure!((key.objects, key.claimed) == (1, 0), "{key:?}");
            ensure!(key.first == [format!("clustersealedsecrets/{NAME}")], "{key:?}");
            Ok(())
        })
        .await?;
        // A key that is found to be compromised is told by what it opened.
        let secret = format!("/api/v1/namespaces/kseal-system/secrets/kseal-{}", &theirs.fingerprint()[..13]);
        let compromised = json!({"metadata": {"labels": {"kseal.dev/sealing-key": "compromised"}}});
        world.objects().merge(&secret, &compromised).await?;
        wait_until("it says so", SOON, || async {
            let object = world.object().await?;
            let ready = condition(&object, "Ready");
            ensure!(ready["status"] == "True" && ready["reason"] == "KeyCompromised", "{ready}");
            Ok(())
        })
        .await
    });
}

#[test]
fn without_the_policy_nothing_is_honoured() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        world.namespace("one", &json!({"team": "a"})).await?;
        world.apply(ITEMS).await?;
        let controller = world.start_guarded(NAME).await?;
        let said = message(&world, "PolicyMissing").await?;
        ensure!(said.contains("kseal-cluster-sealed-secrets"), "{said}");
        world.gone("one").await?;
        controller.stop().await?;
        // What was honoured once goes on.
        let controller = world.start(NAME).await?;
        world.ready(1).await?;
        controller.stop().await?;
        let _controller = world.start_guarded(NAME).await?;
        world.namespace("two", &json!({"team": "a"})).await?;
        world.holds("two", ITEMS).await?;
        Ok(())
    });
}

#[test]
fn a_controller_of_some_namespaces_leaves_them_alone() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        for namespace in ["team-a", "team-b"] {
            cluster.kubectl(["create", "namespace", namespace]).run().await?;
        }
        cluster.kubectl(["apply", "-k", "deploy/crds"]).run().await?;
        let site = Site::of(&cluster, "deploy/namespaced").await?;
        let mut object = sealed_for(&site.keys, NAME, ITEMS)?;
        object["spec"]["namespaceSelector"] = json!({});
        site.objects.apply(&object).await?;
        let arguments = vec!["--cluster-sealed-secrets=*".to_owned()];
        let controller = site.start(ControllerOptions { arguments, ..ControllerOptions::default() }).await?;
        wait_until("it leads", SOON, || async {
            ensure!(controller.metric("kseal_leader").await? > 0.5);
            Ok(())
        })
        .await?;
        wait_until("what needs which key is told", SOON, || site.usage()).await?;
        ensure!(site.objects.get(&path(NAME)).await?["status"].is_null());
        ensure!(controller.logs()?.contains("ClusterSealedSecrets are left alone"));
        let user = site.installation.user()?;
        let asked = cluster.audit().await?.into_iter().filter(|event| event.user == user);
        ensure!(asked.into_iter().all(|event| event.resource != "clustersealedsecrets"));
        controller.stop().await
    });
}
