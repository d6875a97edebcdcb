//! New objects: pairs of rounds, the controller's and the bare client's, each from the same snapshot of etcd.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
};
use kseal_tests::cluster::{Cluster, Options, Snapshot, controller_program};
use tokio::{task::spawn_blocking, time::Instant};

use super::{
    Plan,
    field::{Field, bare_client, options},
    pace::{Counted, Round, round},
    recipe::{ITEMS, Recipe},
    usage,
};
use crate::table::{Table, median, say};

/// One namespace may take half of the controller's workers, so there are some more.
const NAMESPACES: usize = 20;
/// Of the bare client's pace.
const NATIVE: f64 = 0.85;
/// Of what RSA and two writes allow.
const RSA: f64 = 0.65;
/// How long RSA alone is measured.
const RSA_TIME: Duration = Duration::from_secs(2);

/// The size of the program.
pub(super) fn size(table: &mut Table) -> Result<()> {
    let program = controller_program()?;
    let (ours, bare) = (usage::size(&program)?, usage::size(&std::env::current_exe()?.with_file_name("bare-client"))?);
    #[expect(clippy::cast_precision_loss, reason = "a size in megabytes with one digit")]
    let megabytes = |octets: u64| octets as f64 / 1e6;
    let measured = format!("{:.1} MB; the bare client {:.1} MB", megabytes(ours), megabytes(bare));
    table.ratio("release binary of the controller", "≤ 13 MB", &measured, ours <= 13_000_000);
    Ok(())
}

/// Both native suites.
pub(super) async fn new_objects(plan: &Plan, table: &mut Table) -> Result<()> {
    for suite in ["X25519", "X-Wing"] {
        let argument = format!("--suite={suite}");
        let cluster = Cluster::start(quiet()).await?;
        let kseal = cluster.install("deploy").await?;
        let field = Field::new(&cluster, &kseal, NAMESPACES, plan.judges).await?;
        let recipe = field.native(&[&argument]).await?;
        let rounds = pairs(plan, &field, &recipe, plan.round, &[&argument]).await?;
        let ratios: Vec<f64> = rounds.iter().map(|(ours, bare)| ours.pace / bare.pace).collect();
        let measured = measured(&rounds, &ratios, "the bare client");
        let holds = median(ratios) >= NATIVE;
        table.ratio(&format!("new objects, {suite}"), "≥ 85 % of the bare client", &measured, holds);
        counts(table, &format!("the same, requests ({suite})"), plan.round, plan.round, &rounds);
        hints(&rounds, plan.round, holds);
    }
    Ok(())
}

/// Upstream's kind: three private-key operations an object.
pub(super) async fn rsa(plan: &Plan, table: &mut Table) -> Result<()> {
    let arguments = ["--sealed-secrets=generate"];
    let cluster = Cluster::start(quiet()).await?;
    cluster.kubectl(["create", "-f", "deploy/crds/bitnami.com_sealedsecrets.yaml"]).run().await?;
    let kseal = cluster.install("deploy").await?;
    let field = Field::new(&cluster, &kseal, NAMESPACES, plan.judges).await?;
    let controller = field.start(&arguments).await?;
    let certificate = field.published(true).await?.certificate.context("no certificate is published")?;
    controller.stop().await?;
    let recipe = Arc::new(Recipe::Upstream(certificate.public));
    // Before the rounds and after them, since machines change their pace.
    let before = spawn_blocking(operations).await??;
    let rounds = pairs(plan, &field, &recipe, plan.rsa_round, &arguments).await?;
    let operations = f64::midpoint(before, spawn_blocking(operations).await??);
    // RSA and the writes share the cores.
    #[expect(clippy::cast_precision_loss, reason = "a handful of values")]
    let allowed = |bare: &Round| 1.0 / (ITEMS as f64 / operations + 1.0 / bare.pace);
    let ratios: Vec<f64> = rounds.iter().map(|(ours, bare)| ours.pace / allowed(bare)).collect();
    let possible = median(rounds.iter().map(|(_, bare)| allowed(bare)).collect());
    let measured = format!(
        "{}; aws-lc {operations:.0} operations/s on all cores, which with the writes allow {possible:.0} objects/s",
        measured(&rounds, &ratios, "the bare client")
    );
    let holds = median(ratios) >= RSA;
    table.ratio("new objects, RSA-4096, 3 values each", "≥ 65 % of what RSA and two writes allow", &measured, holds);
    counts(table, "the same, requests (RSA)", plan.rsa_round, plan.rsa_round * ITEMS, &rounds);
    hints(&rounds, plan.rsa_round, holds);
    Ok(())
}

/// A control plane without an audit log, which would take its part of each request.
pub(super) fn quiet() -> Options {
    Options { audit: false, ..Options::default() }
}

/// Rounds in turn; who begins changes from pair to pair.
async fn pairs(
    plan: &Plan,
    field: &Field<'_>,
    recipe: &Arc<Recipe>,
    count: usize,
    arguments: &[&str],
) -> Result<Vec<(Round, Round)>> {
    field.create(recipe, 0..count).await?;
    field.calm().await?;
    let snapshot: Snapshot = field.cluster.snapshot().await?;
    let (ours, bare) = (options(arguments), bare_client(recipe)?);
    let mut rounds = Vec::new();
    for pair in 0..plan.pairs {
        let both = if pair % 2 == 0 {
            let first = round(field, &snapshot, recipe, count, &ours).await?;
            (first, round(field, &snapshot, recipe, count, &bare).await?)
        } else {
            let first = round(field, &snapshot, recipe, count, &bare).await?;
            (round(field, &snapshot, recipe, count, &ours).await?, first)
        };
        for (ours, bare) in [(both.0.sizes.0, both.1.sizes.0), (both.0.sizes.1, both.1.sizes.1)] {
            ensure!(ours.abs_diff(bare) * 20 <= ours, "a Secret or status of {ours} octets, the bare client's {bare}");
        }
        rounds.push(both);
    }
    Ok(rounds)
}

fn measured(rounds: &[(Round, Round)], ratios: &[f64], whom: &str) -> String {
    let paces = |of: fn(&(Round, Round)) -> f64| median(rounds.iter().map(of).collect());
    let percent = |ratio: f64| ratio * 100.0;
    let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = ratios.iter().copied().fold(0.0, f64::max);
    format!(
        "{:.0} % ({:.0} to {:.0} % in {} pairs); {:.0} objects/s, {whom} {:.0}",
        percent(median(ratios.to_vec())),
        percent(lowest),
        percent(highest),
        rounds.len(),
        paces(|(ours, _)| ours.pace),
        paces(|(_, bare)| bare.pace),
    )
}

/// Two writes, and no more private-key operations than values or objects want. At its start the controller looks at its own
/// Secrets, so that it looks at no other is asserted where the audit log tells them apart.
fn counts(table: &mut Table, what: &str, count: usize, operations: usize, rounds: &[(Round, Round)]) {
    let (count, operations) = (count as u64, operations as u64);
    let all = || rounds.iter().map(|(ours, _)| &ours.counted);
    let holds = |counted: &&Counted| counted.writes() == 2 * count && counted.private_key_operations == operations;
    let Some(shown) = all().find(|counted| !holds(counted)).or(all().next_back()) else { return };
    let reads: u64 = shown.requests.iter().filter(|((verb, ..), _)| verb == "get").map(|(_, count)| count).sum();
    let measured = format!(
        "{count} objects: {} writes, {} private-key operations, {reads} GETs, its own at the start included",
        shown.writes(),
        shown.private_key_operations
    );
    table.count(what, &format!("{} writes, {operations} operations", 2 * count), &measured, holds(&shown));
    if !holds(&shown) {
        requests(shown);
    }
}

/// What was asked for.
fn requests(counted: &Counted) {
    let requests: Vec<String> = counted
        .requests
        .iter()
        .map(|((verb, resource, code), count)| format!("{count} {verb} {resource} ({code})"))
        .collect();
    say(&format!("    requests of that round: {}", requests.join(", ")));
}

/// Where the time went, in milliseconds of a core for one object.
fn hints(rounds: &[(Round, Round)], count: usize, holds: bool) {
    #[expect(clippy::cast_precision_loss, reason = "counts of a bench are small")]
    let each = |of: &dyn Fn(&Round) -> f64| {
        let of_all = |pick: fn(&(Round, Round)) -> &Round| {
            median(rounds.iter().map(|pair| of(pick(pair)) / count as f64 * 1e3).collect())
        };
        format!("{:.2} ms (bare {:.2} ms)", of_all(|pair| &pair.0), of_all(|pair| &pair.1))
    };
    say(&format!(
        "    a core's time for one object: client {}, of which in the kernel {}; API server {}; etcd {}",
        each(&|round| round.client.total()),
        each(&|round| round.client.system),
        each(&|round| round.apiserver.total()),
        each(&|round| round.etcd.total()),
    ));
    if holds {
        return;
    }
    if let Some((ours, _)) = rounds.last() {
        requests(&ours.counted);
    }
    say("    to see more: perf record -g -p $(pgrep -n kseal-controller), with --only and a larger --count;");
    say("    a program with symbols: CARGO_PROFILE_RELEASE_STRIP=none CARGO_PROFILE_RELEASE_DEBUG=line-tables-only");
}

/// Private-key operations of RSA-4096 a second, by aws-lc alone on all cores at once.
fn operations() -> Result<f64> {
    let failed = |what: &'static str| move |_| anyhow::anyhow!(what);
    let key = PrivateDecryptingKey::generate(KeySize::Rsa4096).map_err(failed("no RSA key"))?;
    let public = OaepPublicEncryptingKey::new(key.public_key()).map_err(failed("no public key"))?;
    let key = OaepPrivateDecryptingKey::new(key).map_err(failed("no key for OAEP"))?;
    let mut sealed = vec![0; public.ciphertext_size()];
    public
        .encrypt(&OAEP_SHA256_MGF1SHA256, &[7; 32], &mut sealed, Some(b"label"))
        .map_err(failed("it does not seal"))?;
    let cores = std::thread::available_parallelism()?.get();
    let begun = Instant::now();
    let counts = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    let mut opened = vec![0; key.min_output_size()];
                    let mut count = 0_u32;
                    while begun.elapsed() < RSA_TIME {
                        key.decrypt(&OAEP_SHA256_MGF1SHA256, &sealed, &mut opened, Some(b"label"))
                            .map_err(failed("it does not open"))?;
                        count += 1;
                    }
                    Ok::<u32, anyhow::Error>(count)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a thread panicked")).flatten())
            .collect::<Result<Vec<u32>>>()
    })?;
    Ok(f64::from(counts.iter().sum::<u32>()) / begun.elapsed().as_secs_f64())
}
