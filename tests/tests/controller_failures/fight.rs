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

/// Changes the Secret again and again until it is put right.
async fn fight(case: &Case<'_>) -> Result<()> {
    wait_until("the Secret is put right", ANSWER + SLACK, || async {
        let secret = case.secret().await?;
        if case.ensure_items(&secret, ITEMS).is_ok() {
            return Ok(());
        }
        // Not over an answer that came since then: the next one is half a minute away.
        let only_as_read = json!({"resourceVersion": secret["metadata"]["resourceVersion"]});
        let again = json!({"metadata": only_as_read, "data": {"more": "eQ=="}});
        case.site.objects.merge(&case.secret_path(), &again).await?;
        anyhow::bail!("it is as the fighter has it")
    })
    .await
}

async fn change(case: &Case<'_>) -> Result<()> {
    case.site.objects.merge(&case.secret_path(), &json!({"data": {"user": "eA==", "more": "eA=="}})).await.map(drop)
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
            // The first answer comes at once, the second after its time.
            change(case).await?;
            fight(case).await?;
            change(case).await?;
            fight(case).await?;
            case.right().await?;
            let object = case.object().await?;
            let main = condition(&object, main_condition(case.group));
            ensure!(main["status"] == "True" && main["reason"] == "Contested", "{main}");
            let message = main["message"].as_str().unwrap_or_default();
            ensure!(message.starts_with("kubectl-edit keeps changing the Secret"), "{message}");

            // The fighter's last word does not stay.
            change(case).await?;
            wait_until("the Secret is put right", ANSWER + SLACK, || case.is_right()).await?;
            case.holds(ITEMS).await?;

            let mut events = cluster.audit().await?;
            events
                .retain(|event| event.resource == "secrets" && event.namespace == case.namespace && event.code == 200);
            events.retain(|event| event.verb == "patch");
            let answers: Vec<_> = events.iter().filter(|event| event.user == user).collect();
            // One more where the fighter was quicker than the first answer.
            ensure!((3..=4).contains(&answers.len()), "{answers:#?}");
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
