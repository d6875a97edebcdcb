//! `mode: Bound`: short-lived tokens that die with their Secret.

use anyhow::{Context as _, Result, ensure};
use kseal_tests::{
    cluster::{Cluster, Options, run, wait_until},
    site::SOON,
};
use serde_json::{Value, json};

use crate::place::{ACCOUNT, OBJECT, Place, SECRET, claims, options, site, start};

fn bound() -> Value {
    json!({"mode": "Bound", "expirationSeconds": 600})
}

fn time(value: &Value) -> Result<i64> {
    Ok(value.as_str().context("a time")?.parse::<jiff::Timestamp>()?.as_second())
}

#[test]
fn a_token_is_published_renewed_in_time_and_never_otherwise() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let controller = start(&site).await?;
        let place = Place::new(&site).await?;
        place.ask(bound()).await?;
        let first = place.holds().await?;

        // It is bound to the Secret, and lives as long as the server said.
        let of_token = claims(&first.text)?;
        ensure!(of_token["kubernetes.io"]["secret"] == json!({"name": SECRET, "uid": first.secret_uid}));
        let (issued, expires) = (of_token["iat"].as_i64().context("iat")?, of_token["exp"].as_i64().context("exp")?);
        ensure!(expires - issued == 600);
        let object = place.object().await?;
        let status = &object["status"];
        ensure!(time(&status["expirationTimestamp"])? == expires, "{status}");
        let renewal = time(&status["renewalTimestamp"])?;
        ensure!((issued + 450..=issued + 480).contains(&renewal), "{status}");
        ensure!(
            status["secretName"] == SECRET
                && status["serviceAccountUID"] == of_token["kubernetes.io"]["serviceaccount"]["uid"]
        );
        ensure!(status["honouredGeneration"] == 1);
        let items = place.items().await?;
        ensure!(items.keys().collect::<Vec<_>>() == ["ca.crt", "namespace", "token"]);
        ensure!(items["namespace"] == place.namespace && items["ca.crt"].starts_with("-----BEGIN CERTIFICATE-----\n"));
        ensure!(place.secret().await?["type"] == "Opaque");

        // A hundred looks change nothing.
        let before = place.secret().await?;
        for number in 0..100 {
            let reconciles = async || {
                controller
                    .metric("kseal_api_requests_total{verb=\"get\",resource=\"serviceaccounttokens.kseal.dev\",code=\"200\"}")
                    .await
            };
            let looks = reconciles().await?;
            place.annotate(json!({"kseal.dev/reconcile-at": number.to_string()})).await?;
            wait_until("it was looked at again", SOON, || async {
                ensure!(reconciles().await? > looks, "it was not");
                Ok(())
            })
            .await?;
        }
        ensure!(place.secret().await? == before, "something was written");

        // Not yet.
        place.age(400).await?;
        place.annotate(json!({"kseal.dev/reconcile-at": "young"})).await?;
        let again = place.holds().await?;
        ensure!(again == first);
        // But now: the one before is still good, and so is every one that is published.
        place.age(81).await?;
        let second = place.follows(&first).await?;
        ensure!(second.secret_uid == first.secret_uid);
        place.is_good(&first.text).await?;
        // Of the test's own changes.
        let events = place.events().await?;
        ensure!(events.iter().all(|(_, reason)| reason == "Repaired"), "{events:?}");
        ensure!(controller.metric("kseal_token_renewals_total{result=\"published\"}").await? > 1.5);
        wait_until("it is counted", SOON, || async {
            ensure!(controller.metric("kseal_service_account_tokens{mode=\"Bound\",state=\"ready\"}").await? > 0.5);
            let expiry = controller.metric("kseal_token_expiry_timestamp_seconds").await?;
            let object = place.object().await?;
            let told = f64::from(u32::try_from(time(&object["status"]["expirationTimestamp"])?)?);
            ensure!((expiry - told).abs() < 0.5, "{expiry} is not {told}");
            Ok(())
        })
        .await?;

        // A clock that was far ahead, and is right again.
        place.age(-10_000).await?;
        place.follows(&second).await?;
        controller.stop().await
    });
}

#[test]
fn a_deleted_secret_revokes_its_token_and_comes_back_with_another() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let controller = start(&site).await?;
        let place = Place::new(&site).await?;
        place.ask(bound()).await?;
        let first = place.holds().await?;
        site.objects.delete(&place.path("secrets", SECRET)).await?;
        let second = place.follows(&first).await?;
        ensure!(second.secret_uid != first.secret_uid);
        place.dies(&first.text).await?;

        // With the object goes all of it.
        site.objects.delete(&place.object_path()).await?;
        wait_until("the Secret is gone", SOON, || async {
            ensure!(site.objects.find(&place.path("secrets", SECRET)).await?.is_none(), "it is there");
            Ok(())
        })
        .await?;
        place.dies(&second.text).await?;
        controller.stop().await
    });
}

#[test]
fn what_is_asked_for_is_what_is_given() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let controller = start(&site).await?;
        let place = Place::new(&site).await?;
        place.ask(json!({"mode": "Bound", "audiences": ["vault"], "expirationSeconds": 7_200})).await?;
        place.says("True", "Published").await?;
        let first = place.token().await?;
        let of_token = claims(&first.text)?;
        ensure!(of_token["aud"] == json!(["vault"]), "{of_token}");
        ensure!(of_token["exp"].as_i64().context("exp")? - of_token["iat"].as_i64().context("iat")? == 7_200);
        ensure!(place.review(&first.text).await?.is_none(), "it is not for the API server");

        // Another spec is another token; what it does not depend on leaves it.
        place.ask(bound()).await?;
        let second = place.follows(&first).await?;
        place.ask(json!({"mode": "Bound", "expirationSeconds": 600, "kubeconfig": {}})).await?;
        let object = place.says("False", "SwitchedOff").await?;
        ensure!(object["status"].to_string().contains("--kubeconfig-server"), "{}", object["status"]);
        ensure!(place.token().await? == second);
        controller.stop().await?;

        let with_server = format!("--kubeconfig-server={}", cluster.address());
        let controller = site.start(options(&[&with_server, "--cluster-name=prod-eu"])).await?;
        ensure!(place.holds().await? == second);
        let kubeconfig = place.items().await?.remove("kubeconfig").context("a kubeconfig")?;
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), &kubeconfig)?;
        let whoami = cluster.kubectl(["auth", "whoami", "-o", "json"]).kubeconfig(file.path()).run().await?;
        let user: Value = serde_json::from_str(&whoami)?;
        let expected = format!("system:serviceaccount:{}:{ACCOUNT}", place.namespace);
        ensure!(user["status"]["userInfo"]["username"] == expected, "{user}");
        let context =
            cluster.kubectl(["config", "view", "--minify", "-o", "json"]).kubeconfig(file.path()).run().await?;
        let context: Value = serde_json::from_str(&context)?;
        ensure!(
            context["contexts"][0]["context"]["namespace"] == place.namespace
                && context["current-context"] == "prod-eu"
        );
        ensure!(place.events().await?.contains(&("Normal".into(), "Published".into())));
        controller.stop().await
    });
}

#[test]
fn in_the_listed_namespaces_and_nowhere_else() {
    run(async {
        let cluster = Cluster::start(Options { watch_list: false, ..Options::default() }).await?;
        let site = site(&cluster).await?;
        let places = [Place::new(&site).await?, Place::new(&site).await?, Place::new(&site).await?];
        for place in &places {
            place.ask(bound()).await?;
        }
        let listed = format!("--watch-namespaces={},{}", places[0].namespace, places[1].namespace);
        let controller = site.start(options(&[&listed])).await?;
        for place in &places[..2] {
            place.holds().await?;
        }
        ensure!(places[2].object().await?["status"].is_null());
        controller.stop().await?;

        // Its own namespace is not for tenants.
        let controller = start(&site).await?;
        places[2].holds().await?;
        let own = Place { site: &site, namespace: site.installation.namespace()?.to_owned() };
        own.add_account(json!({"kseal.dev/allow-token-for": OBJECT})).await?;
        own.ask(bound()).await?;
        own.says("False", "OwnNamespace").await?;
        ensure!(site.objects.find(&own.path("secrets", SECRET)).await?.is_none());
        controller.stop().await
    });
}

#[test]
fn the_example_is_what_it_says() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = site(&cluster).await?;
        let controller = start(&site).await?;
        cluster.kubectl(["create", "namespace", "shop"]).run().await?;
        cluster.kubectl(["apply", "-f", "examples/service-account-token.yaml"]).run().await?;
        let wait = ["-n", "shop", "wait", "--for=condition=Ready", "serviceaccounttoken/deploy", "--timeout=60s"];
        cluster.kubectl(wait).run().await?;
        let secret = site.objects.get("/api/v1/namespaces/shop/secrets/deploy-token").await?;
        let token = kseal_tests::site::items(&secret)?.remove("token").context("a token")?;
        ensure!(claims(&token)?["sub"] == "system:serviceaccount:shop:ci");
        let shown = cluster.kubectl(["-n", "shop", "get", "sat"]).run().await?;
        ensure!(shown.contains("True") && shown.contains("Bound") && !shown.contains(&token), "{shown}");

        // As `docs/serviceaccounts.md` says it is revoked.
        let label = "delete secret -l kseal.dev/service-account-token=\"$(kubectl -n shop get sat deploy";
        let document = std::fs::read_to_string("../docs/serviceaccounts.md")?;
        ensure!(document.contains(label), "it says something else");
        let uid =
            cluster.kubectl(["-n", "shop", "get", "sat", "deploy", "-o", "jsonpath={.metadata.uid}"]).run().await?;
        let label = format!("kseal.dev/service-account-token={uid}");
        let deleted = cluster.kubectl(["-n", "shop", "delete", "secret", "-l", &label]).run().await?;
        ensure!(deleted.contains("deploy-token"), "{deleted}");
        controller.stop().await
    });
}
