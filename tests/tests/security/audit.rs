//! What the API server saw of the controller's whole life: no more than it was granted, and no less.

use anyhow::{Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    site::{Keys, SOON, Site},
};
use serde_json::json;

use crate::{attacker::ITEMS, rights};

/// Everything that makes the controller ask for something, with each of the kinds.
async fn live(site: &Site<'_>, group: Group) -> Result<()> {
    let case = site.case(group).await?;
    case.apply(ITEMS).await?;
    case.holds(ITEMS).await?;
    // A repair, and its event.
    site.objects.merge(&case.secret_path(), &json!({"data": {"password": null}})).await?;
    case.holds(ITEMS).await?;
    // What is somebody else's.
    let foreign = case.named("foreign");
    site.objects.apply(&foreign.foreign(ITEMS)).await?;
    foreign.apply(ITEMS).await?;
    foreign.wrong("NotOwned").await?;
    // What waits for a key, and is read again when it comes.
    let (waits, theirs) = (case.named("waits"), Keys::new()?);
    let object = theirs.seal(group, kseal_api::Scope::Strict, (&waits.namespace, &waits.name), ITEMS)?;
    site.objects.apply(&object).await?;
    waits.wrong(if group == Group::Native { "NoKey" } else { "CannotOpen" }).await?;
    site.add_keys(&theirs).await?;
    waits.holds(ITEMS).await?;
    Ok(())
}

/// Lists come in pages here: a streamed list is a watch, and `list` would be a right without a use.
#[test]
fn the_controller_asks_for_all_that_it_may_and_for_nothing_else() {
    run(async {
        let cluster = Cluster::start(Options { watch_list: false, ..Options::default() }).await?;
        let site = Site::new(&cluster).await?;
        let first = site.start(ControllerOptions::default()).await?;
        for group in Group::ALL {
            live(&site, group).await?;
        }
        let published = "/api/v1/namespaces/kseal-system/configmaps/kseal-public-keys";
        site.objects.merge(published, &json!({"data": {"bundle.json": "{}"}})).await?;
        wait_until("what is published is right again", SOON, || async {
            let bundle = site.objects.get(published).await?;
            ensure!(bundle["data"]["bundle.json"] != "{}");
            Ok(())
        })
        .await?;
        // The second leads when the first has handed over.
        let second = site.start(ControllerOptions::default()).await?;
        first.stop().await?;
        wait_until("the second leads", SOON, || async {
            ensure!((second.metric("kseal_leader").await? - 1.0).abs() < f64::EPSILON);
            Ok(())
        })
        .await?;

        let events = rights::are_just_enough(&site.installation, "deploy", &[]).await?;
        let writes = events.iter().filter(|event| !["get", "list", "watch"].contains(&event.verb.as_str()));
        for write in writes {
            let is_ours = write.namespace == site.installation.namespace()?;
            ensure!(is_ours || write.namespace.starts_with("prod-"), "{write:?}");
            // The server's own words for what is no conflict of two writers but a mistake of one.
            ensure!(![400, 415, 422].contains(&write.code), "{write:?}");
        }
        second.stop().await
    });
}
