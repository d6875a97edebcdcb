//! The Secrets of a cluster's private keys, of which only the metadata leaves the server here.

use kseal_api::{KeyState, names};

use super::{ClusterKey, ClusterKeys, is_named};
use crate::{
    cluster::{Cluster, Described, Failure, Metadata, query, segment},
    error::{Error, Result},
};

/// Where the Secrets of keys are.
pub(crate) struct KeySecrets<'c> {
    pub cluster: &'c Cluster,
    /// The namespace of the controller.
    pub namespace: &'c str,
}

/// The Secret of one key.
pub(crate) struct KeySecret {
    pub fingerprint: String,
    pub metadata: Metadata,
}

impl KeySecret {
    /// The label that says what the key may do. An RSA key has sealed-secrets' own.
    pub(crate) fn state_label(&self) -> &'static str {
        if self.is_rsa() { names::UPSTREAM_KEY } else { names::KEY_STATE }
    }

    /// What it says.
    pub(crate) fn state(&self) -> Option<&str> {
        self.metadata.label(self.state_label())
    }

    pub(crate) fn is_rsa(&self) -> bool {
        self.fingerprint.starts_with(super::RSA_PREFIX)
    }

    /// Whether a key of this state is loaded. The label of sealed-secrets knows one value that means anything.
    pub(crate) fn is_loaded_as(&self, state: KeyState) -> bool {
        if self.is_rsa() { state == KeyState::Active } else { state.opens() }
    }
}

impl KeySecrets<'_> {
    /// The Secret of the key that is meant. One that was retired may be unknown to the controller, but not here.
    ///
    /// # Errors
    /// If there is none, or several could be meant.
    pub(crate) fn find(&self, keys: &ClusterKeys, text: &str) -> Result<KeySecret> {
        let key = match keys.matching(text)[..] {
            [] => None,
            _ => Some(keys.find(text)?),
        };
        if let Some(key) = key
            && let Some(found) = self.by_name(key)?
        {
            return Ok(found);
        }
        let wanted = key.map_or(text, |key| &key.fingerprint);
        let mut found: Vec<KeySecret> =
            self.labelled()?.into_iter().filter(|it| is_named(&it.fingerprint, wanted)).collect();
        match (found.pop(), key) {
            (Some(secret), _) if found.is_empty() => Ok(secret),
            (None, None) => Err(keys.unknown(text)),
            (None, Some(key)) => Err(Error::no_key(format!(
                "{} has no Secret of key {} in namespace {}",
                self.cluster.name,
                key.short(),
                self.namespace
            ))
            .hint(if key.is_missing() {
                "the key is lost: restore its Secret from the backup"
            } else {
                "--namespace-of-controller names another namespace"
            })),
            (Some(last), _) => {
                Err(Error::usage(format!("several Secrets of keys of {} fit {text}", self.cluster.name))
                    .details(found.iter().chain([&last]).map(|it| format!("{} ({})", it.fingerprint, it.metadata.name)))
                    .hint("write more of it; of two Secrets of one key delete one"))
            }
        }
    }

    /// The metadata once more.
    ///
    /// # Errors
    /// If it is not there any more, or is of another key now.
    pub(crate) fn again(&self, secret: &KeySecret) -> Result<KeySecret> {
        let name = &secret.metadata.name;
        let what = format!("Secret {}/{name}", self.namespace);
        let found: Described = self.cluster.get_metadata(&self.path(name)?).map_err(|it| it.wanting(&what, RIGHTS))?;
        if found.metadata.uid != secret.metadata.uid {
            return Err(Error::cluster(format!("{}: {what} was replaced meanwhile", self.cluster.name))
                .hint("look whether it is still the same key, and run it again"));
        }
        Ok(KeySecret { fingerprint: secret.fingerprint.clone(), metadata: found.metadata })
    }

    pub(crate) fn path(&self, name: &str) -> Result<String> {
        let namespace = segment("--namespace-of-controller", self.namespace)?;
        Ok(format!("/api/v1/namespaces/{namespace}/secrets/{}", segment("the name of a key's Secret", name)?))
    }

    /// The Secret whose name the controller tells, if that is one of this key.
    fn by_name(&self, key: &ClusterKey) -> Result<Option<KeySecret>> {
        let Some(name) = key.used.as_ref().map(|used| &used.secret).filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        match self.cluster.get_metadata::<Described>(&self.path(name)?) {
            Ok(Described { metadata }) => {
                let stated = metadata.annotation(names::FINGERPRINT);
                let is_of_it = stated.is_none_or(|stated| stated == key.fingerprint);
                Ok(is_of_it.then(|| KeySecret { fingerprint: key.fingerprint.clone(), metadata }))
            }
            Err(Failure::Refused(refusal)) if refusal.code == 404 => Ok(None),
            Err(failure) => Err(failure.wanting(&format!("Secret {}/{name}", self.namespace), RIGHTS)),
        }
    }

    /// All that have a key's label and state its fingerprint.
    fn labelled(&self) -> Result<Vec<KeySecret>> {
        let namespace = segment("--namespace-of-controller", self.namespace)?;
        let mut found = Vec::new();
        for label in [names::KEY_STATE, names::UPSTREAM_KEY] {
            let path = format!("/api/v1/namespaces/{namespace}/secrets?labelSelector={}", query(label));
            let on = |Described { metadata }: Described| {
                let fingerprint = metadata.annotation(names::FINGERPRINT).map(ToOwned::to_owned);
                found.extend(fingerprint.map(|fingerprint| KeySecret { fingerprint, metadata }));
            };
            self.cluster
                .each_metadata(&path, on)
                .map_err(|failure| failure.wanting(&format!("the Secrets of keys in namespace {namespace}"), RIGHTS))?;
        }
        Ok(found)
    }
}

const RIGHTS: &str =
    "it takes the rights to get, list and patch Secrets there, though none is read; ask who runs the cluster";
