//! The cluster's identity, which signs what is published.

use std::collections::BTreeMap;

use kseal_api::names;
use kseal_core::key_secret::{CREATED_AT, SEED};
use kseal_core::{Bundle, SecretBody};
use kseal_crypto::identity::{Identity, IdentityKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{Fault, Keeping};
use crate::collection::secrets;
use crate::config_map::ConfigMap;
use crate::keys::secret::SecretText;
use crate::settings::rfc3339;

/// The identity and its seed, from which a Secret that was deleted by mistake is made again.
pub(super) struct HeldIdentity {
    pub(super) key: IdentityKey,
    seed: Zeroizing<Vec<u8>>,
}

impl HeldIdentity {
    fn new(seed: &[u8]) -> Option<Self> {
        Some(Self { key: IdentityKey::from_seed(seed).ok()?, seed: Zeroizing::new(seed.to_vec()) })
    }

    /// Reads the identity's Secret; its UID besides.
    fn read(octets: &[u8]) -> Result<(Self, String), &'static str> {
        let secret = SecretText::read(octets).ok_or("it cannot be read")?;
        if secret.type_() != names::IDENTITY_KEY_TYPE {
            return Err("its type is not kseal.dev/identity-key");
        }
        let items = secret.items().ok_or("an item is no base64 text")?;
        let seed = items.get(SEED).ok_or("the item seed is missing")?;
        let held = Self::new(seed).ok_or("the item seed is not 32 bytes")?;
        Ok((held, secret.uid().to_owned()))
    }
}

impl<R: CryptoRng + Send> Keeping<R> {
    /// Reads the identity. False: it was made, by us or by another leader at the same time, and is to be read.
    pub(super) async fn has_identity(
        &mut self,
        cluster_uid: &str,
        config_map: Option<&ConfigMap>,
    ) -> Result<bool, Fault> {
        const STEP: &str = "reading the Secret kseal-identity";
        let path = format!("{}/{}", secrets(Some(self.namespace())), names::IDENTITY);
        match self.keeper.api.get(&path).await {
            Ok(body) => {
                let (identity, uid) = HeldIdentity::read(&body).map_err(Fault::Identity)?;
                let fingerprint = identity.key.public().fingerprint();
                let is_ours = self.identity.as_ref().is_some_and(|it| it.key.public().fingerprint() == fingerprint);
                self.identity = Some(identity);
                if std::mem::take(&mut self.is_identity_new) && is_ours {
                    self.tell_of_identity(&uid, &fingerprint.to_string()).await;
                }
                Ok(true)
            }
            Err(error) if error.code() == 404 => self.make_identity(cluster_uid, config_map).await.map(|()| false),
            Err(error) => Err(Fault::Api(STEP, error)),
        }
    }

    /// A new identity is one that nobody trusts yet: where an old one signed what is published, only that one will do.
    async fn make_identity(&mut self, cluster_uid: &str, config_map: Option<&ConfigMap>) -> Result<(), Fault> {
        const STEP: &str = "creating the Secret kseal-identity";
        let signer = config_map.and_then(|found| signer(found.item(names::PUBLIC_KEYS_ITEM)?, cluster_uid));
        let held = self.identity.take();
        let identity = match (signer, held) {
            (Some(signer), Some(held)) if held.key.public() == signer => held,
            (Some(_), _) => return Err(Fault::LostIdentity),
            (None, _) => {
                let mut seed = Zeroizing::new([0; 32]);
                self.rng.fill_bytes(&mut *seed);
                HeldIdentity::new(&*seed).ok_or(Fault::Identity("it cannot be made"))?
            }
        };
        let created_at = rfc3339((self.keeper.clock)());
        let body = SecretBody {
            namespace: self.namespace(),
            name: names::IDENTITY,
            labels: &BTreeMap::new(),
            annotations: &BTreeMap::new(),
            owner_reference: None,
            type_: names::IDENTITY_KEY_TYPE,
            immutable: Some(true),
            items: &[(SEED, identity.seed.as_slice()), (CREATED_AT, created_at.as_bytes())],
        };
        let answer = self.keeper.api.create(&secrets(Some(self.namespace())), body.to_json()).await;
        // Kept whatever the answer: if it was made all the same, it is found next time.
        self.identity = Some(identity);
        self.is_identity_new = true;
        match answer {
            Ok(_) => Ok(()),
            Err(error) if error.code() == 409 => Ok(()),
            Err(error) => Err(Fault::Api(STEP, error)),
        }
    }
}

/// Who signed what is published for this cluster.
fn signer(text: &str, cluster_uid: &str) -> Option<Identity> {
    let bundle = Bundle::read(&serde_json::from_str(text).ok()?).ok()?;
    bundle.publisher.filter(|publisher| publisher.cluster_uid == cluster_uid).map(|publisher| publisher.identity)
}
