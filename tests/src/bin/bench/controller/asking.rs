//! How soon a person who looks after keys has an answer.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use kseal_api::{KeyUsage, names};
use kseal_tests::{
    bare::{self, Part},
    cluster::wait_until,
};
use serde_json::Value;
use tokio::time::Instant;

use super::field::Field;
use crate::table::Table;

/// How often each is asked; the middle one counts.
const TIMES: usize = 7;
const REACH: Duration = Duration::from_secs(1);

/// All objects are in sync, and the controller runs.
pub(super) async fn rows(field: &Field<'_>, count: usize, table: &mut Table) -> Result<()> {
    let key = wait_until("what needs the key is told", Duration::from_mins(1), || key(field, count)).await?;
    let folder = tempfile::tempdir()?;
    for (what, arguments) in
        [("kseal keys list", vec!["keys", "list", "--cluster"]), ("kseal keys usage KEY", vec!["keys", "usage", &key])]
    {
        let took = middle(field, folder.path(), &arguments, count).await?;
        let measured = format!("{:.0} ms, the start of the program included", took.as_secs_f64() * 1_000.0);
        table.ratio(&format!("{what}, {count} objects"), "≤ 1 s", &measured, took <= REACH);
    }
    let took = middle(field, folder.path(), &["keys", "usage", "--all", &key], count).await?;
    let measured = format!("{:.1} s: every object is read", took.as_secs_f64());
    table.figure(&format!("kseal keys usage --all KEY, {count} objects"), &measured);
    Ok(())
}

/// The key that all objects need.
async fn key(field: &Field<'_>, count: usize) -> Result<String> {
    let path = format!("/api/v1/namespaces/{}/configmaps/{}", field.kseal.namespace()?, names::KEY_USAGE);
    let map: Value = serde_json::from_slice(&bare::read(&field.admin, &path, Part::Whole).await?)?;
    let usage: KeyUsage = serde_json::from_str(map["data"][names::KEY_USAGE_ITEM].as_str().context("no usage in it")?)?;
    let key = usage.keys.into_iter().find(|(_, key)| key.objects == count);
    Ok(key.with_context(|| format!("no key is needed by {count}"))?.0)
}

async fn middle(field: &Field<'_>, folder: &Path, arguments: &[&str], count: usize) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let run = field.cluster.kseal(folder, arguments.iter().copied())?;
        let begun = Instant::now();
        let said = run.run().await?;
        times.push(begun.elapsed());
        ensure!(said.contains(&count.to_string()), "it does not tell of {count}: {said}");
    }
    times.sort();
    Ok(times[TIMES / 2])
}
