//! Ten thousand objects: as they arrive, after a restart, beside foreign Secrets, and all to be read again.

use anyhow::Result;
use kseal_tests::cluster::{AuditEvent, Cluster, Options};
use tokio::time::Instant;

use super::{Plan, asking, field::Field, memory, pace::Counted, resync, usage::Memory};
use crate::table::{MIB, Table};

const NAMESPACES: usize = 100;

pub(super) async fn rows(plan: &Plan, table: &mut Table) -> Result<()> {
    // With an audit log: here is counted.
    let cluster = Cluster::start(Options::default()).await?;
    let kseal = cluster.install("deploy").await?;
    let field = Field::new(&cluster, &kseal, NAMESPACES, plan.judges).await?;
    let recipe = field.native(&[]).await?;
    field.calm().await?;
    let (count, user) = (plan.objects, kseal.user()?);
    let empty = cluster.snapshot().await?;

    // They are there when it starts: nothing brings them faster.
    field.create(&recipe, 0..count).await?;
    field.calm().await?;
    let controller = field.start(&[]).await?;
    field.in_sync(&controller, &recipe, count).await?;
    let found = Memory::of(controller.pid())?;
    controller.stop().await?;
    let what = format!("peak memory, {count} new objects at once, found at the start");
    table.ratio(&what, "≤ 64 MiB peak", &memory::shown(found), found.peak <= 64 * MIB);

    // They come while it runs, as fast as the API server takes them.
    cluster.restore(&empty).await?;
    field.calm().await?;
    let controller = field.start(&[]).await?;
    let before = cluster.audit().await?.len();
    field.create(&recipe, 0..count).await?;
    field.in_sync(&controller, &recipe, count).await?;
    let live = Memory::of(controller.pid())?;
    let counted = Counted::read(&controller.metrics().await?);
    controller.stop().await?;
    let what = format!("peak memory, {count} new objects at once, made while it runs");
    table.ratio(&what, "≤ 64 MiB peak", &memory::shown(live), live.peak <= 64 * MIB);
    let events = cluster.audit().await?;
    let asked = Asked::of(&events[before..], &user, kseal.namespace()?);
    let measured = format!(
        "{} POSTs of Secrets, {} patches of statuses, {} other writes; {} GETs of Secrets, {} of sealed objects; \
         {} private-key operations",
        asked.created,
        asked.statuses,
        asked.other,
        asked.secrets_read,
        asked.objects_read,
        counted.private_key_operations
    );
    let holds = [asked.created, asked.statuses, counted.private_key_operations] == [count as u64; 3]
        && [asked.other, asked.secrets_read] == [0; 2];
    let what = format!("{count} new objects, by the audit log");
    table.count(&what, "2 writes, 0 reads of Secrets, 1 private-key operation each", &measured, holds);

    let before = events.len();
    let begun = Instant::now();
    let controller = field.start(&[]).await?;
    field.in_sync(&controller, &recipe, count).await?;
    let took = begun.elapsed();
    let counted = Counted::read(&controller.metrics().await?);
    asking::rows(&field, count, table).await?;
    controller.stop().await?;
    let events = cluster.audit().await?;
    let asked = Asked::of(&events[before..], &user, kseal.namespace()?);
    let measured = format!(
        "{} writes, {} GETs of Secrets and sealed objects, {} private-key operations; known to be in sync after {:.0} s at most",
        asked.writes(),
        asked.secrets_read + asked.objects_read,
        counted.private_key_operations,
        took.as_secs_f64()
    );
    let holds = asked.writes() == 0 && counted.private_key_operations == 0;
    let what = format!("restart, {count} objects in sync");
    table.count(&what, "0 writes but the lease's and in its own namespace, 0 private-key operations", &measured, holds);

    memory::row(plan, &field, &recipe, table).await?;
    resync::row(plan, &field, &recipe, table).await
}

/// What the controller asked the API server for, as that tells it, but for its lease and its own namespace.
#[derive(Default)]
struct Asked {
    created: u64,
    statuses: u64,
    other: u64,
    secrets_read: u64,
    objects_read: u64,
}

impl Asked {
    fn of(events: &[AuditEvent], user: &str, own: &str) -> Self {
        let mut asked = Self::default();
        for event in events.iter().filter(|event| event.user == user && event.namespace != own) {
            let (verb, resource, subresource) = (&*event.verb, &*event.resource, &*event.subresource);
            let counter = match (verb, resource, subresource) {
                ("get", "secrets", _) => &mut asked.secrets_read,
                ("get", "sealedsecrets", _) => &mut asked.objects_read,
                ("get" | "list" | "watch", ..) => continue,
                ("create", "secrets", "") if event.code == 201 => &mut asked.created,
                ("patch", "sealedsecrets", "status") if event.code == 200 => &mut asked.statuses,
                _ => &mut asked.other,
            };
            *counter += 1;
        }
        asked
    }

    const fn writes(&self) -> u64 {
        self.created + self.statuses + self.other
    }
}
