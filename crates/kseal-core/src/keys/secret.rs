//! One key Secret, read: what everyone may know of it, and apart from that the private key.

use kseal_api::{KeyState, names};
use kseal_crypto::{
    PrivateKey, PublicKey,
    sealed_secrets::{RsaFingerprint, RsaPrivateKey},
};

use crate::key_secret::{KeySecret, KeySecretError, TLS_CRT, TLS_TYPE};

/// The longest text that is taken for a time: RFC 3339 with nanoseconds and an offset has 35 octets.
const LONGEST_TIME: usize = 40;

/// What is known of a key Secret beside its items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeySecretFacts<'s> {
    /// Its name.
    pub name: &'s str,
    /// Its UID.
    pub uid: &'s str,
    /// Its type.
    pub type_: &'s str,
    /// The value of the label that makes it a key Secret.
    pub label: Option<&'s str>,
    /// The fingerprint that its annotation states.
    pub stated: Option<&'s str>,
    /// Its creationTimestamp in seconds since 1970.
    pub created: u64,
}

/// A native key, without what opens.
#[derive(Clone)]
pub struct NativeKey {
    /// The name of its Secret.
    pub secret: String,
    /// The UID of its Secret.
    pub uid: String,
    /// The key.
    pub public: PublicKey,
    /// RFC 3339, as written.
    pub created_at: String,
    /// As its label says.
    pub state: KeyState,
}

/// An RSA key that is loaded, without what opens.
#[derive(Clone, Debug)]
pub struct RsaKey {
    /// The name of its Secret.
    pub secret: String,
    /// The UID of its Secret.
    pub uid: String,
    /// Its name.
    pub fingerprint: RsaFingerprint,
    /// The PEM text of its certificate, with which others seal.
    pub certificate: Option<String>,
    /// From when it counts, in seconds since 1970: its certificate's NotBefore, as upstream's
    /// `--key-order-priority=CertNotBefore`, or the making of its Secret.
    pub since: u64,
    /// Its Secret's creationTimestamp.
    pub created: u64,
}

/// Why a key Secret is passed over, or part of it. Nothing of its content is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// It is no Secret that can be read.
    #[error("the Secret cannot be read: an item is no base64 text")]
    Unreadable,
    /// The label is no state.
    #[error("the label kseal.dev/sealing-key is none of active, retiring, retired and compromised")]
    State,
    /// The type is another one.
    #[error("the Secret is not of type kseal.dev/sealing-key")]
    Type,
    /// The content is no key.
    #[error("{0}")]
    Content(String),
    /// It opens, but nobody can seal for it.
    #[error("{0}; the key opens, but its certificate is not published")]
    Certificate(String),
}

/// Reads a Secret with the label of native keys.
///
/// # Errors
/// [`KeyFault`].
pub fn read_native<'i>(
    facts: &KeySecretFacts<'_>,
    item: impl Fn(&str) -> Option<&'i [u8]>,
) -> Result<(NativeKey, PrivateKey), KeyFault> {
    if facts.type_ != names::SEALING_KEY_TYPE {
        return Err(KeyFault::Type);
    }
    let state = facts.label.and_then(KeyState::parse).ok_or(KeyFault::State)?;
    let KeySecret::Native { key, created_at } =
        KeySecret::read(facts.type_, facts.stated, item).map_err(|error| content(&error))?
    else {
        return Err(KeyFault::Type);
    };
    if created_at.len() > LONGEST_TIME || !created_at.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(content(&KeySecretError::CreatedAt));
    }
    let native = NativeKey {
        secret: facts.name.to_owned(),
        uid: facts.uid.to_owned(),
        public: key.public().clone(),
        created_at,
        state,
    };
    Ok((native, key))
}

/// Reads a Secret with upstream's label, or of the name that upstream's first version gave its key. Upstream looks at its
/// items alone, not at its type. What is wrong with the certificate alone is told beside the key.
///
/// # Errors
/// [`KeyFault`].
pub fn read_upstream<'i>(
    facts: &KeySecretFacts<'_>,
    item: impl Fn(&str) -> Option<&'i [u8]>,
) -> Result<(RsaKey, RsaPrivateKey, Option<KeyFault>), KeyFault> {
    if matches!(facts.type_, names::SEALING_KEY_TYPE | names::IDENTITY_KEY_TYPE) {
        return Err(content(&KeySecretError::Type));
    }
    let (read, fault) = match KeySecret::read(TLS_TYPE, None, &item) {
        Err(error @ (KeySecretError::Certificate(_) | KeySecretError::OtherCertificate)) => {
            let without = KeySecret::read(TLS_TYPE, None, |name| item(name).filter(|_| name != TLS_CRT));
            (without, Some(KeyFault::Certificate(error.to_string())))
        }
        read => (read, None),
    };
    let KeySecret::Rsa { key, certificate } = read.map_err(|error| content(&error))? else {
        return Err(content(&KeySecretError::Type));
    };
    let missing = || certificate.is_none().then(|| KeyFault::Certificate(KeySecretError::Missing(TLS_CRT).to_string()));
    let fault = fault.or_else(missing);
    let rsa = RsaKey {
        secret: facts.name.to_owned(),
        uid: facts.uid.to_owned(),
        fingerprint: key.public().fingerprint().clone(),
        since: certificate.as_ref().map_or(facts.created, |certificate| certificate.validity.not_before),
        certificate: certificate.map(|certificate| certificate.to_pem().to_owned()),
        created: facts.created,
    };
    Ok((rsa, key, fault))
}

/// The error and its cause in one text: neither repeats what it was given.
fn content(error: &KeySecretError) -> KeyFault {
    let cause = std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"));
    KeyFault::Content(format!("{error}{cause}"))
}

#[cfg(test)]
mod tests;
