//! What the controller tells to who asks: whether it lives and is ready, its public keys, its measures.
//!
//! Nothing that opens or wraps anything is an endpoint: such requests are objects, so that RBAC, admission and audit see
//! them. Only GET is answered, and no body is read.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::keys::{HeldKeys, Published};
use crate::metrics;

/// What the endpoints tell of.
#[derive(Clone)]
pub struct Endpoints {
    /// The keys at hand.
    pub held: watch::Receiver<Arc<HeldKeys>>,
    /// What is published.
    pub published: watch::Receiver<Option<Arc<Published>>>,
}

/// `/healthz`, `/readyz`, `/v1/cert.pem` and `/v1/keys`.
pub fn service(endpoints: Endpoints) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/v1/cert.pem", get(certificate))
        .route("/v1/keys", get(keys))
        .with_state(endpoints)
}

/// `/metrics`, as OpenMetrics.
pub fn metrics(encode: impl Fn() -> String + Clone + Send + Sync + 'static) -> Router {
    let answer = move || async move { ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], encode()) };
    Router::new().route("/metrics", get(answer))
}

/// Answers on `listener` until `stop`, and then what has been asked already.
///
/// # Errors
///
/// The listener broke.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

/// Ready: the API server answers, and every key was read. A standby is as ready as the leader.
async fn ready(State(endpoints): State<Endpoints>) -> Response {
    let held = endpoints.held.borrow();
    if !held.reachable {
        (StatusCode::SERVICE_UNAVAILABLE, "the API server does not answer\n").into_response()
    } else if !held.synced {
        (StatusCode::SERVICE_UNAVAILABLE, "the keys are not loaded yet\n").into_response()
    } else {
        "ok\n".into_response()
    }
}

/// The certificate with which users of sealed-secrets seal: exactly one, and in upstream's words none.
async fn certificate(State(endpoints): State<Endpoints>) -> Response {
    match endpoints.held.borrow().ledger.certificate() {
        Some(pem) => ([(CONTENT_TYPE, "application/x-pem-file")], pem.to_owned()).into_response(),
        None => (StatusCode::INTERNAL_SERVER_ERROR, "cannot get certificate\n").into_response(),
    }
}

/// The signed bundle, as it is published.
async fn keys(State(endpoints): State<Endpoints>) -> Response {
    let published = endpoints.published.borrow();
    match published.as_ref().and_then(|published| published.text()) {
        Some(text) => {
            ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], text.to_owned()).into_response()
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, "nothing is published yet\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Method, Request};
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(held: HeldKeys, method: Method, path: &str) -> (u16, String) {
        let (_, held) = watch::channel(Arc::new(held));
        let (_, published) = watch::channel(None);
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let answer = service(Endpoints { held, published }).oneshot(request).await.unwrap();
        let code = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        (code, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn ready_means_that_the_server_answers_and_the_keys_are_read() {
        let held = |reachable, synced| HeldKeys { reachable, synced, ..HeldKeys::default() };
        for (reachable, synced, code) in
            [(false, false, 503), (true, false, 503), (false, true, 503), (true, true, 200)]
        {
            assert_eq!(ask(held(reachable, synced), Method::GET, "/readyz").await.0, code);
        }
        assert_eq!(ask(held(false, false), Method::GET, "/healthz").await, (200, "ok\n".into()));
    }

    #[tokio::test]
    async fn what_is_not_there_is_said_so() {
        let words = "cannot get certificate\n".to_owned();
        assert_eq!(ask(HeldKeys::default(), Method::GET, "/v1/cert.pem").await, (500, words));
        assert_eq!(ask(HeldKeys::default(), Method::GET, "/v1/keys").await.0, 503);
    }

    #[tokio::test]
    async fn nothing_is_taken_in() {
        for path in ["/healthz", "/readyz", "/v1/cert.pem", "/v1/keys"] {
            assert_eq!(ask(HeldKeys::default(), Method::POST, path).await.0, 405);
        }
        for path in ["/v1/verify", "/v1/rotate", "/metrics", "/"] {
            assert_eq!(ask(HeldKeys::default(), Method::POST, path).await.0, 404);
        }
    }
}
