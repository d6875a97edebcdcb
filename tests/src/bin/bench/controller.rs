//! `cargo xtask bench controller`: what the controller has to reach, on a real control plane on the same machine.
//!
//! Speed is asserted as a ratio to a client that does the same writes and nothing else (`bare-client`), which runs in turn
//! with the controller, on the same objects, in the same minutes. Requests are counted by the API server (its audit log)
//! and by the controller (its metrics). How each figure is taken is told in `docs/performance.md`.

mod accounts;
mod arrival;
mod asking;
mod field;
mod keys;
mod large;
mod latency;
mod memory;
mod pace;
mod parallel;
mod recipe;
mod resync;
mod rows;
mod usage;
mod witness;

use anyhow::{Context as _, Result, bail, ensure};

use crate::table::Table;

pub(crate) const OPTIONS: &str = "\
  --only ROWS   some of: new, rsa, latency, accounts, objects, keys, large, size; with commas between [default: all but large]
  --large       100,000 objects and as many foreign Secrets, too: a quarter of an hour more, some GB of memory and disk
  --count N     as many objects a round, everything else in proportion [default: 2000]
  --quick       few objects, for development: counts are asserted, ratios are not";

/// How much is measured.
pub(super) struct Plan {
    only: Vec<String>,
    /// Objects of one round, by their native suites and by RSA.
    round: usize,
    rsa_round: usize,
    /// Rounds of each client.
    pairs: usize,
    /// Single objects whose way is timed.
    single: usize,
    /// Objects that are in sync, arrive, or are read again.
    objects: usize,
    large: usize,
    /// Whether figures that depend on the machine are judged, and a quiet machine is waited for.
    judges: bool,
}

const ROWS: [&str; 8] = ["new", "rsa", "latency", "accounts", "objects", "keys", "large", "size"];

/// Measures, and fails if a number is not reached.
pub(crate) fn run(options: &[&str]) -> Result<()> {
    let plan = Plan::read(options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        usage::introduce()?;
        let mut table = Table::begin(plan.judges);
        if plan.has("size") {
            tokio::task::block_in_place(|| rows::size(&mut table))?;
        }
        if plan.has("new") {
            rows::new_objects(&plan, &mut table).await?;
        }
        if plan.has("rsa") {
            rows::rsa(&plan, &mut table).await?;
        }
        if plan.has("latency") {
            latency::row(&plan, &mut table).await?;
        }
        if plan.has("accounts") {
            accounts::row(&plan, &mut table).await?;
            accounts::many(&plan, &mut table).await?;
        }
        if plan.has("keys") {
            keys::row(&plan, &mut table).await?;
        }
        if plan.has("objects") {
            arrival::rows(&plan, &mut table).await?;
        }
        if plan.has("large") {
            large::row(&plan, &mut table).await?;
        }
        table.end()
    })
}

impl Plan {
    fn read(options: &[&str]) -> Result<Self> {
        let (mut count, mut is_quick, mut only) = (None, false, Vec::new());
        let mut has_large = false;
        let mut options = options.iter().copied();
        while let Some(option) = options.next() {
            let mut value = || options.next().with_context(|| format!("{option} wants a value\n\n{OPTIONS}"));
            match option {
                "--only" => only = value()?.split(',').map(ToOwned::to_owned).collect(),
                "--count" => count = Some(value()?.parse::<usize>().context("--count wants a number")?),
                "--large" => has_large = true,
                "--quick" => is_quick = true,
                other => bail!("no such option: {other}\n\n{OPTIONS}"),
            }
        }
        if let Some(unknown) = only.iter().find(|row| !ROWS.contains(&row.as_str())) {
            bail!("no such row: {unknown}\n\n{OPTIONS}");
        }
        if only.is_empty() {
            only = ROWS.iter().filter(|row| **row != "large").map(|row| (*row).to_owned()).collect();
        }
        if has_large {
            only.push("large".to_owned());
        }
        let round = count.unwrap_or(if is_quick { 100 } else { 2_000 });
        ensure!(round >= 20, "--count wants at least 20");
        Ok(Self {
            only,
            round,
            rsa_round: (round / 4).max(20),
            pairs: if is_quick { 1 } else { 5 },
            single: if is_quick { 20 } else { 300 },
            objects: round * 5,
            large: round * 50,
            judges: !is_quick,
        })
    }

    fn has(&self, row: &str) -> bool {
        self.only.iter().any(|only| only == row)
    }
}
