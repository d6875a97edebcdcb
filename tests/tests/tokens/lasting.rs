//! `mode: Secret`: tokens that never expire, and are followed by others.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use kseal_api::names;
use kseal_tests::{
    cluster::{Cluster, Options, run, wait_until},
    site::SOON,
};
use serde_json::{Value, json};

use crate::place::{Place, SECRET, Token, claims, site, start};

fn rotating() -> Value {
    json!({"mode": "Secret", "rotation": {"periodSeconds": 1_000, "overlapSeconds": 300}})
}

fn name(secret: &Value) -> Result<String> {
    Ok(secret["metadata"]["name"].as_str().context("a name")?.to_owned())
}

/// The one token Secret that there is.
async fn source(place: &Place<'_>) -> Result<String> {
    let all = place.token_secrets().await?;
    ensure!(all.len() == 1, "{} token Secrets", all.len());
    name(&all[0])
}

#[test]
fn a_token_lasts_and_what_is_deleted_comes_back() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let controller = start(&site).await?;
        let place = Place::new(&site).await?;
        place.ask(json!({"mode": "Secret"})).await?;
        let first = place.holds().await?;
        ensure!(claims(&first.text)?.get("exp").is_none());
        let object = place.object().await?;
        ensure!(
            object["status"].get("expirationTimestamp").is_none() && object["status"].get("renewalTimestamp").is_none()
        );
        let from = source(&place).await?;
        ensure!(from.starts_with("ci-token-") && from.len() == "ci-token-".len() + 8, "{from}");
        let items = place.items().await?;
        ensure!(items.keys().collect::<Vec<_>>() == ["ca.crt", "namespace", "token"]);

        // The published one is a copy, so the token is the same.
        site.objects.delete(&place.path("secrets", SECRET)).await?;
        wait_until("the Secret is back", SOON, || async {
            ensure!(place.token().await?.secret_uid != first.secret_uid, "it is the old one");
            Ok(())
        })
        .await?;
        let second = place.holds().await?;
        ensure!(second.text == first.text && source(&place).await? == from);

        // The token dies with the token Secret, and another one comes under a name that never was.
        let deleted = place.path("secrets", &from);
        site.objects.delete(&deleted).await?;
        let third = place.follows(&second).await?;
        place.dies(&first.text).await?;
        ensure!(source(&place).await? != from);

        let before = place.secret().await?;
        controller.stop().await?;
        let controller = start(&site).await?;
        place.annotate(json!({names::RECONCILE_AT: "now"})).await?;
        ensure!(place.holds().await? == third && place.secret().await? == before);

        site.objects.delete(&place.object_path()).await?;
        wait_until("all Secrets are gone", SOON, || async {
            ensure!(place.token_secrets().await?.is_empty() && place.secret().await.is_err(), "some are there");
            Ok(())
        })
        .await?;
        place.dies(&third.text).await?;
        controller.stop().await
    });
}

/// Asks TokenReview every 50 ms whether what is published is good, until `stop`.
async fn watch(place: &Place<'_>, stop: &AtomicBool, count: &AtomicUsize) -> Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let published = place.token().await.context("nothing is published")?;
        place.is_good(&published.text).await.context("what is published is not good")?;
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

#[test]
fn there_is_never_a_moment_without_a_good_token_while_one_follows_the_other() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let controller = start(&site).await?;
        let place = Place::new(&site).await?;
        place.ask(rotating()).await?;
        let first = place.holds().await?;
        let (stop, count) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
        let rotating = async {
            let mut before: Token = first.clone();
            for _ in 0..3 {
                place.age(1_001).await?;
                let next = place.follows(&before).await?;
                // The one before is good for the overlap, and then goes.
                place.is_good(&before.text).await?;
                ensure!(place.token_secrets().await?.len() == 2);
                place.age(299).await?;
                place.annotate(json!({names::RECONCILE_AT: before.text.len().to_string() + &next.text[..0]})).await?;
                place.is_good(&before.text).await?;
                place.age(2).await?;
                wait_until("the old one is gone", SOON, || source(&place)).await?;
                place.dies(&before.text).await?;
                ensure!(place.holds().await? == next);
                before = next;
            }
            stop.store(true, Ordering::Relaxed);
            Ok(())
        };
        tokio::try_join!(rotating, watch(&place, &stop, &count))?;
        ensure!(count.load(Ordering::Relaxed) > 20, "it was looked {count:?} times");
        // Of the test's own changes.
        let events = place.events().await?;
        ensure!(events.iter().all(|(_, reason)| reason == "Repaired"), "{events:?}");
        controller.stop().await
    });
}

#[test]
fn one_mode_takes_over_from_the_other() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let controller = start(&site).await?;
        let place = Place::new(&site).await?;
        place.ask(json!({"mode": "Secret"})).await?;
        let lasting = place.holds().await?;
        place.ask(json!({"mode": "Bound"})).await?;
        let bound = place.follows(&lasting).await?;
        place.is_good(&lasting.text).await?;
        place.age(3_600).await?;
        let bound = place.follows(&bound).await?;
        place.dies(&lasting.text).await?;
        place.ask(json!({"mode": "Secret"})).await?;
        place.follows(&bound).await?;
        controller.stop().await
    });
}
