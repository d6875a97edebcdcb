//! A cluster with the controller in it, as the end-to-end tests of the controller need it: keys that they can seal for,
//! objects of either kind, and what to wait for.

mod case;
mod keys;
mod objects;
mod policies;
mod publication;

use std::time::Duration;

use anyhow::Result;
use kseal_core::reconcile::Group;
use serde_json::Value;
use tokio::task::JoinSet;

pub use self::{
    case::Case,
    keys::Keys,
    objects::{Objects, condition, items, main_condition, path, record},
    policies::{POLICY_COLLECTIONS, policy_metric, policy_path, wait_for_policy},
    publication::{cluster_sealed_for, sealed_for},
};
use crate::cluster::{Cluster, Controller, ControllerOptions, Installation, Part};

/// Upstream's kind, as we define it where nobody else has.
const DEFINITION: &str = "deploy/crds/bitnami.com_sealedsecrets.yaml";
/// Upstream's kind, as upstream defines it.
const UPSTREAMS_DEFINITION: &str = "tests/fixtures/upstream-crd.yaml";

/// How long what the controller does at once may take on a busy machine.
pub const SOON: Duration = Duration::from_mins(1);

/// A cluster in which kseal is installed.
pub struct Site<'c> {
    /// Where.
    pub cluster: &'c Cluster,
    /// What `deploy/` says.
    pub installation: Installation<'c>,
    /// The keys that the controller finds there, beside those that it makes.
    pub keys: Keys,
    /// What there is.
    pub objects: Objects,
}

impl<'c> Site<'c> {
    /// Installs `deploy/`, our definition of upstream's kind, and keys of both kinds.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn new(cluster: &'c Cluster) -> Result<Self> {
        Self::of(cluster, "deploy").await
    }

    /// Installs one of the ways of `deploy/`, named from the root of the repository, our definition of upstream's kind, and
    /// keys of both kinds.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn of(cluster: &'c Cluster, folder: &str) -> Result<Self> {
        let site = Self::bare(cluster, folder).await?;
        site.add_keys(&site.keys).await?;
        Ok(site)
    }

    /// The same without the keys: a controller makes its own.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn bare(cluster: &'c Cluster, folder: &str) -> Result<Self> {
        Self::with(cluster, folder, DEFINITION).await
    }

    /// Installs `deploy/sealed-secrets`, and keys of both kinds, where upstream's own definition is.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn after_upstream(cluster: &'c Cluster) -> Result<Self> {
        let site = Self::with(cluster, "deploy/sealed-secrets", UPSTREAMS_DEFINITION).await?;
        site.add_keys(&site.keys).await?;
        Ok(site)
    }

    async fn with(cluster: &'c Cluster, folder: &str, definition: &str) -> Result<Self> {
        cluster.kubectl(["create", "-f", definition]).run().await?;
        let installation = cluster.install(folder).await?;
        // It looks for new kinds twice a minute, and collects no garbage of those that it has not found.
        cluster.restart(Part::ControllerManager).await?;
        Ok(Self { cluster, installation, keys: Keys::new()?, objects: Objects::new(cluster.admin().await?) })
    }

    /// Gives the controller more keys.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn add_keys(&self, keys: &Keys) -> Result<()> {
        for secret in keys.secrets(self.installation.namespace()?) {
            self.objects.apply(&secret).await?;
        }
        Ok(())
    }

    /// Starts a replica that looks after both kinds, and waits until it is ready.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(&self, options: ControllerOptions) -> Result<Controller> {
        let controller = self.launch(options).await?;
        controller.wait_ready().await?;
        Ok(controller)
    }

    /// Starts a replica that looks after both kinds.
    ///
    /// # Errors
    /// It does not start.
    pub async fn launch(&self, mut options: ControllerOptions) -> Result<Controller> {
        options.arguments.insert(0, "--sealed-secrets=existing".to_owned());
        self.installation.start(&options).await
    }

    /// A new namespace, and in it the name of an object that is not there yet.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn case(&self, group: Group) -> Result<Case<'_>> {
        let namespace = self.cluster.namespace("prod").await?;
        Ok(Case { site: self, group, namespace, name: "db".to_owned() })
    }

    /// Makes many objects, several at once.
    ///
    /// # Errors
    /// The API server refuses one.
    pub async fn apply_all(&self, objects: impl IntoIterator<Item = Value>) -> Result<()> {
        let mut running = JoinSet::new();
        for object in objects {
            if running.len() >= 16 {
                running.join_next().await.transpose()?.transpose()?;
            }
            let api = self.objects.clone();
            running.spawn(async move { api.create(&object).await });
        }
        while let Some(done) = running.join_next().await {
            done??;
        }
        Ok(())
    }
}
