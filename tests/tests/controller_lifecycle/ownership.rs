//! A Secret is written only if it is ours or consents, and only what is ours in it.

use anyhow::{Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::site::Case;
use serde_json::{Value, json};

use super::site::{both, only};

const ITEMS: &[(&str, &str)] = &[("user", "admin")];
const THEIRS: &[(&str, &str)] = &[("user", "nobody"), ("more", "theirs")];

const fn consent(group: Group) -> &'static str {
    match group {
        Group::Native => "kseal.dev/managed",
        Group::Upstream => "sealedsecrets.bitnami.com/managed",
    }
}

/// That the object is refused the Secret, and says so; and the event that tells it.
async fn refused(case: &Case<'_>) -> Result<String> {
    let message = case.wrong("NotOwned").await?;
    if case.group == Group::Upstream {
        let words = format!("Resource \"{}\" already exists and is not managed by SealedSecret", case.name);
        ensure!(message == format!("failed update: {words}"), "{message}");
        return Ok(format!("ErrUpdateFailed: {words}"));
    }
    ensure!(message.contains("kseal.dev/managed=true"), "{message}");
    Ok(format!("NotOwned: {message}"))
}

fn owner(secret: &Value) -> &Value {
    &secret["metadata"]["ownerReferences"][0]["uid"]
}

#[test]
fn a_foreign_secret_is_left_alone_until_it_consents() {
    both(async |case| {
        let foreign = case.site.objects.apply(&case.foreign(THEIRS)).await?;
        case.apply(ITEMS).await?;
        let event = refused(&case).await?;
        case.told(&[&event]).await?;
        // Not so that the value says something else.
        case.annotate_secret(consent(case.group), "yes").await?;
        case.apply(ITEMS).await?;
        refused(&case).await?;
        let secret = case.secret().await?;
        let writes = case.requests().await?.into_iter().filter(|request| request.resource == "secrets");
        let writes: Vec<_> = writes.filter(|request| request.verb == "patch").collect();
        ensure!(writes.is_empty(), "{writes:#?}");
        ensure!(secret["data"] == foreign["data"]);

        case.annotate_secret(consent(case.group), "true").await?;
        let taken = case.holds(ITEMS).await?;
        ensure!(taken["metadata"]["uid"] == foreign["metadata"]["uid"]);
        ensure!(*owner(&taken) == case.object().await?["metadata"]["uid"]);
        let right = match case.group {
            Group::Native => "Opened: the Secret is right",
            Group::Upstream => "Unsealed: SealedSecret unsealed successfully",
        };
        case.told(&[&event, right]).await
    });
}

#[test]
fn consent_to_the_other_kind_is_none() {
    both(async |case| {
        let mut foreign = case.foreign(THEIRS);
        let other = if case.group == Group::Native { Group::Upstream } else { Group::Native };
        foreign["metadata"]["annotations"] = json!({consent(other): "true"});
        let foreign = case.site.objects.apply(&foreign).await?;
        case.apply(ITEMS).await?;
        refused(&case).await?;
        ensure!(case.secret().await?["metadata"]["resourceVersion"] == foreign["metadata"]["resourceVersion"]);
        Ok(())
    });
}

#[test]
fn a_foreign_secret_that_goes_makes_room() {
    both(async |case| {
        case.site.objects.apply(&case.foreign(THEIRS)).await?;
        case.apply(ITEMS).await?;
        refused(&case).await?;
        case.site.objects.delete(&case.secret_path()).await?;
        case.holds(ITEMS).await?;
        Ok(())
    });
}

#[test]
fn whoever_takes_the_reference_away_takes_the_secret_away() {
    both(async |case| {
        case.apply(ITEMS).await?;
        case.right().await?;
        let theirs = json!({"metadata": {"ownerReferences": null}, "data": {"user": "eA=="}});
        case.site.objects.merge(&case.secret_path(), &theirs).await?;
        refused(&case).await?;
        case.ensure_items(&case.secret().await?, &[("user", "x")])?;
        case.annotate_secret(consent(case.group), "true").await?;
        case.holds(ITEMS).await?;
        Ok(())
    });
}

#[test]
fn metadata_of_others_stays_and_what_left_the_template_goes() {
    both(async |case| {
        let mut object = case.sealed(ITEMS)?;
        object["spec"]["template"] = json!({"metadata": {
            "labels": {"app": "db", "tier": "back"}, "annotations": {"a.example/one": "1", "a.example/two": "2"},
        }});
        case.site.objects.apply(&object).await?;
        case.right().await?;
        let theirs =
            json!({"metadata": {"labels": {"theirs": "1", "app": "web"}, "annotations": {"b.example/theirs": "1"}}});
        case.site.objects.merge(&case.secret_path(), &theirs).await?;
        object["spec"]["template"] =
            json!({"metadata": {"labels": {"app": "db", "new": "1"}, "annotations": {"a.example/two": "3"}}});
        case.site.objects.apply(&object).await?;
        let secret = case.right().await?;
        ensure!(secret["metadata"]["labels"] == json!({"app": "db", "new": "1", "theirs": "1"}), "{secret}");
        let mut annotations = secret["metadata"]["annotations"].clone();
        annotations.as_object_mut().map(|annotations| annotations.remove("kseal.dev/applied"));
        ensure!(annotations == json!({"a.example/two": "3", "b.example/theirs": "1"}), "{secret}");

        object["spec"].as_object_mut().map(|spec| spec.remove("template"));
        case.site.objects.apply(&object).await?;
        let secret = case.right().await?;
        ensure!(secret["metadata"]["labels"] == json!({"theirs": "1"}), "{secret}");
        ensure!(secret["metadata"]["annotations"] == json!({"b.example/theirs": "1"}), "{secret}");
        Ok(())
    });
}

#[test]
fn upstreams_annotation_patch_merges_and_leaves() {
    only(Group::Upstream, async |case| {
        let mut foreign = case.foreign(THEIRS);
        foreign["metadata"]["annotations"] = json!({"sealedsecrets.bitnami.com/patch": "true"});
        let foreign = case.site.objects.apply(&foreign).await?;
        let mut object = case.sealed(&[("user", "admin"), ("new", "1")])?;
        object["spec"]["template"] = json!({"metadata": {"labels": {"app": "db"}}});
        case.site.objects.apply(&object).await?;
        let merged: &[_] = &[("user", "admin"), ("new", "1"), ("more", "theirs")];
        let secret = case.holds(merged).await?;
        ensure!(secret["metadata"]["uid"] == foreign["metadata"]["uid"]);
        ensure!(secret["metadata"].get("ownerReferences").is_none(), "{secret}");
        ensure!(secret["metadata"]["labels"] == json!({"app": "db"}));

        // With consent to be managed, too, it gets an owner, and what is merged stays merged.
        case.annotate_secret("sealedsecrets.bitnami.com/managed", "true").await?;
        case.annotate("kseal.dev/reconcile-at", "1").await?;
        let secret = case.holds(merged).await?;
        ensure!(*owner(&secret) == case.object().await?["metadata"]["uid"], "{secret}");
        Ok(())
    });
}

#[test]
fn upstreams_annotation_against_owners_lets_the_secret_outlive_its_object() {
    only(Group::Upstream, async |case| {
        let mut object = case.sealed(ITEMS)?;
        object["spec"]["template"] = json!({"metadata": {"annotations": {
            "sealedsecrets.bitnami.com/skip-set-owner-references": "true", "sealedsecrets.bitnami.com/managed": "true",
        }}});
        case.site.objects.apply(&object).await?;
        let secret = case.holds(ITEMS).await?;
        ensure!(secret["metadata"].get("ownerReferences").is_none(), "{secret}");
        case.site.objects.merge(&case.secret_path(), &json!({"data": {"user": "eA=="}})).await?;
        case.holds(ITEMS).await?;
        case.site.objects.delete(&case.path()).await?;
        // Made after that, and gone by the same garbage collector.
        let other = case.named("other");
        other.apply(ITEMS).await?;
        other.right().await?;
        case.site.objects.delete(&other.path()).await?;
        other.gone().await?;
        case.ensure_items(&case.secret().await?, ITEMS)
    });
}
