//! Somebody else who will have a Secret otherwise.

use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kseal_tests::{
    cluster::{AuditEvent, Cluster, Options, run, wait_until},
    site::{SOON, condition, items},
};
use serde_json::json;

use crate::{
    ITEMS,
    world::{NAME, World, secret},
};

/// One answer in so long.
const ANSWER: Duration = Duration::from_secs(30);
/// What an answer itself may take on a busy machine.
const SLACK: Duration = Duration::from_secs(15);

async fn change(world: &World<'_>, namespace: &str) -> Result<()> {
    world.objects().merge(&secret(namespace), &json!({"data": {"user": "eA=="}})).await.map(drop)
}

fn between(one: &AuditEvent, other: &AuditEvent) -> Result<Duration> {
    let time =
        |event: &AuditEvent| Ok::<_, serde_json::Error>(serde_json::from_value::<MicroTime>(json!(event.received))?.0);
    Ok(time(other)?.duration_since(time(one)?).try_into()?)
}

#[test]
fn what_is_changed_in_one_namespace_is_put_right_there_and_only_there() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let _controller = world.start(NAME).await?;
        for name in ["one", "two", "three", "four"] {
            world.namespace(name, &json!({"team": "a"})).await?;
        }
        world.apply(ITEMS).await?;
        world.ready(4).await?;
        let before = world.secret("four").await?;
        change(&world, "one").await?;
        world.holds("one", ITEMS).await?;
        world.objects().delete(&secret("two")).await?;
        world.holds("two", ITEMS).await?;
        // The label, by which it is found, goes.
        let unlabelled = json!({"metadata": {"labels": {"kseal.dev/cluster-sealed-secret": null}}});
        world.objects().merge(&secret("three"), &unlabelled).await?;
        world.holds("three", ITEMS).await?;
        let object = world.ready(4).await?;
        ensure!(condition(&object, "Ready")["reason"] == "Opened", "{}", object["status"]);
        ensure!(world.secret("four").await? == before, "it was touched");
        let writes = world.writes().await?.into_iter().filter(|event| event.resource == "secrets" && event.code < 300);
        ensure!(writes.filter(|event| event.namespace == "four").count() == 1);
        Ok(())
    });
}

#[test]
fn a_fighter_gets_one_answer_in_half_a_minute_and_is_named_and_others_are_served_meanwhile() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let _controller = world.start(NAME).await?;
        for name in ["fought", "quiet"] {
            world.namespace(name, &json!({"team": "a"})).await?;
        }
        world.apply(ITEMS).await?;
        world.ready(2).await?;
        change(&world, "fought").await?;
        world.holds("fought", ITEMS).await?;
        change(&world, "fought").await?;
        wait_until("the Secret is put right", ANSWER + SLACK, || async {
            let items = items(&world.secret("fought").await?)?;
            ensure!(items.get("user").is_some_and(|value| value == "robot"), "it is as the fighter has it");
            Ok(())
        })
        .await?;
        let message = wait_until("it is contested", SOON, || async {
            let object = world.object().await?;
            let ready = condition(&object, "Ready");
            ensure!(ready["status"] == "True" && ready["reason"] == "Contested", "{ready}");
            Ok(ready["message"].as_str().unwrap_or_default().to_owned())
        })
        .await?;
        ensure!(message.starts_with("kubectl-edit keeps changing the Secret in fought"), "{message}");
        change(&world, "quiet").await?;
        world.holds("quiet", ITEMS).await?;
        let mut answers = world.writes().await?;
        answers.retain(|event| event.namespace == "fought" && event.verb == "patch" && event.code == 200);
        ensure!(answers.len() >= 2, "{answers:#?}");
        for pair in answers.windows(2) {
            let time = between(&pair[0], &pair[1])?;
            ensure!(time + Duration::from_millis(500) > ANSWER, "{time:?} after the one before");
        }
        Ok(())
    });
}
