//! What the program does, from its arguments to its end.

mod leader;

use std::error::Error;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::num::NonZero;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use kseal_core::policy::{InForce, Policy};
use kseal_core::tokens::{Surroundings, pem};
use kseal_crypto::sealed_secrets::RsaSize;
use kube::Config;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::{join, select};
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::args::{Args, Policies, SealedSecrets};
use crate::client::{ConnectError, configure, connect};
use crate::guard::{self, Editions, Guard};
use crate::http::{self, Endpoints};
use crate::keys::{self, KeySettings, UpstreamKeys};
use crate::lease::{Election, campaign};
use crate::logging;
use crate::metrics::Metrics;
use crate::settings::{self, Environment, Settings};
use crate::tokens::TokenSettings;
use leader::Leader;

/// Threads that drive all connections and watches. More would not make the API server quicker, and each has caches of the
/// allocator's.
const THREADS: usize = 2;
/// Threads for what blocks, beside one a core for the use of private keys: the making of a key, and the look-up of a name.
const OTHER_THREADS: usize = 2;
/// How long threads may go on with what they do when all is over.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why the controller cannot run.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("the cluster cannot be reached by what is configured")]
    Connect(#[from] ConnectError),
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    #[error("the system refuses threads or signals")]
    System(#[source] io::Error),
}

impl RunError {
    const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Connect(error) => Some(error.hint()),
            Self::Listen(..) => Some("choose other addresses with --listen and --listen-metrics"),
            Self::System(_) => None,
        }
    }
}

/// Runs the controller as its arguments and its environment say, until a signal ends it.
#[must_use]
pub fn run() -> ExitCode {
    let settings = Settings::new(Args::parse(), Environment::read(), settings::rng());
    let settings = settings.unwrap_or_else(|error| Args::command().error(ErrorKind::ValueValidation, error).exit());
    logging::start(settings.log_format, settings.log_level);
    logging::exit_on_panic();
    keep_memory_private();
    let runtime = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .max_blocking_threads(cores() + OTHER_THREADS)
        .enable_all()
        .build();
    let outcome = runtime.map_err(RunError::System).and_then(|runtime| {
        let outcome = runtime.block_on(serve(settings));
        runtime.shutdown_timeout(FAREWELL);
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

async fn serve(settings: Settings) -> Result<(), RunError> {
    let stop = CancellationToken::new();
    stop_on_signals(stop.clone()).map_err(RunError::System)?;
    let metrics = Metrics::new();
    let config = configure(&settings.kubeconfig).await?;
    let client = connect(&config, metrics.clone())?;
    let (service, measures) = (bind(settings.listen).await?, bind(settings.listen_metrics).await?);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), namespace = settings.namespace, "starting");

    let (held, keys) = watch::channel(Arc::default());
    let (publications, published) = watch::channel(None);
    let key_settings = key_settings(&settings);
    let follow_keys = keys::follow(client.clone(), &key_settings, &metrics, &held);
    let follow_published = keys::follow_published(client.clone(), &settings.namespace, &metrics, &publications);

    let (policies, seen) = watch::channel(Editions::default());
    let (in_force, judged_by) = watch::channel(InForce::default());
    let guard = Guard::new(judged_by, settings.policies == Policies::Elsewhere, settings::now);
    let (relied_on, looked) = (relied_on(&settings), CancellationToken::new());
    let follow_policies = guard::follow(client.clone(), &relied_on, &settings.namespace, &metrics, &policies, &looked);

    let endpoints = Endpoints { held: keys.clone(), published: published.clone() };
    let closed = CancellationToken::new();
    let service = http::serve(service, http::service(endpoints), closed.clone());
    let measures = http::serve(measures, http::measurements(metrics.clone()), closed.clone());

    // On a connection of its own, which no crowd of requests is in the way of.
    let election = election(&settings, Api::new(connect(&config, metrics.clone())?), metrics.clone());
    let leader = Leader {
        allowed: cluster_sealed_secrets(&settings),
        tokens: token_settings(&settings, &config),
        keys: key_settings.clone(),
        settings: settings.clone(),
        client: client.clone(),
        held: keys,
        published,
        guard,
        seen,
        in_force,
        looked: looked.clone(),
        metrics: metrics.clone(),
    };
    let candidacy = campaign(election, stop, |term| leader.lead(term));
    // The endpoints answer until the lease is handed over.
    select! {
        () = candidacy => {}
        _ = async { join!(follow_keys, follow_published, follow_policies, service, measures) } => {}
    }
    closed.cancel();
    tracing::info!("stopped");
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|error| RunError::Listen(address, error))
}

fn election(settings: &Settings, api: Api, metrics: Metrics) -> Election {
    Election {
        api,
        namespace: settings.namespace.clone(),
        identity: settings.identity.clone(),
        timing: settings.timing,
        clock: settings::now,
        rng: settings::rng(),
        metrics,
    }
}

fn key_settings(settings: &Settings) -> KeySettings {
    KeySettings {
        namespace: settings.namespace.clone(),
        cluster_name: settings.cluster_name.clone(),
        suite: settings.suite,
        upstream: match settings.sealed_secrets {
            SealedSecrets::Generate => UpstreamKeys::Generate,
            SealedSecrets::Existing => UpstreamKeys::Existing,
            SealedSecrets::Off => UpstreamKeys::Off,
        },
        upstream_prefix: settings.sealed_secrets_key_prefix.clone(),
        period: settings.key_renew_period,
        upstream_period: settings.sealed_secrets_key_renew_period,
        upstream_size: RsaSize::Bits4096,
    }
}

/// The policies that what is switched on relies on.
fn relied_on(settings: &Settings) -> Vec<Policy> {
    if settings.policies == Policies::Elsewhere {
        return Vec::new();
    }
    let is_on = |policy: &Policy| match policy {
        Policy::ServiceAccountTokens => settings.service_account_tokens,
        Policy::ImagePullSecrets => settings.image_pull_secrets,
        Policy::ClusterSealedSecrets => !settings.cluster_sealed_secrets.is_empty(),
        Policy::RewrapRequests => settings.rewrap_requests,
    };
    Policy::ALL.into_iter().filter(is_on).collect()
}

/// Which of them are opened. A controller of some namespaces has no right to the others, nor to know of them.
fn cluster_sealed_secrets(settings: &Settings) -> Vec<String> {
    let names = &settings.cluster_sealed_secrets;
    if settings.watch_namespaces.is_empty() || names.is_empty() {
        return names.clone();
    }
    tracing::warn!("ClusterSealedSecrets are left alone: this controller looks after some namespaces only");
    Vec::new()
}

fn token_settings(settings: &Settings, config: &Config) -> TokenSettings {
    TokenSettings {
        is_on: settings.service_account_tokens,
        namespaces: settings.watch_namespaces.clone(),
        surroundings: Surroundings {
            own_namespace: settings.namespace.clone(),
            server: settings.kubeconfig_server.clone(),
            cluster: settings.cluster_name.clone(),
            // Where a connection is made without, the certificate is one that everybody trusts.
            authority: config.root_cert.as_deref().filter(|authority| !authority.is_empty()).map(pem),
        },
    }
}

/// How much can be computed at once within the container's limit.
fn cores() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

/// The first SIGTERM or SIGINT cancels `stop`; the second ends the process.
fn stop_on_signals(stop: CancellationToken) -> io::Result<()> {
    let mut signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    tokio::spawn(async move {
        any(&mut signals).await;
        tracing::info!("stopping: what is begun is ended first");
        stop.cancel();
        any(&mut signals).await;
        tracing::warn!("ending at once");
        process::exit(1);
    });
    Ok(())
}

async fn any([one, other]: &mut [Signal; 2]) {
    select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// No core file and no other process of the same user shall hold what is in this one's memory: private keys.
fn keep_memory_private() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::warn!(%error, "core files and debuggers cannot be kept from the keys");
        }
    }
}

/// Where stderr is gone there is nobody to tell.
fn report(error: &RunError) {
    let mut stderr = io::stderr().lock();
    let mut text = error.to_string();
    let _ = writeln!(stderr, "error: {text}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some libraries repeat their cause in their own words.
        if !text.ends_with(&next) {
            let _ = writeln!(stderr, "caused by: {next}");
        }
        text = next;
        cause = error.source();
    }
    if let Some(hint) = error.hint() {
        let _ = writeln!(stderr, "hint: {hint}");
    }
}
