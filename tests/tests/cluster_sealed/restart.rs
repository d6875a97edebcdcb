//! A controller that comes back, and one that takes over.

use anyhow::{Result, ensure};
use kseal_tests::{
    cluster::{Cluster, Controller, Options, run, wait_until},
    site::SOON,
};
use serde_json::json;

use crate::{
    ITEMS, OTHERS,
    world::{NAME, World, secret},
};

/// Waits until the controller has counted what it found.
async fn has_looked(controller: &Controller, namespaces: u32) -> Result<()> {
    wait_until("it has looked at all", SOON, || async {
        let series = "kseal_cluster_sealed_secret_namespaces{state=\"ready\"}";
        let ready = controller.metric(series).await?;
        ensure!((ready - f64::from(namespaces)).abs() < f64::EPSILON, "{ready}");
        ensure!((controller.metric("kseal_cluster_sealed_secrets{state=\"ready\"}").await? - 1.0).abs() < f64::EPSILON);
        Ok(())
    })
    .await
}

async fn opened(controller: &Controller) -> Result<f64> {
    let text = controller.metrics().await?;
    if text.contains("kseal_private_key_operations_total{suite=\"HPKE\"}") {
        return controller.metric("kseal_private_key_operations_total{suite=\"HPKE\"}").await;
    }
    Ok(0.0)
}

#[test]
fn a_restart_opens_nothing_and_writes_nothing() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let controller = world.start(NAME).await?;
        for name in ["one", "two", "three"] {
            world.namespace(name, &json!({"team": "a"})).await?;
        }
        world.apply(ITEMS).await?;
        let before = world.ready(3).await?;
        controller.stop().await?;
        let writes = world.writes().await?.len();

        let controller = world.start(NAME).await?;
        has_looked(&controller, 3).await?;
        ensure!(opened(&controller).await? == 0.0, "something was opened");
        ensure!(world.writes().await?.len() == writes, "{:#?}", world.writes().await?.split_off(writes));
        ensure!(world.object().await? == before);

        // What happened while nobody looked is found: one opening for all of it.
        controller.stop().await?;
        world.objects().merge(&secret("one"), &json!({"data": {"user": "eA=="}})).await?;
        world.objects().delete(&secret("two")).await?;
        world.label("three", &json!({"team": "b"})).await?;
        world.namespace("four", &json!({"team": "a"})).await?;
        let controller = world.start(NAME).await?;
        for name in ["one", "two", "four"] {
            world.holds(name, ITEMS).await?;
        }
        world.gone("three").await?;
        world.ready(3).await?;
        has_looked(&controller, 3).await?;
        ensure!((opened(&controller).await? - 1.0).abs() < f64::EPSILON, "opened {} times", opened(&controller).await?);
        Ok(())
    });
}

#[test]
fn of_two_replicas_one_works_and_the_other_takes_over() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let election = ["--lease-duration=4s", "--renew-deadline=3s", "--retry-period=500ms"];
        let leader = world.start_with(NAME, &election).await?;
        wait_until("it leads", SOON, || async {
            ensure!(leader.metric("kseal_leader").await? > 0.5);
            Ok(())
        })
        .await?;
        let standby = world.start_with(NAME, &election).await?;
        for name in ["one", "two"] {
            world.namespace(name, &json!({"team": "a"})).await?;
        }
        world.apply(ITEMS).await?;
        world.ready(2).await?;
        leader.kill()?;
        world.apply(OTHERS).await?;
        world.namespace("three", &json!({"team": "a"})).await?;
        for name in ["one", "two", "three"] {
            world.holds(name, OTHERS).await?;
        }
        world.ready(3).await?;
        ensure!((opened(&standby).await? - 1.0).abs() < 1.5);

        // One that was away for long believes it leads, for a while: both come to the same end.
        let other = world.start_with(NAME, &election).await?;
        standby.freeze()?;
        wait_until("the other leads", SOON, || async {
            ensure!(other.metric("kseal_leader").await? > 0.5);
            Ok(())
        })
        .await?;
        world.apply(ITEMS).await?;
        standby.thaw()?;
        for name in ["one", "two", "three"] {
            world.holds(name, ITEMS).await?;
        }
        let object = world.ready(3).await?;
        let version = object["metadata"]["resourceVersion"].clone();
        // And then there is quiet.
        let mut calm = 0;
        wait_until("nothing is written any more", SOON, || {
            calm += 1;
            let calm = calm;
            let (world, version) = (&world, &version);
            async move {
                ensure!(world.object().await?["metadata"]["resourceVersion"] == *version, "it was written");
                ensure!(calm > 20, "not yet for long");
                Ok(())
            }
        })
        .await?;
        Ok(())
    });
}
