//! A cluster's published keys, read and checked.

use kseal_api::{BundleMetadata, KeyEntry, KeyState, SealingKeyBundle, SealingKeyBundleSpec, names};
use kseal_crypto::{
    FailureClass, Fingerprint, PublicKey, bundle,
    bundle::SignedContent,
    decode_base64, encode_base64,
    identity::{Identity, IdentityKey},
    sealed_secrets::Certificate,
};

use crate::keys::Publication;

/// What does not hold in a bundle.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Another kind of object.
    #[error("not a SealingKeyBundle of kseal.dev/v1alpha1")]
    Kind,
    /// A key's text is not usable.
    #[error("key {0} is not a valid key of its suite")]
    Key(String),
    /// A key states another fingerprint than it has.
    #[error("key {stated} has in truth the fingerprint {computed}")]
    Fingerprint {
        /// What the bundle says.
        stated: String,
        /// What its public key gives.
        computed: Fingerprint,
    },
    /// The same key twice, or two keys, perhaps with two states.
    #[error("key {0} is listed twice")]
    Twice(Fingerprint),
    /// Some of the five fields of a published bundle are there and some are not.
    #[error("clusterUID, identity, serial, issuedAt and signature belong together, and some of them are missing")]
    Incomplete,
    /// The identity is not base64 of its length.
    #[error("the identity is not base64 of 32 bytes")]
    Identity,
    /// The signature is not base64.
    #[error("the signature is not base64")]
    SignatureBase64,
    /// The signature is not the identity's.
    #[error("the signature does not belong to this identity and these keys")]
    Signature,
    /// The certificate is not usable.
    #[error("the certificate is not usable")]
    Certificate(#[source] kseal_crypto::sealed_secrets::CertificateError),
}

impl BundleError {
    /// The class, in the words of the vectors.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::Signature => FailureClass::Open,
            _ => FailureClass::Malformed,
        }
    }
}

/// A key as a bundle lists it.
#[derive(Clone)]
pub struct BundleKey {
    /// The key.
    pub public: PublicKey,
    /// Its generation.
    pub epoch: u32,
    /// RFC 3339, as written.
    pub created_at: String,
    /// What it may still do.
    pub state: KeyState,
}

/// Who published a bundle.
pub struct Publisher {
    /// The UID of the cluster's namespace `kube-system`.
    pub cluster_uid: String,
    /// Whose signature was verified.
    pub identity: Identity,
    /// Grows with each publication.
    pub serial: u64,
    /// RFC 3339, as written.
    pub issued_at: String,
}

impl Publisher {
    /// Whether it is this cluster, and this its identity.
    #[must_use]
    pub fn is(&self, cluster_uid: &str, identity: &Identity) -> bool {
        self.cluster_uid == cluster_uid && self.identity == *identity
    }
}

/// A bundle that holds.
pub struct Bundle {
    /// The cluster's name for people.
    pub name: String,
    /// `None` for local keys, which nobody published.
    pub publisher: Option<Publisher>,
    /// All keys, retired ones included, by fingerprint.
    pub keys: Vec<BundleKey>,
    /// Of the current RSA key.
    pub certificate: Option<Certificate>,
}

impl Bundle {
    /// Reads a bundle and verifies what can be verified in it.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn read(text: &SealingKeyBundle) -> Result<Self, BundleError> {
        if text.api_version != names::API_VERSION || text.kind != names::SEALING_KEY_BUNDLE {
            return Err(BundleError::Kind);
        }
        let mut keys = text.spec.keys.iter().map(read_key).collect::<Result<Vec<_>, _>>()?;
        keys.sort_by_key(|key| key.public.fingerprint());
        if let Some(pair) = keys.windows(2).find(|pair| pair[0].public.fingerprint() == pair[1].public.fingerprint()) {
            return Err(BundleError::Twice(pair[0].public.fingerprint()));
        }
        let certificate = text.spec.certificate.as_deref().map(Certificate::from_pem);
        let certificate = certificate.transpose().map_err(BundleError::Certificate)?;
        // The signature comes last: what is malformed is so whether it was signed or not.
        let publisher = read_publisher(&text.metadata.name, &text.spec, &keys)?;
        Ok(Self { name: text.metadata.name.clone(), publisher, keys, certificate })
    }

    /// A bundle of local keys.
    #[must_use]
    pub fn local(name: &str, keys: Vec<BundleKey>, certificate: Option<Certificate>) -> Self {
        Self { name: name.to_owned(), publisher: None, keys, certificate }
    }

    /// The text of a bundle of local keys, without who published it.
    #[must_use]
    pub fn to_local_text(&self) -> SealingKeyBundle {
        let certificate = self.certificate.as_ref().map(|certificate| certificate.to_pem().to_owned());
        unsigned(&self.name, &self.keys, certificate)
    }

    /// The key that sealing uses: the highest active epoch, of equal ones the lowest fingerprint.
    #[must_use]
    pub fn sealing_key(&self) -> Option<&BundleKey> {
        sealing_key(&self.keys)
    }

    /// The key of that name.
    #[must_use]
    pub fn get(&self, fingerprint: Fingerprint) -> Option<&BundleKey> {
        self.keys.iter().find(|key| key.public.fingerprint() == fingerprint)
    }
}

/// The text without who published it.
fn unsigned(name: &str, keys: &[BundleKey], certificate: Option<String>) -> SealingKeyBundle {
    let keys = keys.iter().map(|key| KeyEntry {
        fingerprint: key.public.fingerprint().to_string(),
        suite: key.public.suite().to_string(),
        public_key: encode_base64(&key.public.to_bytes()),
        epoch: key.epoch,
        created_at: key.created_at.clone(),
        state: key.state,
    });
    SealingKeyBundle {
        api_version: names::API_VERSION.to_owned(),
        kind: names::SEALING_KEY_BUNDLE.to_owned(),
        metadata: BundleMetadata { name: name.to_owned() },
        spec: SealingKeyBundleSpec { keys: keys.collect(), certificate, ..SealingKeyBundleSpec::default() },
    }
}

/// The text of a published bundle.
pub(crate) fn publish(
    publication: &Publication,
    identity: &IdentityKey,
    serial: u64,
    issued_at: &str,
) -> SealingKeyBundle {
    let Publication { name, cluster_uid, keys, certificate } = publication;
    let mut text = unsigned(name, keys, certificate.clone());
    let keys: Vec<bundle::BundleKey> = keys.iter().map(signed_key).collect();
    let certificate = certificate.as_deref().unwrap_or_default();
    let content = SignedContent { name, cluster_uid, serial, issued_at, keys: &keys, certificate };
    text.spec.signature = Some(encode_base64(&identity.sign(&content.to_bytes())));
    text.spec.cluster_uid = Some(cluster_uid.clone());
    text.spec.identity = Some(encode_base64(identity.public().as_bytes()));
    text.spec.serial = Some(serial);
    text.spec.issued_at = Some(issued_at.to_owned());
    text
}

/// Of these keys the one that sealing uses: the highest active epoch, of equal ones the lowest fingerprint.
pub(crate) fn sealing_key<'k>(keys: impl IntoIterator<Item = &'k BundleKey>) -> Option<&'k BundleKey> {
    let active = keys.into_iter().filter(|key| key.state == KeyState::Active);
    active.min_by_key(|key| (std::cmp::Reverse(key.epoch), key.public.fingerprint()))
}

fn read_key(entry: &KeyEntry) -> Result<BundleKey, BundleError> {
    let invalid = || BundleError::Key(entry.fingerprint.clone());
    let suite = entry.suite.parse().map_err(|_| invalid())?;
    let bytes = decode_base64(&entry.public_key).ok_or_else(invalid)?;
    let public = PublicKey::from_bytes(suite, &bytes).map_err(|_| invalid())?;
    let computed = public.fingerprint();
    if computed.to_string() != entry.fingerprint {
        return Err(BundleError::Fingerprint { stated: entry.fingerprint.clone(), computed });
    }
    Ok(BundleKey { public, epoch: entry.epoch, created_at: entry.created_at.clone(), state: entry.state })
}

fn read_publisher(
    name: &str,
    spec: &SealingKeyBundleSpec,
    keys: &[BundleKey],
) -> Result<Option<Publisher>, BundleError> {
    let (uid, identity, serial, issued_at, signature) =
        match (&spec.cluster_uid, &spec.identity, spec.serial, &spec.issued_at, &spec.signature) {
            (None, None, None, None, None) => return Ok(None),
            (Some(uid), Some(identity), Some(serial), Some(issued_at), Some(signature)) => {
                (uid, identity, serial, issued_at, signature)
            }
            _ => return Err(BundleError::Incomplete),
        };
    let identity: Option<[u8; 32]> = decode_base64(identity).and_then(|bytes| bytes.try_into().ok());
    let identity = Identity::from(identity.ok_or(BundleError::Identity)?);
    let keys: Vec<bundle::BundleKey> = keys.iter().map(signed_key).collect();
    let certificate = spec.certificate.as_deref().unwrap_or_default();
    let content = SignedContent { name, cluster_uid: uid, serial, issued_at, keys: &keys, certificate };
    let signature = decode_base64(signature).ok_or(BundleError::SignatureBase64)?;
    if !identity.verifies(&content.to_bytes(), &signature) {
        return Err(BundleError::Signature);
    }
    Ok(Some(Publisher { cluster_uid: uid.clone(), identity, serial, issued_at: issued_at.clone() }))
}

fn signed_key(key: &BundleKey) -> bundle::BundleKey {
    bundle::BundleKey {
        public: key.public.clone(),
        epoch: key.epoch,
        created_at: key.created_at.clone(),
        state: key.state.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests;
