//! A cluster, as kubectl would reach it: one GET after the other. Nothing is written.
//!
//! The kubeconfig is read by `kube`; the requests go over the client that fetches bundles by URL anyway. `kube`'s own
//! would bring a runtime and 5 MB (`docs/decisions/0013-the-command-line-asks-clusters-by-ureq.md`).

mod connection;
mod credentials;
mod exec;
mod kubeconfig;
mod oidc;
mod proxies;
mod published;
mod refusal;

use std::{path::PathBuf, thread, time::Duration};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use ureq::{
    Agent,
    http::{HeaderMap, StatusCode, header::ACCEPT, header::RETRY_AFTER},
};

use self::kubeconfig::Target;
pub(crate) use self::{
    proxies::Proxies,
    published::{Published, Publishing},
    refusal::Failure,
};
use crate::{
    error::{Error, Result},
    item_key,
};

/// A page of 500 objects, each as large as etcd takes, would be larger; nobody's is.
const MAX_BYTES: u64 = 256 * 1_024 * 1_024;
/// How often a server may ask to be asked again.
const RETRIES: u32 = 3;
/// The longest time that a server may ask to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// By what a cluster is found.
#[derive(Clone)]
pub(crate) struct Access {
    /// A context that was named.
    pub context: Option<String>,
    /// A kubeconfig that was named.
    pub kubeconfig: Option<PathBuf>,
    /// Else those of the environment, which may be missing; the first one wins where they disagree.
    pub usual: Vec<PathBuf>,
    /// Whether there is a cluster around this process.
    pub is_in_cluster: bool,
    /// Ways that requests take.
    pub proxies: Proxies,
    /// Tokens expire.
    pub now: Timestamp,
}

impl Access {
    /// Whether a cluster was asked for, and not only found in the environment.
    pub(crate) const fn is_named(&self) -> bool {
        self.context.is_some() || self.kubeconfig.is_some()
    }
}

/// A cluster that can be asked.
pub(crate) struct Cluster {
    /// For messages: `context prod (https://…)`.
    pub name: String,
    /// The namespace of the context.
    pub namespace: String,
    /// Whether nobody on the way can change what it says.
    pub is_verified: bool,
    /// Without a slash at the end.
    url: String,
    /// Who asks.
    headers: HeaderMap,
    agent: Agent,
}

impl Cluster {
    /// The cluster of the context that is named, else of the current one, else around this process. `None` if there is
    /// no such thing. The cluster is not asked yet, but whoever it takes to log in may have been.
    ///
    /// # Errors
    /// If a kubeconfig or a context does not hold, or the login fails.
    pub(crate) fn find(access: &Access) -> Result<Option<Self>> {
        let Some(target) = kubeconfig::find(access)? else { return Ok(None) };
        let Target { name, mut config, proxy, kept, is_verified } = target;
        exec::log_in(&mut config.auth_info)?;
        let headers = credentials::headers(&name, &config.auth_info, kept.as_ref(), access.now)?;
        let agent = connection::agent(&name, &config, proxy)?;
        let url = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let namespace = Some(config.default_namespace).filter(|name| !name.is_empty());
        let namespace = namespace.unwrap_or_else(|| "default".to_owned());
        Ok(Some(Self { name, namespace, is_verified, url, headers, agent }))
    }

    /// The same, where there must be one.
    ///
    /// # Errors
    /// Also if there is none.
    pub(crate) fn connect(access: &Access) -> Result<Self> {
        Self::find(access)?.ok_or_else(none)
    }

    /// Reads what stands at a path of the API.
    ///
    /// # Errors
    /// [`Failure::Refused`] if the server says no, else what kept its answer from being understood.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let body = self.body(path)?;
        // What serde says of bad JSON quotes it.
        serde_json::from_slice(&body).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Error::input(format!("{}: the answer to GET {path} is not what it must be ({place})", self.name))
                .hint("something on the way may have answered instead of the API server")
                .into()
        })
    }

    fn body(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let unanswered = |error: ureq::Error| Failure::from(connection::unanswered(&self.name, error));
        let mut attempts = 0;
        loop {
            let mut request = self.agent.get(format!("{}{path}", self.url)).header(ACCEPT, "application/json");
            for (name, value) in &self.headers {
                request = request.header(name, value);
            }
            let mut answer = request.call().map_err(unanswered)?;
            let body = answer.body_mut().with_config().limit(MAX_BYTES).read_to_vec().map_err(unanswered)?;
            if answer.status().is_success() {
                return Ok(body);
            }
            let asked_to_wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            match asked_to_wait.map(Duration::from_secs) {
                Some(wait) if is_busy(answer.status()) && attempts < RETRIES && wait <= LONGEST_WAIT => {
                    attempts += 1;
                    thread::sleep(wait);
                }
                _ => return Err(Failure::read(&self.name, answer.status().as_u16(), &body)),
            }
        }
    }
}

/// There is no cluster to ask.
pub(crate) fn none() -> Error {
    Error::cluster("there is no cluster to ask: no kubeconfig has a current context")
        .hint("choose one with --context or `kubectl config use-context`, or name a file with --kubeconfig")
}

/// A name as a part of a path.
///
/// # Errors
/// If it cannot be one, and would lead elsewhere.
pub(crate) fn segment<'n>(what: &str, name: &'n str) -> Result<&'n str> {
    if item_key::is_subdomain(name) {
        return Ok(name);
    }
    Err(Error::usage(format!("{what}: {name} is no name in a cluster: it wants lower case letters, digits, - and .")))
}

/// A text as the value of a query.
pub(crate) fn query(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn is_busy(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}
