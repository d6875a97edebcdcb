//! How fast new objects become Secrets, by the controller and by the bare client in turn.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use kseal_tests::{
    bare::{self, Part},
    cluster::{Controller, ControllerOptions, Snapshot, wait_until},
};
use serde_json::Value;

use super::{field::Field, recipe::Recipe, usage::Cpu};

/// Until the answer to what was seen to happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// One round of one client.
pub(super) struct Round {
    /// Objects a second, from the first Secret to the last status.
    pub(super) pace: f64,
    /// Seconds of cores: of the client, of the API server, of etcd.
    pub(super) client: Cpu,
    pub(super) apiserver: Cpu,
    pub(super) etcd: Cpu,
    /// Octets of one Secret and of one status.
    pub(super) sizes: (usize, usize),
    /// What the client counted; nothing of the bare one.
    pub(super) counted: Counted,
}

/// What the controller's metrics say of a round.
#[derive(Default)]
pub(super) struct Counted {
    /// Requests by verb, resource and the answer's code.
    pub(super) requests: BTreeMap<(String, String, String), u64>,
    pub(super) private_key_operations: u64,
}

/// Lets a client work on what a snapshot holds: `count` new objects.
pub(super) async fn round(
    field: &Field<'_>,
    snapshot: &Snapshot,
    recipe: &Arc<Recipe>,
    count: usize,
    client: &ControllerOptions,
) -> Result<Round> {
    field.cluster.restore(snapshot).await?;
    field.calm().await?;
    let mut witness = field.witness(recipe).await?;
    let before = field.control_plane()?;
    let process = field.kseal.start(client).await?;
    let span = witness.until_told(count).await?;
    let cpu = Cpu::of(process.pid())?;
    let after = field.control_plane()?;
    ensure!(span.statuses == count, "{} statuses were written for {count} objects", span.statuses);
    let is_ours = client.program.is_none();
    let counted = if is_ours { Counted::of(&process, count).await? } else { Counted::default() };
    let sizes = sizes(field, recipe).await?;
    // What ends by itself has said why.
    if is_ours {
        process.stop().await?;
    } else {
        process.kill()?;
    }
    let seconds = span.last_status.duration_since(span.first_secret).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "counts of a bench are small")]
    let pace = count as f64 / seconds;
    let (apiserver, etcd) = (after.0.since(before.0), after.1.since(before.1));
    Ok(Round { pace, client: cpu, apiserver, etcd, sizes, counted })
}

/// How long the first object's Secret and status are, as the API server gives them out.
async fn sizes(field: &Field<'_>, recipe: &Recipe) -> Result<(usize, usize)> {
    let (namespace, name) = field.place(0);
    let read = async |path: String| {
        Ok::<Value, anyhow::Error>(serde_json::from_slice(&bare::read(&field.admin, &path, Part::Whole).await?)?)
    };
    let secret = read(format!("/api/v1/namespaces/{namespace}/secrets/{name}")).await?;
    let object = read(format!("{}/{name}", recipe.collection(&namespace))).await?;
    Ok((secret.to_string().len(), object["status"].to_string().len()))
}

impl Counted {
    /// Of a round with so many objects. The last status may pass by before its answer comes and is counted.
    async fn of(process: &Controller, objects: usize) -> Result<Self> {
        wait_until("the last answer is counted", PATIENCE, || async {
            let counted = Self::read(&process.metrics().await?);
            ensure!(counted.writes() >= 2 * objects as u64, "{} writes", counted.writes());
            Ok(counted)
        })
        .await
    }

    /// From the text of `/metrics`.
    pub(super) fn read(metrics: &str) -> Self {
        let mut counted = Self::default();
        for line in metrics.lines() {
            let Some((series, value)) = line.split_once("} ") else { continue };
            let value: u64 = value.split(' ').next().unwrap_or_default().parse().unwrap_or(0);
            let labels: Vec<&str> = series.split('"').skip(1).step_by(2).collect();
            if series.starts_with("kseal_api_requests_total{")
                && let [verb, resource, code] = labels[..]
            {
                *counted.requests.entry((verb.to_owned(), resource.to_owned(), code.to_owned())).or_default() += value;
            } else if series.starts_with("kseal_private_key_operations_total{") {
                counted.private_key_operations += value;
            }
        }
        counted
    }

    /// Everything but what no object is the cause of: the lease, the keys, the watches.
    pub(super) fn writes(&self) -> u64 {
        let is_write = |verb: &str| matches!(verb, "create" | "update" | "patch" | "delete");
        let is_own = |resource: &str| matches!(resource, "leases.coordination.k8s.io" | "configmaps");
        let writes = self.requests.iter().filter(|((verb, resource, _), _)| is_write(verb) && !is_own(resource));
        writes.map(|(_, count)| count).sum()
    }
}
