//! One file of `tests/vectors/`, as `docs/format.md` describes it: header lines, an empty line, one JSON object.

use std::collections::BTreeMap;

use kseal_crypto::{KeyRing, PrivateKey, Suite, decode_base64, sealed_secrets::RsaPrivateKey};
use serde_json::Value;

/// What a case shows and what is expected of a reader.
pub struct Vector {
    /// In words.
    pub case: String,
    /// `native`, `in-place`, `sealed-secrets`, `bundle` or `key`.
    pub format: String,
    /// `opens`, or the failure class.
    pub expect: String,
    /// The private keys at hand.
    pub ring: KeyRing,
    /// What a case that opens holds.
    pub contents: Contents,
    /// What is read.
    pub object: Value,
}

/// What an object holds that opens.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Of a sealed object: all items.
    pub items: BTreeMap<String, Vec<u8>>,
    /// Of a private key.
    pub fingerprint: Option<String>,
    /// Of a bundle that a cluster published.
    pub identity: Option<String>,
    /// Of a bundle with an active key.
    pub sealing_key: Option<String>,
}

impl Vector {
    /// Reads a file. What it does not know is an error, so that no case passes unread.
    ///
    /// # Errors
    /// What is wrong with the file, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (head, body) = text.split_once("\n\n").ok_or("no empty line after the headers")?;
        let mut vector = Self {
            case: String::new(),
            format: String::new(),
            expect: String::new(),
            ring: KeyRing::default(),
            contents: Contents::default(),
            object: serde_json::from_str(body).map_err(|error| format!("not one JSON object: {error}"))?,
        };
        for line in head.lines() {
            let (name, value) = line.split_once(": ").ok_or_else(|| format!("not a header: {line}"))?;
            vector.header(name, value).ok_or_else(|| format!("not a header: {line}"))?;
        }
        Ok(vector)
    }

    fn header(&mut self, name: &str, value: &str) -> Option<()> {
        let contents = &mut self.contents;
        match name {
            "case" => value.clone_into(&mut self.case),
            "format" => value.clone_into(&mut self.format),
            "expect" => value.clone_into(&mut self.expect),
            "fingerprint" => contents.fingerprint = Some(value.to_owned()),
            "identity" => contents.identity = Some(value.to_owned()),
            "sealing-key" => contents.sealing_key = Some(value.to_owned()),
            "item" => {
                let (item, plaintext) = value.split_once(' ')?;
                contents.items.insert(item.to_owned(), decode_base64(plaintext)?);
            }
            "key" => {
                let (suite, octets) = value.split_once(' ')?;
                self.add_key(suite, &decode_base64(octets)?)?;
            }
            _ => return None,
        }
        Some(())
    }

    fn add_key(&mut self, suite: &str, octets: &[u8]) -> Option<()> {
        if suite == "RSA" {
            let document = der::SecretDocument::try_from(octets).ok()?;
            let pem = document.to_pem("PRIVATE KEY", der::pem::LineEnding::LF).ok()?;
            self.ring.add_rsa(RsaPrivateKey::from_pem(&pem).ok()?);
        } else {
            self.ring.add(PrivateKey::from_seed(suite.parse::<Suite>().ok()?, octets).ok()?);
        }
        Some(())
    }
}
