//! The connection to the API server: kube's configuration, authentication and TLS, on connections of our own choosing.
//!
//! HTTP/1.1, as kube does it: as many requests as there are at once have a connection each, and none waits behind the
//! megabytes of a watch, whereas HTTP/2 puts all on one connection with one window and one fate. What that costs is memory,
//! so buffers are bounded and idle connections are closed early. kube's own stack is not used as it is because it sets
//! neither, retries requests that may have happened, keeps Nagle's delay, and logs by itself.
//!
//! Nothing limits the time of an answer here, since a watch has none; each kind of request brings its own patience.

mod counting;

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{AuthError, Body, ConfigExt as _};
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use tower::{BoxError, ServiceBuilder};

use crate::metrics::Metrics;
use counting::CountLayer;

/// How the API server sees us.
const AGENT: &str = concat!("kseal-controller/", env!("CARGO_PKG_VERSION"));
/// Establishing a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// A peer that does not answer three probes after this silence is gone: after half a minute in all.
const KEEPALIVE: Duration = Duration::from_secs(15);
const PROBE: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;
/// A connection that nobody used for so long is closed; a burst's connections do not outlast it for long.
const IDLE: Duration = Duration::from_secs(20);
/// What one connection reads ahead at most; hyper's own limit is 400 KiB.
const READ_AHEAD: usize = 64 * 1024;

/// Why there is no connection. Texts of files and of credential plugins are not repeated: they hold credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A kubeconfig that cannot be used.
    #[error("the kubeconfig cannot be used")]
    Kubeconfig(#[source] KubeconfigError),
    /// A kubeconfig that is not one.
    #[error("the kubeconfig is not the YAML of a kubeconfig")]
    Parse,
    /// No kubeconfig, and no ServiceAccount either.
    #[error("no kubeconfig is given, and this is not a pod with a ServiceAccount")]
    InCluster(#[source] InClusterError),
    /// A proxy is asked for.
    #[error("the kubeconfig or HTTPS_PROXY asks for a proxy, and the controller connects directly only")]
    Proxy,
    /// The token's file cannot be read.
    #[error("the token cannot be read")]
    Token(#[source] std::io::Error),
    /// A credential that cannot be had or used.
    #[error("the credentials of the kubeconfig cannot be had or used")]
    Credentials,
    /// Certificates or keys that TLS does not take.
    #[error("TLS cannot be set up with the certificates that are configured")]
    Tls,
}

impl ConnectError {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Kubeconfig(_) | Self::Parse => "check that `kubectl --kubeconfig FILE config current-context` works",
            Self::InCluster(_) => "run it in a pod with a mounted ServiceAccount token, or give --kubeconfig FILE",
            Self::Proxy => "remove proxy-url from the kubeconfig, and unset HTTPS_PROXY",
            Self::Token(_) => "check the file that the kubeconfig's tokenFile, or the pod's ServiceAccount, names",
            Self::Credentials => "check that `kubectl --kubeconfig FILE auth whoami` works",
            Self::Tls => "check certificate-authority, client-certificate and client-key of the kubeconfig",
        }
    }
}

impl From<KubeconfigError> for ConnectError {
    fn from(error: KubeconfigError) -> Self {
        match error {
            KubeconfigError::Parse(_) => Self::Parse,
            other => Self::Kubeconfig(other),
        }
    }
}

impl From<kube::Error> for ConnectError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Auth(AuthError::ReadTokenFile(error, _)) => Self::Token(error),
            kube::Error::Auth(_) | kube::Error::HttpError(_) => Self::Credentials,
            _ => Self::Tls,
        }
    }
}

/// How the cluster is reached: by the current context of `kubeconfig`, files that are merged, or as the pod's
/// ServiceAccount where there are none.
///
/// # Errors
///
/// The configuration is not there, or cannot be used.
pub async fn configure(kubeconfig: &[PathBuf]) -> Result<Config, ConnectError> {
    let mut config = if kubeconfig.is_empty() {
        Config::incluster().map_err(ConnectError::InCluster)?
    } else {
        let merged = kubeconfig.iter().try_fold(Kubeconfig::default(), |merged, file| {
            Kubeconfig::read_from(file).and_then(|next| merged.merge(next))
        })?;
        Config::from_custom_kubeconfig(merged, &KubeConfigOptions::default()).await?
    };
    if config.proxy_url.is_some() {
        return Err(ConnectError::Proxy);
    }
    config.headers.push((USER_AGENT, HeaderValue::from_static(AGENT)));
    Ok(config)
}

/// A client with connections of its own, made when they are needed. Tokens and certificate authorities that lie in files
/// are read again as they change. Must be called within tokio's runtime.
///
/// # Errors
///
/// Credentials or certificates cannot be used.
pub fn connect(config: &Config, metrics: Metrics) -> Result<Client, ConnectError> {
    // It fails where one is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_keepalive_interval(Some(PROBE));
    tcp.set_keepalive_retries(Some(PROBES));
    let tls = config.rustls_https_connector_with_connector(tcp)?;
    let connections: legacy::Client<_, Body> = legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .http1_max_buf_size(READ_AHEAD)
        .build(tls);
    let service = ServiceBuilder::new()
        .layer(CountLayer::new(metrics))
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(connections);
    Ok(Client::new(service, config.default_namespace.clone()))
}

#[cfg(test)]
mod tests;
