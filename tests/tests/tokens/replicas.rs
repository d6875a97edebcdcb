//! Restarts, and two replicas that both believe that they lead.

use anyhow::{Result, ensure};
use http::Method;
use kseal_tests::{
    cluster::{Asked, Cluster, Controller, ControllerOptions, Options, Treatment, run, wait_until},
    site::SOON,
};
use serde_json::{Value, json};

use crate::place::{OBJECT, Place, SECRET, options, site, start};

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/kseal-system/leases";

/// Lets whoever asks be the holder of a lease of its own.
fn lease_of_its_own(asked: &Asked) -> Treatment {
    if !asked.path.starts_with(LEASE) {
        return Treatment::Pass;
    }
    if asked.method == Method::GET {
        return Treatment::refuse(404, "NotFound");
    }
    let mut body = asked.body.clone();
    body["metadata"]["resourceVersion"] = json!("1");
    body["metadata"]["uid"] = json!("a lease of its own");
    Treatment::Answer { code: if asked.method == Method::POST { 201 } else { 200 }, body, retry_after: None }
}

fn modes() -> [Value; 2] {
    [
        json!({"mode": "Bound", "expirationSeconds": 600}),
        json!({"mode": "Secret", "rotation": {"periodSeconds": 1_000, "overlapSeconds": 10}}),
    ]
}

#[test]
fn a_restart_writes_nothing() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let mut places = Vec::new();
        for mode in modes() {
            let place = Place::new(&site).await?;
            place.ask(mode).await?;
            places.push(place);
        }
        let controller = start(&site).await?;
        let mut before = Vec::new();
        for place in &places {
            place.holds().await?;
            before.push((place.object().await?, place.secret().await?, place.token_secrets().await?.len()));
        }
        controller.stop().await?;
        let proxy = cluster.proxy(|_| Treatment::Pass).await?;
        let controller = site.start(ControllerOptions { server: Some(proxy.address()), ..options(&[]) }).await?;
        wait_until("all is looked at", SOON, || async {
            for mode in ["Bound", "Secret"] {
                let series = format!("kseal_service_account_tokens{{mode=\"{mode}\",state=\"ready\"}}");
                ensure!(controller.metric(&series).await? > 0.5, "{mode} is not");
            }
            Ok(())
        })
        .await?;
        for (place, before) in places.iter().zip(&before) {
            let now = (place.object().await?, place.secret().await?, place.token_secrets().await?.len());
            ensure!(now == *before, "something was written");
        }
        let writes: Vec<Asked> =
            proxy.asked().into_iter().filter(|asked| asked.is_write() && asked.path.contains("/team-")).collect();
        ensure!(writes.is_empty(), "{writes:?}");
        controller.stop().await
    });
}

#[test]
fn two_leaders_come_to_one_end() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let proxies = [cluster.proxy(lease_of_its_own).await?, cluster.proxy(lease_of_its_own).await?];
        let lead = async |server: String| -> Result<Controller> {
            let controller = site.start(ControllerOptions { server: Some(server), ..options(&[]) }).await?;
            wait_until("it leads", SOON, || async {
                ensure!(controller.metric("kseal_leader").await? > 0.5, "it does not");
                Ok(())
            })
            .await?;
            Ok(controller)
        };
        let (first, second) = tokio::try_join!(lead(proxies[0].address()), lead(proxies[1].address()))?;
        for mode in modes() {
            for _ in 0..4 {
                let place = Place::new(&site).await?;
                place.ask(mode.clone()).await?;
                let mut token = place.holds().await?;
                place.age(1_001).await?;
                token = place.follows(&token).await?;
                place.is_good(&token.text).await?;
                site.objects.delete(&place.path("secrets", SECRET)).await?;
                wait_until("the Secret is back", SOON, || async {
                    let now = place.token().await?;
                    ensure!(now.secret_uid != token.secret_uid);
                    place.is_good(&now.text).await
                })
                .await?;
                // In the end there is one, and nobody writes any more.
                let count = usize::from(mode["mode"] == "Secret");
                wait_until("there is one, and it stays", SOON, || async {
                    place.age(20).await?;
                    place.annotate(json!({"kseal.dev/reconcile-at": proxies[0].asked().len().to_string()})).await?;
                    let sources = place.token_secrets().await?;
                    ensure!(sources.len() == count, "{} token Secrets", sources.len());
                    place.is_good(&place.token().await?.text).await
                })
                .await?;
                let object = place.object().await?;
                ensure!(object["metadata"]["name"] == OBJECT && object["status"]["conditions"][0]["status"] == "True");
            }
        }
        for proxy in &proxies {
            let wrote = |asked: &Asked| asked.is_write() && asked.path.contains("/team-");
            ensure!(proxy.asked().iter().any(wrote), "it did nothing");
        }
        first.stop().await?;
        second.stop().await
    });
}
