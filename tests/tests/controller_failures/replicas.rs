//! More than one replica.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http::Method;
use kseal_tests::{
    cluster::{Asked, Cluster, Controller, ControllerOptions, Options, Treatment, run, wait_until},
    site::{SOON, Site},
};
use serde_json::json;
use tokio::time::Instant;

use crate::{ITEMS, OTHERS, cases, each, states::is_calm};

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/kseal-system/leases";

fn options(arguments: &[&str]) -> ControllerOptions {
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    ControllerOptions { arguments, ..ControllerOptions::default() }
}

async fn leads(controller: &Controller) -> Result<()> {
    wait_until("it leads", SOON, || async {
        ensure!(controller.metric("kseal_leader").await? > 0.5, "it does not");
        Ok(())
    })
    .await
}

#[test]
fn a_standby_watches_keys_only_and_takes_over_when_the_leader_is_killed() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let election = ["--lease-duration=4s", "--renew-deadline=3s", "--retry-period=500ms"];
        let leader = site.start(options(&election)).await?;
        leads(&leader).await?;
        let proxy = cluster.proxy(|_| Treatment::Pass).await?;
        let standby = site.start(ControllerOptions { server: Some(proxy.address()), ..options(&election) }).await?;
        let cases = cases(&site).await?;
        each(&cases, async |case| {
            case.apply(ITEMS).await?;
            case.holds(ITEMS).await.map(drop)
        })
        .await?;
        ensure!(standby.metric("kseal_leader").await? < 0.5);
        let own = format!("/api/v1/namespaces/{}/", site.installation.namespace()?);
        for asked in proxy.asked() {
            let is_lease = asked.method == Method::GET && asked.path == format!("{LEASE}/kseal-controller");
            let secrets = asked.path == format!("{own}secrets")
                && (asked.query.contains("labelSelector=") || asked.query.contains("fieldSelector="));
            let is_key = asked.method == Method::GET
                && (secrets || asked.path == format!("{own}configmaps"))
                && (asked.path.ends_with("secrets")
                    || asked.query.contains("fieldSelector=metadata.name%3Dkseal-public-keys"));
            ensure!(is_lease || is_key, "{asked:?}");
        }

        let killed = Instant::now();
        leader.kill()?;
        each(&cases, async |case| {
            case.apply(OTHERS).await?;
            case.holds(OTHERS).await.map(drop)
        })
        .await?;
        let took = |asked: &Asked| asked.method == Method::PUT && asked.path.starts_with(LEASE);
        let asked = proxy.asked();
        let taken = asked.iter().find(|asked| took(asked)).context("it did not take the lease")?;
        let time = taken.at.duration_since(killed);
        ensure!(time <= Duration::from_secs(4 + 2), "it took the lease after {time:?}");
        standby.stop().await
    });
}

#[test]
fn a_leader_that_stops_hands_over_at_once() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        // A lease that nobody waits for.
        let election = ["--lease-duration=5m", "--renew-deadline=4m", "--retry-period=500ms"];
        let mut leader = site.start(options(&election)).await?;
        leads(&leader).await?;
        let cases = cases(&site).await?;
        for items in [ITEMS, OTHERS, ITEMS] {
            let standby = site.start(options(&election)).await?;
            leader.stop().await?;
            leads(&standby).await?;
            each(&cases, async |case| {
                case.apply(items).await?;
                case.holds(items).await.map(drop)
            })
            .await?;
            leader = standby;
        }
        leader.stop().await
    });
}

/// Lets whoever asks be the holder of a lease of its own.
fn lease_of_its_own(asked: &Asked) -> Treatment {
    if !asked.path.starts_with(LEASE) {
        return Treatment::Pass;
    }
    if asked.method == Method::GET {
        return Treatment::refuse(404, "NotFound");
    }
    let mut body = asked.body.clone();
    body["metadata"]["resourceVersion"] = json!("1");
    body["metadata"]["uid"] = json!("a lease of its own");
    Treatment::Answer { code: if asked.method == Method::POST { 201 } else { 200 }, body, retry_after: None }
}

#[test]
fn two_live_leaders_come_to_one_end() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let proxies = [cluster.proxy(lease_of_its_own).await?, cluster.proxy(lease_of_its_own).await?];
        let start = async |server: String| -> Result<Controller> {
            let controller =
                site.start(ControllerOptions { server: Some(server), ..ControllerOptions::default() }).await?;
            leads(&controller).await?;
            Ok(controller)
        };
        let (first, second) = tokio::try_join!(start(proxies[0].address()), start(proxies[1].address()))?;
        let cases = cases(&site).await?;
        let names: Vec<String> = (0..20).map(|number| format!("db-{number}")).collect();
        each(&cases, async |case| {
            for items in [ITEMS, OTHERS, ITEMS] {
                for name in &names {
                    case.named(name).apply(items).await?;
                }
            }
            for name in &names {
                case.named(name).holds(ITEMS).await?;
            }
            for name in &names {
                site.objects.delete(&case.named(name).secret_path()).await?;
            }
            for name in &names {
                case.named(name).holds(ITEMS).await?;
                ensure!(case.events().await?.is_empty(), "nothing went wrong: {:?}", case.events().await?);
            }
            Ok(())
        })
        .await?;
        is_calm(&cases).await?;

        // One key was made, and both know it.
        let secrets =
            site.objects.get(&format!("/api/v1/namespaces/{}/secrets", site.installation.namespace()?)).await?;
        let made = secrets["items"].as_array().context("a list")?.iter();
        let made = made.filter(|it| it["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("kseal-1-")));
        ensure!(made.count() == 1);
        for controller in [&first, &second] {
            ensure!(controller.metric("kseal_leader").await? > 0.5);
        }
        for proxy in &proxies {
            let wrote =
                proxy.asked().into_iter().any(|asked| asked.method == Method::POST && asked.path.ends_with("/secrets"));
            ensure!(wrote, "it did nothing");
        }
        Ok(())
    });
}
