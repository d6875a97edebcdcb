//! What sealed objects ask of ServiceAccounts: registry Secrets in their `imagePullSecrets`, and Secrets with their tokens.

#[path = "service_accounts/aging.rs"]
mod aging;
#[path = "service_accounts/everywhere.rs"]
mod everywhere;
#[path = "service_accounts/failing.rs"]
mod failing;
#[path = "service_accounts/fighting.rs"]
mod fighting;
#[path = "service_accounts/pulling.rs"]
mod pulling;
#[path = "service_accounts/registry.rs"]
mod registry;
#[path = "service_accounts/token_secrets.rs"]
mod token_secrets;

use anyhow::Result;
use kseal_tests::{
    cluster::{Controller, ControllerOptions},
    site::Site,
};

/// `deploy/` with all components that concern ServiceAccounts.
const FOLDER: &str = "tests/fixtures/accounts";
/// What a registry Secret holds.
const CREDENTIALS: &[(&str, &str)] = &[(".dockerconfigjson", r#"{"auths":{"registry.example.com":{"auth":"YTpi"}}}"#)];

/// A controller that honours who asks without looking who that is, since that is another test.
async fn launch(site: &Site<'_>) -> Result<Controller> {
    launch_with(site, &[]).await
}

async fn launch_with(site: &Site<'_>, arguments: &[&str]) -> Result<Controller> {
    let arguments = ["--policies=elsewhere"].iter().chain(arguments).map(|it| (*it).to_owned()).collect();
    let controller = site.launch(ControllerOptions { arguments, ..ControllerOptions::default() }).await?;
    controller.wait_ready().await?;
    Ok(controller)
}
