//! Opens sealed objects into Secrets and keeps them right, for as long as this replica leads.
//!
//! The watches tell `state::State` what passes by, workers ask it for jobs, and `work` does one job: look, open, write,
//! tell. Whatever a call may have done before it failed, the next try sees what there is and goes on from that.

mod accounts;
mod attach;
mod keysets;
mod queue;
mod state;
mod table;
mod work;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kseal_core::reconcile::{Group, Mark, Own, Sighting, status};
use kseal_crypto::{Fingerprint, PrivateKey};
use kube::Client;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::channel::send_if_other;
use crate::collection::secrets;
use crate::guard::Guard;
use crate::keys::{HeldKeys, Needs, Published};
use crate::metrics::Metrics;
use crate::pull_claims::{Claims, Hindrances};
use crate::watch::{Accept, Event, NOT_SERVED, Source, follow};
use accounts::Accounts;
use state::{Done, Job, Kind, State};

/// How often the gauges are renewed.
const CENSUS: Duration = Duration::from_secs(5);

/// What the engine works with.
pub struct Context {
    /// For the watches.
    pub client: Client,
    /// For everything else.
    pub api: Api,
    /// The keys at hand, as they change.
    pub keys: watch::Receiver<Arc<HeldKeys>>,
    /// What needs which key, as it changes.
    pub needs: watch::Sender<Needs>,
    /// What is published.
    pub published: watch::Receiver<Option<Arc<Published>>>,
    /// Whether who asks for something could do it himself.
    pub guard: Guard,
    /// What ClusterSealedSecrets ask of ServiceAccounts.
    pub cluster_claims: watch::Receiver<Claims>,
    /// What is in their way there.
    pub hindrances: watch::Sender<Arc<Hindrances>>,
    /// What is counted.
    pub metrics: Metrics,
    /// The wall clock.
    pub clock: fn() -> Timestamp,
    /// A number from 0 to 1, so that retries do not come together.
    pub jitter: fn() -> f64,
    /// How it is to work.
    pub settings: Settings,
}

/// How the engine is to work.
pub struct Settings {
    /// The controller's own place.
    pub own: Own,
    /// Namespaces to watch; none given: all.
    pub namespaces: Vec<String>,
    /// The groups to watch.
    pub groups: Vec<Group>,
    /// Whether registry Secrets are put into ServiceAccounts.
    pub attaches: bool,
    /// How many objects are worked on at once.
    pub workers: usize,
    /// How many private-key operations are done at once.
    pub cores: usize,
}

/// Works until `term` is cancelled; then lets what is in flight come to an end.
pub async fn run(context: Context, term: CancellationToken) {
    let mut keys = context.keys.clone();
    let synced = async { keys.wait_for(|keys| keys.synced).await.map(drop) };
    tokio::select! {
        () = term.cancelled() => return,
        synced = synced => if synced.is_err() { return },
    }
    let engine = Arc::new(Engine::new(context));
    // Each on its own, so that one that is busy holds up no other. They end with the set.
    let mut others = JoinSet::new();
    for (source, which) in engine.sources() {
        let engine = Arc::clone(&engine);
        others.spawn(async move { engine.follow(source, which).await });
    }
    engine.attend_accounts(&mut others);
    for clockwork in [Clockwork::Time, Clockwork::Keys, Clockwork::Census] {
        let engine = Arc::clone(&engine);
        others.spawn(async move { engine.turn(clockwork).await });
    }
    let mut workers = JoinSet::new();
    for _ in 0..engine.context.settings.workers {
        let (engine, term) = (Arc::clone(&engine), term.clone());
        workers.spawn(async move { engine.work(&term).await });
    }
    while workers.join_next().await.is_some() {}
}

/// What goes on besides watches and workers.
enum Clockwork {
    Time,
    Keys,
    Census,
}

struct Engine {
    context: Context,
    state: Mutex<State>,
    accounts: Mutex<Accounts>,
    /// There may be a job, or another deadline, or a list was read.
    work: Notify,
    deadline: Notify,
    listed: Notify,
    /// The same of ServiceAccounts; and some of them were changed.
    account_work: Notify,
    account_deadline: Notify,
    accounts_changed: Notify,
    private_key_operations: Semaphore,
}

impl Engine {
    fn new(context: Context) -> Self {
        let settings = &context.settings;
        let share = settings.workers.div_ceil(2);
        let engine = Self {
            state: Mutex::new(State::new(share, Instant::now())),
            accounts: Mutex::default(),
            work: Notify::new(),
            deadline: Notify::new(),
            listed: Notify::new(),
            account_work: Notify::new(),
            account_deadline: Notify::new(),
            accounts_changed: Notify::new(),
            private_key_operations: Semaphore::new(settings.cores),
            context,
        };
        // Their first lists come before anything is begun, and those of sealed objects before those of Secrets.
        engine.sources().for_each(|(_, which)| engine.state().started(&which, Instant::now()));
        engine
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held ends the process anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every collection to follow, with what it brings.
    fn sources(&self) -> impl Iterator<Item = (Source, state::Source)> {
        let settings = &self.context.settings;
        let kinds = settings.groups.iter().copied().map(Kind::Sealed).chain([Kind::Secrets]);
        kinds.flat_map(|kind| {
            let all = settings.namespaces.is_empty().then_some(None);
            let listed = settings.namespaces.iter().map(|namespace| Some(Arc::from(namespace.as_str())));
            all.into_iter().chain(listed).map(move |namespace| (source(kind, namespace.as_deref()), (kind, namespace)))
        })
    }

    async fn turn(&self, clockwork: Clockwork) {
        match clockwork {
            Clockwork::Time => self.keep_time().await,
            Clockwork::Keys => self.follow_keys().await,
            Clockwork::Census => self.count().await,
        }
    }

    async fn follow(&self, source: Source, which: state::Source) {
        let resource = match which.0 {
            Kind::Sealed(Group::Native) => "sealedsecrets.kseal.dev",
            Kind::Sealed(Group::Upstream) => "sealedsecrets.bitnami.com",
            Kind::Secrets => "secrets",
        };
        let sink = |event: Event<'_>| self.observe(&which, resource, &event);
        if which.0 == Kind::Secrets {
            self.sealed_objects_are_listed().await;
        }
        follow(self.context.client.clone(), source, sink).await;
    }

    /// What is new among them needs no list of Secrets, which may be many and large.
    async fn sealed_objects_are_listed(&self) {
        loop {
            let listed = self.listed.notified();
            if !self.state().is_reading() {
                return;
            }
            listed.await;
        }
    }

    /// An object that cannot be read has no name, and no API server sends it.
    fn observe(&self, which: &state::Source, resource: &'static str, event: &Event<'_>) {
        let now = Instant::now();
        match (event, which.0) {
            (Event::Started, _) => self.state().started(which, now),
            (Event::Synced { resource_version }, _) => {
                tracing::info!(resource, namespace = which.1.as_deref(), "listed");
                let gone = self.state().synced(which, *resource_version, now);
                for id in gone {
                    self.accounts().forgot(&id, now);
                }
            }
            (Event::Present { object, initial }, Kind::Sealed(group)) => {
                let Some(sighting) = Sighting::read(group, object) else { return };
                let id = self.state().saw_object(which, &sighting, object, *initial, now);
                if let Some(id) = id {
                    self.hear(&id, &sighting, now);
                }
            }
            (Event::Gone { object }, Kind::Sealed(group)) => {
                let Some(sighting) = Sighting::read(group, object) else { return };
                let id = self.state().lost_object(which, &sighting);
                if let Some(id) = id {
                    self.accounts().forgot(&id, now);
                }
            }
            (Event::Present { object, .. }, Kind::Secrets) => {
                let Some((namespace, name, mark)) = Mark::read(object) else { return };
                self.state().saw_secret(which, &namespace, &name, mark, now);
            }
            (Event::Gone { object }, Kind::Secrets) => {
                let Some((namespace, name, mark)) = Mark::read(object) else { return };
                self.state().lost_secret(which, &namespace, &name, mark, now);
            }
            (Event::Lost { category }, _) => {
                tracing::debug!(resource, category, "cannot watch; trying again");
                self.context.metrics.watch_lost(resource, category);
                self.state().lost(which, *category == NOT_SERVED);
            }
            (Event::Answered, _) => return,
        }
        if matches!(event, Event::Synced { .. } | Event::Lost { .. }) {
            let is_on = self.context.settings.attaches;
            let known = is_on && self.state().objects_are_known() && self.context.cluster_claims.borrow().is_some();
            self.accounts().objects_are_known(known, now);
            self.listed.notify_waiters();
        }
        self.work.notify_one();
        self.deadline.notify_one();
        self.accounts_stirred();
    }

    /// One worker.
    async fn work(&self, term: &CancellationToken) {
        loop {
            // Registered before the look, so that nothing that comes in between is missed.
            let more = self.work.notified();
            let job = self.state().next(Instant::now());
            match job {
                Some(job) if !term.is_cancelled() => {
                    // Another worker may find more.
                    self.work.notify_one();
                    self.finish(job).await;
                }
                _ => tokio::select! {
                    () = more => {}
                    () = term.cancelled() => return,
                },
            }
        }
    }

    async fn finish(&self, job: Job) {
        let began = Instant::now();
        self.context.metrics.queue_waited(job.waited);
        let group = job.id.group.as_str();
        let result = self.reconcile(&job).await;
        let label = match &result.done {
            Done::Right { .. } => "right",
            Done::Wrong { .. } => "wrong",
            Done::Left => "left",
        };
        self.context.metrics.reconciled(group, label, began.elapsed());
        let mut state = self.state();
        state.charge(&job.id.namespace, result.cost);
        state.done(&job, result.seen, result.done, &result.opened_by, (self.context.jitter)(), Instant::now());
        drop(state);
        self.work.notify_one();
        self.deadline.notify_one();
    }

    /// Wakes a worker when something is due. What is due is taken note of here and not left to a worker, who finds no job
    /// where all of it was done already, and would not tell that the next deadline is another one.
    async fn keep_time(&self) {
        loop {
            let changed = self.deadline.notified();
            let deadline = self.state().deadline();
            match deadline {
                Some(deadline) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(deadline) => {
                        self.state().wake(Instant::now());
                        self.work.notify_one();
                        self.listed.notify_waiters();
                    }
                },
                None => changed.await,
            }
        }
    }

    /// Objects that wait for a key go on when it is there.
    async fn follow_keys(&self) {
        let mut keys = self.context.keys.clone();
        let mut native = BTreeSet::new();
        let mut others = BTreeSet::new();
        loop {
            let held = Arc::clone(&keys.borrow_and_update());
            let now_native: BTreeSet<Fingerprint> = held.ring.native().map(PrivateKey::fingerprint).collect();
            let now_others: BTreeSet<String> =
                held.ring.rsa().iter().map(|key| key.public().fingerprint().to_string()).collect();
            let arrived: Vec<Fingerprint> = now_native.difference(&native).copied().collect();
            self.state().compromised(held.ledger.compromised(), Instant::now());
            self.state().keys_arrived(&arrived, !now_others.is_subset(&others), Instant::now());
            self.work.notify_one();
            (native, others) = (now_native, now_others);
            if keys.changed().await.is_err() {
                return;
            }
        }
    }

    /// The native keys that are held or published.
    fn known_keys(&self) -> BTreeSet<String> {
        let held = Arc::clone(&self.context.keys.borrow());
        let mut known: BTreeSet<String> =
            held.ledger.native.iter().map(|key| key.public.fingerprint().to_string()).collect();
        let published = self.context.published.borrow();
        let listed = published.iter().filter_map(|published| published.bundle()).flat_map(|bundle| &bundle.keys);
        known.extend(listed.map(|key| key.public.fingerprint().to_string()));
        known
    }

    /// Renews the gauges, and what is known of the use of keys.
    async fn count(&self) {
        let mut ticks = tokio::time::interval(CENSUS);
        loop {
            ticks.tick().await;
            let census = self.state().census();
            let metrics = &self.context.metrics;
            metrics.queue_depth("live", census.live);
            metrics.queue_depth("backlog", census.backlog);
            metrics.queue_depth("retry", census.retry);
            metrics.body_bytes(census.bodies);
            for ((group, state), count) in census.objects {
                metrics.objects(group.as_str(), state, count);
            }
            let known = self.known_keys();
            let now = self.state().usage(&known).map(Arc::new);
            send_if_other(&self.context.needs, now);
        }
    }
}

fn source(kind: Kind, namespace: Option<&str>) -> Source {
    let (path, accept) = match kind {
        Kind::Sealed(group) => (status::collection(group, namespace), Accept::Full),
        Kind::Secrets => (secrets(namespace), Accept::Metadata),
    };
    Source { path, label_selector: None, field_selector: None, accept }
}
