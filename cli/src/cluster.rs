//! A cluster, as kubectl would reach it: one request after the other.
//!
//! Most are GETs. Whoever writes states what it found (a UID, a resourceVersion), so that what is repeated, or was in doubt,
//! ends in the same state.
//!
//! The kubeconfig is read by `kube`; the requests go over the client that fetches bundles by URL anyway. `kube`'s own
//! would bring a runtime and 5 MB (`docs/decisions/0013-the-command-line-asks-clusters-by-ureq.md`).

mod collection;
mod connection;
mod credentials;
mod exec;
mod key_usage;
mod kubeconfig;
mod metadata;
mod oidc;
mod part;
mod proxies;
mod published;
mod refusal;
mod requests;
mod sealed_objects;
mod sealed_status;

use std::path::PathBuf;

use jiff::Timestamp;
use ureq::{Agent, http::HeaderMap};

use self::kubeconfig::Target;
pub(crate) use self::{
    key_usage::Counted,
    metadata::{Described, Metadata},
    part::Part,
    proxies::Proxies,
    published::{Published, Publishing},
    refusal::Failure,
    sealed_objects::{Listed, SealedKind, SealedObjects},
    sealed_status::{OpenedBy, SealedMetadata, SealedStatus},
};
use crate::{
    error::{Error, Result},
    item_key,
};

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
