//! The sealing keys: what is held, what is published, and what the leader makes.
//!
//! Every replica follows the key Secrets of the controller's own namespace and holds their keys ([`follow()`]), and follows
//! what is published ([`follow_published`]). The leader makes what is wanting and keeps the publication right ([`keep()`]);
//! what it decides is in `kseal_core::keys`. Private keys are in the ring and in the wiped bodies at the edge, and nowhere
//! else.

mod follow;
mod holder;
mod keep;
mod latest;
mod published;
mod secret;
mod usage;

use std::collections::BTreeMap;
use std::time::Duration;

use kseal_core::keys::Ledger;
use kseal_crypto::{KeyRing, Suite, sealed_secrets::RsaSize};
use serde::Deserialize;

use crate::api::{Api, ApiError};

pub use follow::follow;
pub use keep::{Keeper, keep};
pub use published::{Published, follow_published};
pub use usage::{Needs, UsageTeller, tell_usage};

/// What is configured about keys.
#[derive(Debug, Clone)]
pub struct KeySettings {
    /// The controller's own namespace, in which the keys are.
    pub namespace: String,
    /// The cluster's name for people, which the published bundle bears.
    pub cluster_name: String,
    /// Of which suite new keys are.
    pub suite: Suite,
    /// Whether sealed-secrets' keys are loaded and made.
    pub upstream: UpstreamKeys,
    /// What the names of sealed-secrets' key Secrets begin with.
    pub upstream_prefix: String,
    /// After how long a native key is followed by another; none for never.
    pub period: Option<Duration>,
    /// The same for RSA keys.
    pub upstream_period: Option<Duration>,
    /// The size of new RSA keys; upstream's is 4,096 bits.
    pub upstream_size: RsaSize,
}

/// What is done about the RSA keys of sealed-secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamKeys {
    /// They are loaded, and one is made if there is none.
    Generate,
    /// They are loaded.
    Existing,
    /// They are left alone.
    Off,
}

/// The keys that are held.
#[derive(Default)]
pub struct HeldKeys {
    /// What opens.
    pub ring: KeyRing,
    /// What is known of the key Secrets beside that.
    pub ledger: Ledger,
    /// Whether every key Secret was read once: before that a key that is not held proves nothing.
    pub synced: bool,
    /// Whether the API server answers those who follow the key Secrets.
    pub reachable: bool,
    /// UID and resourceVersion of every key Secret, by where and under which name it was found.
    versions: Versions,
}

/// UIDs and resourceVersions of key Secrets.
type Versions = BTreeMap<(Origin, String), (String, String)>;

/// How key Secrets are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    /// By the label of native keys.
    Native,
    /// By upstream's label.
    Upstream,
    /// By the bare prefix as the name, which upstream's first version gave.
    Legacy,
}

impl Origin {
    /// Where keys are looked for.
    fn all(settings: &KeySettings) -> &'static [Self] {
        match settings.upstream {
            UpstreamKeys::Generate | UpstreamKeys::Existing => &[Self::Native, Self::Upstream, Self::Legacy],
            UpstreamKeys::Off => &[Self::Native],
        }
    }

    /// The parameter of a list or watch, and its value.
    fn selector(self, settings: &KeySettings) -> (&'static str, String) {
        match self {
            Self::Native => ("labelSelector", kseal_api::names::KEY_STATE.to_owned()),
            Self::Upstream => ("labelSelector", kseal_api::names::UPSTREAM_KEY.to_owned()),
            Self::Legacy => ("fieldSelector", format!("metadata.name={}", settings.upstream_prefix)),
        }
    }
}

/// The UID of the namespace `kube-system`, by which a cluster is known.
pub(crate) async fn cluster_uid(api: &Api) -> Result<String, ApiError> {
    let body = api.get_metadata("/api/v1/namespaces/kube-system").await?;
    let object: ObjectOfUid = serde_json::from_slice(&body).map_err(|_| ApiError::Unreadable)?;
    Ok(object.metadata.uid)
}

#[derive(Deserialize)]
struct ObjectOfUid {
    metadata: UidMetadata,
}

#[derive(Deserialize)]
struct UidMetadata {
    uid: String,
}
