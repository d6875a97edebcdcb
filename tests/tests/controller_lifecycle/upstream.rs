//! From upstream's kind to our own.

use anyhow::{Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::wait_until,
    site::{Case, SOON},
};

use super::site::only;

const ITEMS: &[(&str, &str)] = &[("user", "admin"), ("password", "hunter2")];

/// Waits until the Secret is the native object's.
async fn handed_over(native: &Case<'_>) -> Result<()> {
    wait_until("the Secret is the native object's", SOON, || async {
        let secret = native.is_right().await?;
        let owners = secret["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
        ensure!(owners.len() == 1 && owners[0]["uid"] == native.object().await?["metadata"]["uid"], "{owners:?}");
        Ok(())
    })
    .await
}

/// That the Secret is handed over, and that it outlives its old object. One UID all the time: it was never away.
async fn hand_over(old: &Case<'_>, prepare: impl AsyncFn(&Case<'_>) -> Result<()>) -> Result<()> {
    old.apply(ITEMS).await?;
    let uid = old.holds(ITEMS).await?["metadata"]["uid"].clone();
    let native = old.of(Group::Native);
    prepare(&native).await?;
    handed_over(&native).await?;
    let status = old.object().await?["status"].clone();

    // The old object leaves the Secret alone now, and is not worse for that.
    native.apply(&[("user", "root")]).await?;
    native.holds(&[("user", "root")]).await?;
    ensure!(old.object().await?["status"] == status);

    old.site.objects.delete(&old.path()).await?;
    let other = old.named("other");
    other.apply(ITEMS).await?;
    other.right().await?;
    other.site.objects.delete(&other.path()).await?;
    other.gone().await?;
    let secret = native.right().await?;
    ensure!(secret["metadata"]["uid"] == uid, "it was away");
    native.ensure_items(&secret, &[("user", "root")])
}

#[test]
fn a_secret_is_handed_over_to_a_native_object_that_comes_later() {
    only(Group::Upstream, async |old| {
        hand_over(&old, async |native| {
            old.annotate("kseal.dev/hand-over", "native").await?;
            native.apply(ITEMS).await
        })
        .await
    });
}

#[test]
fn a_secret_is_handed_over_to_a_native_object_that_waits_for_it() {
    only(Group::Upstream, async |old| {
        hand_over(&old, async |native| {
            native.apply(ITEMS).await?;
            native.wrong("NotOwned").await?;
            old.annotate("kseal.dev/hand-over", "native").await
        })
        .await
    });
}

#[test]
fn a_secret_that_is_not_handed_over_stays() {
    only(Group::Upstream, async |old| {
        old.apply(ITEMS).await?;
        let secret = old.holds(ITEMS).await?;
        let native = old.of(Group::Native);
        native.apply(&[("user", "root")]).await?;
        native.wrong("NotOwned").await?;
        old.annotate("kseal.dev/hand-over", "elsewhere").await?;
        native.apply(&[("user", "root")]).await?;
        native.wrong("NotOwned").await?;
        ensure!(old.secret().await?["metadata"]["resourceVersion"] == secret["metadata"]["resourceVersion"]);
        Ok(())
    });
}
