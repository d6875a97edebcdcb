//! The self-signed certificate in which sealed-secrets publishes its key, made and read as upstream does.
//!
//! Nothing in it is trusted: it is a container for the public key, with two dates of which the second stops kubeseal
//! and the first orders keys.

use std::time::Duration;

use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair as SigningKey, signature::RSA_PKCS1_SHA256};
use der::{
    Decode as _, DecodePem as _, Document, Encode as _, EncodePem as _,
    asn1::{BitString, Null, ObjectIdentifier},
    pem::LineEnding,
};
use pkcs8::{
    EncodePublicKey, SubjectPublicKeyInfoRef,
    spki::{self, AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, SubjectPublicKeyInfoOwned},
};
use rand_core::CryptoRng;
use signature::Keypair;
use x509_cert::{
    TbsCertificate,
    builder::{self, Builder as _, CertificateBuilder, profile::BuilderProfile},
    ext::{
        Extension, ToExtension as _,
        pkix::{BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier},
    },
    name::Name,
    serial_number::SerialNumber,
    time::Time,
};

use super::{RsaError, RsaPrivateKey, RsaPublicKey, pem::blocks};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// Why there is no usable certificate.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Upstream's words.
    #[error("failed to read any certificates")]
    None,
    /// The certificate is of another algorithm, or of a size that is not supported.
    #[error("the certificate's key is not usable")]
    Key(#[source] RsaError),
    /// Dates that X.509 cannot hold, or aws-lc failed.
    #[error("the certificate could not be made")]
    Make,
}

/// From when until when, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: u64,
    /// The last second.
    pub not_after: u64,
}

/// The one certificate of an RSA sealing key.
pub struct Certificate {
    /// The key to seal to.
    pub public: RsaPublicKey,
    /// From when until when.
    pub validity: Validity,
    pem: String,
}

impl Certificate {
    /// Makes upstream's certificate: random serial, empty name, `encipherOnly`, a CA, signed with SHA-256.
    ///
    /// # Errors
    /// [`CertificateError::Make`].
    pub fn self_signed(
        key: &RsaPrivateKey,
        validity: Validity,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, CertificateError> {
        let pem = make(key, validity, rng).map_err(|_| CertificateError::Make)?;
        Self::from_pem(&pem)
    }

    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// If there is none, or its key is not an RSA key of a supported size.
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        let block = blocks(text).find(|block| block.starts_with(BEGIN)).ok_or(CertificateError::None)?;
        let certificate = x509_cert::Certificate::from_pem(block).map_err(|_| CertificateError::None)?;
        let tbs = certificate.tbs_certificate();
        let spki = tbs.subject_public_key_info().to_der().map_err(|_| CertificateError::None)?;
        let public = RsaPublicKey::from_spki(&spki).map_err(CertificateError::Key)?;
        let seconds = |time: &Time| time.to_unix_duration().as_secs();
        let validity =
            Validity { not_before: seconds(&tbs.validity().not_before), not_after: seconds(&tbs.validity().not_after) };
        let pem = certificate.to_pem(LineEnding::LF).map_err(|_| CertificateError::None)?;
        Ok(Self { public, validity, pem })
    }

    /// The PEM text of this one certificate.
    #[must_use]
    pub fn to_pem(&self) -> &str {
        &self.pem
    }
}

fn make(key: &RsaPrivateKey, validity: Validity, rng: &mut impl CryptoRng) -> builder::Result<String> {
    let signer = Signer(key);
    let mut serial = [0; 16];
    rng.fill_bytes(&mut serial);
    let validity = x509_cert::time::Validity::new(time(validity.not_before)?, time(validity.not_after)?);
    let spki = SubjectPublicKeyInfoOwned::from_der(key.public().spki())?;
    let mut builder = CertificateBuilder::new(Upstream, SerialNumber::new(&serial)?, validity, spki)?;
    let tbs = builder.finalize(&signer)?;
    let signature = BitString::from_bytes(&signer.sign(&tbs)?)?;
    Ok(builder.assemble(signature, &signer)?.to_pem(LineEnding::LF)?)
}

fn time(seconds: u64) -> der::Result<Time> {
    der::DateTime::from_unix_duration(Duration::from_secs(seconds)).map(Time::from)
}

/// Upstream's choice of names and extensions.
struct Upstream;

impl BuilderProfile for Upstream {
    fn get_issuer(&self, subject: &Name) -> Name {
        subject.clone()
    }

    fn get_subject(&self) -> Name {
        Name::default()
    }

    fn build_extensions(
        &self,
        key: SubjectPublicKeyInfoRef<'_>,
        _issuer: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> builder::Result<Vec<Extension>> {
        let mut extensions = Vec::new();
        let usage = KeyUsage(KeyUsages::EncipherOnly.into());
        extensions.push(usage.to_extension(tbs.subject(), &extensions)?);
        let constraints = BasicConstraints { ca: true, path_len_constraint: None };
        extensions.push(constraints.to_extension(tbs.subject(), &extensions)?);
        let identifier = SubjectKeyIdentifier::try_from(key)?;
        extensions.push(identifier.to_extension(tbs.subject(), &extensions)?);
        Ok(extensions)
    }
}

/// Lets aws-lc sign what `x509-cert` builds.
struct Signer<'k>(&'k RsaPrivateKey);

impl Signer<'_> {
    fn sign(&self, message: &[u8]) -> spki::Result<Vec<u8>> {
        let key = SigningKey::from_pkcs8(self.0.pkcs8()).map_err(|_| spki::Error::KeyMalformed)?;
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| spki::Error::KeyMalformed)?;
        Ok(signature)
    }
}

impl Keypair for Signer<'_> {
    type VerifyingKey = Spki;

    fn verifying_key(&self) -> Spki {
        Spki(self.0.public().spki().to_vec())
    }
}

impl DynSignatureAlgorithmIdentifier for Signer<'_> {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        Ok(AlgorithmIdentifierOwned { oid: SHA256_WITH_RSA, parameters: Some(Null.into()) })
    }
}

#[derive(Clone)]
struct Spki(Vec<u8>);

impl EncodePublicKey for Spki {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        Ok(Document::try_from(self.0.as_slice())?)
    }
}
