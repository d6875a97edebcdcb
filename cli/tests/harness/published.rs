//! Bundles as a cluster publishes them, signed by identities of the tests.

#![allow(dead_code, reason = "each test file uses a part of it")]

use kseal_api::{KeyState, SealingKeyBundle, names};
use kseal_core::{bundle::BundleKey, keys::Publication};
use kseal_crypto::{PrivateKey, Suite, identity::IdentityKey};
use serde_json::{Value, json};

/// Where the controller publishes, unless it is installed elsewhere.
pub(crate) const PATH: &str = "/api/v1/namespaces/kseal-system/configmaps/kseal-public-keys";

/// A bundle that can be changed before it is signed.
pub(crate) struct Published {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) serial: u64,
    /// Seed of the identity.
    pub(crate) identity: u8,
    pub(crate) keys: Vec<BundleKey>,
    /// For sealed-secrets' users, in PEM.
    pub(crate) certificate: Option<String>,
}

impl Published {
    /// The bundle of a cluster `prod` with the key of this seed.
    pub(crate) fn new(key: u8) -> Self {
        let keys = vec![listed(key, 1, KeyState::Active)];
        let (name, uid) = ("prod".to_owned(), "6f0c-uid".to_owned());
        Self { name, uid, serial: 1_795_324_800, identity: 7, keys, certificate: None }
    }

    /// With its signature.
    pub(crate) fn signed(&self) -> SealingKeyBundle {
        let (name, cluster_uid, keys) = (self.name.clone(), self.uid.clone(), self.keys.clone());
        let certificate = self.certificate.clone();
        let publication = Publication { name, cluster_uid, keys, certificate };
        let identity = IdentityKey::from_seed(&[self.identity; 32]).expect("a seed");
        publication.sign(&identity, self.serial, "2026-11-22T05:00:00Z")
    }

    /// The ConfigMap in which it is published.
    pub(crate) fn config_map(&self) -> Value {
        config_map(&serde_json::to_string(&self.signed()).expect("JSON"))
    }

    /// The fingerprint of who signs it.
    pub(crate) fn identity(&self) -> String {
        let identity = IdentityKey::from_seed(&[self.identity; 32]).expect("a seed");
        identity.public().fingerprint().to_string()
    }
}

/// A ConfigMap with this text as the bundle.
pub(crate) fn config_map(text: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": names::PUBLIC_KEYS, "namespace": names::SYSTEM_NAMESPACE},
        "data": {names::PUBLIC_KEYS_ITEM: text},
    })
}

/// The public half of the X25519 key of this seed, as a bundle lists it.
pub(crate) fn listed(seed: u8, epoch: u32, state: KeyState) -> BundleKey {
    let key = PrivateKey::from_seed(Suite::X25519, &[seed; 32]).expect("a seed");
    BundleKey { public: key.public().clone(), epoch, created_at: "2026-11-01T00:00:00Z".to_owned(), state }
}

/// The fingerprint of the key of this seed.
pub(crate) fn fingerprint(seed: u8) -> String {
    listed(seed, 1, KeyState::Active).public.fingerprint().to_string()
}
