//! Secrets that Kubernetes fills with a token: sealed objects add to them, and wait for the account and its consent.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, Options, run, wait_until},
    site::{Case, SOON, Site, items},
};
use serde_json::{Value, json};

use crate::{FOLDER, launch, launch_with, registry::Registry as _};

const EXTRA: &[(&str, &str)] = &[("url", "https://ci.example.com"), ("ca-of-ci", "x")];

/// A sealed object whose Secret shall hold a token of `ci`, with these items beside it.
pub(crate) fn token(case: &Case<'_>, items: &[(&str, &str)]) -> Result<Value> {
    let mut object = case.sealed(items)?;
    let annotations = json!({"kubernetes.io/service-account.name": "ci"});
    object["spec"]["template"] =
        json!({"type": "kubernetes.io/service-account-token", "metadata": {"annotations": annotations}});
    Ok(object)
}

pub(crate) async fn consent(case: &Case<'_>, entries: Value) -> Result<()> {
    let patch = json!({"metadata": {"annotations": {"kseal.dev/allow-token-for": entries}}});
    case.site.objects.merge(&case.account_path("ci"), &patch).await.map(drop)
}

/// What the Secret holds once Kubernetes has filled it and all is said to be right.
pub(crate) async fn filled(case: &Case<'_>) -> Result<BTreeMap<String, String>> {
    wait_until("the Secret is filled", SOON, || async {
        let items = items(&case.is_right().await?)?;
        ensure!(items.get("token").is_some_and(|token| !token.is_empty()), "{:?}", items.keys());
        Ok(items)
    })
    .await
}

/// Whose token it is, as the API server says.
async fn reviewed(case: &Case<'_>, token: &str) -> Result<Option<String>> {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "metadata": {"name": ""}, "spec": {"token": token}});
    let answer = case.site.objects.create(&review).await?;
    Ok(answer["status"]["user"]["username"].as_str().map(ToOwned::to_owned))
}

#[test]
fn what_kubernetes_puts_there_stays_and_what_is_sealed_stands_beside_it() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, FOLDER).await?;
        let _controller = launch(&site).await?;
        for group in Group::ALL {
            let case = site.case(group).await?;
            site.objects.apply(&token(&case, EXTRA)?).await?;
            case.wrong("ServiceAccountMissing").await?;
            case.make_account("ci", &[]).await?;
            let message = case.wrong("ServiceAccountRefuses").await?;
            ensure!(message.ends_with("kseal.dev/allow-token-for=sealedsecrets/db"), "{message}");
            ensure!(site.objects.find(&case.secret_path()).await?.is_none(), "{group:?}");
            consent(&case, json!("db,other")).await?;
            case.wrong("ServiceAccountRefuses").await?;
            consent(&case, json!("x, sealedsecrets/db")).await?;

            let first = filled(&case).await?;
            let names: Vec<&str> = first.keys().map(String::as_str).collect();
            ensure!(names == ["ca-of-ci", "ca.crt", "namespace", "token", "url"], "{names:?}");
            let user = format!("system:serviceaccount:{}:ci", case.namespace);
            ensure!(reviewed(&case, &first["token"]).await? == Some(user));

            // Items come, change and go; the token stays.
            site.objects.apply(&token(&case, &[("url", "https://new.example.com")])?).await?;
            wait_until("the items are the new ones", SOON, || async {
                let mut items = items(&case.is_right().await?)?;
                ensure!(items.remove("url").as_deref() == Some("https://new.example.com"), "{:?}", items.keys());
                ensure!(!items.contains_key("ca-of-ci"), "what is sealed no more is there");
                ensure!(items["token"] == first["token"], "another token");
                Ok(())
            })
            .await?;
            // What somebody else takes out of it comes back.
            site.objects.merge(&case.secret_path(), &json!({"data": {"url": null}})).await?;
            wait_until("the item is back", SOON, || async {
                ensure!(items(&case.is_right().await?)?.contains_key("url"));
                Ok(())
            })
            .await?;
        }
        Ok(())
    });
}

#[test]
fn a_hundred_looks_leave_the_token_as_it_is() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, FOLDER).await?;
        let _controller = launch(&site).await?;
        let case = site.case(Group::Native).await?;
        case.make_account("ci", &[]).await?;
        consent(&case, json!("sealedsecrets/db")).await?;
        site.objects.apply(&token(&case, EXTRA)?).await?;
        let first = filled(&case).await?;
        let uid = case.secret().await?["metadata"]["uid"].clone();
        for look in 0..100 {
            // Each look has its own hash, so that one cannot pass for another.
            let before = case.object().await?["status"]["observed"]["hash"].clone();
            case.annotate("kseal.dev/reconcile-at", look.to_string()).await?;
            wait_until("it was looked at", SOON, || async {
                let object = case.object().await?;
                ensure!(object["status"]["observed"]["hash"] != before, "{before}");
                ensure!(items(&case.secret().await?)? == first, "other items");
                Ok(())
            })
            .await?;
        }
        ensure!(case.secret().await?["metadata"]["uid"] == uid);
        Ok(())
    });
}

#[test]
fn a_recreated_account_gets_a_token_of_its_own() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, FOLDER).await?;
        let _controller = launch(&site).await?;
        let case = site.case(Group::Native).await?;
        case.make_account("ci", &[]).await?;
        consent(&case, json!("sealedsecrets/db")).await?;
        site.objects.apply(&token(&case, EXTRA)?).await?;
        let first = filled(&case).await?;
        site.objects.delete(&case.account_path("ci")).await?;
        case.wrong("ServiceAccountMissing").await?;
        case.gone().await?;
        case.make_account("ci", &[]).await?;
        case.wrong("ServiceAccountRefuses").await?;
        consent(&case, json!("sealedsecrets/db")).await?;
        let second = filled(&case).await?;
        ensure!(second["token"] != first["token"]);
        ensure!(reviewed(&case, &first["token"]).await?.is_none());
        ensure!(reviewed(&case, &second["token"]).await?.is_some());
        Ok(())
    });
}

#[test]
fn what_kubernetes_could_not_fill_is_not_made() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, FOLDER).await?;
        let controller = launch(&site).await?;
        for group in Group::ALL {
            let case = site.case(group).await?;
            case.make_account("ci", &[]).await?;
            consent(&case, json!("sealedsecrets/db")).await?;
            let mut forged = token(&case, &[("token", "forged")])?;
            site.objects.apply(&forged).await?;
            case.wrong("TokenSecret").await?;
            forged = token(&case, EXTRA)?;
            forged["spec"]["template"]["immutable"] = json!(true);
            site.objects.apply(&forged).await?;
            case.wrong("TokenSecret").await?;
            ensure!(site.objects.find(&case.secret_path()).await?.is_none());
        }
        controller.stop().await?;
        let _controller = launch_with(&site, &["--service-account-tokens=false"]).await?;
        let case = site.case(Group::Native).await?;
        case.make_account("ci", &[]).await?;
        consent(&case, json!("sealedsecrets/db")).await?;
        site.objects.apply(&token(&case, EXTRA)?).await?;
        case.wrong("ForbiddenType").await.context("it is switched off")?;
        Ok(())
    });
}
