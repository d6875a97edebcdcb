//! Definitions and rights that are not there, or not yet.

use anyhow::{Context as _, Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    site::{SOON, Site, condition},
};
use serde_json::{Value, json};

use crate::{ITEMS, OTHERS, cases, each};

const BINDING: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kseal-controller";
const ROLE: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles/kseal-controller";

#[test]
fn definitions_may_come_after_it() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let definitions = ["sealedsecrets.kseal.dev", "sealedsecrets.bitnami.com"];
        cluster.kubectl(["delete", "customresourcedefinitions"].into_iter().chain(definitions)).run().await?;
        let controller = site.start(ControllerOptions::default()).await?;
        wait_until("it asked for both kinds in vain", SOON, || async {
            for group in Group::ALL {
                let lost = format!(
                    "kseal_watch_lost_total{{resource=\"sealedsecrets.{}\",category=\"not-served\"}}",
                    group.as_str()
                );
                ensure!(controller.metric(&lost).await? > 0.0);
            }
            Ok(())
        })
        .await?;
        cluster.kubectl(["create", "-f", "deploy/crds/bitnami.com_sealedsecrets.yaml"]).run().await?;
        cluster.install("deploy").await?;
        each(&cases(&site).await?, async |case| {
            case.apply(ITEMS).await?;
            case.holds(ITEMS).await.map(drop)
        })
        .await
    });
}

/// Takes one right of the role away, or gives all back, and waits until that is so.
async fn change(
    site: &Site<'_>,
    role: &Value,
    (group, resource, verb): (&str, &str, &str),
    granted: bool,
) -> Result<()> {
    let mut rules = role["rules"].clone();
    if !granted {
        let rules = rules.as_array_mut().context("a role")?;
        for rule in rules.iter_mut() {
            if rule["apiGroups"] == json!([group]) && rule["resources"] == json!([resource]) {
                rule["verbs"].as_array_mut().context("a rule")?.retain(|it| it != verb);
            }
        }
        rules.retain(|rule| rule["verbs"] != json!([]));
    }
    site.objects.merge(ROLE, &json!({"rules": rules})).await?;
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {"user": site.installation.user()?, "resourceAttributes": {
            "namespace": "default", "group": group, "resource": resource, "subresource": subresource, "verb": verb,
        }},
    });
    wait_until("the role is what it shall be", SOON, || async {
        let answer = site.objects.create(&review).await?;
        ensure!(answer["status"]["allowed"] == granted, "{answer}");
        Ok(())
    })
    .await
}

#[test]
fn a_right_that_was_taken_away_is_told_and_used_again_when_it_is_back() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let _controller = site.start(ControllerOptions::default()).await?;
        let cases = cases(&site).await?;
        let role = site.objects.get(ROLE).await?;
        let create = ("", "secrets", "create");
        change(&site, &role, create, false).await?;
        each(&cases, async |case| {
            case.apply(ITEMS).await?;
            let message = case.wrong("ApiError").await?;
            ensure!(message == "the API server answered 403 Forbidden", "{message}");
            if case.group == Group::Native {
                // Nobody has to do anything to the object itself.
                let object = case.object().await?;
                ensure!(
                    condition(&object, "Reconciling")["status"] == "True" && condition(&object, "Stalled").is_null()
                );
            }
            Ok(())
        })
        .await?;
        change(&site, &role, create, true).await?;
        each(&cases, async |case| case.holds(ITEMS).await.map(drop)).await
    });
}

#[test]
fn what_cannot_be_told_is_not_told_in_events_for_ever() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let _controller = site.start(ControllerOptions::default()).await?;
        let cases = cases(&site).await?;
        let role = site.objects.get(ROLE).await?;
        for group in Group::ALL {
            change(&site, &role, (group.as_str(), "sealedsecrets/status", "patch"), false).await?;
            let case = if group == Group::Native { &cases[0] } else { &cases[1] };
            site.objects.apply(&case.foreign(OTHERS)).await?;
            case.apply(ITEMS).await?;
            wait_until("it was refused thrice", SOON, || async {
                let refused =
                    case.requests().await?.into_iter().filter(|it| it.subresource == "status" && it.code == 403);
                ensure!(refused.count() >= 3);
                Ok(())
            })
            .await?;
            case.told(&[]).await?;
            change(&site, &role, (group.as_str(), "sealedsecrets/status", "patch"), true).await?;
            let message = case.wrong("NotOwned").await?;
            let event = match group {
                Group::Native => format!("NotOwned: {message}"),
                Group::Upstream => message.replace("failed update", "ErrUpdateFailed"),
            };
            case.told(&[&event]).await?;
        }
        Ok(())
    });
}

#[test]
fn all_rights_may_be_gone_for_a_while() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let _controller = site.start(ControllerOptions::default()).await?;
        let cases = cases(&site).await?;
        each(&cases, async |case| {
            case.named("old").apply(ITEMS).await?;
            case.named("old").holds(ITEMS).await.map(drop)
        })
        .await?;
        let binding = site.objects.get(BINDING).await?;
        site.objects.delete(BINDING).await?;
        // Its watches end, and cannot begin again.
        cluster.expire_watches().await?;
        each(&cases, async |case| {
            case.named("old").apply(OTHERS).await?;
            case.named("new").apply(ITEMS).await
        })
        .await?;
        let user = site.installation.user()?;
        wait_until("it was refused", SOON, || async {
            let refused = cluster.audit().await?.into_iter().filter(|event| event.user == user && event.code == 403);
            ensure!(refused.filter(|event| matches!(&*event.verb, "list" | "watch")).count() > 3, "not yet");
            Ok(())
        })
        .await?;
        let binding = json!({
            "apiVersion": binding["apiVersion"], "kind": binding["kind"], "metadata": {"name": binding["metadata"]["name"]},
            "roleRef": binding["roleRef"], "subjects": binding["subjects"],
        });
        site.objects.create(&binding).await?;
        each(&cases, async |case| {
            case.named("old").holds(OTHERS).await?;
            case.named("new").holds(ITEMS).await?;
            ensure!(condition(&case.named("new").object().await?, "Stalled").is_null());
            Ok(())
        })
        .await
    });
}
