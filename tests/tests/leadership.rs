//! Which of two replicas leads, on a real API server, when one stops, stands still, is killed, or nobody is answered.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kseal_api::names;
use kseal_tests::cluster::{Cluster, Controller, ControllerOptions, Options, Part, run, wait_until};
use serde_json::Value;
use tokio::time::Instant;

/// Long enough that nothing runs out on a busy machine, short enough to wait for.
const LEASE: Duration = Duration::from_secs(6);
const SOON: Duration = Duration::from_mins(1);

fn options() -> ControllerOptions {
    let arguments = ["--lease-duration=6s", "--renew-deadline=4s", "--retry-period=500ms"];
    ControllerOptions { arguments: arguments.map(str::to_owned).to_vec(), ..ControllerOptions::default() }
}

async fn leads(replica: &Controller) -> Result<bool> {
    Ok(replica.metric("kseal_leader").await? > 0.5)
}

async fn until_leads(replica: &Controller, expected: bool, within: Duration) -> Result<()> {
    let what = format!("{} {}", replica.pod(), if expected { "leads" } else { "does not lead" });
    wait_until(&what, within, || async {
        ensure!(leads(replica).await? == expected);
        Ok(())
    })
    .await
}

async fn lease(cluster: &Cluster) -> Result<Value> {
    let get = ["-n", names::SYSTEM_NAMESPACE, "get", "lease", names::CONTROLLER, "-o", "json"];
    let text = cluster.kubectl(get).run().await?;
    Ok(serde_json::from_str::<Value>(&text)?["spec"].take())
}

async fn ensure_holds(cluster: &Cluster, replica: &Controller, transitions: u64) -> Result<()> {
    let lease = lease(cluster).await?;
    let holder = lease["holderIdentity"].as_str().context("nobody holds it")?;
    ensure!(holder.starts_with(&format!("{}_", replica.pod())), "{lease}");
    ensure!(lease["leaseTransitions"] == transitions && lease["leaseDurationSeconds"] == LEASE.as_secs(), "{lease}");
    Ok(())
}

#[test]
fn one_replica_leads_and_the_other_takes_over() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let kseal = cluster.install("deploy").await?;
        let first = kseal.start(&options()).await?;
        until_leads(&first, true, SOON).await?;
        let second = kseal.start(&options()).await?;
        second.wait_ready().await?;
        ensure!(!leads(&second).await?);
        ensure_holds(&cluster, &first, 0).await?;

        // It stops: the lease is handed over, and does not run out first.
        let stopped = Instant::now();
        first.stop().await?;
        until_leads(&second, true, SOON).await?;
        ensure!(stopped.elapsed() < LEASE, "it took {:?}", stopped.elapsed());
        ensure_holds(&cluster, &second, 1).await?;

        // It stands still for longer than the lease: when it goes on it sees that another leads.
        let third = kseal.start(&options()).await?;
        third.wait_ready().await?;
        second.freeze()?;
        until_leads(&third, true, SOON).await?;
        second.thaw()?;
        until_leads(&second, false, SOON).await?;
        ensure_holds(&cluster, &third, 2).await?;

        // Nobody is answered: nobody leads, and both live. Then one does again.
        cluster.freeze(Part::Apiserver)?;
        until_leads(&third, false, SOON).await?;
        ensure!(second.get("/healthz").await.is_ok() && third.get("/healthz").await.is_ok());
        cluster.thaw(Part::Apiserver)?;
        wait_until("one leads again", SOON, || async {
            ensure!(leads(&second).await? != leads(&third).await?);
            Ok(())
        })
        .await?;

        // It is killed: the lease runs out.
        let (leader, other) = if leads(&second).await? { (second, third) } else { (third, second) };
        leader.kill()?;
        until_leads(&other, true, SOON).await?;
        ensure!(other.logs()?.contains("this replica leads"));
        other.stop().await?;
        ensure!(lease(&cluster).await?["holderIdentity"] == "", "the last one hands it over to nobody");
        Ok(())
    });
}
