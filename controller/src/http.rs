//! The endpoints: whether it lives, whether it is ready, the public keys, and what was counted.
//!
//! Everything that is answered is public. Nothing here opens, re-wraps or takes anything in: what somebody wants of a
//! ciphertext is an object, so that RBAC, admission and audit see it. Whoever can connect may ask, so what one connection
//! may take is bounded; see [`serve`].

mod bounded;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::bounded::Bounded;
use crate::keys::{HeldKeys, Published};
use crate::metrics::{self, Metrics};

/// What the endpoints tell of.
#[derive(Clone)]
pub struct Endpoints {
    /// What [`crate::keys::follow()`] hands on.
    pub held: watch::Receiver<Arc<HeldKeys>>,
    /// What [`crate::keys::follow_published`] hands on.
    pub published: watch::Receiver<Option<Arc<Published>>>,
}

/// How long requests that are under way may go on when all is over.
const FAREWELL: Duration = Duration::from_secs(5);

/// `/healthz`, `/readyz`, `/v1/cert.pem` and `/v1/keys`. All else is not found, and only GET and HEAD are allowed.
pub fn service(endpoints: Endpoints) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/v1/cert.pem", get(certificate))
        .route("/v1/keys", get(keys))
        .with_state(endpoints)
}

/// `/metrics`.
pub fn measurements(metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(async move || ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics.encode())))
}

/// Serves `router` until `stop`, and then what is under way for a few seconds.
///
/// A connection ends after a minute, and after 64 KiB of requests; of more than 64 at once the oldest ends, so that a
/// probe always gets through.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let serving = axum::serve(Bounded::new(listener), router).with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio::select! {
        end = serving.into_future() => {
            if let Err(error) = end {
                tracing::error!(%error, "an endpoint ended");
            }
        }
        () = async { stop.cancelled().await; sleep(FAREWELL).await } => {}
    }
}

/// Both replicas are ready when their keys are loaded and the API server answers; who leads is a metric.
async fn ready(State(endpoints): State<Endpoints>) -> Response {
    let held = endpoints.held.borrow();
    let obstacle = match (held.synced, held.reachable) {
        (true, true) => return "ok\n".into_response(),
        (_, false) => "the API server does not answer\n",
        (false, true) => "the keys are not loaded yet\n",
    };
    (StatusCode::SERVICE_UNAVAILABLE, obstacle).into_response()
}

/// As sealed-secrets' controller: exactly one certificate, the newest key's.
async fn certificate(State(endpoints): State<Endpoints>) -> Response {
    match endpoints.held.borrow().ledger.certificate() {
        Some(pem) => ([(CONTENT_TYPE, "application/x-pem-file")], pem.to_owned()).into_response(),
        None => (StatusCode::INTERNAL_SERVER_ERROR, "cannot get certificate\n").into_response(),
    }
}

/// The bundle as it is published, signature and all.
async fn keys(State(endpoints): State<Endpoints>) -> Response {
    match endpoints.published.borrow().as_ref().and_then(|published| published.text()) {
        Some(text) => ([(CONTENT_TYPE, "application/json")], text.to_owned()).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "no keys are published yet\n").into_response(),
    }
}

#[cfg(test)]
mod tests;
