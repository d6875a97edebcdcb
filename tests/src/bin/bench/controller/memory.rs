//! Memory of a controller that is in sync, beside Secrets of others.

use anyhow::{Context as _, Result};
use tokio::time::{Duration, sleep, timeout};

use super::{
    Plan,
    field::{Field, bare_client},
    recipe::Recipe,
    usage::{Cpu, Memory},
};
use crate::table::{MIB, Table, mib};

/// Octets of a foreign Secret, and as many again in its annotation.
const FOREIGN: usize = 10 * 1024;
/// Until the bare client has read everything.
const PATIENCE: Duration = Duration::from_mins(5);

/// All objects are in sync when this begins. Ends with a controller that does not run.
pub(super) async fn row(plan: &Plan, field: &Field<'_>, recipe: &Recipe, table: &mut Table) -> Result<()> {
    field.create_foreign(plan.objects, FOREIGN).await?;
    field.calm().await?;
    let controller = field.start(&[]).await?;
    field.in_sync(&controller, recipe, plan.objects).await?;
    let ours = Memory::of(controller.pid())?;
    controller.stop().await?;
    let bare = of_bare_client(field, recipe).await?;
    let measured = format!("{}; the bare client: {}", shown(ours), shown(bare));
    let what = format!("memory in sync, {0} objects and {0} foreign Secrets of 10 KB", plan.objects);
    let holds = ours.resident <= 24 * MIB && ours.peak <= 32 * MIB;
    table.ratio(&what, "≤ 24 MiB resident, ≤ 32 MiB peak", &measured, holds);
    Ok(())
}

/// The same watches, and nothing kept.
pub(super) async fn of_bare_client(field: &Field<'_>, recipe: &Recipe) -> Result<Memory> {
    let process = field.kseal.start(&bare_client(recipe)?).await?;
    let read = async {
        let (mut before, mut calm) = (Cpu::of(process.pid())?, 0);
        while calm < 3 {
            sleep(Duration::from_secs(1)).await;
            let now = Cpu::of(process.pid())?;
            calm = if now.since(before).total() < 0.03 { calm + 1 } else { 0 };
            before = now;
        }
        Memory::of(process.pid())
    };
    let memory = timeout(PATIENCE, read).await.context("the bare client does not come to rest")??;
    process.kill()?;
    Ok(memory)
}

pub(super) fn shown(memory: Memory) -> String {
    let Memory { resident, anonymous, peak } = memory;
    format!("{} resident ({} anonymous), {} peak", mib(resident), mib(anonymous), mib(peak))
}
