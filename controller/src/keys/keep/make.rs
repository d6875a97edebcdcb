//! New keys. Making a key only adds: nothing that exists is changed for it, and nothing but the API server can hold it up.

use std::collections::BTreeMap;

use kseal_api::{KeyState, names};
use kseal_core::SecretBody;
use kseal_core::key_secret::{CREATED_AT, SEED, SUITE, TLS_CRT, TLS_KEY, TLS_TYPE};
use kseal_core::keys::{KEY_PREFIX, key_name};
use kseal_crypto::PrivateKey;
use kseal_crypto::sealed_secrets::{Certificate, RsaFingerprint, RsaPrivateKey, Validity};
use rand_core::CryptoRng;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::{Fault, Keeping};
use crate::collection::secrets;
use crate::keys::HeldKeys;
use crate::settings::rfc3339;

/// A new native key, until it or another one of its name is seen in the cluster: a request that was in doubt is repeated
/// with the same key.
pub(super) struct NewNative {
    pub(super) secret: String,
    pub(super) key: PrivateKey,
    created_at: String,
}

/// A new RSA key, likewise.
pub(super) struct NewRsa {
    pub(super) secret: String,
    pub(super) fingerprint: RsaFingerprint,
    pem: Zeroizing<String>,
    certificate: String,
}

/// How long a certificate of sealed-secrets is valid, as upstream's: 87,600 hours.
const VALIDITY: u64 = 87_600 * 3_600;

/// The end of the year 9999.
const LAST: u64 = 253_402_300_799;

impl<R: CryptoRng + Send> Keeping<R> {
    pub(super) async fn make_native(&mut self, cluster_uid: &str, held: &HeldKeys) -> Result<(), Fault> {
        const STEP: &str = "creating the Secret of a sealing key";
        let epoch = held.ledger.next_epoch(KEY_PREFIX, self.last(), self.taken[0]).ok_or(Fault::Epochs)?;
        let secret = key_name(KEY_PREFIX, epoch, cluster_uid);
        let again = self.new_native.take().filter(|new| new.secret == secret);
        let new = again.unwrap_or_else(|| {
            let key = PrivateKey::generate(self.keeper.settings.suite, &mut self.rng);
            NewNative { secret, key, created_at: rfc3339((self.keeper.clock)()) }
        });
        let new = self.new_native.insert(new);
        let fingerprint = new.key.fingerprint().to_string();
        let body = SecretBody {
            namespace: &self.keeper.settings.namespace,
            name: &new.secret,
            labels: &one(names::KEY_STATE, KeyState::Active.as_str()),
            annotations: &one(names::FINGERPRINT, &fingerprint),
            owner_reference: None,
            type_: names::SEALING_KEY_TYPE,
            immutable: Some(true),
            items: &[
                (SUITE, new.key.public().suite().name().as_bytes()),
                (SEED, new.key.seed()),
                (CREATED_AT, new.created_at.as_bytes()),
            ],
        };
        let (secret, body) = (new.secret.clone(), body.to_json());
        if !self.create(STEP, &secret, names::KEY_STATE, body).await? {
            self.taken[0] = epoch;
        }
        Ok(())
    }

    /// `since`: from when it counts, in seconds since 1970.
    pub(super) async fn make_rsa(&mut self, cluster_uid: &str, held: &HeldKeys, since: u64) -> Result<(), Fault> {
        const STEP: &str = "creating the Secret of an RSA key";
        let prefix = &self.keeper.settings.upstream_prefix;
        let epoch = held.ledger.next_epoch(prefix, None, self.taken[1]).ok_or(Fault::Epochs)?;
        let secret = key_name(prefix, epoch, cluster_uid);
        let mut new = match self.new_rsa.take() {
            Some(new) => new,
            None => self.generate_rsa(since).await?,
        };
        new.secret.clone_from(&secret);
        let new = self.new_rsa.insert(new);
        let body = SecretBody {
            namespace: &self.keeper.settings.namespace,
            name: &secret,
            labels: &one(names::UPSTREAM_KEY, names::UPSTREAM_KEY_ACTIVE),
            annotations: &BTreeMap::new(),
            owner_reference: None,
            type_: TLS_TYPE,
            immutable: None,
            items: &[(TLS_CRT, new.certificate.as_bytes()), (TLS_KEY, new.pem.as_bytes())],
        };
        let body = body.to_json();
        if !self.create(STEP, &secret, names::UPSTREAM_KEY, body).await? {
            self.taken[1] = epoch;
        }
        Ok(())
    }

    /// Takes seconds of one core.
    async fn generate_rsa(&mut self, not_before: u64) -> Result<NewRsa, Fault> {
        // X.509 knows no later time.
        let not_after = not_before.saturating_add(VALIDITY).min(LAST);
        if not_before >= not_after {
            return Err(Fault::Rsa);
        }
        let size = self.keeper.settings.upstream_size;
        let key = spawn_blocking(move || RsaPrivateKey::generate(size)).await;
        let key = key.map_err(|_| Fault::Rsa)?.map_err(|_| Fault::Rsa)?;
        let validity = Validity { not_before, not_after };
        let certificate = Certificate::self_signed(&key, validity, &mut self.rng).map_err(|_| Fault::Rsa)?;
        Ok(NewRsa {
            secret: String::new(),
            fingerprint: key.public().fingerprint().clone(),
            pem: key.to_pkcs1_pem(),
            certificate: certificate.to_pem().to_owned(),
        })
    }

    /// Creates a key Secret. False: the name is taken by what is no key Secret, so that no watch will ever show it. Taken by
    /// a key Secret it was made by another leader, or by ourselves when no answer came.
    async fn create(
        &self,
        step: &'static str,
        secret: &str,
        label: &'static str,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<bool, Fault> {
        match self.keeper.api.create(&secrets(Some(self.namespace())), body).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == 409 => match self.is_key_secret(secret, label).await {
                Ok(is_key) => Ok(is_key),
                Err(error) if error.code() == 404 => Ok(true),
                Err(error) => Err(Fault::Api("reading the Secret whose name is taken", error)),
            },
            Err(error) => Err(Fault::Api(step, error)),
        }
    }
}

/// A map of one entry.
fn one(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}
