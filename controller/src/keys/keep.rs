//! The leader's duties: there is an identity, there is a key to seal for, and what is published is right.
//!
//! A turn reads everything anew and does at most one thing of each kind. It may fail, be cut off or be in doubt anywhere:
//! the next one decides again from what is read. Two leaders may take turns at once: what is created has the same name for
//! both, and what is changed is changed only as it was read.

mod fault;
mod identity;
mod make;
mod publish;
mod read;
mod rotate;
mod tell;
mod wait;

use std::collections::BTreeSet;
use std::sync::Arc;

use kseal_crypto::Fingerprint;
use rand_core::CryptoRng;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::fault::Fault;
use self::identity::HeldIdentity;
use self::make::{NewNative, NewRsa};
use self::rotate::Rotation;
use self::wait::Wait;
use super::latest::Latest;
use super::{HeldKeys, KeySettings, Published, UpstreamKeys};
use crate::api::Api;
use crate::config_map::ConfigMap;
use crate::metrics::Metrics;
use crate::settings::Clock;

/// What the leader keeps keys with.
pub struct Keeper {
    /// Where it writes.
    pub api: Api,
    /// What is configured.
    pub settings: KeySettings,
    /// What [`super::follow()`] hands on.
    pub held: watch::Receiver<Arc<HeldKeys>>,
    /// What [`super::follow_published`] hands on.
    pub published: watch::Receiver<Option<Arc<Published>>>,
    /// The time, for people and certificates.
    pub clock: Clock,
    /// Where it is counted.
    pub metrics: Metrics,
}

/// Keeps keys until `term` ends. What is under way then is dropped where it stands: that is one of the failures that the
/// next leader's turn is made for.
pub async fn keep<R: CryptoRng + Send>(keeper: Keeper, rng: R, term: CancellationToken) {
    let metrics = keeper.metrics.clone();
    let mut keeping = Keeping::new(keeper, rng);
    term.run_until_cancelled(async {
        loop {
            keeping.round().await;
        }
    })
    .await;
    // Who does not lead does not compare.
    metrics.keys_missing(0);
}

/// One leader's term.
struct Keeping<R> {
    keeper: Keeper,
    rng: R,
    wait: Wait,
    /// The UID of the namespace `kube-system`, which never changes.
    cluster_uid: Option<String>,
    identity: Option<HeldIdentity>,
    /// Whether it was made in this term and is not told yet.
    is_identity_new: bool,
    /// The publication of the highest serial that this cluster's identity signed and that was seen, and nobody else's.
    last: Option<Latest>,
    /// The highest serial that was seen or written.
    serial: Option<u64>,
    /// Up to which epoch names are taken by what is no key Secret: of native keys, and of RSA keys.
    taken: [u32; 2],
    /// Which keys came in this term, and when more are due.
    rotation: Rotation,
    /// Keys that were made and are not seen in the cluster yet.
    new_native: Option<NewNative>,
    new_rsa: Option<NewRsa>,
    /// Which faults of which Secrets were told.
    told: BTreeSet<(String, String)>,
    /// Which keys were told to be missing.
    missing: Vec<Fingerprint>,
    /// What was published last, but for its serial and time.
    written: Option<String>,
    /// When the same was last published again, because somebody had changed it.
    answered: Option<Instant>,
}

/// What comes after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Nothing is wanting.
    Settled,
    /// Something was done, or was overtaken: the watches will show it.
    Again,
    /// Somebody keeps changing what is published: it is answered then.
    At(Instant),
}

impl<R: CryptoRng + Send> Keeping<R> {
    fn new(keeper: Keeper, rng: R) -> Self {
        Self {
            keeper,
            rng,
            wait: Wait::default(),
            cluster_uid: None,
            identity: None,
            is_identity_new: false,
            last: None,
            serial: None,
            taken: [0; 2],
            rotation: Rotation::default(),
            new_native: None,
            new_rsa: None,
            told: BTreeSet::new(),
            missing: Vec::new(),
            written: None,
            answered: None,
        }
    }

    /// One turn, and the wait for the next.
    async fn round(&mut self) {
        // Seen from here on: what changes during the turn brings another one.
        self.keeper.held.mark_unchanged();
        self.keeper.published.mark_unchanged();
        let next = self.turn().await;
        if let Err(fault) = &next {
            fault.log();
            self.keeper.metrics.keys_failed(fault.category());
        }
        let due = self.rotation.next();
        self.wait.after(next, due, &mut self.keeper, &mut self.rng).await;
    }

    async fn turn(&mut self) -> Result<Next, Fault> {
        let cluster_uid = self.cluster_uid().await?;
        // In this order: what was published before is among the Secrets that are read after it, or is gone.
        let published = self.keeper.published.borrow().clone();
        let config_map = self.read_config_map().await?;
        let Some(held) = self.read_held().await? else { return Ok(Next::Again) };
        self.tell_of_secrets(&held).await;
        let native = self.keep_native(&cluster_uid, &held, config_map.as_ref(), published.as_deref()).await;
        if matches!(native, Ok(Next::Again)) {
            return native;
        }
        // Whatever is wrong with the identity, sealed-secrets' users do not wait for it.
        if self.keeper.settings.upstream != UpstreamKeys::Generate {
            return native;
        }
        let Some(since) = self.wants_rsa(&held, config_map.as_ref()) else { return native };
        self.make_rsa(&cluster_uid, &held, since).await?;
        native.and(Ok(Next::Again))
    }

    async fn keep_native(
        &mut self,
        cluster_uid: &str,
        held: &HeldKeys,
        config_map: Option<&ConfigMap>,
        published: Option<&Published>,
    ) -> Result<Next, Fault> {
        if !self.has_identity(cluster_uid, config_map).await? {
            return Ok(Next::Again);
        }
        let found = self.remember(cluster_uid, config_map, published);
        if self.wants_native(cluster_uid, held, config_map) {
            self.make_native(cluster_uid, held).await?;
            return Ok(Next::Again);
        }
        self.publish(cluster_uid, held, config_map, found).await
    }
}

#[cfg(test)]
mod tests;
