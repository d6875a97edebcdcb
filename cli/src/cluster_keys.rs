//! The keys of a cluster: those that it publishes, and those of which its controller says more.

mod needs;
mod secrets;

use std::cmp::Reverse;

use jiff::Timestamp;
use kseal_api::{KeyState, KeyUsage, UsedKey};
use kseal_core::{Bundle, keys::MISSING};

pub(crate) use self::{
    needs::{Named, Needs},
    secrets::{KeySecret, KeySecrets},
};
use crate::{
    cluster::{Cluster, Counted, Publishing},
    error::{Error, Result},
    words::short,
};

/// How every fingerprint of an RSA key begins.
const RSA_PREFIX: &str = "SHA256:";
/// A beginning that is shorter says too little of whom is meant.
const SHORTEST: usize = 6;

/// What is known of a cluster's keys.
pub(crate) struct ClusterKeys {
    /// For messages.
    pub cluster: String,
    /// The name of its bundle.
    pub name: String,
    /// What the controller counted, or why that is not known.
    pub counted: Counted,
    /// The one that seals comes first; of each format the newest.
    pub keys: Vec<ClusterKey>,
}

/// One key.
#[derive(Clone)]
pub(crate) struct ClusterKey {
    pub fingerprint: String,
    pub suite: String,
    /// One of [`KeyState`], or [`MISSING`]: its Secret is gone.
    pub state: String,
    /// Of a native key that is published.
    pub epoch: Option<u32>,
    /// RFC 3339.
    pub created_at: Option<String>,
    /// Whether sealing uses it.
    pub seals: bool,
    /// What the controller says of it.
    pub used: Option<UsedKey>,
}

impl ClusterKeys {
    /// Asks the cluster.
    ///
    /// # Errors
    /// If it does not answer, or publishes nothing that holds.
    pub(crate) fn read(publishing: &Publishing, cluster: &Cluster) -> Result<Self> {
        let bundle = publishing.fetch(cluster)?.bundle;
        let counted = publishing.usage(cluster)?;
        let keys = merged(&bundle, counted.known());
        Ok(Self { cluster: cluster.name.clone(), name: bundle.name, counted, keys })
    }

    /// The key of this fingerprint, or of the only one that begins so. Of an RSA key's the algorithm may be left out.
    ///
    /// # Errors
    /// If there is none, or if it could be several.
    pub(crate) fn find(&self, text: &str) -> Result<&ClusterKey> {
        match self.matching(text)[..] {
            [key] => Ok(key),
            [] => Err(self.unknown(text)),
            ref several => {
                let names = several.iter().map(|key| key.fingerprint.clone());
                Err(Error::usage(format!("several keys of {} begin with {text}", self.cluster))
                    .details(names)
                    .hint("write more of it"))
            }
        }
    }

    /// All keys that could be meant.
    pub(crate) fn matching(&self, text: &str) -> Vec<&ClusterKey> {
        self.keys.iter().filter(|key| is_named(&key.fingerprint, text)).collect()
    }

    pub(crate) fn unknown(&self, text: &str) -> Error {
        Error::no_key(format!("{} has no key {text}", self.cluster))
            .hint("`kseal keys list --cluster` prints those that it has; --context names another cluster")
    }
}

impl ClusterKey {
    /// A key of which nothing is known but its name.
    pub(crate) fn forgotten(fingerprint: &str) -> Self {
        let [suite, state] = ["-", "unknown"].map(ToOwned::to_owned);
        let fingerprint = fingerprint.to_owned();
        Self { fingerprint, suite, state, epoch: None, created_at: None, seals: false, used: None }
    }

    pub(crate) fn is_rsa(&self) -> bool {
        self.fingerprint.starts_with(RSA_PREFIX)
    }

    pub(crate) fn is_missing(&self) -> bool {
        self.state == MISSING
    }

    /// As people are shown it.
    pub(crate) fn short(&self) -> String {
        short(&self.fingerprint)
    }

    fn order(&self) -> impl Ord + use<> {
        let created = self.created_at.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
        (self.is_rsa(), Reverse(self.seals), Reverse(self.epoch), Reverse(created), self.fingerprint.clone())
    }
}

/// Checks that enough is said of a key to mean one.
///
/// # Errors
/// If it is too short.
pub(crate) fn check_name(text: &str) -> Result<()> {
    if text.strip_prefix(RSA_PREFIX).unwrap_or(text).chars().count() < SHORTEST {
        return Err(Error::usage(format!("{text:?} is too short to say which key is meant")).hint(format!(
            "write {SHORTEST} characters of its fingerprint, or more; `kseal keys list --cluster` prints them"
        )));
    }
    Ok(())
}

/// Whether a fingerprint is this one, or begins so.
pub(crate) fn is_named(fingerprint: &str, text: &str) -> bool {
    fingerprint.starts_with(text)
        || fingerprint.strip_prefix(RSA_PREFIX).is_some_and(|fingerprint| fingerprint.starts_with(text))
}

fn merged(bundle: &Bundle, usage: Option<&KeyUsage>) -> Vec<ClusterKey> {
    let used = |fingerprint: &str| usage.and_then(|usage| usage.keys.get(fingerprint)).cloned();
    let sealing = bundle.sealing_key().map(|key| key.public.fingerprint());
    let mut keys: Vec<ClusterKey> = bundle
        .keys
        .iter()
        .map(|key| {
            let fingerprint = key.public.fingerprint().to_string();
            let used = used(&fingerprint);
            // What is published of its state is signed; that it is missing nobody signs.
            let is_missing = used.as_ref().is_some_and(|used| used.state == MISSING);
            ClusterKey {
                suite: key.public.suite().to_string(),
                state: if is_missing { MISSING } else { key.state.as_str() }.to_owned(),
                epoch: Some(key.epoch),
                created_at: Some(key.created_at.clone()),
                seals: sealing == Some(key.public.fingerprint()),
                used,
                fingerprint,
            }
        })
        .collect();
    keys.extend(bundle.certificate.iter().map(|certificate| {
        let fingerprint = certificate.public.fingerprint().to_string();
        let used = used(&fingerprint);
        let since = i64::try_from(certificate.validity.not_before).ok();
        ClusterKey {
            suite: format!("RSA-{}", certificate.public.bits()),
            state: used.as_ref().map_or_else(|| KeyState::Active.as_str().to_owned(), |used| used.state.clone()),
            epoch: None,
            created_at: since.and_then(|it| Timestamp::from_second(it).ok()).map(|time| time.to_string()),
            seals: true,
            used,
            fingerprint,
        }
    }));
    for (fingerprint, used) in usage.into_iter().flat_map(|usage| &usage.keys) {
        if !keys.iter().any(|key| key.fingerprint == *fingerprint) {
            keys.push(ClusterKey {
                fingerprint: fingerprint.clone(),
                suite: used.suite.clone(),
                state: used.state.clone(),
                epoch: None,
                created_at: Some(used.created_at.clone()).filter(|time| !time.is_empty()),
                seals: false,
                used: Some(used.clone()),
            });
        }
    }
    keys.sort_by_key(ClusterKey::order);
    keys
}
