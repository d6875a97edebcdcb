//! A hundred thousand objects.

use anyhow::Result;
use kseal_tests::cluster::{Cluster, Options};
use tokio::time::Instant;

use super::{
    Plan,
    field::Field,
    memory::{of_bare_client, shown},
    rows::quiet,
    usage::Memory,
};
use crate::table::{MIB, Table};

const NAMESPACES: usize = 200;
const ETCD: u64 = 8 << 30;
/// Octets of a foreign Secret, and as many again in its annotation.
const FOREIGN: usize = 1024;

pub(super) async fn row(plan: &Plan, table: &mut Table) -> Result<()> {
    let cluster = Cluster::start(Options { etcd_quota: Some(ETCD), ..quiet() }).await?;
    let kseal = cluster.install("deploy").await?;
    let field = Field::new(&cluster, &kseal, NAMESPACES, plan.judges).await?;
    let recipe = field.native(&[]).await?;
    let controller = field.start(&[]).await?;
    let begun = Instant::now();
    field.create(&recipe, 0..plan.large).await?;
    field.in_sync(&controller, &recipe, plan.large).await?;
    let (took, arriving) = (begun.elapsed(), Memory::of(controller.pid())?);
    controller.stop().await?;
    field.create_foreign(plan.large, FOREIGN).await?;
    field.calm().await?;
    let begun = Instant::now();
    let controller = field.start(&[]).await?;
    field.in_sync(&controller, &recipe, plan.large).await?;
    let (restart, memory) = (begun.elapsed(), Memory::of(controller.pid())?);
    controller.stop().await?;
    let bare = of_bare_client(&field, &recipe).await?;
    let measured = format!(
        "{}; the bare client: {}; in sync {:.0} s after the start",
        shown(memory),
        shown(bare),
        restart.as_secs_f64()
    );
    let what = format!("memory in sync, {0} objects and {0} foreign Secrets of 1 KB", plan.large);
    table.ratio(&what, "≤ 64 MiB resident", &measured, memory.resident <= 64 * MIB);
    let measured = format!("{}; made and in sync in {:.0} s", shown(arriving), took.as_secs_f64());
    table.figure("the same objects as they arrived", &measured);
    Ok(())
}
