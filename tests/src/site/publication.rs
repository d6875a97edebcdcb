//! What the controller publishes of its keys, and what one may ask of it.

use anyhow::{Context as _, Result, ensure};
use getrandom::SysRng;
use kseal_api::{KeyUsage, Scope, SealingKeyBundle, names};
use kseal_core::{Bundle, ObjectRef, place, seal_native};
use kseal_crypto::{Place, PublicKey};
use rand_core::UnwrapErr;
use serde_json::{Value, json};

use super::{SOON, Site};
use crate::cluster::wait_until;

impl Site<'_> {
    fn config_map(&self, name: &str) -> Result<String> {
        Ok(format!("/api/v1/namespaces/{}/configmaps/{name}", self.installation.namespace()?))
    }

    /// The published bundle.
    ///
    /// # Errors
    /// There is none, or it does not hold.
    pub async fn published(&self) -> Result<Bundle> {
        let found = self.objects.get(&self.config_map(names::PUBLIC_KEYS)?).await?;
        let text = found["data"][names::PUBLIC_KEYS_ITEM].as_str().context("no bundle")?;
        let text: SealingKeyBundle = serde_json::from_str(text)?;
        Ok(Bundle::read(&text)?)
    }

    /// The key that people seal for.
    ///
    /// # Errors
    /// There is none.
    pub async fn sealing_key(&self) -> Result<PublicKey> {
        let bundle = self.published().await?;
        Ok(bundle.sealing_key().context("no active key")?.public.clone())
    }

    /// The same, once there is one.
    ///
    /// # Errors
    /// It does not come.
    pub async fn first_key(&self) -> Result<PublicKey> {
        wait_until("a key", SOON, || self.sealing_key()).await
    }

    /// Asks for a new key in the place of this one.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn ask_for_rotation(&self, key: &PublicKey) -> Result<()> {
        let annotations = json!({names::ROTATE: key.fingerprint().to_string()});
        let path = self.config_map(names::PUBLIC_KEYS)?;
        self.objects.merge(&path, &json!({"metadata": {"annotations": annotations}})).await.map(drop)
    }

    /// Asks for a new key and waits for it.
    ///
    /// # Errors
    /// It does not come.
    pub async fn rotate(&self) -> Result<PublicKey> {
        let before = self.sealing_key().await?;
        self.ask_for_rotation(&before).await?;
        self.next_key(&before).await
    }

    /// Waits for another key than this one.
    ///
    /// # Errors
    /// It does not come.
    pub async fn next_key(&self, before: &PublicKey) -> Result<PublicKey> {
        wait_until("there is another key", SOON, || async {
            let now = self.sealing_key().await?;
            ensure!(now.fingerprint() != before.fingerprint(), "it is still {}", now.fingerprint());
            Ok(now)
        })
        .await
    }

    /// Which objects need which key.
    ///
    /// # Errors
    /// It is not told.
    pub async fn usage(&self) -> Result<KeyUsage> {
        let found = self.objects.get(&self.config_map(names::KEY_USAGE)?).await?;
        let text = found["data"][names::KEY_USAGE_ITEM].as_str().context("no usage")?;
        Ok(serde_json::from_str(text)?)
    }
}

/// A native object with these items, sealed for its own place and these keys.
///
/// # Errors
/// The scope binds what is not there.
pub fn sealed_for(
    recipients: &[&PublicKey],
    scope: Scope,
    (namespace, name): (&str, &str),
    items: &[(&str, &str)],
) -> Result<Value> {
    let object = ObjectRef { namespace: Some(namespace.to_owned()), name: Some(name.to_owned()) };
    let items = items.iter().map(|(item, value)| (*item, value.as_bytes()));
    let sealed = seal_native(&place(scope, &object)?, recipients, items, &mut UnwrapErr(SysRng))?;
    let data_keys: serde_json::Map<String, Value> =
        sealed.data_key.into_iter().map(|(handle, key)| (handle, json!(key))).collect();
    Ok(json!({
        "apiVersion": names::API_VERSION, "kind": names::SEALED_SECRET,
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "scope": scope, "sealedFor": object.bound_by(scope), "dataKeys": data_keys, "encryptedData": sealed.values,
        },
    }))
}

/// A ClusterSealedSecret with these items, sealed for its name and these keys, for the namespaces that this selects.
///
/// # Errors
/// A key is a weak one.
pub fn cluster_sealed_for(
    recipients: &[&PublicKey],
    name: &str,
    namespace_selector: &Value,
    items: &[(&str, &str)],
) -> Result<Value> {
    let items = items.iter().map(|(item, value)| (*item, value.as_bytes()));
    let place = Place::ClusterSealedSecret { name: name.to_owned() };
    let sealed = seal_native(&place, recipients, items, &mut UnwrapErr(SysRng))?;
    let data_keys: serde_json::Map<String, Value> =
        sealed.data_key.into_iter().map(|(handle, key)| (handle, json!(key))).collect();
    Ok(json!({
        "apiVersion": names::API_VERSION, "kind": names::CLUSTER_SEALED_SECRET, "metadata": {"name": name},
        "spec": {
            "namespaceSelector": namespace_selector, "sealedFor": {"name": name}, "dataKeys": data_keys,
            "encryptedData": sealed.values,
        },
    }))
}
