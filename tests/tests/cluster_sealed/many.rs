//! A thousand namespaces.

use std::time::Duration;

use anyhow::ensure;
use kseal_tests::cluster::{Cluster, Options, run, wait_until};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    ITEMS, OTHERS,
    world::{NAME, World},
};

const NAMESPACES: usize = 1_000;
/// What all of them may take on a busy machine.
const LONG: Duration = Duration::from_mins(3);

async fn all_are_ready(world: &World<'_>) -> anyhow::Result<()> {
    wait_until("all of them are right", LONG, || async {
        let object = world.object().await?;
        let counts = json!({"selected": NAMESPACES, "ready": NAMESPACES, "failing": 0});
        ensure!(object["status"]["namespaces"] == counts, "{}", object["status"]["namespaces"]);
        ensure!(object["status"]["observedGeneration"] == object["metadata"]["generation"]);
        Ok(())
    })
    .await
}

#[test]
fn a_change_costs_one_write_for_each_namespace_and_a_few_for_the_status() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let controller = world.start(NAME).await?;
        let namespace = |number: usize| {
            json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": format!("team-{number:04}"), "labels": {"team": "a"}}})
        };
        world.site.apply_all((0..NAMESPACES).map(namespace)).await?;
        let began = Instant::now();
        world.apply(ITEMS).await?;
        all_are_ready(&world).await?;
        println!("into {NAMESPACES} namespaces: {:?}", began.elapsed());
        let writes = world.writes().await?;
        let of = |resource: &str| writes.iter().filter(|event| event.resource == resource).count();
        ensure!(of("secrets") == NAMESPACES, "{} writes of Secrets", of("secrets"));

        let before = writes.len();
        let began = Instant::now();
        world.apply(OTHERS).await?;
        all_are_ready(&world).await?;
        let took = began.elapsed();
        world.holds("team-0999", OTHERS).await?;
        let writes = world.writes().await?.split_off(before);
        let of = |resource: &str| writes.iter().filter(|event| event.resource == resource).count();
        println!("changed: {took:?}, {} writes of the status", of("clustersealedsecrets"));
        ensure!(of("secrets") == NAMESPACES, "{} writes of Secrets", of("secrets"));
        // One at the end, and one every five seconds.
        let statuses = usize::try_from(took.as_secs() / 5)? + 2;
        ensure!(of("clustersealedsecrets") <= statuses, "{} writes of the status", of("clustersealedsecrets"));
        ensure!(writes.len() == of("secrets") + of("clustersealedsecrets"), "something else was written");

        // Back to the sum of what it is and what it was: a restart costs nothing.
        println!("memory: {} KiB, at most {} KiB", controller.rss()? >> 10, controller.peak_rss()? >> 10);
        controller.stop().await?;
        let before = world.writes().await?.len();
        let controller = world.start(NAME).await?;
        wait_until("it has looked at all", LONG, || async {
            let ready = controller.metric("kseal_cluster_sealed_secret_namespaces{state=\"ready\"}").await?;
            ensure!(ready > 999.5, "{ready}");
            Ok(())
        })
        .await?;
        ensure!(world.writes().await?.len() == before, "it wrote");
        println!("memory after a restart: {} KiB", controller.rss()? >> 10);
        Ok(())
    });
}
