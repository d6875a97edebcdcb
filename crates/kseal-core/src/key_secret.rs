//! The Secret that holds a private key: kseal's own form, and upstream's.

use kseal_api::names;
use kseal_crypto::{
    Fingerprint, KeyError, Plaintext, PrivateKey, Suite,
    sealed_secrets::{Certificate, CertificateError, RsaError, RsaPrivateKey},
};

/// The item of the suite's name.
pub const SUITE: &str = "suite";
/// The item of the 32 bytes that HPKE serializes.
pub const SEED: &str = "seed";
/// The item of the time of making, RFC 3339.
pub const CREATED_AT: &str = "createdAt";
/// Upstream's item of the private key, PEM.
pub const TLS_KEY: &str = "tls.key";
/// Upstream's item of the certificate, PEM.
pub const TLS_CRT: &str = "tls.crt";
/// Upstream's type of key Secrets.
pub const TLS_TYPE: &str = "kubernetes.io/tls";

/// Why a Secret holds no usable private key. No octet of it is told.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySecretError {
    /// Neither of the two types.
    #[error("not a private key: its type is neither kseal.dev/sealing-key nor kubernetes.io/tls")]
    Type,
    /// An item is missing.
    #[error("the item {0} is missing")]
    Missing(&'static str),
    /// The suite is not one that kseal knows.
    #[error("the item suite names no suite that this version knows")]
    Suite,
    /// The seed is not 32 bytes.
    #[error("the item seed is not a private key")]
    Seed(#[source] KeyError),
    /// The time is no text.
    #[error("the item createdAt is not a time")]
    CreatedAt,
    /// The Secret states another fingerprint than its seed has.
    #[error("the key has the fingerprint {computed}, and its annotation states another one")]
    Fingerprint {
        /// What the seed gives.
        computed: Fingerprint,
    },
    /// The RSA key is not usable.
    #[error("the item tls.key is not a private key that can be used")]
    Rsa(#[source] RsaError),
    /// The certificate is not usable.
    #[error("the item tls.crt is not a certificate that can be used")]
    Certificate(#[source] CertificateError),
    /// The certificate is of another key.
    #[error("the certificate in tls.crt belongs to another key than tls.key")]
    OtherCertificate,
}

/// A private key of either format.
pub enum KeySecret {
    /// Of the native format.
    Native {
        /// The key.
        key: PrivateKey,
        /// RFC 3339, as written.
        created_at: String,
    },
    /// Of sealed-secrets.
    Rsa {
        /// The key.
        key: RsaPrivateKey,
        /// Its certificate, with which others seal.
        certificate: Option<Certificate>,
    },
}

impl KeySecret {
    /// Reads a key Secret by its type, the fingerprint that its annotation states, and its decoded items.
    ///
    /// # Errors
    /// [`KeySecretError`].
    pub fn read(
        type_: &str,
        stated: Option<&str>,
        item: impl Fn(&str) -> Option<Plaintext>,
    ) -> Result<Self, KeySecretError> {
        match type_ {
            names::SEALING_KEY_TYPE => read_native(stated, item),
            TLS_TYPE => read_upstream(item),
            _ => Err(KeySecretError::Type),
        }
    }
}

fn read_native(stated: Option<&str>, item: impl Fn(&str) -> Option<Plaintext>) -> Result<KeySecret, KeySecretError> {
    let wanted = |name| item(name).ok_or(KeySecretError::Missing(name));
    let suite = wanted(SUITE)?;
    let suite: Suite =
        std::str::from_utf8(&suite).ok().and_then(|text| text.parse().ok()).ok_or(KeySecretError::Suite)?;
    let key = PrivateKey::from_seed(suite, &wanted(SEED)?).map_err(KeySecretError::Seed)?;
    let created_at = wanted(CREATED_AT)?;
    let created_at = String::from_utf8(created_at.to_vec()).map_err(|_| KeySecretError::CreatedAt)?;
    let computed = key.fingerprint();
    if stated.is_some_and(|stated| stated != computed.to_string()) {
        return Err(KeySecretError::Fingerprint { computed });
    }
    Ok(KeySecret::Native { key, created_at })
}

fn read_upstream(item: impl Fn(&str) -> Option<Plaintext>) -> Result<KeySecret, KeySecretError> {
    let text = |octets: &Plaintext| std::str::from_utf8(octets).map(ToOwned::to_owned).ok();
    let pem = item(TLS_KEY).ok_or(KeySecretError::Missing(TLS_KEY))?;
    let pem = std::str::from_utf8(&pem).map_err(|_| KeySecretError::Rsa(RsaError::NoPrivateKey))?;
    let key = RsaPrivateKey::from_pem(pem).map_err(KeySecretError::Rsa)?;
    let certificate = item(TLS_CRT).as_ref().and_then(text).map(|pem| Certificate::from_pem(&pem));
    let certificate = certificate.transpose().map_err(KeySecretError::Certificate)?;
    if certificate.as_ref().is_some_and(|it| it.public.fingerprint() != key.public().fingerprint()) {
        return Err(KeySecretError::OtherCertificate);
    }
    Ok(KeySecret::Rsa { key, certificate })
}
