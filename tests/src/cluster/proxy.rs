//! A proxy before the API server that lets calls fail as networks and servers do: before they happen, after, with an answer
//! of its own, or with none.
//!
//! It is reached by plain HTTP (`ControllerOptions::server`), and passes on who asks.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use anyhow::{Result, bail};
use http::{
    HeaderValue, Method, Request, Response,
    header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, TRANSFER_ENCODING},
    request::Parts,
};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    task::{AbortHandle, JoinSet},
    time::Instant,
};

use super::{Cluster, guard::lock};

/// One request that reached the proxy.
#[derive(Clone, Debug)]
pub struct Asked {
    /// GET, POST and so on.
    pub method: Method,
    /// Without the query.
    pub path: String,
    /// Without its question mark.
    pub query: String,
    /// What was sent; null if it is no JSON.
    pub body: Value,
    /// When it came.
    pub at: Instant,
}

impl Asked {
    /// Whether it changes something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.method != Method::GET
    }

    /// Which object it is about, as far as that can be told: two requests about one thing have one name.
    #[must_use]
    pub fn subject(&self) -> String {
        let created = self.body["metadata"]["name"].as_str().filter(|_| self.method == Method::POST);
        format!("{} {} {}", self.method, self.path, created.unwrap_or_default())
    }
}

/// What is done with a request.
#[derive(Clone, Debug)]
pub enum Treatment {
    /// The API server answers.
    Pass,
    /// The connection ends before the API server hears of it.
    DropBefore,
    /// The API server does it, or begins to, and the connection ends without its answer.
    DropAfter,
    /// The proxy answers by itself.
    Answer {
        /// The HTTP status.
        code: u16,
        /// What it says.
        body: Value,
        /// The header of that name, in seconds.
        retry_after: Option<u32>,
    },
}

impl Treatment {
    /// The proxy refuses, as an API server would with this status and reason.
    #[must_use]
    pub fn refuse(code: u16, reason: &str) -> Self {
        let body = json!({
            "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason,
            "message": "a test says no",
        });
        Self::Answer { code, body, retry_after: None }
    }

    /// A rule: each request that it `concerns` is treated so when it comes for the first time.
    pub fn at_first(
        self,
        concerns: impl Fn(&Asked) -> bool + Send + Sync + 'static,
    ) -> impl Fn(&Asked) -> Self + Send + Sync + 'static {
        let known: Mutex<HashSet<String>> = Mutex::default();
        move |asked| {
            let is_first = concerns(asked) && lock(&known).insert(asked.subject());
            if is_first { self.clone() } else { Self::Pass }
        }
    }
}

/// What decides on each request.
type Rule = dyn Fn(&Asked) -> Treatment + Send + Sync;

/// A proxy that runs. It breaks all connections and ends when it is dropped.
pub struct Proxy {
    address: String,
    shared: Arc<Shared>,
    server: AbortHandle,
}

struct Shared {
    client: Client,
    rule: Box<Rule>,
    asked: Mutex<Vec<Asked>>,
}

impl Cluster {
    /// Starts a proxy that asks `rule` about every request.
    ///
    /// # Errors
    /// There is no port, or the cluster's kubeconfig cannot be read.
    pub async fn proxy(&self, rule: impl Fn(&Asked) -> Treatment + Send + Sync + 'static) -> Result<Proxy> {
        // Without a user of its own, so that whoever asks is who asks.
        let mut kubeconfig = Kubeconfig::read_from(self.admin_kubeconfig())?;
        kubeconfig.auth_infos.iter_mut().for_each(|user| user.auth_info = None);
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        config.default_retry = false;
        let shared =
            Arc::new(Shared { client: Client::try_from(config)?, rule: Box::new(rule), asked: Mutex::default() });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(serve(listener, Arc::clone(&shared))).abort_handle();
        Ok(Proxy { address, shared, server })
    }
}

impl Proxy {
    /// Where it listens, for `ControllerOptions::server`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// Every request so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.asked).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(|request| shared.answer(request));
            // Rules end connections; so do those who ask.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let asked = Asked {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            body: serde_json::from_slice(&body).unwrap_or_default(),
            at: Instant::now(),
        };
        let treatment = (self.rule)(&asked);
        lock(&self.asked).push(asked);
        match treatment {
            Treatment::Pass => self.pass(parts, body.to_vec()).await,
            Treatment::DropBefore => bail!("dropped before it happened"),
            Treatment::DropAfter => {
                let is_watch = parts.uri.query().is_some_and(|query| query.contains("watch=true"));
                let response = self.pass(parts, body.to_vec()).await?;
                if !is_watch {
                    response.into_body().collect().await?;
                }
                bail!("dropped after it happened")
            }
            Treatment::Answer { code, body, retry_after } => {
                let mut response = Response::builder().status(code).header(CONTENT_TYPE, "application/json");
                if let Some(seconds) = retry_after {
                    response = response.header(RETRY_AFTER, HeaderValue::from(seconds));
                }
                Ok(response.body(Body::from(body.to_string().into_bytes()))?)
            }
        }
    }

    async fn pass(&self, mut parts: Parts, body: Vec<u8>) -> Result<Response<Body>> {
        parts.headers.remove(HOST);
        parts.headers.remove(CONNECTION);
        let mut response = self.client.send(Request::from_parts(parts, Body::from(body))).await?;
        // These are between two, and there are three of us.
        response.headers_mut().remove(CONNECTION);
        response.headers_mut().remove(TRANSFER_ENCODING);
        Ok(response)
    }
}
