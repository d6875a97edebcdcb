//! Opens ClusterSealedSecrets into the namespaces that they select, and keeps them right, for as long as this replica leads.
//! Switched on by name by who runs the controller, and the rights for it are a manifest of its own.
//!
//! A loop of its own beside the engine's, since its unit is another one: an object is opened once, and its values are written
//! into many namespaces while they are in memory. The watches tell `state::State` what passes by, a few workers ask it for
//! jobs, and `work` does one. They are few, so that a change of a thousand Secrets does not crowd out everything else.

mod space;
mod state;
mod work;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kseal_api::names;
use kseal_core::policy::Policy;
use kseal_core::reconcile::{ClusterMark, ClusterRequest, Own, cluster};
use kube::Client;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::channel::send_if_other;
use crate::collection::secrets;
use crate::guard::Guard;
use crate::keys::{HeldKeys, Needs};
use crate::metrics::Metrics;
use crate::pull_claims::{Claims, Hindrances};
use crate::settings::{Clock, rfc3339};
use crate::watch::{Accept, Event, NOT_SERVED, Source, follow};
use state::{Collection, Rules, State};

/// How many Secrets and statuses are written at once.
const WORKERS: usize = 8;
/// How often the gauges, and what is known of the use of keys, are renewed.
const CENSUS: Duration = Duration::from_secs(5);
/// What is asked of ServiceAccounts is told at once, and then at most so often.
const CLAIMS: Duration = Duration::from_millis(20);

/// What it takes.
pub struct ClusterSealer {
    /// For watches.
    pub client: Client,
    /// For everything else.
    pub api: Api,
    /// The controller's own place.
    pub own: Own,
    /// The names of the objects that are opened, `*` for all; none for none.
    pub allowed: Vec<String>,
    /// Whether `imagePullSecrets` are looked after.
    pub pulls: bool,
    /// Whether somebody looked at who asks.
    pub guard: Guard,
    /// The keys at hand, as they change.
    pub keys: watch::Receiver<Arc<HeldKeys>>,
    /// What needs which key, as it changes.
    pub needs: watch::Sender<Needs>,
    /// What is asked of ServiceAccounts, as it changes.
    pub claims: watch::Sender<Claims>,
    /// What is in the way of that, as it changes.
    pub hindrances: watch::Receiver<Arc<Hindrances>>,
    /// The wall clock.
    pub clock: Clock,
    /// A number from 0 to 1, so that retries do not come together.
    pub jitter: fn() -> f64,
    /// What is counted.
    pub metrics: Metrics,
}

/// Works until `term` is cancelled; then lets what is in flight come to an end.
pub async fn seal_clusters(sealer: ClusterSealer, term: CancellationToken) {
    if sealer.allowed.is_empty() {
        // There is nobody to tell of anything.
        sealer.needs.send_replace(Some(Arc::default()));
        sealer.claims.send_replace(Some(Arc::default()));
        return;
    }
    let mut keys = sealer.keys.clone();
    let synced = async { keys.wait_for(|keys| keys.synced).await.map(drop) };
    tokio::select! {
        () = term.cancelled() => return,
        synced = synced => if synced.is_err() { return },
    }
    let rules = Rules {
        own: sealer.own.clone(),
        allowed: sealer.allowed.clone(),
        pulls: sealer.pulls,
        guard: sealer.guard.clone(),
    };
    let sealing = Arc::new(Sealing {
        state: Mutex::new(State::new(rules)),
        work: Notify::new(),
        deadline: Notify::new(),
        stirred: Notify::new(),
        sealer,
    });
    // They end with the set.
    let mut others = JoinSet::new();
    for collection in [Collection::Objects, Collection::Namespaces, Collection::Secrets] {
        let sealing = Arc::clone(&sealing);
        others.spawn(async move { sealing.follow(collection).await });
    }
    for clockwork in [Clockwork::Time, Clockwork::Keys, Clockwork::Policies, Clockwork::Claims, Clockwork::Census] {
        let sealing = Arc::clone(&sealing);
        others.spawn(async move { sealing.turn(clockwork).await });
    }
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let (sealing, term) = (Arc::clone(&sealing), term.clone());
        workers.spawn(async move { sealing.work(&term).await });
    }
    while workers.join_next().await.is_some() {}
}

/// What goes on besides watches and workers.
enum Clockwork {
    Time,
    Keys,
    Policies,
    Claims,
    Census,
}

struct Sealing {
    sealer: ClusterSealer,
    state: Mutex<State>,
    /// There may be a job, or another deadline, or something else is asked of ServiceAccounts.
    work: Notify,
    deadline: Notify,
    stirred: Notify,
}

impl Sealing {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held ends the process anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something is known that was not.
    fn stir(&self) {
        self.work.notify_one();
        self.deadline.notify_one();
        self.stirred.notify_one();
    }

    async fn turn(&self, clockwork: Clockwork) {
        match clockwork {
            Clockwork::Time => self.keep_time().await,
            Clockwork::Keys => self.follow_keys().await,
            Clockwork::Policies => {
                let both = [Policy::ClusterSealedSecrets, Policy::ImagePullSecrets];
                let noting = (self.note_policies(&both[..1]), self.note_policies(&both));
                let _ = tokio::join!(self.follow_policies(), noting.0, noting.1);
            }
            Clockwork::Claims => drop(tokio::join!(self.tell_claims(), self.follow_hindrances())),
            Clockwork::Census => drop(self.count().await),
        }
    }

    async fn follow(&self, collection: Collection) {
        let source = source(collection);
        let sink = |event: Event<'_>| self.observe(collection, &event);
        follow(self.sealer.client.clone(), source, sink).await;
    }

    /// What cannot be read has no name, and no API server sends it.
    fn observe(&self, collection: Collection, event: &Event<'_>) {
        let now = Instant::now();
        let mut state = self.state();
        match (event, collection) {
            (Event::Started, _) => state.started(collection),
            (Event::Synced { resource_version }, _) => {
                tracing::info!(resource = resource(collection), "listed for ClusterSealedSecrets");
                state.synced(collection, *resource_version, now);
            }
            (Event::Present { object, .. }, Collection::Objects) => {
                let Some(request) = ClusterRequest::read(object) else { return };
                state.saw_object(request, now);
            }
            (Event::Gone { object }, Collection::Objects) => {
                let Some(request) = ClusterRequest::read(object) else { return };
                state.lost_object(&request);
            }
            (Event::Present { object, .. }, Collection::Namespaces) => state.saw_namespace(object, now),
            (Event::Gone { object }, Collection::Namespaces) => state.lost_namespace(object, now),
            (Event::Present { object, .. }, Collection::Secrets) => {
                let Some((namespace, name, mark)) = ClusterMark::read(object) else { return };
                state.saw_secret(&namespace, &name, mark, now);
            }
            (Event::Gone { object }, Collection::Secrets) => {
                let Some((namespace, name, mark)) = ClusterMark::read(object) else { return };
                state.lost_secret(&namespace, &name, &mark, now);
            }
            (Event::Lost { category }, _) => {
                tracing::debug!(resource = resource(collection), category, "cannot watch; trying again");
                self.sealer.metrics.watch_lost(resource(collection), category);
                if collection == Collection::Objects && *category == NOT_SERVED {
                    state.is_absent(collection, now);
                }
            }
            (Event::Answered, _) => return,
        }
        drop(state);
        self.stir();
    }

    /// One worker.
    async fn work(&self, term: &CancellationToken) {
        loop {
            // Registered before the look, so that nothing that comes in between is missed.
            let more = self.work.notified();
            let job = if term.is_cancelled() { None } else { self.state().next(Instant::now(), || self.time()) };
            if let Some(job) = job {
                // Another worker may find more.
                self.work.notify_one();
                self.finish(job).await;
                self.stir();
            } else {
                self.deadline.notify_one();
                tokio::select! {
                    () = more => {}
                    () = term.cancelled() => return,
                }
            }
        }
    }

    /// The present, for people.
    fn time(&self) -> String {
        rfc3339((self.sealer.clock)())
    }

    /// Wakes a worker when something is due. A worker that finds no job tells to look at the next deadline.
    async fn keep_time(&self) {
        loop {
            let changed = self.deadline.notified();
            let deadline = self.state().deadline();
            match deadline {
                Some(deadline) if deadline > Instant::now() => tokio::select! {
                    () = changed => {}
                    () = sleep_until(deadline) => {}
                },
                Some(_) => {
                    self.work.notify_one();
                    changed.await;
                }
                None => changed.await,
            }
        }
    }

    /// Objects that wait for a key go on when it is there, and what a compromised key opened says so.
    async fn follow_keys(&self) {
        let mut keys = self.sealer.keys.clone();
        loop {
            let compromised = keys.borrow_and_update().ledger.compromised();
            self.state().keys_changed(compromised, Instant::now());
            self.stir();
            if keys.changed().await.is_err() {
                return;
            }
        }
    }

    async fn follow_policies(&self) {
        let mut guard = self.sealer.guard.clone();
        loop {
            guard.changed().await;
            self.state().policies_changed(Instant::now());
            self.stir();
        }
    }

    /// Keeps with every object under which policies it was seen.
    async fn note_policies(&self, policies: &[Policy]) -> Infallible {
        let (mut guard, mut before) = (self.sealer.guard.clone(), None);
        loop {
            before = Some(guard.settles(policies, before).await);
            self.state().policies_settled(Instant::now());
            self.stir();
        }
    }

    async fn follow_hindrances(&self) {
        let mut hindrances = self.sealer.hindrances.clone();
        loop {
            let now_are = hindrances.borrow_and_update().clone();
            self.state().hindered(now_are, Instant::now());
            self.stir();
            if hindrances.changed().await.is_err() {
                return;
            }
        }
    }

    async fn tell_claims(&self) -> Infallible {
        loop {
            let stirred = self.stirred.notified();
            let now = self.state().claims();
            send_if_other(&self.sealer.claims, now);
            stirred.await;
            sleep(CLAIMS).await;
        }
    }

    /// Renews the gauges, and what is known of the use of keys.
    async fn count(&self) -> Infallible {
        let mut ticks = interval(CENSUS);
        loop {
            ticks.tick().await;
            let (census, needs) = {
                let state = self.state();
                (state.census(), state.needs().map(Arc::new))
            };
            for (state, count) in census.objects {
                self.sealer.metrics.cluster_sealed_secrets(state, count);
            }
            for (state, count) in census.namespaces {
                self.sealer.metrics.cluster_sealed_secret_namespaces(state, count);
            }
            send_if_other(&self.sealer.needs, needs);
        }
    }
}

const fn resource(collection: Collection) -> &'static str {
    match collection {
        Collection::Objects => "clustersealedsecrets.kseal.dev",
        Collection::Namespaces => "namespaces",
        Collection::Secrets => "secrets",
    }
}

fn source(collection: Collection) -> Source {
    let (path, label_selector, accept) = match collection {
        Collection::Objects => (cluster::collection(), None, Accept::Full),
        Collection::Namespaces => ("/api/v1/namespaces".to_owned(), None, Accept::Metadata),
        Collection::Secrets => (secrets(None), Some(names::CLUSTER_SEALED_SECRET_OF.to_owned()), Accept::Metadata),
    };
    Source { path, label_selector, field_selector: None, accept }
}
