//! Wraps data keys for the current sealing key: those that somebody asks for, and those of the cluster's own objects. Both are
//! switched on by who runs the controller, and the rights for them are manifests of their own.
//!
//! No value is opened, and a data key is in memory only between the two wraps. Whom it is wrapped for is the key that this
//! controller holds and nobody else's word: not that of the request, and not that of the publication.

mod known;
mod objects;
mod requests;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kseal_core::OwnKeys;
use kseal_crypto::PublicKey;
use kube::Client;
use tokio::sync::{OnceCell, watch};
use tokio_util::sync::CancellationToken;

use crate::api::{Api, ApiError};
use crate::guard::Guard;
use crate::keys::{HeldKeys, cluster_uid};
use crate::metrics::Metrics;
use crate::settings::Clock;

/// After a failure that passes by itself, and before there is a key.
const PAUSE: Duration = Duration::from_secs(2);

/// What is wrapped.
#[derive(Debug, Clone, Default)]
pub struct RewrapSettings {
    /// Whether requests are answered.
    pub requests: bool,
    /// Whether objects of the cluster are kept up to date.
    pub objects: bool,
    /// How old a key must be before they are wrapped for it.
    pub objects_after: Duration,
    /// The namespaces; none for all.
    pub namespaces: Vec<String>,
}

/// What it takes.
pub struct Rewrapper {
    /// For watches.
    pub client: Client,
    /// For everything else.
    pub api: Api,
    /// What is switched on.
    pub settings: RewrapSettings,
    /// The keys at hand, as they change.
    pub held: watch::Receiver<Arc<HeldKeys>>,
    /// Whether who asks was looked at.
    pub guard: Guard,
    /// The time, for people.
    pub clock: Clock,
    /// Where it is counted.
    pub metrics: Metrics,
}

/// Wraps what is to be wrapped until `term` ends. What is under way then is dropped where it stands: each step is one write
/// with a precondition, and the next leader begins it anew.
pub async fn rewrap(rewrapper: Rewrapper, term: CancellationToken) {
    let work = Work { uid: OnceCell::new(), rewrapper };
    term.run_until_cancelled(async { tokio::join!(work.answer_requests(), work.keep_objects()) }).await;
}

struct Work {
    rewrapper: Rewrapper,
    /// The UID of the namespace `kube-system`, which never changes.
    uid: OnceCell<String>,
}

/// The keys as they are at one moment.
struct Keys {
    held: Arc<HeldKeys>,
    sealing_key: PublicKey,
    /// When that was made, if that can be read.
    created_at: Option<Timestamp>,
}

impl Work {
    /// None while there is no key to wrap for.
    async fn keys(&self) -> Result<Option<Keys>, ApiError> {
        let uid = self.uid.get_or_try_init(|| cluster_uid(&self.rewrapper.api)).await?;
        let held = Arc::clone(&self.rewrapper.held.borrow());
        let key = held.ledger.sealing_key(uid).filter(|_| held.synced);
        Ok(key.map(|key| Keys { sealing_key: key.public, created_at: key.created_at.parse().ok(), held }))
    }

    /// Each namespace that is looked after, or none for all at once.
    fn namespaces(&self) -> Vec<Option<&str>> {
        match &*self.rewrapper.settings.namespaces {
            [] => vec![None],
            namespaces => namespaces.iter().map(|name| Some(name.as_str())).collect(),
        }
    }
}

impl Keys {
    fn own(&self) -> OwnKeys<'_> {
        OwnKeys { ring: &self.held.ring, ledger: &self.held.ledger, sealing_key: &self.sealing_key }
    }
}
