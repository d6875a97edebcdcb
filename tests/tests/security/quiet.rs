//! What a thousand objects cost while nothing happens, and what one costs when it comes.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use http::Request;
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{AuditEvent, Cluster, Controller, ControllerOptions, Options, run, wait_until},
    site::{Case, SOON, Site},
};

use crate::attacker::ITEMS;

/// Of each kind.
const HALF: u16 = 500;

/// Waits until it says of all objects that they are right.
async fn all_are_right(controller: &Controller) -> Result<()> {
    wait_until("all objects are right", 2 * SOON, || async {
        for group in Group::ALL {
            let series = format!("kseal_objects{{group=\"{}\",state=\"ready\"}}", group.as_str());
            let ready = controller.metric(&series).await?;
            ensure!(ready >= f64::from(HALF), "{ready} of {group:?}");
        }
        Ok(())
    })
    .await
}

/// What the controller has asked for, its Lease apart.
async fn requests(site: &Site<'_>) -> Result<Vec<AuditEvent>> {
    let (user, mut events) = (site.installation.user()?, site.cluster.audit().await?);
    events.retain(|event| event.user == user && event.resource != "leases");
    Ok(events)
}

/// What it asked for since there were `before` requests, watches apart.
async fn since(site: &Site<'_>, before: &[AuditEvent]) -> Result<Vec<AuditEvent>> {
    let mut events = requests(site).await?;
    events.retain(|event| event.verb != "watch" && !before.contains(event));
    Ok(events)
}

/// So long as the API server takes for a watch of so many seconds that sees nothing.
async fn pass(site: &Site<'_>, seconds: u32) -> Result<()> {
    let nothing = format!("configmaps?watch=1&timeoutSeconds={seconds}&fieldSelector=metadata.name=none");
    let request = Request::get(format!("/api/v1/namespaces/default/{nothing}")).body(Vec::new())?;
    let seen = site.cluster.admin().await?.request_text(request).await?;
    ensure!(seen.is_empty(), "{seen}");
    Ok(())
}

/// Each new object cost the Secret and the status, and no look at a Secret.
fn cost_two_writes(requests: &[AuditEvent], namespace: &str) -> Result<usize> {
    let mut by_object: BTreeMap<&str, Vec<(&str, &str, &str, u16)>> = BTreeMap::new();
    for it in requests.iter().filter(|event| event.namespace == namespace && event.verb != "watch") {
        // The API server does not say the name of what is created; the Secret is told by its number alone.
        let name = if it.verb == "create" { "" } else { it.name.as_str() };
        by_object.entry(name).or_default().push((&it.verb, &it.resource, &it.subresource, it.code));
    }
    let created = by_object.remove("").unwrap_or_default();
    ensure!(created.iter().all(|it| *it == ("create", "secrets", "", 201)), "{created:?}");
    ensure!(created.len() == by_object.len(), "{} Secrets of {} objects", created.len(), by_object.len());
    for (name, asked) in &by_object {
        ensure!(asked[..] == [("patch", "sealedsecrets", "status", 200)], "{name}: {asked:?}");
    }
    Ok(by_object.len())
}

#[test]
fn a_thousand_objects_cost_nothing_while_nothing_happens_and_nothing_at_a_restart() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let namespaces = [cluster.namespace("native").await?, cluster.namespace("upstream").await?];
        let controller = site.start(ControllerOptions::default()).await?;
        for (group, namespace) in Group::ALL.into_iter().zip(&namespaces) {
            let of = |index| Case { site: &site, group, namespace: namespace.clone(), name: format!("db-{index}") };
            site.apply_all((0..HALF).map(|index| of(index).sealed(ITEMS)).collect::<Result<Vec<_>>>()?).await?;
        }
        all_are_right(&controller).await?;
        // Seconds later it tells which keys they need.
        wait_until("all objects are told to need their keys", SOON, || async {
            let told: usize = site.usage().await?.keys.values().map(|key| key.objects).sum();
            ensure!(told == 2 * usize::from(HALF), "{told} are");
            Ok(())
        })
        .await?;
        let made = requests(&site).await?;
        for namespace in &namespaces {
            ensure!(cost_two_writes(&made, namespace)? == usize::from(HALF));
        }

        pass(&site, 60).await?;
        let asked = since(&site, &made).await?;
        ensure!(asked.is_empty(), "in a quiet minute: {asked:#?}");

        let before = requests(&site).await?;
        controller.stop().await?;
        let controller = site.start(ControllerOptions::default()).await?;
        all_are_right(&controller).await?;
        // What it might do a little later, it has done by then.
        pass(&site, 5).await?;
        let asked = since(&site, &before).await?;
        let writes: Vec<_> = asked.iter().filter(|event| !["get", "list"].contains(&event.verb.as_str())).collect();
        ensure!(writes.is_empty(), "after a restart: {writes:#?}");
        let reads: Vec<_> = asked.iter().filter(|event| namespaces.contains(&event.namespace)).collect();
        ensure!(reads.is_empty(), "after a restart: {reads:#?}");
        let metrics = controller.metrics().await?;
        let operations: Vec<_> =
            metrics.lines().filter(|line| line.starts_with("kseal_private_key_operations_total{")).collect();
        ensure!(operations.iter().all(|line| line.ends_with(" 0")), "{operations:?}");

        let before = requests(&site).await?;
        for (group, namespace) in Group::ALL.into_iter().zip(&namespaces) {
            let case = Case { site: &site, group, namespace: namespace.clone(), name: "new".to_owned() };
            site.objects.create(&case.sealed(ITEMS)?).await?;
            case.holds(ITEMS).await?;
            ensure!(cost_two_writes(&since(&site, &before).await?, namespace)? == 1);
        }
        Ok(())
    });
}
