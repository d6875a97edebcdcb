//! Who asks is looked at by an admission policy. What was honoured once goes on when that is gone; what is new does not begin.

use anyhow::{Context as _, Result, ensure};
use kseal_core::policy::Policy;
use kseal_tests::{
    cluster::{Cluster, Options, run, wait_until},
    site::{SOON, condition},
};
use serde_json::{Value, json};

use crate::place::{Place, SECRET, options, site};

const BINDINGS: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";

/// Asks until the policy is old enough.
async fn ask(place: &Place<'_>, spec: &Value) -> Result<()> {
    wait_until("the request is honoured", SOON, || async {
        place.ask(spec.clone()).await?;
        let reason = wait_until("it is told", SOON, || async {
            let object = place.object().await?;
            let reason = condition(&object, "Ready")["reason"].as_str().context("nothing is told")?.to_owned();
            Ok(reason)
        })
        .await?;
        if reason != "Published" {
            place.site.objects.delete(&place.object_path()).await?;
        }
        ensure!(reason == "Published", "{reason}");
        Ok(())
    })
    .await
}

#[test]
fn what_was_honoured_goes_on_without_the_policy_and_nothing_new_begins() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let controller = site.start(options(&["--policies=required"])).await?;
        let (place, other) = (Place::new(&site).await?, Place::new(&site).await?);
        let spec = json!({"mode": "Bound", "expirationSeconds": 600});
        ask(&place, &spec).await?;
        let first = place.holds().await?;

        let name = Policy::ServiceAccountTokens.name();
        site.objects.delete(&format!("{BINDINGS}/{name}")).await?;
        wait_until("the alarm is raised", SOON, || async {
            ensure!(controller.metric(&format!("kseal_policy_in_force{{policy=\"{name}\"}}")).await? < 0.5);
            Ok(())
        })
        .await?;
        place.age(1_001).await?;
        let second = place.follows(&first).await?;
        other.ask(spec.clone()).await?;
        other.says("False", "PolicyMissing").await?;
        ensure!(site.objects.find(&other.path("secrets", SECRET)).await?.is_none());
        // Another spec is another request.
        place.ask(json!({"mode": "Bound", "expirationSeconds": 900})).await?;
        place.says("False", "PolicyMissing").await?;
        ensure!(place.token().await? == second);

        cluster.kubectl(["apply", "-k", "deploy/policies"]).run().await?;
        place.says("False", "OlderThanPolicy").await?;
        ensure!(place.token().await? == second);
        site.objects.delete(&place.object_path()).await?;
        ask(&place, &spec).await?;
        place.follows(&second).await?;
        controller.stop().await
    });
}
