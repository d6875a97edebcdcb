//! The Secret follows its object, and nobody else.

use anyhow::ensure;
use serde_json::json;

use super::site::both;

const ITEMS: &[(&str, &str)] = &[("user", "admin"), ("password", "hunter2")];
const REPAIRED: &str = "Repaired: the Secret had been changed or deleted, and is right again";

#[test]
fn items_are_changed_added_removed_and_renamed() {
    both(async |case| {
        for items in [
            ITEMS,
            &[("user", "admin"), ("password", "hunter3")],
            &[("user", "admin"), ("password", "hunter3"), ("empty", ""), ("more", "\0\u{ff}\n")],
            &[("user", "admin"), ("password", "hunter3")],
            &[("user", "admin"), ("passphrase", "hunter3")],
            ITEMS,
        ] {
            case.apply(items).await?;
            let secret = case.right().await?;
            case.ensure_items(&secret, items)?;
            ensure!(secret["type"] == "Opaque");
        }
        Ok(())
    });
}

#[test]
fn an_object_without_items_has_a_secret_without_items() {
    both(async |case| {
        case.site.objects.create(&case.sealed(&[])?).await?;
        case.holds(&[]).await?;
        case.apply(ITEMS).await?;
        case.holds(ITEMS).await?;
        Ok(())
    });
}

#[test]
fn a_new_object_costs_two_writes_and_no_read() {
    both(async |case| {
        case.apply(ITEMS).await?;
        case.right().await?;
        let requests = case.requests().await?;
        let mut told: Vec<_> =
            requests.iter().map(|it| (&*it.verb, &*it.resource, &*it.subresource, it.code)).collect();
        told.sort_unstable();
        ensure!(told == [("create", "secrets", "", 201), ("patch", "sealedsecrets", "status", 200)], "{requests:#?}");
        Ok(())
    });
}

#[test]
fn a_deleted_secret_comes_back() {
    both(async |case| {
        case.apply(ITEMS).await?;
        let first = case.right().await?;
        case.site.objects.delete(&case.secret_path()).await?;
        let second = case.holds(ITEMS).await?;
        ensure!(first["metadata"]["uid"] != second["metadata"]["uid"]);
        case.told(&[REPAIRED]).await
    });
}

#[test]
fn an_edited_secret_is_put_right() {
    both(async |case| {
        case.apply(ITEMS).await?;
        let first = case.right().await?;
        let edited = json!({"data": {"password": "eA==", "planted": "eA==", "user": null}});
        case.site.objects.merge(&case.secret_path(), &edited).await?;
        let second = case.holds(ITEMS).await?;
        ensure!(first["metadata"]["uid"] == second["metadata"]["uid"]);
        case.told(&[REPAIRED]).await
    });
}

#[test]
fn the_secret_goes_with_its_object() {
    both(async |case| {
        case.apply(ITEMS).await?;
        case.right().await?;
        case.site.objects.delete(&case.path()).await?;
        case.gone().await
    });
}

#[test]
fn an_object_that_is_deleted_and_made_again_at_once_gets_a_secret_of_its_own() {
    both(async |case| {
        case.apply(ITEMS).await?;
        let first = case.right().await?;
        let second = case.sealed(&[("user", "root")])?;
        case.site.objects.delete(&case.path()).await?;
        case.site.objects.create(&second).await?;
        let secret = case.holds(&[("user", "root")]).await?;
        ensure!(secret["metadata"]["uid"] != first["metadata"]["uid"], "the first one's Secret went with it");
        let owner = &secret["metadata"]["ownerReferences"][0]["uid"];
        ensure!(*owner == case.object().await?["metadata"]["uid"]);
        Ok(())
    });
}
