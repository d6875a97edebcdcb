//! What is counted, as OpenMetrics.
//!
//! Labels are of the program's own words (`&'static str`), HTTP codes, and fingerprints of public keys, so their number is
//! bounded and nothing of an object, least of all of a Secret, can become one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// The media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All that is counted; clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

type Count<L> = Family<L, Counter<u64, AtomicU64>>;
type Level<L> = Family<L, Gauge>;
/// Of what is not shown where there is none.
type Nothing = [(&'static str, &'static str); 0];

struct Inner {
    registry: Registry,
    leader: Gauge,
    objects: Level<Objects>,
    reconciles: Count<Reconciles>,
    reconcile_errors: Count<Category>,
    reconcile: Histogram,
    queue_depth: Level<Class>,
    queue_wait: Histogram,
    body: Gauge,
    private_key_operations: Count<Suite>,
    secret_writes: Count<Verb>,
    account_writes: Counter,
    status_writes: Counter,
    events: Counter,
    watch_lost: Count<Lost>,
    api_requests: Count<Request>,
    keys: Level<Keys>,
    keys_malformed: Gauge,
    keys_missing: Gauge,
    key_errors: Count<Category>,
    rewraps: Count<Rewraps>,
    key_objects: Level<Key>,
    key_claims: Level<Key>,
    policy_in_force: Level<PolicyName>,
    cluster_sealed_secrets: Level<Stand>,
    cluster_sealed_secret_namespaces: Level<Stand>,
    service_account_tokens: Level<Tokens>,
    token_renewals: Count<Renewals>,
    token_expiry: Level<Nothing>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Objects {
    group: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reconciles {
    group: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Category {
    category: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Class {
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Suite {
    suite: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Verb {
    verb: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lost {
    resource: &'static str,
    category: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    verb: &'static str,
    resource: &'static str,
    code: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Keys {
    kind: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Rewraps {
    kind: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PolicyName {
    policy: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stand {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tokens {
    mode: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Renewals {
    result: &'static str,
}

/// The one label that is no word of the program's own: the fingerprint of a key that is held or published, or that an object
/// was opened with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Key {
    key: String,
}

impl Metrics {
    /// Everything at nothing.
    #[must_use]
    pub fn new() -> Self {
        let mut made = Registry::with_prefix("kseal");
        let into = &mut made;
        into.register("build", "What runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        Self(Arc::new(Inner {
            leader: add(into, "leader", "1 where this replica leads", Gauge::default()),
            objects: add(into, "objects", "Sealed objects by the state that they are in", Family::default()),
            reconciles: add(into, "reconciles", "Sealed objects worked on, by the outcome", Family::default()),
            reconcile_errors: add(into, "reconcile_errors", "What went wrong, by its kind", Family::default()),
            reconcile: add_with(into, "reconcile", "The work on one object", Unit::Seconds, durations()),
            queue_depth: add(into, "queue_depth", "Objects that wait for a worker or their time", Family::default()),
            queue_wait: add_with(into, "queue_wait", "The wait of one object", Unit::Seconds, durations()),
            body: add_with(into, "body", "Bodies kept of objects that wait", Unit::Bytes, Gauge::default()),
            private_key_operations: add(
                into,
                "private_key_operations",
                "Uses of private keys to open, by suite",
                Family::default(),
            ),
            secret_writes: add(into, "secret_writes", "Secrets written, by verb", Family::default()),
            account_writes: add(
                into,
                "service_account_writes",
                "Changes of the imagePullSecrets of ServiceAccounts",
                Counter::default(),
            ),
            status_writes: add(into, "status_writes", "Statuses written", Counter::default()),
            events: add(into, "events", "Events written", Counter::default()),
            watch_lost: add(into, "watch_lost", "Watches that broke or were refused", Family::default()),
            api_requests: add(
                into,
                "api_requests",
                "Requests to the API server by its answer, 0 where it did not answer",
                Family::default(),
            ),
            keys: add(into, "keys", "Private keys held, by kind and state", Family::default()),
            keys_malformed: add(into, "keys_malformed", "Key Secrets that hold no usable key", Gauge::default()),
            keys_missing: add(into, "keys_missing", "Published keys whose Secret is missing", Gauge::default()),
            key_errors: add(into, "key_errors", "What kept keys from being made or published", Family::default()),
            rewraps: add(
                into,
                "rewraps",
                "Data keys to be wrapped for the current key, by the outcome",
                Family::default(),
            ),
            key_objects: add(into, "key_objects", "Objects that need a key, by its fingerprint", Family::default()),
            key_claims: add(into, "key_claims", "Objects that name a key and did not open", Family::default()),
            policy_in_force: add(
                into,
                "policy_in_force",
                "1 where an admission policy that is relied on is as it should be",
                Family::default(),
            ),
            cluster_sealed_secrets: add(
                into,
                "cluster_sealed_secrets",
                "ClusterSealedSecrets by the state that they are in",
                Family::default(),
            ),
            cluster_sealed_secret_namespaces: add(
                into,
                "cluster_sealed_secret_namespaces",
                "Namespaces that shall have a ClusterSealedSecret's Secret, by the state that it is in",
                Family::default(),
            ),
            service_account_tokens: add(
                into,
                "service_account_tokens",
                "ServiceAccountTokens by mode and the state that they are in",
                Family::default(),
            ),
            token_renewals: add(
                into,
                "token_renewals",
                "Tokens of ServiceAccounts that were published, or could not be",
                Family::default(),
            ),
            token_expiry: add_with(
                into,
                "token_expiry_timestamp",
                "When the first of the published tokens expires",
                Unit::Seconds,
                Family::default(),
            ),
            registry: made,
        }))
    }

    /// Everything that was counted, as OpenMetrics text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // It fails only where the writer does, and a String does not.
        let _ = encode(&mut text, &self.0.registry);
        text
    }

    /// Whether this replica leads.
    pub fn leads(&self, leads: bool) {
        self.0.leader.set(leads.into());
    }

    /// How many objects of `group` are in `state`.
    pub fn objects(&self, group: &'static str, state: &'static str, count: usize) {
        self.0.objects.get_or_create(&Objects { group, state }).set(level(count));
    }

    /// One object was worked on.
    pub fn reconciled(&self, group: &'static str, result: &'static str, took: Duration) {
        self.0.reconciles.get_or_create(&Reconciles { group, result }).inc();
        self.0.reconcile.observe(took.as_secs_f64());
    }

    /// Something went wrong with an object.
    pub fn reconcile_failed(&self, category: &'static str) {
        self.0.reconcile_errors.get_or_create(&Category { category }).inc();
    }

    /// How many objects wait in `class`: `live`, `backlog` or `retry`.
    pub fn queue_depth(&self, class: &'static str, count: usize) {
        self.0.queue_depth.get_or_create(&Class { class }).set(level(count));
    }

    /// One object came to a worker after this wait.
    pub fn queue_waited(&self, wait: Duration) {
        self.0.queue_wait.observe(wait.as_secs_f64());
    }

    /// How much is kept of the bodies of objects that wait.
    pub fn body_bytes(&self, bytes: usize) {
        self.0.body.set(level(bytes));
    }

    /// A private key was used so often.
    pub fn private_key_operations(&self, suite: &'static str, count: u64) {
        self.0.private_key_operations.get_or_create(&Suite { suite }).inc_by(count);
    }

    /// A Secret was written.
    pub fn secret_written(&self, verb: &'static str) {
        self.0.secret_writes.get_or_create(&Verb { verb }).inc();
    }

    /// The `imagePullSecrets` of a ServiceAccount were changed.
    pub fn account_written(&self) {
        self.0.account_writes.inc();
    }

    /// A status was written.
    pub fn status_written(&self) {
        self.0.status_writes.inc();
    }

    /// An Event was written.
    pub fn event_written(&self) {
        self.0.events.inc();
    }

    /// A watch broke or was refused.
    pub fn watch_lost(&self, resource: &'static str, category: &'static str) {
        self.0.watch_lost.get_or_create(&Lost { resource, category }).inc();
    }

    /// How many private keys of `kind` are held in `state`.
    pub fn keys(&self, kind: &'static str, state: &'static str, count: usize) {
        self.0.keys.get_or_create(&Keys { kind, state }).set(level(count));
    }

    /// How many key Secrets hold no usable key.
    pub fn keys_malformed(&self, count: usize) {
        self.0.keys_malformed.set(level(count));
    }

    /// Of how many published keys the Secret is missing.
    pub fn keys_missing(&self, count: usize) {
        self.0.keys_missing.set(level(count));
    }

    /// Something kept keys from being made or published.
    pub fn keys_failed(&self, category: &'static str) {
        self.0.key_errors.get_or_create(&Category { category }).inc();
    }

    /// So many data keys of a `request`, or of an `object`, were wrapped for the current key, and so many were not.
    pub fn rewrapped(&self, kind: &'static str, done: usize, not: usize) {
        for (result, count) in [("wrapped", done), ("refused", not)] {
            self.0.rewraps.get_or_create(&Rewraps { kind, result }).inc_by(count as u64);
        }
    }

    /// How many objects need each key, and how many name it and did not open; other keys are forgotten.
    pub fn key_needs(&self, counts: &BTreeMap<String, [usize; 2]>) {
        let Inner { key_objects, key_claims, .. } = &*self.0;
        for (index, family) in [key_objects, key_claims].into_iter().enumerate() {
            family.clear();
            for (key, counts) in counts {
                family.get_or_create(&Key { key: key.clone() }).set(level(counts[index]));
            }
        }
    }

    /// Whether an admission policy is in force as it should be.
    pub fn policy_in_force(&self, policy: &'static str, is_in_force: bool) {
        self.0.policy_in_force.get_or_create(&PolicyName { policy }).set(is_in_force.into());
    }

    /// How many ClusterSealedSecrets are in `state`.
    pub fn cluster_sealed_secrets(&self, state: &'static str, count: usize) {
        self.0.cluster_sealed_secrets.get_or_create(&Stand { state }).set(level(count));
    }

    /// In how many namespaces the Secrets of ClusterSealedSecrets are in `state`.
    pub fn cluster_sealed_secret_namespaces(&self, state: &'static str, count: usize) {
        self.0.cluster_sealed_secret_namespaces.get_or_create(&Stand { state }).set(level(count));
    }

    /// How many ServiceAccountTokens there are, by mode and state; others are forgotten.
    pub fn service_account_tokens(&self, counts: impl Iterator<Item = ((&'static str, &'static str), usize)>) {
        self.0.service_account_tokens.clear();
        for ((mode, state), count) in counts {
            self.0.service_account_tokens.get_or_create(&Tokens { mode, state }).set(level(count));
        }
    }

    /// A token was `published`, or that `failed`.
    pub fn token_renewed(&self, result: &'static str) {
        self.0.token_renewals.get_or_create(&Renewals { result }).inc();
    }

    /// When the first of the published tokens expires, in seconds since 1970; none where none does.
    pub fn token_expiry(&self, expiry: Option<i64>) {
        self.0.token_expiry.clear();
        if let Some(expiry) = expiry {
            self.0.token_expiry.get_or_create(&[]).set(expiry);
        }
    }

    /// The API server answered with `code`, or not at all: 0.
    pub(crate) fn api_requested(&self, verb: &'static str, resource: &'static str, code: u16) {
        self.0.api_requests.get_or_create(&Request { verb, resource, code: code.into() }).inc();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn add<M>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M
where
    M: prometheus_client::registry::Metric + Clone,
{
    registry.register(name, help, metric.clone());
    metric
}

fn add_with<M>(registry: &mut Registry, name: &str, help: &str, unit: Unit, metric: M) -> M
where
    M: prometheus_client::registry::Metric + Clone,
{
    registry.register_with_unit(name, help, unit, metric.clone());
    metric
}

/// From 1 ms to 65 s: what is done at once, and the API server's longest request.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 17))
}

fn level(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_are_as_documented() {
        let metrics = Metrics::new();
        metrics.leads(true);
        metrics.objects("kseal.dev", "ready", 3);
        metrics.reconciled("kseal.dev", "written", Duration::from_millis(3));
        metrics.reconcile_failed("no-key");
        metrics.queue_depth("live", 2);
        metrics.queue_waited(Duration::from_millis(1));
        metrics.body_bytes(77);
        metrics.private_key_operations("X-Wing", 4);
        metrics.secret_written("create");
        metrics.status_written();
        metrics.event_written();
        metrics.watch_lost("secrets", "forbidden");
        metrics.api_requested("list", "secrets", 200);
        metrics.keys("native", "active", 1);
        metrics.keys_malformed(1);
        metrics.keys_missing(2);
        metrics.keys_failed("conflict");
        metrics.rewrapped("request", 3, 1);
        metrics.key_needs(&BTreeMap::from([("kold".to_owned(), [1, 1])]));
        metrics.key_needs(&BTreeMap::from([("k1".to_owned(), [5, 2])]));
        metrics.policy_in_force("kseal-rewrap-requests", true);
        metrics.cluster_sealed_secrets("ready", 2);
        metrics.cluster_sealed_secret_namespaces("failing", 3);
        metrics.service_account_tokens([(("Bound", "failing"), 1)].into_iter());
        metrics.service_account_tokens([(("Bound", "ready"), 2)].into_iter());
        metrics.token_renewed("published");
        metrics.token_expiry(Some(1_795_323_600));
        let text = metrics.encode();
        for line in [
            concat!("kseal_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "kseal_leader 1",
            "kseal_objects{group=\"kseal.dev\",state=\"ready\"} 3",
            "kseal_reconciles_total{group=\"kseal.dev\",result=\"written\"} 1",
            "kseal_reconcile_errors_total{category=\"no-key\"} 1",
            "kseal_reconcile_seconds_bucket{le=\"0.004\"} 1",
            "kseal_reconcile_seconds_count 1",
            "kseal_queue_depth{class=\"live\"} 2",
            "kseal_queue_wait_seconds_count 1",
            "kseal_body_bytes 77",
            "kseal_private_key_operations_total{suite=\"X-Wing\"} 4",
            "kseal_secret_writes_total{verb=\"create\"} 1",
            "kseal_status_writes_total 1",
            "kseal_events_total 1",
            "kseal_watch_lost_total{resource=\"secrets\",category=\"forbidden\"} 1",
            "kseal_api_requests_total{verb=\"list\",resource=\"secrets\",code=\"200\"} 1",
            "kseal_keys{kind=\"native\",state=\"active\"} 1",
            "kseal_keys_malformed 1",
            "kseal_keys_missing 2",
            "kseal_key_errors_total{category=\"conflict\"} 1",
            "kseal_rewraps_total{kind=\"request\",result=\"wrapped\"} 3",
            "kseal_rewraps_total{kind=\"request\",result=\"refused\"} 1",
            "kseal_key_objects{key=\"k1\"} 5",
            "kseal_key_claims{key=\"k1\"} 2",
            "kseal_policy_in_force{policy=\"kseal-rewrap-requests\"} 1",
            "kseal_cluster_sealed_secrets{state=\"ready\"} 2",
            "kseal_cluster_sealed_secret_namespaces{state=\"failing\"} 3",
            "kseal_service_account_tokens{mode=\"Bound\",state=\"ready\"} 2",
            "kseal_token_renewals_total{result=\"published\"} 1",
            "kseal_token_expiry_timestamp_seconds 1795323600",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("kold"), "what is not counted any more is not shown");
        metrics.token_expiry(None);
        metrics.service_account_tokens(std::iter::empty());
        let text = metrics.encode();
        assert!(!text.contains("expiry_timestamp_seconds ") && !text.contains("mode="));
    }

    #[test]
    fn clones_count_together() {
        let metrics = Metrics::new();
        metrics.clone().status_written();
        metrics.status_written();
        assert!(metrics.encode().contains("kseal_status_writes_total 2\n"));
    }
}
