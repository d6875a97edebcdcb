//! Keys to seal for, and sealing.

use anyhow::Result;
use data_encoding::BASE64;
use getrandom::SysRng;
use kseal_api::{Scope, names};
use kseal_core::{ObjectRef, place, reconcile::Group, seal_upstream};
use kseal_crypto::{
    PrivateKey, PublicKey, Suite,
    sealed_secrets::{Certificate, RsaPrivateKey, RsaSize, Validity},
};
use rand_core::UnwrapErr;
use serde_json::{Value, json};

use super::sealed_for;

/// A pair of private keys, one for each kind.
pub struct Keys {
    native: PrivateKey,
    rsa: RsaPrivateKey,
    certificate: Certificate,
}

impl Keys {
    /// New ones. The RSA key is short, since tests wait for it.
    ///
    /// # Errors
    /// There is no RSA key.
    pub fn new() -> Result<Self> {
        let rng = &mut UnwrapErr(SysRng);
        let native = PrivateKey::generate(Suite::XWing, rng);
        let rsa = RsaPrivateKey::generate(RsaSize::Bits2048)?;
        let validity = Validity { not_before: 1_700_000_000, not_after: 4_000_000_000 };
        let certificate = Certificate::self_signed(&rsa, validity, rng)?;
        Ok(Self { native, rsa, certificate })
    }

    /// The native one, as others seal for it.
    #[must_use]
    pub const fn native(&self) -> &PublicKey {
        self.native.public()
    }

    /// The fingerprint of the native one.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.native.fingerprint().to_string()
    }

    /// The Secrets by which a controller has them. Both open; the native one does not seal, so the controller makes a
    /// key of its own.
    #[must_use]
    pub fn secrets(&self, namespace: &str) -> [Value; 2] {
        let name = &self.fingerprint()[..13];
        let encode = |octets: &[u8]| BASE64.encode(octets);
        let native = json!({
            "apiVersion": "v1", "kind": "Secret", "type": names::SEALING_KEY_TYPE, "immutable": true,
            "metadata": {
                "name": format!("kseal-{name}"), "namespace": namespace, "labels": {names::KEY_STATE: "retiring"},
                "annotations": {names::FINGERPRINT: self.fingerprint()},
            },
            "data": {
                "suite": encode(b"X-Wing"), "seed": encode(self.native.seed()), "createdAt": encode(b"2026-11-01T00:00:00Z"),
            },
        });
        let rsa = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {
                "name": format!("sealed-secrets-key-{name}"), "namespace": namespace,
                "labels": {names::UPSTREAM_KEY: names::UPSTREAM_KEY_ACTIVE},
            },
            "data": {
                "tls.key": encode(self.rsa.to_pkcs1_pem().as_bytes()), "tls.crt": encode(self.certificate.to_pem().as_bytes()),
            },
        });
        [native, rsa]
    }

    /// A SealedSecret with these items, sealed for its own place.
    ///
    /// # Errors
    /// The scope binds what is not there.
    pub fn seal(
        &self,
        group: Group,
        scope: Scope,
        (namespace, name): (&str, &str),
        items: &[(&str, &str)],
    ) -> Result<Value> {
        if group == Group::Native {
            return sealed_for(&[self.native.public()], scope, (namespace, name), items);
        }
        let object = ObjectRef { namespace: Some(namespace.to_owned()), name: Some(name.to_owned()) };
        let items = items.iter().map(|(item, value)| (*item, value.as_bytes()));
        let items = seal_upstream(&place(scope, &object)?, self.rsa.public(), items, &mut UnwrapErr(SysRng))?;
        let annotations = match scope {
            Scope::Strict => json!({}),
            Scope::NamespaceWide => json!({names::UPSTREAM_NAMESPACE_WIDE: "true"}),
            Scope::ClusterWide => json!({names::UPSTREAM_CLUSTER_WIDE: "true"}),
        };
        Ok(json!({
            "apiVersion": group.api_version(), "kind": names::SEALED_SECRET,
            "metadata": {"namespace": namespace, "name": name, "annotations": annotations},
            "spec": {"encryptedData": items},
        }))
    }
}
