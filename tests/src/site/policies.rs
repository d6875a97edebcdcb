//! Admission policies as requests rely on them.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use kseal_api::names;
use kseal_core::policy::{GRACE_SECONDS, Policy};
use serde_json::{Value, json};

use super::{SOON, Site};
use crate::cluster::{Controller, wait_until};

/// A policy, and its binding.
pub const POLICY_COLLECTIONS: [&str; 2] = ["validatingadmissionpolicies", "validatingadmissionpolicybindings"];

/// Where a policy, or its binding, is.
#[must_use]
pub fn policy_path(collection: &str, policy: Policy) -> String {
    format!("/apis/admissionregistration.k8s.io/v1/{collection}/{}", policy.name())
}

/// The metric that says whether a policy is in force.
#[must_use]
pub fn policy_metric(policy: Policy) -> String {
    format!("kseal_policy_in_force{{policy=\"{}\"}}", policy.name())
}

/// Waits until a controller says that a policy is in force, or is not.
///
/// # Errors
/// It does not say so in time.
pub async fn wait_for_policy(controller: &Controller, policy: Policy, is_in_force: bool) -> Result<()> {
    let series = policy_metric(policy);
    wait_until(&format!("{series} {}", u8::from(is_in_force)), SOON, || async {
        let value = controller.metric(&series).await?;
        ensure!((value > 0.5) == is_in_force, "it is {value}");
        Ok(())
    })
    .await
}

impl Site<'_> {
    /// Waits until a controller takes a policy for old enough to have seen what is asked from now on.
    ///
    /// # Errors
    /// It is not there.
    pub async fn until_old_enough(&self, policy: Policy) -> Result<()> {
        let since = wait_until(&format!("it is known since when {} is so", policy.name()), SOON, || async {
            self.since(policy).await
        })
        .await?;
        let grace = Duration::from_secs(GRACE_SECONDS.unsigned_abs());
        wait_until(&format!("{} is old enough", policy.name()), SOON, || async {
            ensure!(self.now().await? >= since + grace);
            Ok(())
        })
        .await
    }

    /// Since when a policy is as it is: what never changed tells that itself, and of the rest a controller tells.
    async fn since(&self, policy: Policy) -> Result<Timestamp> {
        let mut never_changed = true;
        let mut newest = Timestamp::MIN;
        let mut versions = Vec::new();
        for collection in POLICY_COLLECTIONS {
            let metadata = self.objects.get(&policy_path(collection, policy)).await?["metadata"].take();
            newest = newest.max(metadata["creationTimestamp"].as_str().context("a time")?.parse()?);
            never_changed &= metadata["generation"] == 1;
            versions.push(json!([metadata["uid"], metadata["generation"]]));
        }
        if never_changed {
            return Ok(newest);
        }
        let namespace = self.installation.namespace()?;
        let path = format!("/api/v1/namespaces/{namespace}/configmaps/{}", names::POLICY_RECORD);
        let record = self.objects.get(&path).await?["data"][policy.name()].take();
        let record: Value = serde_json::from_str(record.as_str().context("no record of it")?)?;
        let recorded = ["policy", "binding"].map(|part| json!([record[part]["uid"], record[part]["generation"]]));
        ensure!(recorded[..] == versions[..], "{record} is of other ones than {versions:?}");
        Ok(record["since"].as_str().context("a time")?.parse()?)
    }

    /// The API server's clock: what is made now is as old as this.
    async fn now(&self) -> Result<Timestamp> {
        let metadata = json!({"name": "now", "namespace": "default"});
        let object: Value = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
        let made = self.objects.try_out(&object).await?;
        Ok(made["metadata"]["creationTimestamp"].as_str().context("a time")?.parse()?)
    }
}
