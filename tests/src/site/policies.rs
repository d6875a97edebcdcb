//! Admission policies as requests rely on them.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
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
        let mut newest = Timestamp::MIN;
        for collection in POLICY_COLLECTIONS {
            let metadata = self.objects.get(&policy_path(collection, policy)).await?["metadata"].take();
            let fields = metadata["managedFields"].as_array().into_iter().flatten();
            let entries = fields.filter(|entry| entry["subresource"] != "status");
            for time in entries.map(|entry| &entry["time"]).chain([&metadata["creationTimestamp"]]) {
                newest = newest.max(time.as_str().context("a time")?.parse()?);
            }
        }
        let grace = Duration::from_secs(GRACE_SECONDS.unsigned_abs());
        wait_until(&format!("{} is old enough", policy.name()), SOON, || async {
            ensure!(self.now().await? >= newest + grace);
            Ok(())
        })
        .await
    }

    /// The API server's clock: what is made now is as old as this.
    async fn now(&self) -> Result<Timestamp> {
        let metadata = json!({"name": "now", "namespace": "default"});
        let object: Value = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
        let made = self.objects.try_out(&object).await?;
        Ok(made["metadata"]["creationTimestamp"].as_str().context("a time")?.parse()?)
    }
}
