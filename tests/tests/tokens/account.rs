//! Whose token it is: the ServiceAccount has to be there, to be the same, and to consent.

use anyhow::ensure;
use kseal_api::names;
use kseal_tests::cluster::{Cluster, Options, run};
use serde_json::{Value, json};

use crate::place::{ACCOUNT, OBJECT, Place, SECRET, site, start};

fn modes() -> [Value; 2] {
    [
        json!({"mode": "Bound", "expirationSeconds": 600}),
        json!({"mode": "Secret", "rotation": {"periodSeconds": 1_000, "overlapSeconds": 10}}),
    ]
}

#[test]
fn an_account_that_is_made_again_gets_a_fresh_token() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let controller = start(&site).await?;
        for mode in modes() {
            let place = Place { site: &site, namespace: cluster.namespace("team").await? };
            place.ask(mode).await?;
            place.says("False", "ServiceAccountMissing").await?;
            place.add_account(json!({names::ALLOW_TOKEN_FOR: OBJECT})).await?;
            let first = place.holds().await?;
            site.objects.delete(&place.path("serviceaccounts", ACCOUNT)).await?;
            place.says("False", "ServiceAccountMissing").await?;
            place.dies(&first.text).await?;
            place.add_account(json!({names::ALLOW_TOKEN_FOR: OBJECT})).await?;
            place.follows(&first).await?;
            ensure!(place.review(&first.text).await?.is_none());
        }
        controller.stop().await
    });
}

#[test]
fn nothing_is_made_without_consent_and_nothing_renewed_after_it() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let controller = start(&site).await?;
        for mode in modes() {
            let place = Place { site: &site, namespace: cluster.namespace("team").await? };
            place.add_account(json!({names::ALLOW_TOKEN_FOR: "another, sealedsecrets/ci"})).await?;
            place.ask(mode).await?;
            let object = place.says("False", "ServiceAccountRefuses").await?;
            let words = "kubectl annotate serviceaccount bot kseal.dev/allow-token-for=ci";
            ensure!(object["status"].to_string().contains(words), "{}", object["status"]);
            ensure!(site.objects.find(&place.path("secrets", SECRET)).await?.is_none());
            ensure!(place.token_secrets().await?.is_empty());

            place.consent(json!({names::ALLOW_TOKEN_FOR: "another,ci"})).await?;
            let token = place.holds().await?;
            place.consent(json!({names::ALLOW_TOKEN_FOR: null})).await?;
            // What was given stays until it is due.
            place.annotate(json!({names::RECONCILE_AT: "1"})).await?;
            ensure!(place.holds().await? == token);
            place.age(1_001).await?;
            place.says("False", "ServiceAccountRefuses").await?;
            ensure!(place.token().await? == token);
            place.consent(json!({names::ALLOW_TOKEN_FOR: "ci"})).await?;
            place.follows(&token).await?;
            let events = place.events().await?;
            ensure!(events.iter().filter(|(_, reason)| reason == "ServiceAccountRefuses").count() == 2, "{events:?}");
        }
        controller.stop().await
    });
}
