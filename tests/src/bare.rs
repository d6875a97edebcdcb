//! A client of the API server with nothing in it: what the benches hold the controller against, and look with.
//!
//! It stands on the same stack as the controller's own, with the same settings: kube's configuration, authentication and
//! TLS on hyper's connections, without Nagle's delay. Of the controller it knows nothing, so that what slows the
//! controller does not slow it too.

use std::{convert::Infallible, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use http::{
    HeaderValue, Method, Request, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, USER_AGENT},
};
use http_body_util::BodyExt as _;
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use kube::{
    Client, Config,
    client::{Body, ConfigExt as _},
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::time::sleep;
use tower::{BoxError, ServiceBuilder};

/// What one connection reads ahead at most, as the controller has it.
const READ_AHEAD: usize = 64 * 1024;
const PAUSE: Duration = Duration::from_millis(50);

/// How much of each object is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// `PartialObjectMetadata`.
    Metadata,
}

/// What is written, by its content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// A new object, into a collection.
    Create,
    /// A JSON merge patch (RFC 7386).
    Merge,
    /// A whole object in the place of the one that is there.
    Replace,
}

impl Part {
    const fn accept(self) -> &'static str {
        match self {
            Self::Whole => "application/json",
            Self::Metadata => "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
        }
    }
}

/// The client that a kubeconfig describes.
///
/// # Errors
/// The kubeconfig cannot be used.
pub async fn connect(kubeconfig: &Path, agent: &'static str) -> Result<Client> {
    // It fails where one is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.headers.push((USER_AGENT, HeaderValue::from_static(agent)));
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let tls = config.rustls_https_connector_with_connector(tcp)?;
    let connections: legacy::Client<_, Body> = legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .http1_max_buf_size(READ_AHEAD)
        .build(tls);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(connections);
    Ok(Client::new(service, config.default_namespace))
}

/// Reads an object or a collection; `path` with its query.
///
/// # Errors
/// The server does not answer, or says no.
pub async fn read(client: &Client, path: &str, part: Part) -> Result<Vec<u8>> {
    exchange(client, Request::get(path).header(ACCEPT, part.accept()).body(Body::empty())?).await
}

/// Writes in the name of `manager`, and is answered with the object's metadata.
///
/// # Errors
/// The server does not answer, or says no.
pub async fn write(client: &Client, write: Write, path: &str, manager: &str, body: String) -> Result<Vec<u8>> {
    let (method, content_type) = match write {
        Write::Create => (Method::POST, "application/json"),
        Write::Merge => (Method::PATCH, "application/merge-patch+json"),
        Write::Replace => (Method::PUT, "application/json"),
    };
    let request = Request::builder().method(method).uri(format!("{path}?fieldManager={manager}"));
    let request = request.header(ACCEPT, Part::Metadata.accept()).header(CONTENT_TYPE, content_type);
    exchange(client, request.body(Body::from(body.into_bytes()))?).await
}

async fn exchange(client: &Client, request: Request<Body>) -> Result<Vec<u8>> {
    let what = format!("{} {}", request.method(), request.uri());
    let answer = client.send(request).await.with_context(|| what.clone())?;
    let code = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    ensure!(code.is_success(), "{what}: {code}: {}", String::from_utf8_lossy(&body));
    Ok(body.to_vec())
}

/// Watches a collection for ever, and hands each line to `sink`, which answers with its resourceVersion. From a
/// resourceVersion, or with everything that is there first (WatchList). A server that is short of time ends the watch of
/// who is not quick enough: it goes on from what came last, or begins anew if the list was not whole.
///
/// # Errors
/// The server says no, the connection breaks, or `sink` does not want a line.
pub async fn watch(
    client: &Client,
    collection: &str,
    part: Part,
    mut from: Option<String>,
    mut sink: impl FnMut(&[u8]) -> Result<String>,
) -> Result<Infallible> {
    loop {
        let body = open(client, collection, part, from.as_deref()).await?;
        lines(body, |line| {
            let version = sink(line)?;
            // Before the list is whole there is nothing to go on from: its objects come in the order of their names.
            if from.is_some() || line.starts_with(br#"{"type":"BOOKMARK""#) {
                from = Some(version);
            }
            Ok(())
        })
        .await?;
    }
}

async fn open(client: &Client, collection: &str, part: Part, from: Option<&str>) -> Result<Body> {
    let from = from.map_or_else(
        || "sendInitialEvents=true&resourceVersionMatch=NotOlderThan".to_owned(),
        |version| format!("resourceVersion={version}"),
    );
    let path = format!("{collection}?watch=true&allowWatchBookmarks=true&timeoutSeconds=3600&{from}");
    loop {
        let answer = client.send(Request::get(&path).header(ACCEPT, part.accept()).body(Body::empty())?).await?;
        // A server that has just started still reads what it is to be watched for.
        if answer.status() != StatusCode::TOO_MANY_REQUESTS {
            ensure!(answer.status().is_success(), "GET {path}: {}", answer.status());
            return Ok(answer.into_body());
        }
        sleep(PAUSE).await;
    }
}

async fn lines(mut body: Body, mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut rest: Vec<u8> = Vec::with_capacity(READ_AHEAD);
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame?.into_data() else { continue };
        let mut chunk = &chunk[..];
        while let Some(end) = chunk.iter().position(|octet| *octet == b'\n') {
            // Only a line that came in pieces is copied.
            if rest.is_empty() {
                sink(&chunk[..end])?;
            } else {
                rest.extend_from_slice(&chunk[..end]);
                sink(&rest)?;
                rest.clear();
            }
            chunk = &chunk[end + 1..];
        }
        rest.extend_from_slice(chunk);
    }
    Ok(())
}
