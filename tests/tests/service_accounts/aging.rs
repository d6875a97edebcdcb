//! Objects that are older than their policies, since a policy was changed after them: what they change into was looked at, and
//! that is known.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kseal_core::{policy::Policy, reconcile::Group};
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    site::{Case, POLICY_COLLECTIONS, SOON, Site, cluster_sealed_for, condition, main_condition, path, policy_path},
};
use serde_json::{Value, json};

use crate::{CREDENTIALS, FOLDER, registry::Registry as _, token_secrets};

const POLICIES: [Policy; 3] = [Policy::ImagePullSecrets, Policy::ServiceAccountTokens, Policy::ClusterSealedSecrets];
/// Until every API server is sure to know a policy, and some more.
const SETTLED: Duration = Duration::from_mins(2);
const OTHERS: &[(&str, &str)] = &[(".dockerconfigjson", r#"{"auths":{"registry.example.com":{"auth":"YTpj"}}}"#)];

fn everywhere(site: &Site<'_>, items: &[(&str, &str)]) -> Result<Value> {
    let mut object =
        cluster_sealed_for(&[site.keys.native()], "registry", &json!({"matchLabels": {"team": "a"}}), items)?;
    object["spec"]["template"] = json!({"type": "kubernetes.io/dockerconfigjson"});
    object["spec"]["imagePullSecret"] = json!({"serviceAccounts": {"all": true}});
    Ok(object)
}

fn token(case: &Case<'_>, seconds: u32) -> Value {
    json!({
        "apiVersion": "kseal.dev/v1alpha1", "kind": "ServiceAccountToken",
        "metadata": {"namespace": case.namespace, "name": "ci"},
        "spec": {"serviceAccountName": "ci", "mode": "Bound", "expirationSeconds": seconds},
    })
}

/// Waits until an object of any kind says of itself as it is now that all is right.
async fn is_ready(site: &Site<'_>, path: &str, main: &str) -> Result<Value> {
    wait_until(&format!("{path} is ready"), SOON, || async {
        let object = site.objects.get(path).await?;
        ensure!(object["status"]["observedGeneration"] == object["metadata"]["generation"], "of an old generation");
        ensure!(condition(&object, main)["status"] == "True", "{}", object["status"]);
        Ok(object)
    })
    .await
}

/// What is noted of the policies under which an object was seen.
fn noted(group: Option<Group>, object: &Value) -> Value {
    match group {
        Some(group) if group == Group::Upstream => kseal_tests::site::record(group, object)["policies"].clone(),
        _ => object["status"]["policies"].clone(),
    }
}

/// Asks for all that policies look at, and answers where the objects are.
async fn ask(site: &Site<'_>, cases: &[Case<'_>; 2]) -> Result<Vec<(String, Option<Group>)>> {
    let mut watched = Vec::new();
    for case in cases {
        case.ask(&["default"]).await?;
        case.make_account("ci", &[]).await?;
        token_secrets::consent(case, json!("ci,sealedsecrets/filled")).await?;
        let filled = case.named("filled");
        site.objects.apply(&token_secrets::token(&filled, &[("a", "b")])?).await?;
        watched.extend([case, &filled].map(|it| (it.path(), Some(it.group))));
        case.named("early").ask(&["default"]).await?;
        watched.push((case.named("early").path(), Some(case.group)));
    }
    let first = &cases[0];
    site.objects.apply(&token(first, 3_600)).await?;
    watched.push((path(&token(first, 3_600)), None));
    let team = json!({"metadata": {"labels": {"team": "a"}}});
    site.objects.merge(&format!("/api/v1/namespaces/{}", first.namespace), &team).await?;
    site.objects.apply(&everywhere(site, CREDENTIALS)?).await?;
    watched.push((path(&everywhere(site, CREDENTIALS)?), None));
    Ok(watched)
}

/// Other values, other accounts, another life.
async fn change(site: &Site<'_>, cases: &[Case<'_>; 2]) -> Result<()> {
    for case in cases {
        let mut object = case.registry(&["default", "ci"])?;
        let other = case.sealed(OTHERS)?;
        for field in ["dataKeys", "encryptedData"] {
            if !other["spec"][field].is_null() {
                object["spec"][field] = other["spec"][field].clone();
            }
        }
        site.objects.apply(&object).await?;
        case.holds(OTHERS).await?;
        wait_until("the other account pulls with it, too", SOON, || async {
            let entries = case.entries("ci").await?;
            ensure!(entries.contains(&"db".to_owned()), "{entries:?}");
            Ok(())
        })
        .await?;
        let filled = case.named("filled");
        site.objects.apply(&token_secrets::token(&filled, &[("a", "c")])?).await?;
        wait_until("the item is another one", SOON, || async {
            ensure!(kseal_tests::site::items(&filled.is_right().await?)?["a"] == "c");
            Ok(())
        })
        .await?;
        // The one that was changed too early is changed once more.
        case.named("early").ask(&["ci"]).await?;
        case.named("early").right().await?;
    }
    site.objects.apply(&token(&cases[0], 1_200)).await?;
    site.objects.apply(&everywhere(site, OTHERS)?).await?;
    Ok(())
}

#[test]
fn what_an_old_object_changes_into_is_honoured_once_the_policies_are_settled() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, FOLDER).await?;
        let controller = site.launch(ControllerOptions::default()).await?;
        for policy in POLICIES {
            site.until_old_enough(policy).await?;
        }
        let cases = [site.case(Group::Native).await?, site.case(Group::Upstream).await?];
        let watched = ask(&site, &cases).await?;
        for (path, group) in &watched {
            let object = is_ready(&site, path, group.map_or("Ready", main_condition)).await?;
            ensure!(noted(*group, &object).is_null(), "its age is proof enough: {}", object["status"]);
        }

        // Nothing that means anything in the end; but what was meanwhile, nobody sees.
        for policy in POLICIES {
            let path = policy_path(POLICY_COLLECTIONS[0], policy);
            for word in ["Ignore", "Fail"] {
                site.objects.merge(&path, &json!({"spec": {"failurePolicy": word}})).await?;
            }
        }
        for case in &cases {
            let early = case.named("early");
            early.ask(&["default", "ci"]).await?;
            early.wrong("OlderThanPolicy").await?;
            let entries = early.entries("ci").await?;
            ensure!(!entries.contains(&"early".to_owned()), "{entries:?}");
        }
        let mut notes = Vec::new();
        for (path, group) in &watched {
            let note = wait_until(&format!("{path} was seen under the policies"), SETTLED, || async {
                let object = site.objects.get(path).await?;
                let note = noted(*group, &object);
                ensure!(note["since"].is_number(), "{}", object["status"]);
                Ok(note)
            })
            .await?;
            notes.push(note);
        }

        change(&site, &cases).await?;
        for (path, group) in &watched {
            is_ready(&site, path, group.map_or("Ready", main_condition)).await.context("it was changed")?;
        }
        let registry = cases[0].named("registry");
        registry.ensure_items(&registry.secret().await?, OTHERS)?;

        // And a restart costs nothing.
        controller.stop().await?;
        let before = cluster.audit().await?.len();
        let controller = site.launch(ControllerOptions::default()).await?;
        wait_until("all is known to be right", SOON, || async {
            for group in Group::ALL {
                let ready = controller
                    .metric(&format!("kseal_objects{{group=\"{}\",state=\"ready\"}}", group.as_str()))
                    .await?;
                ensure!(ready > 2.5, "{ready}");
            }
            Ok(())
        })
        .await?;
        let (user, own) = (site.installation.user()?, site.installation.namespace()?);
        let mut events = cluster.audit().await?.split_off(before);
        let is_read = |verb: &str| ["get", "list", "watch"].contains(&verb);
        events.retain(|event| event.user == user && event.namespace != own && !is_read(&event.verb));
        ensure!(events.is_empty(), "{events:#?}");
        Ok(())
    });
}
