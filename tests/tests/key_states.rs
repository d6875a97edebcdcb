//! What is done to key Secrets while the controller runs takes effect on objects at once: nobody restarts or touches anything.

use anyhow::{Context as _, Result, ensure};
use kseal_api::{Scope, names};
use kseal_core::{Bundle, reconcile::Group};
use kseal_crypto::identity::IdentityKey;
use kseal_tests::{
    cluster::{Cluster, Controller, ControllerOptions, Options, run, wait_until},
    site::{Case, Keys, SOON, Site},
};
use serde_json::{Value, json};

const ITEMS: &[(&str, &str)] = &[("user", "admin"), ("password", "hunter2")];
const OTHERS: &[(&str, &str)] = &[("user", "root"), ("password", "hunter3")];
const SECRETS: &str = "/api/v1/namespaces/kseal-system/secrets";
const CONFIG_MAP: &str = "/api/v1/namespaces/kseal-system/configmaps/kseal-public-keys";

/// Waits until the key of this fingerprint is published in this state.
async fn stands(site: &Site<'_>, fingerprint: &str, state: &str) -> Result<()> {
    wait_until(&format!("{fingerprint} is published as {state}"), SOON, || async {
        let bundle = site.published().await?;
        let key = bundle.keys.iter().find(|key| key.public.fingerprint().to_string() == fingerprint);
        let key = key.context("it is not published")?;
        ensure!(key.state.as_str() == state, "it is {}", key.state);
        Ok(())
    })
    .await
}

async fn is(controller: &Controller, series: &str, wanted: f64) -> Result<()> {
    wait_until(&format!("{series} is {wanted}"), SOON, || async {
        let is = controller.metric(series).await?;
        ensure!((is - wanted).abs() < 0.5, "it is {is}");
        Ok(())
    })
    .await
}

/// Waits for an event of this reason about the object, and returns its message.
async fn told(site: &Site<'_>, reason: &str, about: &str) -> Result<String> {
    wait_until(&format!("an event tells {reason} of {about}"), SOON, || async {
        let events = site.objects.get("/api/v1/namespaces/kseal-system/events").await?;
        let is_it = |event: &&Value| event["reason"] == reason && event["involvedObject"]["name"] == about;
        let event = events["items"].as_array().into_iter().flatten().find(is_it).context("there is none")?;
        ensure!(event["type"] == "Warning", "{event}");
        Ok(event["message"].as_str().unwrap_or_default().to_owned())
    })
    .await
}

async fn relabel(site: &Site<'_>, secret: &Value, label: &str, state: &str) -> Result<()> {
    let path = kseal_tests::site::path(secret);
    site.objects.merge(&path, &json!({"metadata": {"labels": {label: state}}})).await?;
    Ok(())
}

/// The reason of an object that is not sealed for any of the keys that there are.
const fn closed(group: Group) -> &'static str {
    match group {
        Group::Native => "NoKey",
        Group::Upstream => "CannotOpen",
    }
}

/// A key stops to open, by `take`, and opens again, by `give`: what was made stays, what is new or changed waits.
async fn comes_and_goes(
    case: &Case<'_>,
    take: impl AsyncFnOnce() -> Result<()>,
    give: impl AsyncFnOnce() -> Result<()>,
) -> Result<()> {
    let (kept, changed, new) = (case.named("kept"), case.named("changed"), case.named("new"));
    for case in [&kept, &changed] {
        case.apply(ITEMS).await?;
        case.holds(ITEMS).await?;
    }
    let before = (kept.object().await?, kept.secret().await?);
    take().await?;
    changed.apply(OTHERS).await?;
    new.apply(ITEMS).await?;
    changed.wrong("NoKey").await?;
    new.wrong("NoKey").await?;
    changed.ensure_items(&changed.secret().await?, ITEMS)?;
    ensure!(case.site.objects.find(&new.secret_path()).await?.is_none());
    give().await?;
    changed.holds(OTHERS).await?;
    new.holds(ITEMS).await?;
    ensure!((kept.object().await?, kept.secret().await?) == before, "what was right was written");
    for case in [&kept, &changed, &new] {
        case.site.objects.delete(&case.path()).await?;
        case.gone().await?;
    }
    Ok(())
}

#[test]
fn a_native_key_does_what_its_label_says_and_what_waits_for_it_goes_on() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let controller = site.start(ControllerOptions::default()).await?;
        let case = site.case(Group::Native).await?;
        let fingerprint = site.keys.fingerprint();
        let [secret, _] = site.keys.secrets("kseal-system");
        let label = async |state: &str| -> Result<()> {
            relabel(&site, &secret, names::KEY_STATE, state).await?;
            stands(&site, &fingerprint, state).await
        };
        wait_until("the cluster has a key of its own", SOON, || async {
            ensure!(site.published().await?.sealing_key().is_some());
            Ok(())
        })
        .await?;
        for state in ["compromised", "active", "retiring"] {
            label(state).await?;
            let case = case.named(state);
            case.apply(ITEMS).await?;
            case.holds(ITEMS).await?;
            // One that was imported does not seal while there is an own one that does.
            let sealing = site.published().await?.sealing_key().context("none seals")?.public.fingerprint();
            ensure!(sealing.to_string() != fingerprint, "{state}");
        }
        comes_and_goes(&case, async || label("retired").await, async || label("active").await).await?;
        // Without its label it is no key any more, and may be lost.
        let path = kseal_tests::site::path(&secret);
        let unlabelled = json!({"metadata": {"labels": {names::KEY_STATE: null}}});
        let take = async || -> Result<()> {
            site.objects.merge(&path, &unlabelled).await?;
            is(&controller, "kseal_keys_missing", 1.0).await
        };
        comes_and_goes(&case, take, async || label("retiring").await).await?;
        is(&controller, "kseal_keys_missing", 0.0).await?;
        let take = async || -> Result<()> {
            site.objects.delete(&path).await?;
            is(&controller, "kseal_keys_missing", 1.0).await?;
            let message = told(&site, "KeyMissing", names::PUBLIC_KEYS).await?;
            ensure!(message.contains(&fingerprint), "{message}");
            // It stays listed, so that nobody takes it for a stranger's.
            stands(&site, &fingerprint, "retiring").await
        };
        let give = async || -> Result<()> { site.objects.create(&secret).await.map(drop) };
        comes_and_goes(&case, take, give).await?;
        is(&controller, "kseal_keys_missing", 0.0).await?;
        controller.stop().await
    });
}

#[test]
fn a_key_of_upstreams_opens_as_long_as_it_is_there_and_active() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let controller = site.start(ControllerOptions::default()).await?;
        let case = site.case(Group::Upstream).await?;
        let [_, secret] = site.keys.secrets("kseal-system");
        let path = kseal_tests::site::path(&secret);
        let certificate = wait_until("a certificate is served", SOON, || controller.get("/v1/cert.pem")).await?;
        let none_is_served = async || -> Result<()> {
            wait_until("no certificate is served", SOON, || async {
                ensure!(controller.get("/v1/cert.pem").await.is_err() && site.published().await?.certificate.is_none());
                Ok(())
            })
            .await
        };
        let take = async || -> Result<()> {
            relabel(&site, &secret, names::UPSTREAM_KEY, "compromised").await?;
            none_is_served().await
        };
        let give = async || relabel(&site, &secret, names::UPSTREAM_KEY, "active").await;
        comes_and_goes(&case, take, give).await?;
        let take = async || -> Result<()> {
            site.objects.delete(&path).await?;
            none_is_served().await
        };
        let give = async || -> Result<()> { site.objects.create(&secret).await.map(drop) };
        comes_and_goes(&case, take, give).await?;
        let again = wait_until("a certificate is served", SOON, || controller.get("/v1/cert.pem")).await?;
        ensure!(again == certificate);
        controller.stop().await
    });
}

#[test]
fn a_malformed_key_secret_is_told_and_the_rest_goes_on_until_it_is_mended() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let controller = site.start(ControllerOptions::default()).await?;
        stands(&site, &site.keys.fingerprint(), "retiring").await?;
        let broken = Keys::new()?;
        let whole = broken.secrets("kseal-system");
        for (secret, item) in whole.iter().zip(["seed", "tls.key"]) {
            let mut secret = secret.clone();
            secret["immutable"] = Value::Null;
            secret["data"][item] = json!("AAAA");
            site.objects.create(&secret).await?;
        }
        is(&controller, "kseal_keys_malformed", 2.0).await?;
        for secret in &whole {
            let message = told(&site, "KeyMalformed", secret["metadata"]["name"].as_str().context("no name")?).await?;
            ensure!(message.contains("passed over") && !message.contains("AAAA"), "{message}");
        }
        let mut waiting = Vec::new();
        for group in Group::ALL {
            let case = site.case(group).await?;
            case.apply(ITEMS).await?;
            case.holds(ITEMS).await?;
            let waits = case.named("waits");
            let place = (waits.namespace.as_str(), waits.name.as_str());
            site.objects.apply(&broken.seal(group, Scope::Strict, place, ITEMS)?).await?;
            waits.wrong(closed(group)).await?;
            waiting.push(waits);
        }
        let listed = site.published().await?;
        ensure!(listed.keys.iter().all(|key| key.public.fingerprint().to_string() != broken.fingerprint()));
        for (secret, item) in whole.iter().zip(["seed", "tls.key"]) {
            let mended = json!({"data": {item: secret["data"][item]}});
            site.objects.merge(&kseal_tests::site::path(secret), &mended).await?;
        }
        is(&controller, "kseal_keys_malformed", 0.0).await?;
        for waits in waiting {
            waits.holds(ITEMS).await?;
        }
        stands(&site, &broken.fingerprint(), "retiring").await?;
        controller.stop().await
    });
}

/// Keys and identity are two things: what opens does not wait for what signs.
#[test]
fn an_identity_that_is_lost_is_waited_for_and_none_is_made_in_its_place() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let controller = site.start(ControllerOptions::default()).await?;
        let fingerprint = site.keys.fingerprint();
        stands(&site, &fingerprint, "retiring").await?;
        let path = format!("{SECRETS}/{}", names::IDENTITY);
        let mut identity = site.objects.get(&path).await?;
        let before = site.published().await?.publisher.context("nobody signed it")?.identity;
        controller.stop().await?;
        site.objects.delete(&path).await?;

        let controller = site.start(ControllerOptions::default()).await?;
        wait_until("it is told to be lost", SOON, || async {
            controller.metric("kseal_key_errors_total{category=\"identity-lost\"}").await
        })
        .await?;
        let [secret, _] = site.keys.secrets("kseal-system");
        relabel(&site, &secret, names::KEY_STATE, "compromised").await?;
        let case = site.case(Group::Native).await?;
        case.apply(ITEMS).await?;
        case.holds(ITEMS).await?;
        ensure!(site.objects.find(&path).await?.is_none(), "another one was made");
        stands(&site, &fingerprint, "retiring").await?;

        identity["metadata"] = json!({"namespace": "kseal-system", "name": names::IDENTITY});
        site.objects.create(&identity).await?;
        stands(&site, &fingerprint, "compromised").await?;
        ensure!(site.published().await?.publisher.context("nobody signed it")?.identity == before);
        controller.stop().await
    });
}

/// Nothing watches the identity, but nothing is signed without reading it either.
#[test]
fn an_identity_that_is_exchanged_signs_what_is_published_next() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let controller = site.start(ControllerOptions::default()).await?;
        stands(&site, &site.keys.fingerprint(), "retiring").await?;
        let before = site.published().await?;
        let path = format!("{SECRETS}/{}", names::IDENTITY);
        let mut identity = site.objects.get(&path).await?;
        let other = IdentityKey::from_seed(&[7; 32])?;
        identity["metadata"] = json!({"namespace": "kseal-system", "name": names::IDENTITY});
        identity["data"]["seed"] = json!(data_encoding::BASE64.encode(&[7; 32]));
        // A turn that has begun may put the old one back in between.
        wait_until("it is exchanged", SOON, || async {
            site.objects.delete(&path).await?;
            site.objects.create(&identity).await
        })
        .await?;
        site.objects.delete(CONFIG_MAP).await?;
        let after = wait_until("the other identity signs", SOON, || async {
            let bundle = site.published().await?;
            let publisher = bundle.publisher.as_ref().context("nobody signed it")?;
            ensure!(publisher.identity == other.public(), "it is another one");
            Ok(bundle)
        })
        .await?;
        let fingerprints =
            |bundle: &Bundle| -> Vec<_> { bundle.keys.iter().map(|key| key.public.fingerprint()).collect() };
        ensure!(fingerprints(&after) == fingerprints(&before));
        let serial = |bundle: &Bundle| bundle.publisher.as_ref().map(|publisher| publisher.serial);
        ensure!(serial(&after) > serial(&before));
        controller.stop().await
    });
}
