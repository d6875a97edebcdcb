//! Many leaders at once, clocks that jump, and keys that come from a backup: one key is made, and all of them open.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use kseal_api::{Scope, names};
use kseal_controller::{
    api::Api,
    keys::{Keeper, KeySettings, UpstreamKeys, follow, follow_published, keep},
    metrics::Metrics,
    settings,
};
use kseal_core::reconcile::Group;
use kseal_crypto::{Suite, sealed_secrets::RsaSize};
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    site::{Keys, SOON, Site, sealed_for},
};
use serde_json::json;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::ITEMS;

/// How many lead at once.
const LEADERS: usize = 20;
const TEN_YEARS: i64 = 10 * 365 * 86_400;

/// The clock of the leaders, in seconds from the true one.
static AHEAD: AtomicI64 = AtomicI64::new(0);

fn clock() -> jiff::Timestamp {
    let now = settings::now();
    let seconds = now.as_second() + AHEAD.load(Ordering::Relaxed);
    jiff::Timestamp::from_second(seconds).unwrap_or(now)
}

/// Leads until the set is dropped, with the rights of the controller.
async fn lead(site: &Site<'_>, leaders: &mut JoinSet<()>) -> Result<()> {
    let namespace = site.installation.namespace()?.to_owned();
    let account = site.cluster.kubeconfig_of(&namespace, site.installation.service_account()).await?;
    let client = site.cluster.client(&account).await?;
    let (held_in, held) = watch::channel(Arc::default());
    let (published_in, published) = watch::channel(None);
    let metrics = Metrics::new();
    let settings = KeySettings {
        namespace,
        cluster_name: "prod".to_owned(),
        suite: Suite::X25519,
        upstream: UpstreamKeys::Off,
        upstream_prefix: "sealed-secrets-key".to_owned(),
        upstream_size: RsaSize::Bits2048,
        period: Some(Duration::from_hours(720)),
        upstream_period: None,
    };
    let keeper = Keeper {
        api: Api::new(client.clone()),
        settings: settings.clone(),
        held,
        published,
        clock,
        metrics: metrics.clone(),
    };
    let (followed, counted) = (client.clone(), metrics.clone());
    let namespace = settings.namespace.clone();
    leaders.spawn(async move { match follow(followed, &settings, &counted, &held_in).await {} });
    leaders.spawn(async move { match follow_published(client, &namespace, &metrics, &published_in).await {} });
    leaders.spawn(keep(keeper, settings::rng(), CancellationToken::new()));
    Ok(())
}

/// The names of the native key Secrets.
async fn names_of_keys(site: &Site<'_>) -> Result<Vec<String>> {
    let get = ["-n", site.installation.namespace()?, "get", "secrets", "-l", names::KEY_STATE, "-o", "name"];
    Ok(site.cluster.kubectl(get).run().await?.lines().map(ToOwned::to_owned).collect())
}

#[test]
fn twenty_leaders_make_one_key_whatever_the_clock_does() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, "deploy").await?;
        let mut leaders = JoinSet::new();
        for _ in 0..LEADERS {
            lead(&site, &mut leaders).await?;
        }
        let first = site.first_key().await?;
        let second = site.rotate().await?;
        // None of the leaders of this term makes another for a clock that jumps to and fro. Each looks whenever something
        // changes.
        for ahead in [TEN_YEARS, -TEN_YEARS, 2 * TEN_YEARS] {
            AHEAD.store(ahead, Ordering::Relaxed);
            let before = site.published().await?.publisher.context("signed")?.serial;
            let path =
                format!("/api/v1/namespaces/{}/configmaps/{}", site.installation.namespace()?, names::PUBLIC_KEYS);
            site.objects.delete(&path).await?;
            wait_until("it is published again", SOON, || async {
                ensure!(site.published().await?.publisher.context("signed")?.serial > before);
                Ok(())
            })
            .await?;
        }
        ensure!(site.sealing_key().await?.fingerprint() == second.fingerprint());
        leaders.shutdown().await;
        // New leaders, whose clocks are ten years ahead, make one, and those of today another one at most.
        for (ahead, count) in [(TEN_YEARS, 3), (0, 4)] {
            AHEAD.store(ahead, Ordering::Relaxed);
            let before = site.sealing_key().await?;
            let mut leaders = JoinSet::new();
            for _ in 0..LEADERS {
                lead(&site, &mut leaders).await?;
            }
            let now = site.next_key(&before).await?;
            site.ask_for_rotation(&before).await?;
            let names = names_of_keys(&site).await?;
            ensure!(names.len() == count, "{names:?}");
            ensure!(now.fingerprint() != first.fingerprint());
            leaders.shutdown().await;
        }
        let made = cluster.audit().await?;
        let made = made.iter().filter(|it| it.verb == "create" && it.resource == "secrets" && it.code == 201);
        ensure!(made.filter(|it| it.namespace == names::SYSTEM_NAMESPACE).count() == 5, "an identity and four keys");
        Ok(())
    });
}

#[test]
fn a_key_of_another_cluster_and_of_the_same_epoch_opens_beside_our_own() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, "deploy").await?;
        let _controller = site.start(ControllerOptions::default()).await?;
        let case = site.case(Group::Native).await?;
        let own = site.first_key().await?;
        // As the backup of the cluster that was lost has it: active, and the first of its epochs.
        let restored = Keys::new()?;
        let [mut secret, _] = restored.secrets(site.installation.namespace()?);
        secret["metadata"]["name"] = json!("kseal-1-ffffffff");
        secret["metadata"]["labels"][names::KEY_STATE] = json!("active");
        site.objects.create(&secret).await?;
        let place = |name| (&*case.namespace, name);
        site.objects.apply(&sealed_for(&[restored.native()], Scope::Strict, place("theirs"), ITEMS)?).await?;
        site.objects.apply(&sealed_for(&[&own], Scope::Strict, place("ours"), ITEMS)?).await?;
        case.named("theirs").holds(ITEMS).await?;
        case.named("ours").holds(ITEMS).await?;
        wait_until("both are published", SOON, || async {
            let bundle = site.published().await?;
            ensure!(bundle.keys.len() == 2 && bundle.keys.iter().all(|key| key.epoch == 1));
            Ok(())
        })
        .await?;
        ensure!(site.sealing_key().await?.fingerprint() == own.fingerprint(), "nobody seals for the other cluster");
        // The next one comes after both.
        let next = site.rotate().await?;
        let bundle = site.published().await?;
        ensure!(bundle.get(next.fingerprint()).context("listed")?.epoch == 2);
        Ok(())
    });
}
