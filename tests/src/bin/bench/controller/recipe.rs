//! Sealed objects of one kind, made by the libraries and not by the command line.

use anyhow::{Result, anyhow};
use kseal_api::{Scope, SealedFor, SealedSecretSpec, names};
use kseal_core::{seal_native, seal_upstream};
use kseal_crypto::{Place, PublicKey, sealed_secrets::RsaPublicKey};
use rand_core::UnwrapErr;
use serde_json::{Value, json};

/// Values of each object.
pub(super) const ITEMS: usize = 3;
/// Octets of each value.
pub(super) const OCTETS: usize = 32;

/// Whom objects are sealed for.
pub(super) enum Recipe {
    /// `kseal.dev`.
    Native(PublicKey),
    /// `bitnami.com`.
    Upstream(RsaPublicKey),
}

impl Recipe {
    pub(super) const fn api_version(&self) -> &'static str {
        match self {
            Self::Native(_) => names::API_VERSION,
            Self::Upstream(_) => names::UPSTREAM_API_VERSION,
        }
    }

    /// The API group, as `/metrics` and the bare client call it.
    pub(super) const fn group(&self) -> &'static str {
        match self {
            Self::Native(_) => names::GROUP,
            Self::Upstream(_) => names::UPSTREAM_GROUP,
        }
    }

    /// The path of the collection in a namespace.
    pub(super) fn collection(&self, namespace: &str) -> String {
        format!("/apis/{}/namespaces/{namespace}/sealedsecrets", self.api_version())
    }

    /// One object, scope Strict.
    pub(super) fn object(&self, namespace: &str, name: &str) -> Result<Value> {
        let place = Place::Strict { namespace: namespace.to_owned(), name: name.to_owned() };
        let values: Vec<(String, Vec<u8>)> =
            (0..ITEMS).map(|item| (format!("item-{item}"), vec![b'x'; OCTETS])).collect();
        let values = values.iter().map(|(item, value)| (item.as_str(), value.as_slice()));
        let mut rng = UnwrapErr(getrandom::SysRng);
        let failed = |error: kseal_core::SealError| anyhow!("cannot seal: {error}");
        let spec = match self {
            Self::Native(key) => {
                let sealed = seal_native(&place, &[key], values, &mut rng).map_err(failed)?;
                json!(SealedSecretSpec {
                    scope: Some(Scope::Strict),
                    sealed_for: SealedFor { namespace: Some(namespace.to_owned()), name: Some(name.to_owned()) },
                    data_keys: sealed.data_key.into_iter().collect(),
                    encrypted_data: sealed.values,
                    ..SealedSecretSpec::default()
                })
            }
            Self::Upstream(key) => {
                let sealed = seal_upstream(&place, key, values, &mut rng).map_err(failed)?;
                let metadata = json!({"name": name, "namespace": namespace});
                json!({"encryptedData": sealed, "template": {"metadata": metadata, "type": "Opaque"}})
            }
        };
        Ok(json!({
            "apiVersion": self.api_version(), "kind": names::SEALED_SECRET,
            "metadata": {"name": name, "namespace": namespace}, "spec": spec,
        }))
    }
}

/// A Secret that is none of kseal's business, as client-side apply makes it: its manifest stands in it once more.
pub(super) fn foreign(namespace: &str, name: &str, octets: usize) -> Value {
    let mut secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace},
        "data": {"value": ""}, "type": "Opaque",
    });
    // Base64 takes four octets for three.
    let room = octets.saturating_sub(secret.to_string().len()) / 4 * 3;
    secret["data"]["value"] = json!(data_encoding::BASE64.encode(&vec![b'f'; room]));
    let manifest = secret.to_string();
    secret["metadata"]["annotations"] = json!({names::LAST_APPLIED[0]: manifest});
    secret
}
