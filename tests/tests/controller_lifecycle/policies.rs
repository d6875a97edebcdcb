//! `spec.target.creationPolicy`: Owner, Orphan and Merge.

use anyhow::{Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::site::Case;
use serde_json::{Value, json};

use super::site::only;

const ITEMS: &[(&str, &str)] = &[("user", "admin"), ("password", "hunter2")];

async fn apply(case: &Case<'_>, policy: &str, items: &[(&str, &str)]) -> Result<Value> {
    let mut object = case.sealed(items)?;
    object["spec"]["target"] = json!({"creationPolicy": policy});
    case.site.objects.apply(&object).await
}

/// Deletes the object of the case, and waits until the garbage collector has come by.
async fn delete(case: &Case<'_>) -> Result<()> {
    case.site.objects.delete(&case.path()).await?;
    let other = case.named("other");
    other.apply(ITEMS).await?;
    other.right().await?;
    case.site.objects.delete(&other.path()).await?;
    other.gone().await
}

#[test]
fn an_owner_is_the_controller_of_its_secret() {
    only(Group::Native, async |case| {
        let object = apply(&case, "Owner", ITEMS).await?;
        let secret = case.right().await?;
        let owner = json!({
            "apiVersion": "kseal.dev/v1alpha1", "kind": "SealedSecret", "name": case.name,
            "uid": object["metadata"]["uid"], "controller": true,
        });
        ensure!(secret["metadata"]["ownerReferences"] == json!([owner]), "{secret}");
        ensure!(secret["metadata"]["annotations"].is_null(), "{secret}");
        Ok(())
    });
}

#[test]
fn an_orphan_is_kept_right_and_outlives_its_object() {
    only(Group::Native, async |case| {
        let object = apply(&case, "Orphan", ITEMS).await?;
        let secret = case.holds(ITEMS).await?;
        ensure!(secret["metadata"].get("ownerReferences").is_none(), "{secret}");
        ensure!(secret["metadata"]["annotations"]["kseal.dev/owner-uid"] == object["metadata"]["uid"], "{secret}");
        case.site.objects.merge(&case.secret_path(), &json!({"data": {"user": "eA=="}})).await?;
        case.holds(ITEMS).await?;
        apply(&case, "Orphan", &[("user", "root")]).await?;
        case.holds(&[("user", "root")]).await?;
        delete(&case).await?;
        case.ensure_items(&case.secret().await?, &[("user", "root")])
    });
}

#[test]
fn a_policy_can_be_changed_while_the_secret_stays() {
    only(Group::Native, async |case| {
        let uid = apply(&case, "Owner", ITEMS).await?["metadata"]["uid"].clone();
        let first = case.holds(ITEMS).await?;
        apply(&case, "Orphan", ITEMS).await?;
        let second = case.right().await?;
        ensure!(second["metadata"].get("ownerReferences").is_none(), "{second}");
        ensure!(second["metadata"]["annotations"]["kseal.dev/owner-uid"] == uid, "{second}");
        apply(&case, "Owner", ITEMS).await?;
        let third = case.right().await?;
        ensure!(third["metadata"]["ownerReferences"][0]["uid"] == uid, "{third}");
        ensure!(third["metadata"]["annotations"].is_null(), "{third}");
        ensure!(first["metadata"]["uid"] == third["metadata"]["uid"]);
        Ok(())
    });
}

#[test]
fn what_is_merged_waits_for_a_target_that_consents() {
    only(Group::Native, async |case| {
        let object = apply(&case, "Merge", ITEMS).await?;
        case.wrong("TargetMissing").await?;
        ensure!(case.site.objects.find(&case.secret_path()).await?.is_none(), "it never creates");
        case.site.objects.apply(&case.foreign(&[("theirs", "1"), ("user", "nobody")])).await?;
        case.wrong("NotConsenting").await?;
        case.ensure_items(&case.secret().await?, &[("theirs", "1"), ("user", "nobody")])?;

        case.annotate_secret("kseal.dev/managed", "true").await?;
        let secret = case.holds(&[("theirs", "1"), ("user", "admin"), ("password", "hunter2")]).await?;
        ensure!(secret["metadata"].get("ownerReferences").is_none(), "{secret}");
        ensure!(secret["metadata"]["annotations"]["kseal.dev/owner-uid"] == object["metadata"]["uid"], "{secret}");

        // Its own items follow the object; those of others are theirs.
        apply(&case, "Merge", &[("user", "root")]).await?;
        case.holds(&[("theirs", "1"), ("user", "root")]).await?;
        case.site.objects.merge(&case.secret_path(), &json!({"data": {"theirs": null, "more": "eA=="}})).await?;
        case.holds(&[("more", "x"), ("user", "root")]).await?;

        delete(&case).await?;
        case.ensure_items(&case.secret().await?, &[("more", "x"), ("user", "root")])
    });
}

#[test]
fn a_target_that_comes_back_is_merged_into_again() {
    only(Group::Native, async |case| {
        // A Secret of no data at all, not even an empty field.
        let mut target = case.foreign(&[]);
        target["metadata"]["annotations"] = json!({"kseal.dev/managed": "true"});
        case.site.objects.create(&target).await?;
        apply(&case, "Merge", ITEMS).await?;
        case.holds(ITEMS).await?;
        case.site.objects.delete(&case.secret_path()).await?;
        case.wrong("TargetMissing").await?;
        case.site.objects.create(&target).await?;
        case.holds(ITEMS).await?;
        Ok(())
    });
}

#[test]
fn a_target_has_one_source() {
    only(Group::Native, async |case| {
        let mut target = case.foreign(&[("theirs", "1")]);
        target["metadata"]["annotations"] = json!({"kseal.dev/managed": "true", "kseal.dev/owner-uid": "another"});
        let target = case.site.objects.create(&target).await?;
        apply(&case, "Merge", ITEMS).await?;
        case.wrong("MergedByAnother").await?;
        let secret = case.secret().await?;
        ensure!(secret["metadata"]["resourceVersion"] == target["metadata"]["resourceVersion"]);
        case.annotate_secret("kseal.dev/owner-uid", Value::Null).await?;
        case.holds(&[("theirs", "1"), ("user", "admin"), ("password", "hunter2")]).await?;
        Ok(())
    });
}
