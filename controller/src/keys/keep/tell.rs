//! What people are told, once: in the log and by an event on the object.

use std::collections::BTreeSet;

use kseal_api::names;
use kseal_core::Event;
use kseal_crypto::Fingerprint;
use rand_core::CryptoRng;
use serde_json::{Value, json};

use super::{Keeper, Keeping};
use crate::config_map::ConfigMap;
use crate::events;
use crate::keys::HeldKeys;

impl<R: CryptoRng + Send> Keeping<R> {
    /// Tells of keys that were made, now that they are there for certain, and of what is malformed.
    pub(super) async fn tell_of_secrets(&mut self, held: &HeldKeys) {
        self.tell_of_native(held).await;
        self.tell_of_rsa(held).await;
        let mut still = BTreeSet::new();
        for malformed in &held.ledger.malformed {
            let fault = malformed.fault.to_string();
            let what = (malformed.uid.clone(), fault.clone());
            if !self.told.contains(&what) {
                let message = format!("this key Secret is passed over: {fault}");
                self.warn("Secret", &malformed.secret, &malformed.uid, "KeyMalformed", message).await;
            }
            still.insert(what);
        }
        self.told = still;
    }

    async fn tell_of_native(&mut self, held: &HeldKeys) {
        let Some(new) = &self.new_native else { return };
        let Some(found) = held.ledger.native.iter().find(|key| key.secret == new.secret) else { return };
        let fingerprint = new.key.fingerprint();
        let is_ours = found.public.fingerprint() == fingerprint;
        self.new_native = None;
        // Otherwise another leader made one of that name, and tells of it.
        if is_ours {
            self.tell_of_key(&found.secret, &found.uid, &fingerprint.to_string(), names::KEY_STATE).await;
        }
    }

    async fn tell_of_rsa(&mut self, held: &HeldKeys) {
        let Some(new) = &self.new_rsa else { return };
        let Some(found) = held.ledger.rsa.iter().find(|key| key.secret == new.secret) else { return };
        let is_ours = found.fingerprint == new.fingerprint;
        self.new_rsa = None;
        if is_ours {
            self.tell_of_key(&found.secret, &found.uid, &found.fingerprint.to_string(), names::UPSTREAM_KEY).await;
        }
    }

    async fn tell_of_key(&self, secret: &str, uid: &str, fingerprint: &str, label: &'static str) {
        let namespace = self.namespace();
        let backup = format!("kubectl get secret -n {namespace} -l {label} -o yaml");
        tracing::info!(secret, fingerprint, backup, "made a key; back all of them up, and keep that file secret");
        let message = format!(
            "made key {fingerprint}; what is sealed for it is lost without it: back all keys up with `{backup}`, \
             and keep that file secret"
        );
        self.inform(secret, uid, "KeyCreated", message).await;
    }

    pub(super) async fn tell_of_identity(&self, uid: &str, fingerprint: &str) {
        let namespace = self.namespace();
        let backup = format!("kubectl get secret -n {namespace} {} -o yaml", names::IDENTITY);
        tracing::info!(fingerprint, backup, "made this cluster's identity; back it up, and keep that file secret");
        let message = format!(
            "made identity {fingerprint}, which .kseal.yaml pins: back it up with `{backup}`, and keep that file secret"
        );
        self.inform(names::IDENTITY, uid, "IdentityCreated", message).await;
    }

    /// Tells of published keys whose Secret is gone.
    pub(super) async fn tell_of_missing(&mut self, missing: &[Fingerprint], config_map: Option<&ConfigMap>) {
        self.keeper.metrics.keys_missing(missing.len());
        if self.missing == missing {
            return;
        }
        self.missing = missing.to_vec();
        let Some(config_map) = config_map.filter(|_| !missing.is_empty()) else { return };
        let names: Vec<String> = missing.iter().take(8).map(ToString::to_string).collect();
        let (count, listed) = (missing.len(), names.join(", "));
        tracing::error!(count, keys = listed, "the Secrets of published keys are missing: restore them from a backup");
        let message = format!(
            "the Secrets of {count} published keys are missing ({listed}): what is sealed for them does not open; restore \
             them from a backup, or delete this ConfigMap to forget them"
        );
        self.warn("ConfigMap", names::PUBLIC_KEYS, config_map.uid(), "KeyMissing", message).await;
    }

    async fn inform(&self, secret: &str, uid: &str, reason: &'static str, message: String) {
        let involved = self.reference("Secret", secret, uid);
        self.tell(Event { involved, component: names::CONTROLLER, warning: false, reason, message }).await;
    }

    async fn warn(&self, kind: &str, name: &str, uid: &str, reason: &'static str, message: String) {
        let involved = self.reference(kind, name, uid);
        self.tell(Event { involved, component: names::CONTROLLER, warning: true, reason, message }).await;
    }

    fn reference(&self, kind: &str, name: &str, uid: &str) -> Value {
        json!({"apiVersion": "v1", "kind": kind, "namespace": self.namespace(), "name": name, "uid": uid})
    }

    async fn tell(&self, event: Event) {
        let Keeper { api, metrics, clock, .. } = &self.keeper;
        events::tell(api, metrics, &event, clock()).await;
    }
}
