//! Others who write the same Secrets.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use kseal_api::names;
use kseal_tests::{
    cluster::{Cluster, Options, run, wait_until},
    site::SOON,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::place::{Place, SECRET, site, start};

#[test]
fn who_changes_the_secret_is_put_right_with_the_same_token() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let controller = start(&site).await?;
        for mode in ["Bound", "Secret"] {
            let changes = [
                json!({"data": {"namespace": "eA=="}}),
                json!({"data": {"ca.crt": null}}),
                json!({"data": {"other": "eA=="}}),
                json!({"metadata": {"labels": {names::TOKEN_OF: null}}}),
            ];
            for change in changes {
                // Each in a namespace of its own, so that none has to wait for the answer to the one before.
                let place = Place::new(&site).await?;
                place.ask(json!({"mode": mode})).await?;
                let token = place.holds().await?;
                let before = place.secret().await?;
                site.objects.merge(&place.path("secrets", SECRET), &change).await?;
                wait_until("it is put right", SOON, || async {
                    let now = place.secret().await?;
                    ensure!(now["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]);
                    ensure!(now["data"] == before["data"] && now["metadata"]["labels"] == before["metadata"]["labels"]);
                    ensure!(place.events().await?.contains(&("Normal".into(), "Repaired".into())));
                    Ok(())
                })
                .await
                .with_context(|| format!("{mode} {change}"))?;
                ensure!(place.holds().await? == token);
            }
            let place = Place::new(&site).await?;
            place.ask(json!({"mode": mode})).await?;
            let token = place.holds().await?;
            site.objects.merge(&place.path("secrets", SECRET), &json!({"data": {"token": "eA=="}})).await?;
            let now = wait_until("there is a good token again", SOON, || async {
                let now = place.token().await?;
                place.is_good(&now.text).await?;
                Ok(now)
            })
            .await?;
            ensure!((now == token) == (mode == "Secret"), "{mode}");
        }
        controller.stop().await
    });
}

#[test]
fn who_fights_gets_an_answer_every_30_seconds_and_is_named() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let controller = start(&site).await?;
        let place = Place::new(&site).await?;
        place.ask(json!({"mode": "Bound"})).await?;
        let token = place.holds().await?;
        let (began, mut answers) = (Instant::now(), 0);
        let mut last = Value::Null;
        let contested = async || -> anyhow::Result<bool> {
            let object = place.object().await?;
            Ok(object["status"]["conditions"][0]["reason"] == "Contested"
                && object["status"]["conditions"][0]["message"].to_string().contains("kubectl-edit"))
        };
        while answers < 3 || !contested().await? {
            ensure!(began.elapsed() < Duration::from_mins(2), "{answers} answers");
            let secret = place.secret().await?;
            if secret["data"]["namespace"] != "eA==" {
                if last != Value::Null {
                    answers += 1;
                }
                last =
                    site.objects.merge(&place.path("secrets", SECRET), &json!({"data": {"namespace": "eA=="}})).await?;
            }
            tokio::task::yield_now().await;
        }
        ensure!(began.elapsed() > Duration::from_secs(55), "{answers} answers in {:?}", began.elapsed());
        ensure!(place.token().await? == token);
        controller.stop().await
    });
}

#[test]
fn a_foreign_secret_is_not_touched_and_a_name_that_is_free_is_taken() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let controller = start(&site).await?;
        for mode in ["Bound", "Secret"] {
            let place = Place::new(&site).await?;
            let foreign = json!({
                "apiVersion": "v1", "kind": "Secret", "stringData": {"token": "theirs"},
                "metadata": {"namespace": place.namespace, "name": SECRET, "annotations": {names::MANAGED: "true"}},
            });
            let foreign = site.objects.create(&foreign).await?;
            place.ask(json!({"mode": mode})).await?;
            place.says("False", "NotOwned").await?;
            ensure!(place.secret().await? == foreign && place.token_secrets().await?.is_empty());
            site.objects.delete(&place.path("secrets", SECRET)).await?;
            place.holds().await?;
            // A token of the kind that cannot be told apart by its label alone.
            let labels = json!({"metadata": {"labels": {names::TOKEN_OF: place.object().await?["metadata"]["uid"]}}});
            let theirs = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": place.namespace, "name": "theirs"}});
            site.objects.create(&theirs).await?;
            site.objects.merge(&place.path("secrets", "theirs"), &labels).await?;
            place.age(100_000).await?;
            place.annotate(json!({names::RECONCILE_AT: "1"})).await?;
            place.holds().await?;
            ensure!(site.objects.find(&place.path("secrets", "theirs")).await?.is_some());
        }
        controller.stop().await
    });
}

#[test]
fn what_is_paused_is_left_as_it_is() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let controller = start(&site).await?;
        let (place, other) = (Place::new(&site).await?, Place::new(&site).await?);
        place.ask(json!({"mode": "Bound"})).await?;
        let token = place.holds().await?;
        place.annotate(json!({names::PAUSED: "true"})).await?;
        place.age(100_000).await?;
        // What came later is done.
        other.ask(json!({"mode": "Bound"})).await?;
        other.holds().await?;
        ensure!(place.token().await? == token);
        place.annotate(json!({names::PAUSED: null})).await?;
        place.follows(&token).await?;
        controller.stop().await
    });
}
