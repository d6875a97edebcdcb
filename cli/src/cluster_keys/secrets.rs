//! The Secrets of a cluster's private keys, of which only the metadata leaves the server here.

use kseal_api::{KeyState, names};

use super::{ClusterKey, ClusterKeys, is_named};
use crate::{
    cluster::{Cluster, Described, Failure, Metadata, query, segment},
    error::{Error, Result},
    words::short,
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
    /// Names of Secrets that are loaded, and of which nobody says which key they hold: it may be this one.
    pub unknown: Vec<String>,
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
    /// If there is none, or several could be meant, or the key stands in several: what is done to one of them would leave it
    /// in the other.
    pub(crate) fn find(&self, keys: &ClusterKeys, text: &str) -> Result<KeySecret> {
        let key = match keys.matching(text)[..] {
            [] => None,
            _ => Some(keys.find(text)?),
        };
        let wanted = key.map_or(text, |key| &key.fingerprint);
        let labelled = self.labelled()?;
        let mut found: Vec<(String, Metadata)> = Vec::new();
        for metadata in &labelled {
            let stated = metadata.annotation(names::FINGERPRINT).filter(|stated| is_named(stated, wanted));
            found.extend(stated.map(|stated| (stated.to_owned(), metadata.clone())));
        }
        if let Some(key) = key
            && let Some(told) = self.told(key)?
            && found.iter().all(|(_, metadata)| metadata.name != told.name)
        {
            found.push((key.fingerprint.clone(), told));
        }
        let Some((fingerprint, metadata)) = found.first().cloned() else {
            return Err(key.map_or_else(|| keys.unknown(text), |key| self.none(key)));
        };
        if found.len() == 1 {
            let unknown = unknown(keys, &labelled, &fingerprint, &metadata.name);
            return Ok(KeySecret { fingerprint, metadata, unknown });
        }
        if found.iter().all(|(other, _)| *other == fingerprint) {
            return Err(Error::refused(format!(
                "key {} of {} stands in several Secrets: what is done to one of them leaves it in the others",
                short(&fingerprint),
                self.cluster.name
            ))
            .details(found.iter().map(|(_, metadata)| format!("{}/{}", self.namespace, metadata.name)))
            .hint("keep a copy, delete all but one, and run it again"));
        }
        Err(Error::usage(format!("several Secrets of keys of {} fit {text}", self.cluster.name))
            .details(found.iter().map(|(fingerprint, metadata)| format!("{fingerprint} ({})", metadata.name)))
            .hint("write more of it"))
    }

    fn none(&self, key: &ClusterKey) -> Error {
        Error::no_key(format!(
            "{} has no Secret of key {} in namespace {}",
            self.cluster.name,
            key.short(),
            self.namespace
        ))
        .hint(if key.is_missing() {
            "the key is lost: restore its Secret from the backup"
        } else {
            "--namespace-of-controller names another namespace"
        })
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
        let (fingerprint, unknown) = (secret.fingerprint.clone(), secret.unknown.clone());
        Ok(KeySecret { fingerprint, metadata: found.metadata, unknown })
    }

    pub(crate) fn path(&self, name: &str) -> Result<String> {
        let namespace = segment("--namespace-of-controller", self.namespace)?;
        Ok(format!("/api/v1/namespaces/{namespace}/secrets/{}", segment("the name of a key's Secret", name)?))
    }

    /// The Secret whose name the controller tells, if it can be that of this key. Those of sealed-secrets state no key.
    fn told(&self, key: &ClusterKey) -> Result<Option<Metadata>> {
        let Some(name) = key.used.as_ref().map(|used| &used.secret).filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        // It need not be among those with a label: the first one that sealed-secrets ever made has none.
        let found = match self.cluster.get_metadata::<Described>(&self.path(name)?) {
            Ok(Described { metadata }) => metadata,
            Err(Failure::Refused(refusal)) if refusal.code == 404 => return Ok(None),
            Err(failure) => return Err(failure.wanting(&format!("Secret {}/{name}", self.namespace), RIGHTS)),
        };
        let stated = found.annotation(names::FINGERPRINT);
        let other = if key.is_rsa() { names::KEY_STATE } else { names::UPSTREAM_KEY };
        let is_of_it = stated.is_none_or(|stated| stated == key.fingerprint) && found.label(other).is_none();
        Ok(is_of_it.then_some(found))
    }

    /// All that have a key's label.
    fn labelled(&self) -> Result<Vec<Metadata>> {
        let namespace = segment("--namespace-of-controller", self.namespace)?;
        let mut found: Vec<Metadata> = Vec::new();
        for label in [names::KEY_STATE, names::UPSTREAM_KEY] {
            let path = format!("/api/v1/namespaces/{namespace}/secrets?labelSelector={}", query(label));
            // One with both labels is one all the same.
            let on = |Described { metadata }: Described| {
                if found.iter().all(|known| known.name != metadata.name) {
                    found.push(metadata);
                }
            };
            self.cluster
                .each_metadata(&path, on)
                .map_err(|failure| failure.wanting(&format!("the Secrets of keys in namespace {namespace}"), RIGHTS))?;
        }
        Ok(found)
    }
}

/// The Secrets beside `own` that are loaded like the key of this fingerprint, state no key, and are named by the controller for
/// none: a second copy of the key looks like that.
fn unknown(keys: &ClusterKeys, labelled: &[Metadata], fingerprint: &str, own: &str) -> Vec<String> {
    let is_rsa = fingerprint.starts_with(super::RSA_PREFIX);
    let is_loaded = |metadata: &&Metadata| {
        if is_rsa {
            metadata.label(names::UPSTREAM_KEY) == Some(names::UPSTREAM_KEY_ACTIVE)
        } else {
            metadata.label(names::KEY_STATE).and_then(KeyState::parse).is_some_and(KeyState::opens)
        }
    };
    let told: Vec<&str> = keys.keys.iter().filter_map(|key| Some(key.used.as_ref()?.secret.as_str())).collect();
    labelled
        .iter()
        .filter(is_loaded)
        .filter(|metadata| metadata.annotation(names::FINGERPRINT).is_none())
        .filter(|metadata| metadata.name != own && !told.contains(&metadata.name.as_str()))
        .map(|metadata| metadata.name.clone())
        .collect()
}

const RIGHTS: &str =
    "it takes the rights to get, list and patch Secrets there, though none is read; ask who runs the cluster";
