//! What is done while this replica leads.

use std::sync::Arc;

use kseal_core::policy::InForce;
use kseal_core::reconcile::{Group, Own};
use kube::Client;
use tokio::join;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::cores;
use crate::api::Api;
use crate::args::SealedSecrets;
use crate::cluster_sealed::{ClusterSealer, seal_clusters};
use crate::engine;
use crate::guard::{self, Dating, Editions, Guard};
use crate::keys::{self, HeldKeys, Keeper, KeySettings, Published, UsageTeller};
use crate::metrics::Metrics;
use crate::pull_claims::{Claims, Hindrances};
use crate::rewrap::{RewrapSettings, Rewrapper, rewrap};
use crate::settings::{self, Settings};
use crate::tokens::{TokenKeeper, TokenSettings, keep_tokens};

/// What it takes.
pub(super) struct Leader {
    pub(super) settings: Settings,
    pub(super) keys: KeySettings,
    pub(super) tokens: TokenSettings,
    /// Which ClusterSealedSecrets are opened.
    pub(super) allowed: Vec<String>,
    pub(super) client: Client,
    /// The keys at hand, and those that are published, as they change.
    pub(super) held: watch::Receiver<Arc<HeldKeys>>,
    pub(super) published: watch::Receiver<Option<Arc<Published>>>,
    pub(super) guard: Guard,
    /// The policies that are as they should be, and since when, which the leader finds out.
    pub(super) seen: watch::Receiver<Editions>,
    pub(super) in_force: watch::Sender<InForce>,
    /// Cancelled once the policies were looked at.
    pub(super) looked: CancellationToken,
    pub(super) metrics: Metrics,
}

impl Leader {
    /// Does all of it until `term` ends.
    pub(super) fn lead(&self, term: CancellationToken) -> impl Future<Output = ()> + use<> {
        let (counted, needs) = watch::channel(None);
        let (counted_beside, needs_beside) = watch::channel(None);
        // Where there are none, nothing need be waited for.
        let (claims, claimed) = watch::channel(self.allowed.is_empty().then(Arc::default));
        let (hindered, hindrances) = watch::channel(Arc::<Hindrances>::default());
        let (keeper, teller) = (self.keeper(), self.teller([needs, needs_beside]));
        let (rewrapper, tokens) = (self.rewrapper(), self.token_keeper());
        let engine = self.engine(counted, claimed, hindered);
        let clusters = self.cluster_sealer(counted_beside, claims, hindrances);
        let (looked, dating, dated) = (self.looked.clone(), self.dating(), CancellationToken::new());
        async move {
            // Else what is honoured would be told that its policy is missing, for a moment after each start.
            term.run_until_cancelled(looked.cancelled()).await;
            join!(guard::date(dating, term.clone(), &dated), async {
                term.run_until_cancelled(dated.cancelled()).await;
                join!(
                    keys::keep(keeper, settings::rng(), term.clone()),
                    keys::tell_usage(teller, term.clone()),
                    rewrap(rewrapper, term.clone()),
                    keep_tokens(tokens, term.clone()),
                    seal_clusters(clusters, term.clone()),
                    engine::run(engine, term.clone())
                )
            });
        }
    }

    fn api(&self) -> Api {
        Api::new(self.client.clone())
    }

    fn dating(&self) -> Dating {
        Dating {
            api: self.api(),
            namespace: self.settings.namespace.clone(),
            seen: self.seen.clone(),
            in_force: self.in_force.clone(),
        }
    }

    fn keeper(&self) -> Keeper {
        Keeper {
            api: self.api(),
            settings: self.keys.clone(),
            held: self.held.clone(),
            published: self.published.clone(),
            clock: settings::now,
            metrics: self.metrics.clone(),
        }
    }

    fn teller(&self, needs: [watch::Receiver<keys::Needs>; 2]) -> UsageTeller {
        UsageTeller {
            api: self.api(),
            namespace: self.settings.namespace.clone(),
            watched: self.settings.watch_namespaces.clone(),
            needs,
            held: self.held.clone(),
            published: self.published.clone(),
            clock: settings::now,
            metrics: self.metrics.clone(),
        }
    }

    fn rewrapper(&self) -> Rewrapper {
        Rewrapper {
            client: self.client.clone(),
            api: self.api(),
            settings: RewrapSettings {
                requests: self.settings.rewrap_requests,
                objects: self.settings.rewrap_objects,
                objects_after: self.settings.rewrap_objects_after,
                namespaces: self.settings.watch_namespaces.clone(),
            },
            held: self.held.clone(),
            guard: self.guard.clone(),
            clock: settings::now,
            metrics: self.metrics.clone(),
        }
    }

    fn token_keeper(&self) -> TokenKeeper {
        TokenKeeper {
            client: self.client.clone(),
            api: self.api(),
            settings: self.tokens.clone(),
            guard: self.guard.clone(),
            clock: settings::now,
            jitter: settings::jitter,
            suffix: settings::suffix,
            metrics: self.metrics.clone(),
        }
    }

    fn cluster_sealer(
        &self,
        needs: watch::Sender<keys::Needs>,
        claims: watch::Sender<Claims>,
        hindrances: watch::Receiver<Arc<Hindrances>>,
    ) -> ClusterSealer {
        ClusterSealer {
            client: self.client.clone(),
            api: self.api(),
            own: self.own(),
            allowed: self.allowed.clone(),
            pulls: self.settings.image_pull_secrets,
            guard: self.guard.clone(),
            keys: self.held.clone(),
            needs,
            claims,
            hindrances,
            clock: settings::now,
            jitter: settings::jitter,
            metrics: self.metrics.clone(),
        }
    }

    fn engine(
        &self,
        needs: watch::Sender<keys::Needs>,
        cluster_claims: watch::Receiver<Claims>,
        hindrances: watch::Sender<Arc<Hindrances>>,
    ) -> engine::Context {
        let upstream = (self.settings.sealed_secrets != SealedSecrets::Off).then_some(Group::Upstream);
        engine::Context {
            client: self.client.clone(),
            api: self.api(),
            keys: self.held.clone(),
            needs,
            published: self.published.clone(),
            guard: self.guard.clone(),
            cluster_claims,
            hindrances,
            metrics: self.metrics.clone(),
            clock: settings::now,
            jitter: settings::jitter,
            settings: engine::Settings {
                own: self.own(),
                namespaces: self.settings.watch_namespaces.clone(),
                groups: [Group::Native].into_iter().chain(upstream).collect(),
                attaches: self.settings.image_pull_secrets,
                workers: self.settings.workers,
                cores: cores(),
            },
        }
    }

    fn own(&self) -> Own {
        Own {
            namespace: self.settings.namespace.clone(),
            upstream_key_prefix: self.settings.sealed_secrets_key_prefix.clone(),
            makes_tokens: self.settings.service_account_tokens,
        }
    }
}
