//! What can go wrong around the controller, and that it comes to the same end. Each test has a control plane of its own.

#[path = "controller_failures/away.rs"]
mod away;
#[path = "controller_failures/calls.rs"]
mod calls;
#[path = "controller_failures/definitions.rs"]
mod definitions;
#[path = "controller_failures/fight.rs"]
mod fight;
#[path = "controller_failures/keys.rs"]
mod keys;
#[path = "controller_failures/replicas.rs"]
mod replicas;
#[path = "controller_failures/rights.rs"]
mod rights;
#[path = "controller_failures/server.rs"]
mod server;
#[path = "controller_failures/states.rs"]
mod states;

use anyhow::{Context as _, Result};
use kseal_core::reconcile::Group;
use kseal_tests::site::{Case, Site};
use tokio::try_join;

const ITEMS: &[(&str, &str)] = &[("user", "admin"), ("password", "hunter2")];
const OTHERS: &[(&str, &str)] = &[("user", "root"), ("password", "hunter3")];

/// A case of either kind, each in a namespace of its own.
async fn cases<'s>(site: &'s Site<'s>) -> Result<[Case<'s>; 2]> {
    Ok([site.case(Group::Native).await?, site.case(Group::Upstream).await?])
}

/// Does the same for both, side by side.
async fn each(cases: &[Case<'_>; 2], test: impl AsyncFn(&Case<'_>) -> Result<()>) -> Result<()> {
    let [native, upstream] = cases.each_ref().map(|case| {
        let test = &test;
        async move { test(case).await.context(case.group.as_str()) }
    });
    try_join!(native, upstream)?;
    Ok(())
}
