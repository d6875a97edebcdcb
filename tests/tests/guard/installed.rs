//! The policies as `deploy/` installs them are those that the controller expects, in either of its namespaces.

use anyhow::{Result, ensure};
use kseal_core::policy::Policy;
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run},
    site::{POLICY_COLLECTIONS, Site, policy_path, wait_for_policy},
};
use serde_json::json;

#[test]
fn all_policies_are_in_force_where_deploy_installs_them() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        all_are_in_force(&Site::bare(&cluster, "tests/fixtures/components").await?).await
    });
}

#[test]
fn all_policies_are_in_force_in_the_place_of_sealed_secrets() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, "tests/fixtures/components-in-kube-system").await?;
        ensure!(site.installation.namespace()? == "kube-system");
        all_are_in_force(&site).await
    });
}

async fn all_are_in_force(site: &Site<'_>) -> Result<()> {
    let controller = site.start(ControllerOptions::default()).await?;
    for policy in Policy::ALL {
        wait_for_policy(&controller, policy, true).await?;
    }
    // Parameters that lie elsewhere are somebody else's.
    let policy = Policy::ServiceAccountTokens;
    let binding = policy_path(POLICY_COLLECTIONS[1], policy);
    let elsewhere = |namespace: &str| json!({"spec": {"paramRef": {"namespace": namespace}}});
    site.objects.merge(&binding, &elsewhere("default")).await?;
    wait_for_policy(&controller, policy, false).await?;
    site.objects.merge(&binding, &elsewhere(site.installation.namespace()?)).await?;
    wait_for_policy(&controller, policy, true).await?;
    wait_for_policy(&controller, Policy::ImagePullSecrets, true).await?;

    // Each is watched by its name, with a right that names it.
    let user = site.installation.user()?;
    let asked = site.cluster.audit().await?;
    let watched = asked.iter().filter(|it| it.user == user && POLICY_COLLECTIONS.contains(&it.resource.as_str()));
    let mut names = 0;
    for request in watched {
        ensure!(request.code == 200 && request.uri.contains("fieldSelector=metadata.name%3Dkseal-"), "{request:?}");
        names += 1;
    }
    ensure!(names >= 2 * Policy::ALL.len());
    Ok(())
}
