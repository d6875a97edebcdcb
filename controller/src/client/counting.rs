//! Counts requests by what they do to which resource, and by the answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::ready;
use http::{Method, Request, Response, Uri};
use tower::{Layer, Service};

use crate::metrics::Metrics;

/// Wraps a client so that its requests are counted.
#[derive(Clone)]
pub(super) struct CountLayer {
    metrics: Metrics,
}

#[derive(Clone)]
pub(super) struct CountService<S> {
    inner: S,
    metrics: Metrics,
}

/// One request on its way. It is counted when its answer begins, and also when it is dropped before: nobody waits for it any
/// more, and it may have happened.
pub(super) struct Counted<F> {
    /// Pinned on the heap, as kube's client does with its own futures.
    inner: Pin<Box<F>>,
    request: Pending,
}

struct Pending {
    verb: &'static str,
    resource: &'static str,
    metrics: Metrics,
    answer: Option<u16>,
}

impl CountLayer {
    pub(super) const fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }
}

impl<S> Layer<S> for CountLayer {
    type Service = CountService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CountService { inner, metrics: self.metrics.clone() }
    }
}

impl<S, B, C> Service<Request<B>> for CountService<S>
where
    S: Service<Request<B>, Response = Response<C>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Counted<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (verb, resource) = (verb(request.method(), request.uri()), resource(request.uri().path()));
        let request_ = Pending { verb, resource, metrics: self.metrics.clone(), answer: None };
        Counted { inner: Box::pin(self.inner.call(request)), request: request_ }
    }
}

impl<F, C, E> Future for Counted<F>
where
    F: Future<Output = Result<Response<C>, E>>,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(self.inner.as_mut().poll(context));
        self.request.answer = outcome.as_ref().ok().map(|answer| answer.status().as_u16());
        Poll::Ready(outcome)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.metrics.api_requested(self.verb, self.resource, self.answer.unwrap_or(0));
    }
}

/// The verb by which RBAC and the audit log call it.
fn verb(method: &Method, uri: &Uri) -> &'static str {
    let query = uri.query().unwrap_or_default();
    match *method {
        Method::GET if query.split('&').any(|pair| pair == "watch=true") => "watch",
        Method::GET if Place::of(uri.path()).is_some_and(|place| place.name.is_none()) => "list",
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "other",
    }
}

/// The resource by the name that RBAC has for it; only those that the controller has to do with.
fn resource(path: &str) -> &'static str {
    let Some(Place { group, resource, subresource, .. }) = Place::of(path) else { return "other" };
    match (group, resource, subresource) {
        ("", "secrets", None) => "secrets",
        ("", "configmaps", None) => "configmaps",
        ("", "events", None) => "events",
        ("", "namespaces", None) => "namespaces",
        ("", "serviceaccounts", None) => "serviceaccounts",
        ("", "serviceaccounts", Some("token")) => "serviceaccounts/token",
        ("coordination.k8s.io", "leases", None) => "leases.coordination.k8s.io",
        ("kseal.dev", "sealedsecrets", None) => "sealedsecrets.kseal.dev",
        ("kseal.dev", "sealedsecrets", Some("status")) => "sealedsecrets.kseal.dev/status",
        ("kseal.dev", "rewraprequests", None) => "rewraprequests.kseal.dev",
        ("kseal.dev", "rewraprequests", Some("status")) => "rewraprequests.kseal.dev/status",
        ("kseal.dev", "serviceaccounttokens", None) => "serviceaccounttokens.kseal.dev",
        ("kseal.dev", "serviceaccounttokens", Some("status")) => "serviceaccounttokens.kseal.dev/status",
        ("bitnami.com", "sealedsecrets", None) => "sealedsecrets.bitnami.com",
        ("bitnami.com", "sealedsecrets", Some("status")) => "sealedsecrets.bitnami.com/status",
        _ => "other",
    }
}

/// What a path of the API names.
struct Place<'p> {
    group: &'p str,
    resource: &'p str,
    name: Option<&'p str>,
    subresource: Option<&'p str>,
}

impl<'p> Place<'p> {
    fn of(path: &'p str) -> Option<Self> {
        let mut parts = path.strip_prefix('/')?.split('/');
        let group = match parts.next()? {
            "api" => "",
            "apis" => parts.next()?,
            _ => return None,
        };
        let _version = parts.next()?;
        let rest: Vec<_> = parts.collect();
        // A namespace's name comes first, unless the namespace itself is meant.
        let rest = match rest.as_slice() {
            ["namespaces", _, inner @ ..] if !inner.is_empty() => inner,
            all => all,
        };
        let (resource, rest) = rest.split_first()?;
        Some(Self { group, resource, name: rest.first().copied(), subresource: rest.get(1).copied() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(method: &Method, uri: &'static str) -> (&'static str, &'static str) {
        let uri = Uri::from_static(uri);
        (verb(method, &uri), resource(uri.path()))
    }

    #[test]
    fn requests_are_named_as_rbac_names_them() {
        for (method, uri, expected) in [
            (Method::GET, "/api/v1/secrets?limit=100", ("list", "secrets")),
            (Method::GET, "/api/v1/namespaces/prod/secrets?watch=true&a=b", ("watch", "secrets")),
            (Method::GET, "/api/v1/namespaces/prod/secrets/watch", ("get", "secrets")),
            (Method::POST, "/api/v1/namespaces/prod/secrets?fieldManager=m", ("create", "secrets")),
            (Method::GET, "/api/v1/namespaces/kube-system", ("get", "namespaces")),
            (
                Method::PUT,
                "/apis/coordination.k8s.io/v1/namespaces/a/leases/b",
                ("update", "leases.coordination.k8s.io"),
            ),
            (
                Method::PATCH,
                "/apis/kseal.dev/v1alpha1/namespaces/a/sealedsecrets/b/status",
                ("patch", "sealedsecrets.kseal.dev/status"),
            ),
            (
                Method::GET,
                "/apis/bitnami.com/v1alpha1/sealedsecrets?watch=true",
                ("watch", "sealedsecrets.bitnami.com"),
            ),
            (Method::GET, "/apis/tenants.invented/v1/namespaces/a/names/b", ("get", "other")),
            (Method::GET, "/version", ("get", "other")),
        ] {
            assert_eq!(labels(&method, uri), expected, "{uri}");
        }
    }
}
