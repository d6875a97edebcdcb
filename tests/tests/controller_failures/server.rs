//! The API server and its store: restarted, forgetful, restored.

use anyhow::{Result, ensure};
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, Part, run},
    site::{Case, Site},
};
use serde_json::json;

use crate::{
    ITEMS, OTHERS, cases, each,
    states::{State, is_calm},
};

/// That a new object gets its Secret, and a change its answer.
async fn works(case: &Case<'_>, name: &str) -> Result<()> {
    let case = case.named(name);
    case.apply(ITEMS).await?;
    case.holds(ITEMS).await?;
    case.site.objects.delete(&case.secret_path()).await?;
    case.holds(ITEMS).await?;
    case.apply(OTHERS).await?;
    case.holds(OTHERS).await?;
    Ok(())
}

#[test]
fn it_goes_on_after_restarts() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let controller = site.start(ControllerOptions::default()).await?;
        let cases = cases(&site).await?;
        each(&cases, async |case| works(case, "first").await).await?;
        cluster.restart(Part::Apiserver).await?;
        each(&cases, async |case| works(case, "second").await).await?;
        cluster.kill(Part::Apiserver)?;
        cluster.resume(Part::Apiserver).await?;
        each(&cases, async |case| works(case, "third").await).await?;
        cluster.kill(Part::Etcd)?;
        cluster.resume(Part::Etcd).await?;
        each(&cases, async |case| works(case, "fourth").await).await?;
        controller.stop().await
    });
}

#[test]
fn what_happened_while_its_watches_expired_is_seen() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let controller = site.start(ControllerOptions::default()).await?;
        let cases = cases(&site).await?;
        each(&cases, async |case| {
            for name in ["calm", "changed", "deleted", "edited", "going"] {
                case.named(name).apply(ITEMS).await?;
                case.named(name).holds(ITEMS).await?;
            }
            Ok(())
        })
        .await?;

        controller.freeze()?;
        let mut calm = Vec::new();
        for case in &cases {
            calm.push(case.named("calm").secret().await?);
            case.named("changed").apply(OTHERS).await?;
            site.objects.delete(&case.named("deleted").secret_path()).await?;
            let edit = json!({"data": {"user": "eA=="}});
            site.objects.merge(&case.named("edited").secret_path(), &edit).await?;
            site.objects.delete(&case.named("going").path()).await?;
            case.named("going").gone().await?;
            case.named("new").apply(ITEMS).await?;
        }
        cluster.expire_watches().await?;
        controller.thaw()?;
        for (case, calm) in cases.iter().zip(calm) {
            case.named("changed").holds(OTHERS).await?;
            for name in ["deleted", "edited", "new"] {
                case.named(name).holds(ITEMS).await?;
            }
            case.named("going").gone().await?;
            let still = case.named("calm").is_right().await?;
            ensure!(still["metadata"]["resourceVersion"] == calm["metadata"]["resourceVersion"]);
        }
        is_calm(&cases).await
    });
}

#[test]
fn a_store_that_went_back_in_time_is_believed_anew() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let _controller = site.start(ControllerOptions::default()).await?;
        let cases = cases(&site).await?;
        let names = ["calm", "changed", "edited", "deleted"];
        each(&cases, async |case| {
            for name in names {
                case.named(name).apply(ITEMS).await?;
                case.named(name).holds(ITEMS).await?;
            }
            Ok(())
        })
        .await?;
        let snapshot = cluster.snapshot().await?;
        let before = [State::read(&cases[0]).await?, State::read(&cases[1]).await?];
        each(&cases, async |case| {
            case.named("changed").apply(OTHERS).await?;
            case.named("changed").holds(OTHERS).await?;
            site.objects.delete(&case.named("deleted").path()).await?;
            case.named("deleted").gone().await?;
            case.named("new").apply(ITEMS).await?;
            case.named("new").holds(ITEMS).await?;
            Ok(())
        })
        .await?;
        cluster.restore(&snapshot).await?;
        // Everything is as it was, and stays so.
        for (case, before) in cases.iter().zip(before) {
            for name in names {
                case.named(name).holds(ITEMS).await?;
            }
            ensure!(before.essence() == State::read(case).await?.essence());
        }
        is_calm(&cases).await?;
        // And what happens from now on is seen, whatever numbers it is given.
        each(&cases, async |case| {
            case.named("changed").apply(&[("user", "again")]).await?;
            case.named("new").apply(OTHERS).await?;
            site.objects.merge(&case.named("edited").secret_path(), &json!({"data": {"user": "eA=="}})).await?;
            site.objects.delete(&case.named("deleted").secret_path()).await?;
            case.named("changed").holds(&[("user", "again")]).await?;
            case.named("new").holds(OTHERS).await?;
            case.named("edited").holds(ITEMS).await?;
            case.named("deleted").holds(ITEMS).await?;
            Ok(())
        })
        .await
    });
}
