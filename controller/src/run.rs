//! What the program does, from its arguments to its end.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::{self, ExitCode};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use tokio::runtime::Builder;
use tokio::select;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::args::Args;
use crate::client::{ConnectError, configure, connect};
use crate::lease::{Election, campaign};
use crate::logging;
use crate::metrics::Metrics;
use crate::settings::{self, Environment, Settings};

/// Threads that drive all connections and watches. More would not make the API server quicker, and each has caches of the
/// allocator's.
const THREADS: usize = 2;
/// Threads for what blocks: private keys, and names that are looked up.
const BLOCKING_THREADS: usize = 4;
/// How long threads may go on with what they do when all is over.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why the controller cannot run.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("the cluster cannot be reached by what is configured")]
    Connect(#[from] ConnectError),
    #[error("the system refuses threads or signals")]
    System(#[source] io::Error),
}

impl RunError {
    const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Connect(error) => Some(error.hint()),
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
    let runtime =
        Builder::new_multi_thread().worker_threads(THREADS).max_blocking_threads(BLOCKING_THREADS).enable_all().build();
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
    tracing::info!(version = env!("CARGO_PKG_VERSION"), namespace = settings.namespace, "starting");
    let election = Election {
        api: Api::new(connect(&config, metrics.clone())?),
        namespace: settings.namespace,
        identity: settings.identity,
        timing: settings.timing,
        clock: settings::now,
        rng: settings::rng(),
        metrics,
    };
    campaign(election, stop, |term| async move { term.cancelled().await }).await;
    tracing::info!("stopped");
    Ok(())
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
