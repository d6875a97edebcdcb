//! A replica of the controller, as far as keys go.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kseal_api::{SealingKeyBundle, names};
use kseal_controller::api::Api;
use kseal_controller::keys::{HeldKeys, Keeper, KeySettings, Published, UpstreamKeys, follow, follow_published, keep};
use kseal_controller::metrics::Metrics;
use kseal_core::Bundle;
use kseal_crypto::Suite;
use kseal_crypto::sealed_secrets::RsaSize;
use rand_core::UnwrapErr;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::fake::FakeApi;

pub(crate) const NAMESPACE: &str = "kseal-system";
pub(crate) const SECRETS: &str = "/api/v1/namespaces/kseal-system/secrets";
pub(crate) const CONFIG_MAPS: &str = "/api/v1/namespaces/kseal-system/configmaps";
pub(crate) const EVENTS: &str = "/api/v1/namespaces/kseal-system/events";
pub(crate) const UID: &str = "6f0c1a2b-77aa-4bcd-8eee-000000000001";
pub(crate) const FIRST: &str = "kseal-1-6f0c1a2b";
/// 2026-11-22T05:00:00Z.
pub(crate) const NOW: i64 = 1_795_323_600;

thread_local! {
    /// How far the clock of this test's replicas is from [`NOW`], in seconds.
    static AHEAD: Cell<i64> = const { Cell::new(0) };
}

/// Puts the clock of this test's replicas.
pub(crate) fn set_clock(ahead: i64) {
    AHEAD.set(ahead);
}

pub(crate) fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

pub(crate) fn settings(upstream: UpstreamKeys) -> KeySettings {
    KeySettings {
        namespace: NAMESPACE.into(),
        cluster_name: "prod".into(),
        suite: Suite::X25519,
        upstream,
        upstream_prefix: "sealed-secrets-key".into(),
        period: None,
        upstream_period: None,
        upstream_size: RsaSize::Bits2048,
    }
}

/// An API server of a fresh cluster.
pub(crate) fn cluster() -> FakeApi {
    let api = FakeApi::new();
    api.put("/api/v1/namespaces", json!({"metadata": {"name": "kube-system", "uid": UID}}));
    api
}

pub(crate) struct Replica {
    api: Api,
    settings: KeySettings,
    pub(crate) metrics: Metrics,
    pub(crate) held: watch::Receiver<Arc<HeldKeys>>,
    pub(crate) published: watch::Receiver<Option<Arc<Published>>>,
}

impl Replica {
    /// Begins to follow.
    pub(crate) fn start(fake: &FakeApi, upstream: UpstreamKeys) -> Self {
        Self::of(fake, settings(upstream))
    }

    /// The same where keys of both kinds are renewed after this time.
    pub(crate) fn renewing(fake: &FakeApi, upstream: UpstreamKeys, period: Duration) -> Self {
        Self::of(fake, KeySettings { period: Some(period), upstream_period: Some(period), ..settings(upstream) })
    }

    fn of(fake: &FakeApi, settings: KeySettings) -> Self {
        let (held_in, held) = watch::channel(Arc::default());
        let (published_in, published) = watch::channel(None);
        let metrics = Metrics::new();
        let (client, followed, counted) = (fake.client(), settings.clone(), metrics.clone());
        tokio::spawn(async move { follow(client, &followed, &counted, &held_in).await });
        let (client, counted) = (fake.client(), metrics.clone());
        tokio::spawn(async move { follow_published(client, NAMESPACE, &counted, &published_in).await });
        Self { api: Api::new(fake.client()), settings, metrics, held, published }
    }

    /// Leads until the token is cancelled.
    pub(crate) fn lead(&self) -> CancellationToken {
        let term = CancellationToken::new();
        let keeper = Keeper {
            api: self.api.clone(),
            settings: self.settings.clone(),
            held: self.held.clone(),
            published: self.published.clone(),
            clock: || Timestamp::from_second(NOW + AHEAD.get()).unwrap(),
            metrics: self.metrics.clone(),
        };
        tokio::spawn(keep(keeper, rng(), term.clone()));
        term
    }

    /// The number of native and RSA keys that open.
    pub(crate) fn opens(&self) -> (usize, usize) {
        let held = self.held.borrow();
        (held.ring.native().count(), held.ring.rsa().len())
    }
}

/// The bundle that is published, if it holds.
pub(crate) fn published(fake: &FakeApi) -> Option<Bundle> {
    let config_map = fake.get(CONFIG_MAPS, names::PUBLIC_KEYS)?;
    let text: SealingKeyBundle = serde_json::from_str(config_map["data"]["bundle.json"].as_str()?).ok()?;
    Bundle::read(&text).ok()
}

/// The published keys: fingerprint, epoch and state.
pub(crate) fn listed(fake: &FakeApi) -> Vec<(String, u32, String)> {
    let keys = published(fake).map(|bundle| bundle.keys).unwrap_or_default();
    keys.iter().map(|key| (key.public.fingerprint().to_string(), key.epoch, key.state.to_string())).collect()
}

pub(crate) fn epochs_and_states(fake: &FakeApi) -> Vec<(u32, String)> {
    let mut listed: Vec<_> = listed(fake).into_iter().map(|(_, epoch, state)| (epoch, state)).collect();
    listed.sort();
    listed
}

/// The names of the Secrets with a label.
pub(crate) fn labelled(fake: &FakeApi, label: &str) -> Vec<String> {
    let secrets = fake.list(SECRETS).into_iter().filter(|secret| secret["metadata"]["labels"].get(label).is_some());
    secrets.map(|secret| secret["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn relabel(fake: &FakeApi, secret: &str, label: &str, value: &str) {
    fake.change(SECRETS, secret, |object| object["metadata"]["labels"][label] = json!(value));
}

/// The reasons of all events, and on what.
pub(crate) fn events(fake: &FakeApi) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    fake.list(EVENTS).iter().map(|event| (text(&event["reason"]), text(&event["involvedObject"]["name"]))).collect()
}
