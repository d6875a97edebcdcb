//! The publication: the ConfigMap from which everyone may read whom to seal for.

use std::sync::Arc;
use std::time::Duration;

use kseal_api::{SealingKeyBundle, names};
use kseal_core::Bundle;
use kseal_core::keys::{Publication, next_serial, read_published};
use kseal_crypto::identity::IdentityKey;
use rand_core::CryptoRng;
use tokio::time::Instant;

use super::{Fault, Keeping, Next};
use crate::api::ApiError;
use crate::config_map::{Change, ConfigMap};
use crate::keys::latest::{Latest, serial};
use crate::keys::{HeldKeys, Published};
use crate::settings::rfc3339;

/// A writer that keeps changing the publication gets one answer in this time.
const ANSWER_EVERY: Duration = Duration::from_secs(30);

impl<R: CryptoRng + Send> Keeping<R> {
    /// Remembers the latest publication of this cluster's identity, so that nothing that replaces it makes its keys
    /// forgotten or its serial lower. Only who deletes the ConfigMap makes keys forgotten. What this replica saw before it led
    /// counts too: while etcd is restored nobody can renew the lease, and a new term begins.
    ///
    /// Returns the serial of what stands there, if it is of this identity.
    pub(super) fn remember(
        &mut self,
        cluster_uid: &str,
        config_map: Option<&ConfigMap>,
        published: Option<&Published>,
    ) -> Option<u64> {
        let identity = self.identity.as_ref()?.key.public();
        let before = self.last.take();
        let found = config_map?;
        let before = [before.as_ref(), published.map(Published::latest)];
        let before = before.map(|latest| latest.and_then(|latest| latest.by(cluster_uid, &identity)));
        let text = found.item(names::PUBLIC_KEYS_ITEM);
        let stands = text.and_then(|text| read_published(text.as_bytes(), cluster_uid, &identity)).map(Arc::new);
        self.last = Some(Latest::next(before.iter().flatten(), found, stands.as_ref()));
        self.serial = self.serial.max(self.last().and_then(serial));
        stands.and_then(|stands| serial(&stands))
    }

    /// What is remembered.
    pub(super) fn last(&self) -> Option<&Bundle> {
        self.last.as_ref()?.bundle()
    }

    pub(super) async fn publish(
        &mut self,
        cluster_uid: &str,
        held: &HeldKeys,
        config_map: Option<&ConfigMap>,
        found: Option<u64>,
    ) -> Result<Next, Fault> {
        let wanted = held.ledger.wanted(cluster_uid, self.last());
        self.tell_of_missing(&wanted.missing, config_map).await;
        let publication = Publication {
            name: self.keeper.settings.cluster_name.clone(),
            cluster_uid: cluster_uid.to_owned(),
            keys: wanted.keys,
            certificate: held.ledger.certificate().map(str::to_owned),
        };
        // What was read is the latest, and says what it must.
        let is_right =
            found.is_some() && found == self.serial && self.last().is_some_and(|it| publication.is_said_by(it));
        if is_right {
            return Ok(Next::Settled);
        }
        let Some(identity) = &self.identity else { return Ok(Next::Again) };
        let content = text(&publication.sign(&identity.key, 0, ""));
        let is_answer = self.written.as_ref() == Some(&content);
        if let Some(at) = self.answered.filter(|at| is_answer && at.elapsed() < ANSWER_EVERY) {
            return Ok(Next::At(at + ANSWER_EVERY));
        }
        let signed = self.sign(&publication, &identity.key);
        let seals = signed_for(&publication, held);
        match self.write(config_map, &text(&signed), &seals).await {
            Ok(()) => {
                tracing::info!(serial = signed.spec.serial, keys = signed.spec.keys.len(), "published the keys");
                self.serial = self.serial.max(signed.spec.serial);
                self.written = Some(content);
                self.answered = is_answer.then(Instant::now).or(self.answered);
                Ok(Next::Settled)
            }
            // Somebody else was faster: it is read again.
            Err(error) if matches!(error.code(), 404 | 409) => Ok(Next::Again),
            Err(error) => Err(Fault::Api("writing the ConfigMap kseal-public-keys", error)),
        }
    }

    fn sign(&self, publication: &Publication, identity: &IdentityKey) -> SealingKeyBundle {
        let now = (self.keeper.clock)();
        let serial = next_serial(self.serial, u64::try_from(now.as_second()).unwrap_or(0));
        publication.sign(identity, serial, &rfc3339(now))
    }

    /// Only as it was read is it changed.
    /// A request for a rotation that was fulfilled goes with it, or it would come back to life should the new key be lost.
    async fn write(
        &self,
        config_map: Option<&ConfigMap>,
        text: &str,
        seals: &[Option<String>; 2],
    ) -> Result<(), ApiError> {
        let mut removed = Vec::new();
        for (name, seals) in [names::ROTATE, names::ROTATE_UPSTREAM].into_iter().zip(seals) {
            let asked = config_map.and_then(|found| found.annotation(name));
            if asked.is_some() && asked != seals.as_deref() {
                removed.push(name);
            }
        }
        let change = Change { items: &[(names::PUBLIC_KEYS_ITEM, text)], removed: &removed };
        ConfigMap::write(config_map, &self.keeper.api, self.namespace(), names::PUBLIC_KEYS, &change).await
    }
}

/// The native key, and the RSA key, that people seal for.
fn signed_for(publication: &Publication, held: &HeldKeys) -> [Option<String>; 2] {
    let native = publication.sealing_key().map(|key| key.public.fingerprint().to_string());
    [native, held.ledger.certified().map(|key| key.fingerprint.to_string())]
}

fn text(bundle: &SealingKeyBundle) -> String {
    serde_json::to_string_pretty(bundle).expect("a bundle is text and numbers")
}
