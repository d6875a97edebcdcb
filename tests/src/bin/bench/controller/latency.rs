//! The way of one object through an idle cluster.

use anyhow::{Context as _, Result};
use kseal_api::names;
use kseal_tests::{
    bare::{self, Write},
    cluster::Cluster,
};
use kube::Client;
use serde_json::json;
use tokio::time::Instant;

use super::{
    Plan,
    field::Field,
    recipe::{ITEMS, OCTETS, Recipe},
    rows::quiet,
    witness::{What, Witness},
};
use crate::table::{Table, percentile};

const NAMESPACES: usize = 4;
/// Before anything is timed: connections are made, and what is lazy in the API server is done.
const WARM_UP: usize = 10;
/// What one object may take beyond two writes, in milliseconds.
const MORE: f64 = 4.0;
/// How often the bare pair's 99th percentile.
const TIMES: f64 = 3.0;

/// From the 201 of the sealed object to the watch event of its Secret, held against two POSTs of Secrets of that size, one
/// after the other, with the controller's rights. One of each, in turn.
pub(super) async fn row(plan: &Plan, table: &mut Table) -> Result<()> {
    let cluster = Cluster::start(quiet()).await?;
    let kseal = cluster.install("deploy").await?;
    let field = Field::new(&cluster, &kseal, NAMESPACES, plan.judges).await?;
    let recipe = field.native(&[]).await?;
    let kubeconfig = cluster.kubeconfig_of(kseal.namespace()?, kseal.service_account()).await?;
    let account = bare::connect(&kubeconfig, "bare-pair").await?;
    let controller = field.start(&[]).await?;
    field.calm().await?;
    let mut witness = field.witness(&recipe).await?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for number in 0..WARM_UP + plan.single {
        let one = one(&field, &recipe, &mut witness, number).await?;
        let two = two_posts(&field, &account, number).await?;
        witness.forget();
        if number >= WARM_UP {
            ours.push(one);
            bare.push(two);
        }
    }
    controller.stop().await?;
    let of = |values: &[f64], percent| percentile(values.to_vec(), percent);
    let measured = format!("{:.1} ms, the pair {:.1} ms ({} of each)", of(&ours, 50), of(&bare, 50), ours.len());
    let holds = of(&ours, 50) <= of(&bare, 50) + MORE;
    table.ratio("one new object, idle, p50", "≤ two bare POSTs + 4 ms", &measured, holds);
    let measured = format!("{:.1} ms, the pair {:.1} ms", of(&ours, 99), of(&bare, 99));
    let holds = of(&ours, 99) <= of(&bare, 99) * TIMES;
    table.ratio("the same, p99", "≤ 3 × the bare pair's", &measured, holds);
    Ok(())
}

/// Milliseconds. Ends when the status is written too, so that nothing goes on when the pair's turn comes.
async fn one(field: &Field<'_>, recipe: &Recipe, witness: &mut Witness, number: usize) -> Result<f64> {
    let (namespace, name) = field.place(number);
    let object = recipe.object(&namespace, &name)?.to_string();
    bare::write(&field.admin, Write::Create, &recipe.collection(&namespace), "bench", object).await?;
    let made = Instant::now();
    let place = format!("{namespace}/{name}");
    let (mut there, mut is_told) = (None, false);
    // Of two watches, either may be the first to tell.
    while there.is_none() || !is_told {
        let seen = witness.next().await?;
        match seen.what {
            // The event may overtake the answer.
            What::Secret if seen.place == place => there = Some(seen.at.saturating_duration_since(made)),
            What::Status if seen.place == place => is_told = true,
            _ => {}
        }
    }
    Ok(there.context("no Secret")?.as_secs_f64() * 1e3)
}

/// Milliseconds.
async fn two_posts(field: &Field<'_>, account: &Client, number: usize) -> Result<f64> {
    let (namespace, name) = field.place(number);
    let value = data_encoding::BASE64.encode(&[b'x'; OCTETS]);
    let data: serde_json::Value = (0..ITEMS).map(|item| (format!("item-{item}"), json!(value))).collect();
    let begun = Instant::now();
    for half in ["a", "b"] {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("{name}-{half}"), "namespace": namespace},
            "type": "Opaque", "data": data,
        });
        let path = format!("/api/v1/namespaces/{namespace}/secrets");
        bare::write(account, Write::Create, &path, names::CONTROLLER, secret.to_string()).await?;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}
