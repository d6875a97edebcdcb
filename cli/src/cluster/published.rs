//! The bundle that a cluster publishes.

use std::collections::BTreeMap;

use kseal_api::{SealingKeyBundle, names};
use kseal_core::Bundle;
use serde::Deserialize;

use super::{Access, Cluster, Metadata, segment};
use crate::error::{Error, Result};

/// A bundle whose signature was verified.
pub(crate) struct Published {
    /// As it was published.
    pub text: SealingKeyBundle,
    pub bundle: Bundle,
    /// Of the ConfigMap in which it was.
    pub metadata: Metadata,
}

/// Where keys are published.
#[derive(Clone)]
pub(crate) struct Publishing {
    pub access: Access,
    /// The namespace of the controller.
    pub namespace: String,
}

impl Published {
    /// The bundle once more, to be given away.
    ///
    /// # Errors
    /// None: it was read before.
    pub(crate) fn read(&self) -> Result<Bundle> {
        Bundle::read(&self.text).map_err(|error| Error::input("the key bundle does not hold").because(&error))
    }
}

/// The part of a ConfigMap that is read.
#[derive(Deserialize)]
pub(super) struct ConfigMap {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
}

impl ConfigMap {
    /// The text of an item.
    pub(super) fn take(&mut self, item: &str) -> Option<String> {
        self.data.as_mut()?.remove(item)
    }
}

impl Publishing {
    /// Fetches the bundle that the controller publishes.
    ///
    /// # Errors
    /// If there is none, or if it does not hold; an unsigned one is refused.
    pub(crate) fn fetch(&self, cluster: &Cluster) -> Result<Published> {
        let path = self.path()?;
        let namespace = &self.namespace;
        let what = format!("ConfigMap {namespace}/{}", names::PUBLIC_KEYS);
        let hint = format!(
            "is the controller installed, and in namespace {namespace}? --namespace-of-controller names another one, \
             and who runs the cluster can give you its bundle as a file"
        );
        let mut found: ConfigMap = cluster.get(&path).map_err(|failure| failure.wanting(&what, &hint))?;
        let broken = |message: &str| {
            Error::input(format!("{}: {message}", cluster.name))
                .hint("nothing should be sealed with it; tell who runs the cluster")
        };
        let text = found
            .take(names::PUBLIC_KEYS_ITEM)
            .ok_or_else(|| broken(&format!("{what} has no item {}", names::PUBLIC_KEYS_ITEM)))?;
        let text: SealingKeyBundle = serde_json::from_str(&text)
            .map_err(|error| broken(&format!("the bundle in {what} cannot be read")).because(&error))?;
        let bundle = Bundle::read(&text)
            .map_err(|error| broken(&format!("the key bundle in {what} does not hold")).because(&error))?;
        if bundle.publisher.is_none() {
            return Err(Error::refused(format!("{}: the key bundle in {what} is not signed", cluster.name))
                .hint("a cluster signs what it publishes; nothing should be sealed with this one"));
        }
        Ok(Published { text, bundle, metadata: found.metadata })
    }

    /// The path of the ConfigMap.
    ///
    /// # Errors
    /// If the namespace has no name of one.
    pub(crate) fn path(&self) -> Result<String> {
        self.config_map(names::PUBLIC_KEYS)
    }

    /// The path of a ConfigMap of the controller.
    pub(super) fn config_map(&self, name: &str) -> Result<String> {
        let namespace = segment("--namespace-of-controller", &self.namespace)?;
        Ok(format!("/api/v1/namespaces/{namespace}/configmaps/{name}"))
    }
}
