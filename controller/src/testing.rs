//! An API server of a test's own words.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use kube::Client;
use kube::client::Body;
use tower::service_fn;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: serde_json::Value,
}

/// What a test's server makes of a request.
pub(crate) enum Answer {
    /// A code and a JSON body.
    Json(u16, serde_json::Value),
    /// The server's clock.
    Date(&'static str),
    /// Never an answer.
    Silence,
}

/// A client whose requests go to `answer`, one at a time. Must be called within tokio's runtime.
pub(crate) fn client(answer: impl FnMut(Seen) -> Answer + Send + 'static) -> Client {
    let answer = Arc::new(Mutex::new(answer));
    let service = service_fn(move |request: Request<Body>| {
        let answer = answer.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let query = parts.uri.query().unwrap_or_default().to_owned();
            let seen = Seen { method: parts.method, path: parts.uri.path().to_owned(), query, body };
            let answer = (answer.lock().unwrap())(seen);
            let full = |text: String| Full::new(bytes::Bytes::from(text));
            match answer {
                Answer::Json(code, body) => {
                    Ok::<_, Infallible>(Response::builder().status(code).body(full(body.to_string())).unwrap())
                }
                Answer::Date(date) => Ok(Response::builder().header("date", date).body(full(String::new())).unwrap()),
                Answer::Silence => std::future::pending().await,
            }
        }
    });
    Client::new(service, "default")
}
