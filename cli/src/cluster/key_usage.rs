//! Which objects need which key, as the controller publishes it.

use kseal_api::{KeyUsage, names};

use super::{Cluster, Failure, Publishing, published::ConfigMap};
use crate::error::{Error, Result};

/// What is known of the keys' use.
pub(crate) enum Counted {
    /// All that the controller says.
    Known(Box<KeyUsage>),
    /// Nothing, since nothing was told; how that may be.
    Missing(String),
    /// Nothing, since it may not be read; why.
    Unknown(String),
}

impl Counted {
    pub(crate) fn known(&self) -> Option<&KeyUsage> {
        match self {
            Self::Known(usage) => Some(usage),
            Self::Missing(_) | Self::Unknown(_) => None,
        }
    }
}

impl Publishing {
    /// Reads what the controller counted. That it is not there, or not for everyone, is no failure.
    ///
    /// # Errors
    /// If the cluster does not answer, or what is there cannot be read.
    pub(crate) fn usage(&self, cluster: &Cluster) -> Result<Counted> {
        let path = self.config_map(names::KEY_USAGE)?;
        let what = format!("ConfigMap {}/{}", self.namespace, names::KEY_USAGE);
        let mut found: ConfigMap = match cluster.get(&path) {
            Ok(found) => found,
            Err(Failure::Refused(refusal)) if refusal.code == 403 => {
                return Ok(Counted::Unknown(format!("you may not read {what}: {refusal}")));
            }
            Err(Failure::Refused(refusal)) if refusal.code == 404 => {
                return Ok(Counted::Missing(format!(
                    "there is no {what} yet; the controller writes it when it has seen every object"
                )));
            }
            Err(failure) => return Err(failure.wanting(&what, "ask who runs the cluster for the right to read it")),
        };
        let broken = || {
            Error::input(format!("{}: {what} cannot be read", cluster.name))
                .hint("delete it: the controller writes it anew; else a later version of kseal may understand it")
        };
        let text = found.take(names::KEY_USAGE_ITEM).ok_or_else(broken)?;
        let usage = serde_json::from_str(&text).map_err(|error| broken().because(&error))?;
        Ok(Counted::Known(Box::new(usage)))
    }
}
