//! Keeps tokens of ServiceAccounts in Secrets, as `ServiceAccountTokens` ask. It is switched on by who runs the controller, and
//! the rights for it are a manifest of its own.
//!
//! What is to be done is decided in `kseal_core::tokens`. Here the watches tell `state::State` what passes by, workers ask it
//! for jobs, and `work` does one job: look, decide, take the step, look again. Nothing is remembered but what was seen last.

mod state;
mod tell;
mod work;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use kseal_api::names;
use kseal_core::reconcile::Account;
use kseal_core::tokens::{SecretMetadata, Surroundings, TokenObject, status};
use kube::Client;
use tokio::sync::Notify;
use tokio::time::{Instant, interval, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::collection::{secrets, service_accounts};
use crate::guard::Guard;
use crate::metrics::Metrics;
use crate::settings::Clock;
use crate::watch::{Accept, Event, Source, follow};
use state::{Kind, Now, State};
use work::POLICIES;

/// How many objects are worked on at once.
const WORKERS: usize = 4;
/// How often the gauges are renewed.
const CENSUS: Duration = Duration::from_secs(5);

/// How tokens are kept.
#[derive(Debug, Clone, Default)]
pub struct TokenSettings {
    /// Whether they are.
    pub is_on: bool,
    /// The namespaces; none for all.
    pub namespaces: Vec<String>,
    /// What is known of the cluster.
    pub surroundings: Surroundings,
}

/// What it takes.
pub struct TokenKeeper {
    /// For watches.
    pub client: Client,
    /// For everything else.
    pub api: Api,
    /// How tokens are kept.
    pub settings: TokenSettings,
    /// Whether the policy is in force that sees to it who may ask.
    pub guard: Guard,
    /// The time, for people and for tokens.
    pub clock: Clock,
    /// A number from 0 to 1, so that what came together does not come together again.
    pub jitter: fn() -> f64,
    /// What makes a name one that never was: letters and digits.
    pub suffix: fn() -> String,
    /// Where it is counted.
    pub metrics: Metrics,
}

/// Keeps tokens until `term` ends. What is under way then is dropped where it stands: each step is one write with a
/// precondition, and the next leader looks at what came of it.
pub async fn keep_tokens(keeper: TokenKeeper, term: CancellationToken) {
    if !keeper.settings.is_on {
        return;
    }
    let metrics = keeper.metrics.clone();
    let tokens = Tokens::new(keeper);
    term.run_until_cancelled(tokens.run()).await;
    // They are another leader's to count.
    metrics.service_account_tokens(std::iter::empty());
    metrics.token_expiry(None);
}

struct Tokens {
    keeper: TokenKeeper,
    state: Mutex<State>,
    /// There may be a job, or another deadline.
    work: Notify,
    /// When it began, by either clock.
    began: (Instant, i64),
}

impl Tokens {
    fn new(keeper: TokenKeeper) -> Self {
        let began = (Instant::now(), (keeper.clock)().as_second());
        Self { state: Mutex::new(State::new(WORKERS.div_ceil(2))), work: Notify::new(), began, keeper }
    }

    async fn run(&self) {
        let namespaces = &self.keeper.settings.namespaces;
        let all = namespaces.is_empty().then_some(None);
        let places: Vec<_> = all.into_iter().chain(namespaces.iter().map(|name| Some(name.as_str()))).collect();
        let sources = [Kind::Objects, Kind::Secrets, Kind::Accounts].into_iter();
        let sources = sources.flat_map(|kind| places.iter().map(move |namespace| (kind, *namespace)));
        let following = join_all(sources.map(|(kind, namespace)| self.follow(kind, namespace)));
        let working = join_all((0..WORKERS).map(|_| self.work()));
        tokio::join!(following, working, self.follow_policies(), self.note_policies(), self.count());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What was noted before a panic elsewhere still holds.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The present by both clocks. One that was put back while this process runs is not followed: a token does not grow
    /// younger. One that was put forward is, since a machine may have slept.
    fn now(&self) -> Now {
        let (instant, wall) = self.began;
        let now = Instant::now();
        let elapsed = i64::try_from(now.duration_since(instant).as_secs()).unwrap_or(i64::MAX);
        Now { instant: now, wall: (self.keeper.clock)().as_second().max(wall.saturating_add(elapsed)) }
    }

    async fn follow(&self, kind: Kind, namespace: Option<&str>) {
        let source = source(kind, namespace);
        follow(self.keeper.client.clone(), source, |event| self.observe(kind, namespace, &event)).await;
    }

    /// An object that cannot be read has no name, and no API server sends it.
    fn observe(&self, kind: Kind, namespace: Option<&str>, event: &Event<'_>) {
        let now = self.now();
        let mut state = self.state();
        match event {
            Event::Started => state.started(kind, namespace),
            Event::Synced { .. } => {
                tracing::info!(resource = kind.resource(), namespace, "listed");
                state.synced(kind, namespace, now);
            }
            Event::Present { object, .. } => match kind {
                Kind::Objects => {
                    let Some(object) = TokenObject::read(object) else { return };
                    state.saw_object(namespace, &object, now);
                }
                Kind::Secrets => {
                    let Some(secret) = SecretMetadata::read(object) else { return };
                    state.saw_secret(namespace, &secret, false, now);
                }
                Kind::Accounts => {
                    let Some(account) = Account::read(object) else { return };
                    let consent = account.consent();
                    state.saw_account(namespace, &(account.namespace, account.name), Some(consent), now);
                }
            },
            Event::Gone { object } => match kind {
                Kind::Objects => {
                    let Some(object) = TokenObject::read(object) else { return };
                    state.lost_object(&object);
                }
                Kind::Secrets => {
                    let Some(secret) = SecretMetadata::read(object) else { return };
                    state.saw_secret(namespace, &secret, true, now);
                }
                Kind::Accounts => {
                    let Some(account) = Account::read(object) else { return };
                    state.saw_account(namespace, &(account.namespace, account.name), None, now);
                }
            },
            Event::Lost { category } => {
                tracing::debug!(resource = kind.resource(), category, "cannot watch; trying again");
                self.keeper.metrics.watch_lost(kind.resource(), category);
            }
            Event::Answered => return,
        }
        drop(state);
        self.work.notify_one();
    }

    /// One worker.
    async fn work(&self) {
        loop {
            // Registered before the look, so that nothing that comes in between is missed.
            let more = self.work.notified();
            let now = self.now();
            let (job, deadline) = {
                let mut state = self.state();
                let job = state.next(now);
                (job, state.deadline())
            };
            let Some(job) = job else {
                match deadline {
                    Some(deadline) => drop(timeout_at(deadline, more).await),
                    None => more.await,
                }
                continue;
            };
            // Another worker may find more.
            self.work.notify_one();
            let finished = self.reconcile(&job).await;
            let (now, jitter) = (self.now(), (self.keeper.jitter)());
            self.state().done(&job, finished, jitter, now);
            self.work.notify_one();
        }
    }

    /// Requests that wait for their policy go on when it is there.
    async fn follow_policies(&self) {
        let mut guard = self.keeper.guard.clone();
        loop {
            guard.changed().await;
            let now = self.now();
            self.state().policies_changed(now);
            self.work.notify_one();
        }
    }

    /// Keeps with every object under which policy it was seen. What is settled when it begins is noted at the first look.
    async fn note_policies(&self) {
        let mut guard = self.keeper.guard.clone();
        let mut before = guard.to_note_now(POLICIES, "");
        loop {
            before = Some(guard.settles(POLICIES, before).await);
            let now = self.now();
            self.state().look_at_all(now);
            self.work.notify_one();
        }
    }

    /// Renews the gauges.
    async fn count(&self) {
        let mut ticks = interval(CENSUS);
        loop {
            ticks.tick().await;
            let (counts, expiry) = self.state().census();
            self.keeper.metrics.service_account_tokens(counts.into_iter());
            self.keeper.metrics.token_expiry(expiry);
        }
    }
}

fn source(kind: Kind, namespace: Option<&str>) -> Source {
    let (path, accept, label) = match kind {
        Kind::Objects => (status::collection(namespace), Accept::Full, None),
        Kind::Secrets => (secrets(namespace), Accept::Metadata, Some(names::TOKEN_OF.to_owned())),
        Kind::Accounts => (service_accounts(namespace), Accept::Metadata, None),
    };
    Source { path, label_selector: label, field_selector: None, accept }
}
