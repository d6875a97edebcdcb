//! What the published bundle must say, and whether it does.

use kseal_api::SealingKeyBundle;
use kseal_crypto::{
    identity::{Identity, IdentityKey},
    sealed_secrets::Certificate,
};

use crate::{Bundle, bundle::BundleKey};

/// What a published bundle says, but for when it was issued.
pub struct Publication {
    /// The cluster's name for people.
    pub name: String,
    /// The UID of the namespace `kube-system`.
    pub cluster_uid: String,
    /// The keys, by fingerprint.
    pub keys: Vec<BundleKey>,
    /// The certificate of the current RSA key.
    pub certificate: Option<String>,
}

impl Publication {
    /// Whether `bundle`, as [`read_published`] gave it, says the same.
    #[must_use]
    pub fn is_said_by(&self, bundle: &Bundle) -> bool {
        let same_key = |(a, b): (&BundleKey, &BundleKey)| {
            (a.public.fingerprint(), a.epoch, &a.created_at, a.state)
                == (b.public.fingerprint(), b.epoch, &b.created_at, b.state)
        };
        bundle.name == self.name
            && bundle.keys.len() == self.keys.len()
            && bundle.keys.iter().zip(&self.keys).all(same_key)
            && bundle.certificate.as_ref().map(Certificate::to_pem) == self.certificate.as_deref()
    }

    /// The key that people seal for.
    #[must_use]
    pub fn sealing_key(&self) -> Option<&BundleKey> {
        crate::bundle::sealing_key(&self.keys)
    }

    /// Signs it.
    #[must_use]
    pub fn sign(&self, identity: &IdentityKey, serial: u64, issued_at: &str) -> SealingKeyBundle {
        crate::bundle::publish(self, identity, serial, issued_at)
    }
}

/// The serial of the next publication: the time, and never less than one more than before.
#[must_use]
pub fn next_serial(previous: Option<u64>, unix_seconds: u64) -> u64 {
    previous.map_or(0, |previous| previous.saturating_add(1)).max(unix_seconds)
}

/// The bundle of a published text, if this cluster's identity signed it for this cluster. What anyone else put there is
/// not read: it could name keys of his own.
#[must_use]
pub fn read_published(text: &[u8], cluster_uid: &str, identity: &Identity) -> Option<Bundle> {
    let bundle = Bundle::read(&serde_json::from_slice(text).ok()?).ok()?;
    bundle.publisher.as_ref()?.is(cluster_uid, identity).then_some(bundle)
}

#[cfg(test)]
mod tests;
