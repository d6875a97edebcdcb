//! A request that relies on the policy, and what becomes of it.

use anyhow::{Context as _, Result, ensure};
use kseal_api::{Scope, names};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::wait_until,
    site::{Case, SOON, condition, path, sealed_for},
};
use serde_json::{Value, json};

const ITEMS: &[(&str, &str)] = &[("password", "hunter2")];

/// Asks for a data key to be wrapped, as one who may.
pub(crate) async fn ask(case: &Case<'_>, name: &str) -> Result<String> {
    let key = case.site.first_key().await?;
    let object = sealed_for(&[&key], Scope::Strict, (&case.namespace, "db"), ITEMS)?;
    let request = json!({
        "apiVersion": names::API_VERSION, "kind": names::REWRAP_REQUEST,
        "metadata": {"namespace": case.namespace, "name": name},
        "spec": {"objects": [{"scope": "Strict", "name": "db", "dataKeys": object["spec"]["dataKeys"]}]},
    });
    case.site.objects.create(&request).await?;
    Ok(path(&request))
}

/// Waits until it is answered, with the reason that the answer gives.
pub(crate) async fn is_answered(case: &Case<'_>, path: &str, reason: &str) -> Result<()> {
    wait_until(&format!("{path} is answered"), SOON, || async {
        let found = case.site.objects.get(path).await?;
        let complete = condition(&found, "Complete");
        let status = if reason == "Answered" { "True" } else { "False" };
        ensure!(complete["status"] == status && complete["reason"] == reason, "{}", found["status"]);
        let objects = found["status"]["objects"].as_array().map_or(0, Vec::len);
        ensure!(objects == usize::from(reason == "Answered"), "{}", found["status"]);
        Ok(())
    })
    .await
}

/// That it is not answered while the controller does its other work.
pub(crate) async fn waits(case: &Case<'_>, path: &str, other: &str) -> Result<()> {
    let other = Case { name: other.to_owned(), ..case.of(Group::Native) };
    let key = case.site.first_key().await?;
    let object = sealed_for(&[&key], Scope::Strict, (&other.namespace, &other.name), ITEMS)?;
    case.site.objects.create(&object).await?;
    other.holds(ITEMS).await?;
    let found = case.site.objects.find(path).await?.context("it was taken away")?;
    ensure!(found["status"] == Value::Null, "{}", found["status"]);
    Ok(())
}
