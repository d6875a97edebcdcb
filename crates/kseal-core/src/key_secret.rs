//! The Secret that holds a private key: kseal's own form, and upstream's.

use kseal_api::names;
use kseal_crypto::{
    Fingerprint, KeyError, PrivateKey, Suite,
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
    pub fn read<'i>(
        type_: &str,
        stated: Option<&str>,
        item: impl Fn(&str) -> Option<&'i [u8]>,
    ) -> Result<Self, KeySecretError> {
        match type_ {
            names::SEALING_KEY_TYPE => read_native(stated, item),
            TLS_TYPE => read_upstream(item),
            _ => Err(KeySecretError::Type),
        }
    }
}

fn read_native<'i>(stated: Option<&str>, item: impl Fn(&str) -> Option<&'i [u8]>) -> Result<KeySecret, KeySecretError> {
    let wanted = |name| item(name).ok_or(KeySecretError::Missing(name));
    let suite = wanted(SUITE)?;
    let suite: Suite =
        std::str::from_utf8(suite).ok().and_then(|text| text.parse().ok()).ok_or(KeySecretError::Suite)?;
    let key = PrivateKey::from_seed(suite, wanted(SEED)?).map_err(KeySecretError::Seed)?;
    let created_at = wanted(CREATED_AT)?;
    let created_at = String::from_utf8(created_at.to_vec()).map_err(|_| KeySecretError::CreatedAt)?;
    let computed = key.fingerprint();
    if stated.is_some_and(|stated| stated != computed.to_string()) {
        return Err(KeySecretError::Fingerprint { computed });
    }
    Ok(KeySecret::Native { key, created_at })
}

fn read_upstream<'i>(item: impl Fn(&str) -> Option<&'i [u8]>) -> Result<KeySecret, KeySecretError> {
    let pem = item(TLS_KEY).ok_or(KeySecretError::Missing(TLS_KEY))?;
    let pem = std::str::from_utf8(pem).map_err(|_| KeySecretError::Rsa(RsaError::NoPrivateKey))?;
    let key = RsaPrivateKey::from_pem(pem).map_err(KeySecretError::Rsa)?;
    let certificate = item(TLS_CRT).map(|octets| {
        let pem = std::str::from_utf8(octets).map_err(|_| CertificateError::None)?;
        Certificate::from_pem(pem)
    });
    let certificate = certificate.transpose().map_err(KeySecretError::Certificate)?;
    if certificate.as_ref().is_some_and(|it| it.public.fingerprint() != key.public().fingerprint()) {
        return Err(KeySecretError::OtherCertificate);
    }
    Ok(KeySecret::Rsa { key, certificate })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, error::Error as _};

    use kseal_crypto::sealed_secrets::{RsaSize, Validity};

    use super::*;
    use crate::testing;

    const SEED_32: [u8; 32] = [7; 32];

    fn read(type_: &str, stated: Option<&str>, items: &[(&str, &[u8])]) -> Result<KeySecret, KeySecretError> {
        let items: BTreeMap<&str, &[u8]> = items.iter().copied().collect();
        KeySecret::read(type_, stated, |name| items.get(name).copied())
    }

    fn native(stated: Option<&str>, changed: &str, octets: Option<&[u8]>) -> Result<KeySecret, KeySecretError> {
        let mut items: BTreeMap<&str, &[u8]> =
            [(SUITE, &b"X25519"[..]), (SEED, &SEED_32), (CREATED_AT, b"2026-11-01T00:00:00Z")].into();
        items.remove(changed);
        items.extend(octets.map(|octets| (changed, octets)));
        read(names::SEALING_KEY_TYPE, stated, &items.into_iter().collect::<Vec<_>>())
    }

    fn told(result: Result<KeySecret, KeySecretError>) -> String {
        result.map(drop).unwrap_err().to_string()
    }

    #[test]
    fn a_native_key_is_its_suite_and_seed() {
        let fingerprint = PrivateKey::from_seed(Suite::X25519, &SEED_32).unwrap().fingerprint();
        for stated in [None, Some(fingerprint.to_string())] {
            let Ok(KeySecret::Native { key, created_at }) = native(stated.as_deref(), "", None) else {
                panic!("is a native key");
            };
            assert_eq!(key.fingerprint(), fingerprint);
            assert_eq!(created_at, "2026-11-01T00:00:00Z");
        }
        let error = native(Some("k"), "", None).map(drop).unwrap_err();
        assert_eq!(error, KeySecretError::Fingerprint { computed: fingerprint });
        let text = format!("the key has the fingerprint {fingerprint}, and its annotation states another one");
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn each_fault_of_a_native_key_is_named() {
        assert_eq!(told(native(None, SUITE, None)), "the item suite is missing");
        assert_eq!(told(native(None, SEED, None)), "the item seed is missing");
        assert_eq!(told(native(None, CREATED_AT, None)), "the item createdAt is missing");
        let suite = "the item suite names no suite that this version knows";
        assert_eq!(told(native(None, SUITE, Some(b"X448"))), suite);
        assert_eq!(told(native(None, SUITE, Some(b"\xff"))), suite);
        assert_eq!(told(native(None, CREATED_AT, Some(b"\xff"))), "the item createdAt is not a time");
        let error = native(None, SEED, Some(&SEED_32[1..])).map(drop).unwrap_err();
        assert_eq!(error.to_string(), "the item seed is not a private key");
        assert_eq!(error.source().unwrap().to_string(), "not a private key: 32 bytes were expected");
    }

    #[test]
    fn other_types_hold_no_private_key() {
        let text = "not a private key: its type is neither kseal.dev/sealing-key nor kubernetes.io/tls";
        assert_eq!(told(read("Opaque", None, &[])), text);
        assert_eq!(told(read("", None, &[])), text);
    }

    fn rsa() -> (RsaPrivateKey, Certificate) {
        let key = RsaPrivateKey::generate(RsaSize::Bits2048).unwrap();
        let validity = Validity { not_before: 1_795_324_800, not_after: 1_800_000_000 };
        let certificate = Certificate::self_signed(&key, validity, &mut testing::rng()).unwrap();
        (key, certificate)
    }

    #[test]
    fn upstreams_key_may_have_its_certificate() {
        let (key, certificate) = rsa();
        let pem = key.to_pkcs1_pem();
        for crt in [None, Some(certificate.to_pem())] {
            let mut items = vec![(TLS_KEY, pem.as_bytes())];
            items.extend(crt.map(|pem| (TLS_CRT, pem.as_bytes())));
            let Ok(KeySecret::Rsa { key: read, certificate }) = read(TLS_TYPE, None, &items) else {
                panic!("is an RSA key");
            };
            assert_eq!(read.public().fingerprint(), key.public().fingerprint());
            assert_eq!(certificate.is_some(), crt.is_some());
        }
    }

    #[test]
    fn each_fault_of_upstreams_key_is_named() {
        let (key, _) = rsa();
        let (_, other) = rsa();
        let pem = key.to_pkcs1_pem();
        assert_eq!(told(read(TLS_TYPE, None, &[])), "the item tls.key is missing");
        for octets in [&b"PEM"[..], b"\xff"] {
            let error = read(TLS_TYPE, None, &[(TLS_KEY, octets)]).map(drop).unwrap_err();
            assert_eq!(error, KeySecretError::Rsa(RsaError::NoPrivateKey));
            assert_eq!(error.to_string(), "the item tls.key is not a private key that can be used");
        }
        let with = |crt: &[u8]| read(TLS_TYPE, None, &[(TLS_KEY, pem.as_bytes()), (TLS_CRT, crt)]);
        assert_eq!(told(with(b"PEM")), "the item tls.crt is not a certificate that can be used");
        assert_eq!(told(with(b"\xff")), "the item tls.crt is not a certificate that can be used");
        assert_eq!(
            told(with(other.to_pem().as_bytes())),
            "the certificate in tls.crt belongs to another key than tls.key"
        );
    }
}
