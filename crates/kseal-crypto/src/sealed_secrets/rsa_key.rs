//! RSA keys of 2048 to 8192 bits, in the PEM forms that sealed-secrets reads and writes.

use std::fmt;

use aws_lc_rs::{
    encoding::AsDer as _,
    rsa::{
        KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
        PublicEncryptingKey,
    },
};
use der::{Decode as _, Encode as _, SecretDocument, pem::LineEnding};
use pkcs8::{PrivateKeyInfoRef, SubjectPublicKeyInfoRef};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::pem::blocks;
use crate::lp;

const PKCS1: &str = "RSA PRIVATE KEY";
const PKCS8: &str = "PRIVATE KEY";

/// Why something is not a usable RSA key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RsaError {
    /// No PEM block of a private key.
    #[error("no PEM block `RSA PRIVATE KEY` or `PRIVATE KEY`")]
    NoPrivateKey,
    /// A key of another algorithm.
    #[error("private key is not an RSA key")]
    NotRsa,
    /// Not a valid RSA key, or not of 2048 to 8192 bits.
    #[error("not a valid RSA key of 2048 to 8192 bits")]
    Unusable,
}

/// The sizes in bits that a new key can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RsaSize {
    /// For tests: upstream's default is 4096.
    Bits2048,
    /// 3072 bits.
    Bits3072,
    /// Upstream's default.
    Bits4096,
    /// 8192 bits.
    Bits8192,
}

/// SSH's form of a public key's name, as upstream logs it: `SHA256:` and unpadded base64.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RsaFingerprint(String);

impl fmt::Display for RsaFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What anyone may seal to.
pub struct RsaPublicKey {
    key: OaepPublicEncryptingKey,
    spki: Vec<u8>,
    fingerprint: RsaFingerprint,
}

impl RsaPublicKey {
    /// Reads an X.509 SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// If it is no RSA key of a supported size.
    pub fn from_spki(der: &[u8]) -> Result<Self, RsaError> {
        let key = PublicEncryptingKey::from_der(der).map_err(|_| RsaError::Unusable)?;
        let key = OaepPublicEncryptingKey::new(key).map_err(|_| RsaError::Unusable)?;
        let fingerprint = ssh_fingerprint(der).ok_or(RsaError::NotRsa)?;
        Ok(Self { key, spki: der.to_vec(), fingerprint })
    }

    /// The X.509 SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The key's name.
    #[must_use]
    pub const fn fingerprint(&self) -> &RsaFingerprint {
        &self.fingerprint
    }

    /// The modulus' length in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.key.key_size_bits()
    }

    pub(super) fn encrypt(&self, session_key: &[u8], label: &[u8]) -> Result<Vec<u8>, RsaError> {
        let mut out = vec![0; self.key.ciphertext_size()];
        let written = self
            .key
            .encrypt(&OAEP_SHA256_MGF1SHA256, session_key, &mut out, Some(label))
            .map_err(|_| RsaError::Unusable)?
            .len();
        out.truncate(written);
        Ok(out)
    }
}

/// RFC 4253, section 6.6: string "ssh-rsa", mpint e, mpint n. An mpint is a DER integer's octets with a length.
fn ssh_fingerprint(spki: &[u8]) -> Option<RsaFingerprint> {
    let info = SubjectPublicKeyInfoRef::from_der(spki).ok()?;
    let key = pkcs1::RsaPublicKeyRef::from_der(info.subject_public_key.as_bytes()?).ok()?;
    let mut blob = Vec::new();
    lp::push(&mut blob, b"ssh-rsa");
    for integer in [key.public_exponent, key.modulus] {
        let bytes = integer.as_bytes();
        let sign = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { &[0][..] } else { &[] };
        lp::push(&mut blob, &[sign, bytes].concat());
    }
    let hash = data_encoding::BASE64_NOPAD.encode(&Sha256::digest(&blob));
    Some(RsaFingerprint(format!("SHA256:{hash}")))
}

/// What opens. Wiped by aws-lc and `zeroize` when dropped.
pub struct RsaPrivateKey {
    key: OaepPrivateDecryptingKey,
    pkcs8: Zeroizing<Vec<u8>>,
    public: RsaPublicKey,
}

impl RsaPrivateKey {
    /// Makes a new key with aws-lc's own random generator, which cannot be passed in.
    ///
    /// # Errors
    /// If aws-lc fails.
    pub fn generate(size: RsaSize) -> Result<Self, RsaError> {
        let size = match size {
            RsaSize::Bits2048 => KeySize::Rsa2048,
            RsaSize::Bits3072 => KeySize::Rsa3072,
            RsaSize::Bits4096 => KeySize::Rsa4096,
            RsaSize::Bits8192 => KeySize::Rsa8192,
        };
        let key = PrivateDecryptingKey::generate(size).map_err(|_| RsaError::Unusable)?;
        let der = key.as_der().map_err(|_| RsaError::Unusable)?;
        Self::from_pkcs8(Zeroizing::new(der.as_ref().to_vec()))
    }

    /// Reads the first private key of a PEM text, PKCS#1 or PKCS#8.
    ///
    /// # Errors
    /// If it holds no RSA private key of a supported size.
    pub fn from_pem(text: &str) -> Result<Self, RsaError> {
        let keys = blocks(text).map(Self::from_block);
        let mut keys = keys.filter(|key| !matches!(key, Err(RsaError::NoPrivateKey)));
        keys.next().unwrap_or(Err(RsaError::NoPrivateKey))
    }

    fn from_block(text: &str) -> Result<Self, RsaError> {
        let (label, document) = SecretDocument::from_pem(text).map_err(|_| RsaError::NoPrivateKey)?;
        match label {
            PKCS8 => Self::from_pkcs8(Zeroizing::new(document.as_bytes().to_vec())),
            PKCS1 => {
                // aws-lc loads PKCS#8 only: the same key in its wrapping.
                let info = PrivateKeyInfoRef::new(pkcs1::ALGORITHM_ID, octets(document.as_bytes())?);
                Self::from_pkcs8(Zeroizing::new(info.to_der().map_err(|_| RsaError::Unusable)?))
            }
            "EC PRIVATE KEY" => Err(RsaError::NotRsa),
            _ => Err(RsaError::NoPrivateKey),
        }
    }

    fn from_pkcs8(pkcs8: Zeroizing<Vec<u8>>) -> Result<Self, RsaError> {
        let info = PrivateKeyInfoRef::from_der(&pkcs8).map_err(|_| RsaError::Unusable)?;
        if info.algorithm.oid != pkcs1::ALGORITHM_OID {
            return Err(RsaError::NotRsa);
        }
        let key = PrivateDecryptingKey::from_pkcs8(&pkcs8).map_err(|_| RsaError::Unusable)?;
        let spki = key.public_key().as_der().map_err(|_| RsaError::Unusable)?;
        let public = RsaPublicKey::from_spki(spki.as_ref())?;
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| RsaError::Unusable)?;
        Ok(Self { key, pkcs8, public })
    }

    /// PEM in PKCS#1, the form that upstream writes.
    ///
    /// # Panics
    /// Never: the key was read from its PKCS#8 form.
    #[must_use]
    pub fn to_pkcs1_pem(&self) -> Zeroizing<String> {
        let info = PrivateKeyInfoRef::from_der(&self.pkcs8).expect("was read before");
        let document = SecretDocument::try_from(info.private_key.as_bytes()).expect("PKCS#8 holds a DER document");
        document.to_pem(PKCS1, LineEnding::LF).expect("the label is one of RFC 7468's form")
    }

    /// The PKCS#8 form, for signing the certificate.
    pub(super) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &RsaPublicKey {
        &self.public
    }

    /// The modulus' length in bytes.
    pub(crate) fn size(&self) -> usize {
        self.key.key_size_bytes()
    }

    pub(super) fn decrypt(&self, ciphertext: &[u8], label: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let len = self.key.decrypt(&OAEP_SHA256_MGF1SHA256, ciphertext, &mut out, Some(label)).ok()?.len();
        out.truncate(len);
        Some(out)
    }
}

fn octets(bytes: &[u8]) -> Result<&der::asn1::OctetStringRef, RsaError> {
    der::asn1::OctetStringRef::new(bytes).map_err(|_| RsaError::Unusable)
}
