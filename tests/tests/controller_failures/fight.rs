//! Somebody else who will have the Secret otherwise.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{AuditEvent, Cluster, ControllerOptions, Options, run, wait_until},
    site::{Case, Site, condition, main_condition},
};
use serde_json::json;

use crate::{ITEMS, cases, each};

/// One answer in so long.
const ANSWER: Duration = Duration::from_secs(30);
/// What an answer itself may take on a busy machine.
const SLACK: Duration = Duration::from_secs(15);

async fn is_put_right(case: &Case<'_>) -> Result<()> {
    wait_until("the Secret is put right", ANSWER + SLACK, || async {
        case.ensure_items(&case.is_right().await?, ITEMS)
    })
    .await
}

/// In an item of ours, and in one of the fighter's own.
async fn change(case: &Case<'_>, own: &str) -> Result<()> {
    case.site.objects.merge(&case.secret_path(), &json!({"data": {"user": "eA==", "more": own}})).await.map(drop)
}

/// How long after `one` the `other` came.
fn between(one: &AuditEvent, other: &AuditEvent) -> Result<Duration> {
    let time =
        |event: &AuditEvent| Ok::<_, serde_json::Error>(serde_json::from_value::<MicroTime>(json!(event.received))?.0);
    Ok(time(other)?.duration_since(time(one)?).try_into()?)
}

#[test]
fn a_fighter_gets_one_answer_in_half_a_minute_and_is_named() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let _controller = site.start(ControllerOptions::default()).await?;
        let user = site.installation.user()?;
        each(&cases(&site).await?, async |case| {
            case.apply(ITEMS).await?;
            case.holds(ITEMS).await?;
            // The first answer comes at once, the second after its time, however often the fighter comes back meanwhile.
            change(case, "eA==").await?;
            is_put_right(case).await?;
            change(case, "eA==").await?;
            change(case, "eQ==").await?;
            is_put_right(case).await?;
            let object = case.object().await?;
            let main = condition(&object, main_condition(case.group));
            ensure!(main["status"] == "True" && main["reason"] == "Contested", "{main}");
            let message = main["message"].as_str().unwrap_or_default();
            ensure!(message.starts_with("kubectl-edit keeps changing the Secret"), "{message}");

            // The fighter's last word does not stay.
            change(case, "eA==").await?;
            is_put_right(case).await?;

            let mut events = cluster.audit().await?;
            events
                .retain(|event| event.resource == "secrets" && event.namespace == case.namespace && event.code == 200);
            events.retain(|event| event.verb == "patch");
            let answers: Vec<_> = events.iter().filter(|event| event.user == user).collect();
            ensure!(answers.len() == 3, "{answers:#?}");
            for pair in answers.windows(2) {
                let time = between(pair[0], pair[1])?;
                ensure!(time + Duration::from_millis(500) > ANSWER, "{time:?} after the one before");
            }
            let last_word = events.iter().rfind(|event| event.user != user).context("nobody fought")?;
            let time = between(last_word, answers[answers.len() - 1])?;
            ensure!(time < ANSWER + SLACK, "{time:?} after the last word");
            Ok(())
        })
        .await
    });
}

#[test]
fn what_is_deleted_again_and_again_comes_back_as_seldom() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let _controller = site.start(ControllerOptions::default()).await?;
        let case = site.case(Group::Native).await?;
        case.apply(ITEMS).await?;
        case.holds(ITEMS).await?;
        for _ in 0..2 {
            site.objects.delete(&case.secret_path()).await?;
            wait_until("the Secret is back", ANSWER + SLACK, || case.is_right()).await?;
        }
        let user = site.installation.user()?;
        let mut events = case.requests().await?;
        events.retain(|event| event.resource == "secrets" && event.verb == "create" && event.user == user);
        ensure!(events.len() == 3, "{events:#?}");
        ensure!(between(&events[1], &events[2])? + Duration::from_millis(500) > ANSWER, "{events:#?}");
        // A change that was asked for need not wait.
        site.objects.delete(&case.secret_path()).await?;
        case.apply(crate::OTHERS).await?;
        wait_until("the Secret is the new one", SLACK, || async {
            case.ensure_items(&case.is_right().await?, crate::OTHERS)
        })
        .await
    });
}
