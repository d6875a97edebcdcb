//! The published keys, in the hands of one who may write ConfigMaps there.

use anyhow::{Context as _, Result, ensure};
use getrandom::SysRng;
use kseal_api::{KeyState, SealingKeyBundle, names};
use kseal_core::{Bundle, bundle::BundleKey, keys::Publication};
use kseal_crypto::{PrivateKey, Suite, identity::IdentityKey};
use kseal_tests::{
    cluster::{Cluster, Controller, ControllerOptions, Options, run, wait_until},
    site::{SOON, Site},
};
use rand_core::UnwrapErr;
use serde_json::{Value, json};

const CONFIG_MAP: &str = "/api/v1/namespaces/kseal-system/configmaps/kseal-public-keys";

fn read(text: &str) -> Result<Bundle> {
    Ok(Bundle::read(&serde_json::from_str::<SealingKeyBundle>(text)?)?)
}

/// What stands in the ConfigMap.
async fn published(site: &Site<'_>) -> Result<Bundle> {
    read(&text(site).await?)
}

async fn text(site: &Site<'_>) -> Result<String> {
    let config_map = site.objects.get(CONFIG_MAP).await?;
    Ok(config_map["data"][names::PUBLIC_KEYS_ITEM].as_str().context("no bundle")?.to_owned())
}

/// Writes this as the publication.
async fn publish(site: &Site<'_>, bundle: &Value) -> Result<()> {
    let data = json!({names::PUBLIC_KEYS_ITEM: bundle.to_string()});
    site.objects.merge(CONFIG_MAP, &json!({"data": data})).await?;
    Ok(())
}

/// A bundle of this cluster's name and UID with a key of the forger's, signed by the forger.
fn forged(bundle: &Bundle) -> Result<Value> {
    let publisher = bundle.publisher.as_ref().context("nobody's")?;
    let public = PrivateKey::generate(Suite::XWing, &mut UnwrapErr(SysRng)).public().clone();
    let key = BundleKey { public, epoch: 99, created_at: "2026-11-01T00:00:00Z".into(), state: KeyState::Active };
    let publication = Publication {
        name: bundle.name.clone(),
        cluster_uid: publisher.cluster_uid.clone(),
        keys: vec![key],
        certificate: None,
    };
    let forger = IdentityKey::from_seed(&[7; 32])?;
    Ok(json!(publication.sign(&forger, publisher.serial + 1_000_000, "2026-11-22T05:00:00Z")))
}

/// Waits until what is published is the cluster's own again, newer than before, and the endpoint says the same.
async fn is_repaired(site: &Site<'_>, controller: &Controller, before: &Bundle) -> Result<Bundle> {
    let of = |bundle: &Bundle| bundle.publisher.as_ref().map(|publisher| (publisher.identity, publisher.serial));
    let fingerprints = |bundle: &Bundle| -> Vec<String> {
        bundle.keys.iter().map(|key| key.public.fingerprint().to_string()).collect()
    };
    wait_until("what is published is repaired", SOON, || async {
        let now = published(site).await?;
        let ((identity, serial), (own, last)) = (of(&now).context("nobody's")?, of(before).context("nobody's")?);
        ensure!(identity == own, "it has another identity");
        ensure!(fingerprints(&now) == fingerprints(before) && serial > last, "serial {serial}");
        let told = read(&controller.get("/v1/keys").await?)?;
        ensure!(of(&told) == of(&now));
        Ok(now)
    })
    .await
}

#[test]
fn a_forged_publication_does_not_stand() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let controller = site.start(ControllerOptions::default()).await?;
        let first = wait_until("the keys are published", SOON, || published(&site)).await?;
        let own: Value = serde_json::from_str(&text(&site).await?)?;

        // Who pins no identity has nothing to tell this by. It does not last.
        let mut bundle = forged(&first)?;
        publish(&site, &bundle).await?;
        let second = is_repaired(&site, &controller, &first).await?;

        // Under the cluster's own identity the signature does not hold, and the endpoint tells it to nobody. A forger who
        // keeps on is answered twice a minute.
        bundle["spec"]["identity"] = own["spec"]["identity"].clone();
        publish(&site, &bundle).await?;
        wait_until("nothing is told while nothing holds", SOON, || async {
            let told = controller.get("/v1/keys").await;
            ensure!(told.is_err(), "{told:?}");
            Ok(())
        })
        .await?;
        let third = is_repaired(&site, &controller, &second).await?;
        site.objects.delete(CONFIG_MAP).await?;
        is_repaired(&site, &controller, &third).await?;
        controller.stop().await
    });
}
