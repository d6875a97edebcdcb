//! Fresh objects while all others have to be done again.

use std::{collections::HashMap, time::Duration};

use anyhow::{Result, ensure};
use kseal_tests::{
    bare::{self, Write},
    cluster::{Controller, wait_until},
};
use tokio::time::{Instant, interval};

use super::{
    Plan,
    field::{Field, is},
    recipe::Recipe,
    witness::{Seen, What},
};
use crate::table::{Table, percentile, say};

/// From one fresh object to the next.
const INTERVAL: Duration = Duration::from_millis(25);
/// The longest way that 99 of 100 may have, in milliseconds.
const LONGEST: f64 = 1_000.0;

/// One fresh object.
struct Fresh {
    made: Instant,
    /// Whether the controller had the whole list by then.
    is_after: bool,
    there: Option<Instant>,
}

/// All records become untrue, as after an upgrade. The controller starts, and fresh objects come until all is done.
pub(super) async fn row(plan: &Plan, field: &Field<'_>, recipe: &Recipe, table: &mut Table) -> Result<()> {
    field.invalidate(recipe, 0..plan.objects).await?;
    field.calm().await?;
    let mut witness = field.witness(recipe).await?;
    let controller = field.start(&[]).await?;
    let begun = Instant::now();
    let mut fresh: HashMap<String, Fresh> = HashMap::new();
    let mut early: HashMap<String, Instant> = HashMap::new();
    let (mut again, mut told) = (0, 0);
    let mut is_after = false;
    let mut ticks = interval(INTERVAL);
    while again < plan.objects || told < fresh.len() {
        tokio::select! {
            seen = witness.next() => {
                let Seen { what, place, at } = seen?;
                match (what, fresh.get_mut(&place)) {
                    (What::Secret, Some(fresh)) => fresh.there = Some(at),
                    (What::Secret, None) => drop(early.insert(place, at)),
                    (What::Status, Some(_)) => told += 1,
                    (What::Status, None) => again += 1,
                }
            }
            _ = ticks.tick(), if again < plan.objects => {
                is_after = is_after || has_listed(&controller)?;
                let (namespace, name) = field.place(plan.objects + fresh.len());
                let object = recipe.object(&namespace, &name)?.to_string();
                bare::write(&field.admin, Write::Create, &recipe.collection(&namespace), "bench", object).await?;
                let (made, place) = (Instant::now(), format!("{namespace}/{name}"));
                // The event may overtake the answer.
                let there = early.remove(&place);
                fresh.insert(place, Fresh { made, is_after, there });
            }
        }
    }
    let took = begun.elapsed().as_secs_f64();
    ensure!(fresh.values().all(|fresh| fresh.there.is_some()), "a Secret that nobody saw");
    wait_until("nothing waits", Duration::from_secs(30), || async {
        let waiting = controller.metric("kseal_queue_depth{class=\"backlog\"}").await?;
        ensure!(is(waiting, 0), "{waiting} wait");
        Ok(())
    })
    .await?;
    controller.stop().await?;
    say(&format!("    {} records were done again in {took:.1} s, beside {} fresh objects", plan.objects, fresh.len()));
    for (is_after, when) in [(false, "before"), (true, "after")] {
        let of_them = fresh.values().filter(|fresh| fresh.is_after == is_after);
        let ways: Vec<f64> = of_them
            .filter_map(|fresh| Some(fresh.there?.saturating_duration_since(fresh.made).as_secs_f64() * 1e3))
            .collect();
        let what = format!("a fresh object while {} records are invalid, {when} the bookmark", plan.objects);
        if ways.is_empty() {
            table.figure(&what, "the list was read before a fresh object could be made");
            continue;
        }
        let of = |percent| percentile(ways.clone(), percent);
        let measured =
            format!("p50 {:.0} ms, p99 {:.0} ms, longest {:.0} ms of {}", of(50), of(99), of(100), ways.len());
        table.ratio(&what, "p99 ≤ 1 s", &measured, of(99) <= LONGEST);
    }
    Ok(())
}

/// Whether it says that it has read all sealed objects.
fn has_listed(controller: &Controller) -> Result<bool> {
    Ok(controller.logs()?.lines().any(|line| line.contains("listed") && line.contains("sealedsecrets.kseal.dev")))
}
