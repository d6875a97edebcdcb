//! What a cluster's identity signs: the list of its sealing keys.

use crate::{PublicKey, lp};

/// One sealing key as a bundle lists it.
#[derive(Clone)]
pub struct BundleKey {
    /// The key, whose fingerprint is recomputed and never taken from the text.
    pub public: PublicKey,
    /// Which generation of the cluster's keys it is; sealing uses the highest active one.
    pub epoch: u32,
    /// RFC 3339, as written.
    pub created_at: String,
    /// `active`, `retiring`, `retired` or `compromised`.
    pub state: String,
}

/// Everything of a bundle that is signed.
pub struct SignedContent<'a> {
    /// The cluster's name for people.
    pub name: &'a str,
    /// The UID of the cluster's namespace `kube-system`.
    pub cluster_uid: &'a str,
    /// Grows with each publication.
    pub serial: u64,
    /// RFC 3339, as written.
    pub issued_at: &'a str,
    /// The keys, in any order.
    pub keys: &'a [BundleKey],
    /// The PEM text, empty if there is none.
    pub certificate: &'a str,
}

impl SignedContent<'_> {
    /// ```text
    /// "kseal/1/bundle" ‖ lp(name) ‖ lp(UID) ‖ u64 serial ‖ lp(issuedAt) ‖ u32 count ‖
    ///   for each key by fingerprint (kem ‖ kdf ‖ aead ‖ lp(public key) ‖ u32 epoch ‖ lp(createdAt) ‖ lp(state)) ‖
    ///   lp(certificate)
    /// ```
    ///
    /// # Panics
    /// If there are 2^32 keys.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = b"kseal/1/bundle".to_vec();
        lp::push(&mut out, self.name.as_bytes());
        lp::push(&mut out, self.cluster_uid.as_bytes());
        out.extend_from_slice(&self.serial.to_be_bytes());
        lp::push(&mut out, self.issued_at.as_bytes());
        let count = u32::try_from(self.keys.len()).expect("a bundle has few keys");
        out.extend_from_slice(&count.to_be_bytes());
        let mut keys: Vec<&BundleKey> = self.keys.iter().collect();
        keys.sort_by_key(|key| key.public.fingerprint());
        for key in keys {
            out.extend_from_slice(&key.public.suite().ids());
            lp::push(&mut out, &key.public.to_bytes());
            out.extend_from_slice(&key.epoch.to_be_bytes());
            lp::push(&mut out, key.created_at.as_bytes());
            lp::push(&mut out, key.state.as_bytes());
        }
        lp::push(&mut out, self.certificate.as_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PrivateKey, Suite, test_rng::Counter};

    #[test]
    fn the_order_of_the_keys_does_not_matter_and_every_field_does() {
        let mut rng = Counter::default();
        let mut key = |epoch| BundleKey {
            public: PrivateKey::generate(Suite::X25519, &mut rng).public().clone(),
            epoch,
            created_at: "2026-11-01T00:00:00Z".into(),
            state: "active".into(),
        };
        let keys = [key(1), key(2)];
        let content = |keys: &[BundleKey], name: &str, uid: &str, serial, issued_at: &str, certificate: &str| {
            SignedContent { name, cluster_uid: uid, serial, issued_at, keys, certificate }.to_bytes()
        };
        let bytes = content(&keys, "prod", "uid", 7, "now", "pem");
        let swapped = [keys[1].clone(), keys[0].clone()];
        assert_eq!(bytes, content(&swapped, "prod", "uid", 7, "now", "pem"));
        let mut other = keys.clone();
        other[1].state = "compromised".into();
        let mut epoch = keys.clone();
        epoch[0].epoch = 9;
        let mut created = keys.clone();
        created[0].created_at = String::new();
        let changed = [
            content(&keys, "dev", "uid", 7, "now", "pem"),
            content(&keys, "prod", "other", 7, "now", "pem"),
            content(&keys, "prod", "uid", 8, "now", "pem"),
            content(&keys, "prod", "uid", 7, "then", "pem"),
            content(&keys, "prod", "uid", 7, "now", ""),
            content(&keys[..1], "prod", "uid", 7, "now", "pem"),
            content(&other, "prod", "uid", 7, "now", "pem"),
            content(&epoch, "prod", "uid", 7, "now", "pem"),
            content(&created, "prod", "uid", 7, "now", "pem"),
        ];
        for text in changed {
            assert_ne!(bytes, text);
        }
        assert!(bytes.starts_with(b"kseal/1/bundle\0\0\0\x04prod\0\0\0\x03uid\0\0\0\0\0\0\0\x07"));
    }
}
