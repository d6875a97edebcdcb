//! Junk costs whoever makes it, and nobody else.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use data_encoding::BASE64;
use kseal_core::reconcile::{Group, status};
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    site::{Case, Keys, SOON, Site, condition},
};
use serde_json::{Map, Value, json};

/// As many objects of junk.
const JUNK: u16 = 200;
/// As many objects of the largest size.
const HUGE: u16 = 30;
/// So many keys are tried on each item that fits them.
const KEYS: u16 = 6;
/// What anybody else may have to wait.
const FEW_SECONDS: Duration = Duration::from_secs(5);

/// An object of which each item looks as if it were sealed for a key of 2,048 bits.
fn junk(namespace: &str, index: u16) -> Result<Value> {
    let mut items = Map::new();
    for item in 0..40 {
        let mut envelope = [0; 300];
        getrandom::fill(&mut envelope)?;
        envelope[..3].copy_from_slice(&[1, 0, 0]);
        items.insert(format!("item-{item}"), json!(BASE64.encode(&envelope)));
    }
    Ok(json!({
        "apiVersion": Group::Upstream.api_version(), "kind": "SealedSecret",
        "metadata": {"namespace": namespace, "name": format!("junk-{index}")}, "spec": {"encryptedData": items},
    }))
}

/// How many of the objects of a namespace were looked at.
async fn looked_at(site: &Site<'_>, namespace: &str) -> Result<u16> {
    let list = site.objects.get(&status::collection(Group::Upstream, Some(namespace))).await?;
    let items = list["items"].as_array().context("no list")?;
    Ok(items.iter().filter(|object| condition(object, "Synced")["reason"] == "CannotOpen").count().try_into()?)
}

/// As large as objects get.
fn huge(site: &Site<'_>, namespace: &str, index: u16) -> Result<Value> {
    let group = if index.is_multiple_of(2) { Group::Native } else { Group::Upstream };
    let case = Case { site, group, namespace: namespace.to_owned(), name: format!("huge-{index}") };
    let mut object = case.sealed(&[("password", "hunter2")])?;
    let start = if group == Group::Native { format!("ks1.d{}.", "a".repeat(16)) } else { "AQ".to_owned() };
    object["spec"]["encryptedData"]["more"] = json!(start + &"A".repeat(1_390_002));
    Ok(object)
}

/// All come at once when a replica begins to lead.
#[test]
fn a_flood_of_huge_objects_does_not_take_more_memory_than_there_is() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let limit = site.installation.pod()["spec"]["containers"][0]["resources"]["limits"]["memory"].take();
        ensure!(limit == "256Mi", "{limit}");
        for namespace in ["flooded", "washed"] {
            let namespace = cluster.namespace(namespace).await?;
            let all = (0..HUGE).map(|index| huge(&site, &namespace, index)).collect::<Result<Vec<_>>>()?;
            site.apply_all(all).await?;
        }
        for _ in 0..2 {
            let controller = site.start(ControllerOptions::default()).await?;
            wait_until("all of them are told", 2 * SOON, || async {
                for group in Group::ALL {
                    let series = format!("kseal_reconciles_total{{group=\"{}\",result=\"wrong\"}}", group.as_str());
                    ensure!(controller.metric(&series).await? >= f64::from(HUGE));
                }
                Ok(())
            })
            .await?;
            let peak = controller.peak_rss()?;
            ensure!(peak < 128 << 20, "it took {} MiB, and has 256", peak >> 20);
            controller.stop().await?;
        }
        Ok(())
    });
}

#[test]
fn a_flood_of_junk_in_one_namespace_does_not_delay_another() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        for _ in 1..KEYS {
            site.add_keys(&Keys::new()?).await?;
        }
        let controller = site.start(ControllerOptions::default()).await?;
        // A key that comes while an object is tried would have it tried again.
        wait_until("it has made its own key, too", SOON, || controller.get("/v1/keys")).await?;
        let (flooded, calm) = (cluster.namespace("flooded").await?, cluster.namespace("calm").await?);
        let junk = (0..JUNK).map(|index| junk(&flooded, index)).collect::<Result<Vec<_>>>()?;
        site.apply_all(junk).await?;

        for round in 0..3 {
            for group in Group::ALL {
                let name = format!("fresh-{round}-{}", group.as_str());
                let case = Case { site: &site, group, namespace: calm.clone(), name };
                site.objects.create(&case.sealed(&[("password", "hunter2")])?).await?;
                wait_until(&format!("{} is right", case.path()), FEW_SECONDS, || case.is_right()).await?;
            }
        }
        let done = looked_at(&site, &flooded).await?;
        ensure!(done < JUNK, "all the junk was dealt with before: this proves nothing");

        // It is not passed over either: each is told, once.
        wait_until("all the junk is told", SOON, || async {
            let done = looked_at(&site, &flooded).await?;
            ensure!(done == JUNK, "{done} of {JUNK}");
            Ok(())
        })
        .await?;
        let tried = controller.metric("kseal_private_key_operations_total{suite=\"RSA\"}").await?;
        // Eight items an object, each with every key, and no more of its forty.
        let most = f64::from(JUNK * 8 * KEYS + 3 * KEYS);
        ensure!(tried <= most, "{tried} private-key operations");
        let secrets = site.objects.get(&format!("/api/v1/namespaces/{flooded}/secrets")).await?;
        ensure!(secrets["items"].as_array().is_some_and(Vec::is_empty), "{secrets}");
        Ok(())
    });
}
