//! What an object says of itself, and what is told of it.

use anyhow::{Context as _, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::wait_until,
    site::{SOON, condition, record},
};
use serde_json::{Value, json};

use super::site::{both, only};

const ITEMS: &[(&str, &str)] = &[("user", "admin")];

fn types(object: &Value) -> Vec<String> {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.iter().map(|it| format!("{}={}", it["type"], it["status"]).replace('"', "")).collect()
}

fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 20 && text.ends_with('Z'))
}

#[test]
fn our_own_kind_speaks_kstatus() {
    only(Group::Native, async |case| {
        case.site.objects.apply(&case.foreign(&[])).await?;
        case.apply(ITEMS).await?;
        let message = case.wrong("NotOwned").await?;
        let object = case.object().await?;
        ensure!(types(&object) == ["Ready=False", "Stalled=True"], "{object}");
        let generation = &object["metadata"]["generation"];
        for type_ in ["Ready", "Stalled"] {
            let it = condition(&object, type_);
            ensure!(it["reason"] == "NotOwned" && it["message"] == message && it["observedGeneration"] == *generation);
            ensure!(is_time(&it["lastTransitionTime"]), "{it}");
        }
        ensure!(object["status"]["observed"].is_null(), "{object}");

        case.site.objects.delete(&case.secret_path()).await?;
        let secret = case.right().await?;
        let object = case.object().await?;
        ensure!(types(&object) == ["Ready=True"], "{object}");
        let ready = condition(&object, "Ready");
        ensure!(ready["reason"] == "Opened" && ready["message"] == "", "{ready}");
        let observed = &object["status"]["observed"];
        ensure!(observed["secretUID"] == secret["metadata"]["uid"], "{observed}");
        ensure!(observed["keys"] == json!([case.site.keys.fingerprint()]), "{observed}");

        let columns = ["-n", &case.namespace, "get", "sealedsecrets.kseal.dev", "db", "-o", "wide", "--no-headers"];
        let columns = case.site.cluster.kubectl(columns).run().await?;
        let columns: Vec<_> = columns.split_whitespace().take(4).collect();
        ensure!(columns == ["db", "True", "Strict", "Opened"], "{columns:?}");
        Ok(())
    });
}

#[test]
fn upstreams_kind_speaks_as_upstream() {
    only(Group::Upstream, async |case| {
        case.apply(ITEMS).await?;
        case.right().await?;
        let object = case.object().await?;
        let synced = &object["status"]["conditions"][0];
        ensure!(synced["type"] == "Synced" && synced["status"] == "True" && synced["message"] == "", "{synced}");
        ensure!(
            is_time(&synced["lastUpdateTime"]) && synced["lastUpdateTime"] == synced["lastTransitionTime"],
            "{synced}"
        );
        ensure!(object["status"]["observedGeneration"] == 1);

        let columns = ["-n", &case.namespace, "get", "sealedsecrets.bitnami.com", "db", "--no-headers"];
        let columns = case.site.cluster.kubectl(columns).run().await?;
        let columns: Vec<_> = columns.split_whitespace().take(2).collect();
        ensure!(columns == ["db", "True"], "{columns:?}");

        // A second later, so that times can differ.
        let then = synced["lastUpdateTime"].clone();
        wait_until("the status has another time", SOON, || async {
            case.apply(&[("user", "root")]).await?;
            case.right().await?;
            let object = case.object().await?;
            let synced = &object["status"]["conditions"][0];
            ensure!(synced["lastTransitionTime"] == then, "nothing went wrong in between");
            ensure!(object["status"]["observedGeneration"] == object["metadata"]["generation"]);
            ensure!(synced["lastUpdateTime"] != then);
            Ok(())
        })
        .await
    });
}

#[test]
fn only_changes_make_events() {
    both(async |case| {
        case.site.objects.apply(&case.foreign(&[])).await?;
        case.apply(ITEMS).await?;
        let message = case.wrong("NotOwned").await?;
        let (wrong, right, source) = match case.group {
            Group::Native => (format!("NotOwned: {message}"), "Opened: the Secret is right", "kseal-controller"),
            Group::Upstream => {
                let wrong = message.replace("failed update", "ErrUpdateFailed");
                (wrong, "Unsealed: SealedSecret unsealed successfully", "sealed-secrets")
            }
        };
        for _ in 0..3 {
            case.apply(ITEMS).await?;
            case.wrong("NotOwned").await?;
            case.told(&[&wrong]).await?;
        }
        case.site.objects.delete(&case.secret_path()).await?;
        case.right().await?;
        case.told(&[&wrong, right]).await?;
        for items in [&[("user", "root")], ITEMS] {
            case.apply(items).await?;
            case.holds(items).await?;
        }
        // Had they made events, those of a later failure would stand behind them.
        let other = json!({"metadata": {"ownerReferences": null}});
        case.site.objects.merge(&case.secret_path(), &other).await?;
        case.wrong("NotOwned").await?;
        case.told(&[&wrong, right, &wrong]).await?;
        let all = case.site.objects.get(&format!("/api/v1/namespaces/{}/events", case.namespace)).await?;
        let uid = &case.object().await?["metadata"]["uid"];
        for event in all["items"].as_array().context("a list")? {
            ensure!(event["source"]["component"] == source && event["involvedObject"]["uid"] == *uid, "{event}");
        }
        Ok(())
    });
}

#[test]
fn a_paused_object_is_left_alone() {
    both(async |case| {
        case.apply(ITEMS).await?;
        case.right().await?;
        case.annotate("kseal.dev/paused", "true").await?;
        case.apply(&[("user", "root")]).await?;
        case.site.objects.merge(&case.secret_path(), &json!({"data": {"more": "eA=="}})).await?;
        // What came after it, of both watches, was looked at.
        let later = case.named("later");
        later.apply(ITEMS).await?;
        later.right().await?;
        later.site.objects.delete(&later.secret_path()).await?;
        later.right().await?;
        case.ensure_items(&case.secret().await?, &[("user", "admin"), ("more", "x")])?;
        case.annotate("kseal.dev/paused", Value::Null).await?;
        case.holds(&[("user", "root")]).await?;

        // One that was paused before it was ever seen, too.
        let new = case.named("new");
        let mut object = new.sealed(ITEMS)?;
        object["metadata"]["annotations"]["kseal.dev/paused"] = "true".into();
        new.site.objects.create(&object).await?;
        let later = case.named("later-still");
        later.apply(ITEMS).await?;
        later.right().await?;
        ensure!(new.object().await?.get("status").is_none());
        new.annotate("kseal.dev/paused", Value::Null).await?;
        new.holds(ITEMS).await?;
        Ok(())
    });
}

#[test]
fn a_changed_reconcile_at_has_the_work_done_again() {
    both(async |case| {
        case.apply(ITEMS).await?;
        let before = case.right().await?;
        let first = record(case.group, &case.object().await?);
        case.annotate("kseal.dev/reconcile-at", "2026-11-26T00:00:00Z").await?;
        wait_until("the status is of another look", SOON, || async {
            let second = record(case.group, &case.object().await?);
            ensure!(first["hash"] != second["hash"] && second["hash"].is_string(), "{second}");
            Ok(())
        })
        .await?;
        let after = case.right().await?;
        ensure!(before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"], "it was right");
        Ok(())
    });
}

#[test]
fn templates_of_items_are_refused_by_name() {
    only(Group::Upstream, async |case| {
        let mut object = case.sealed(ITEMS)?;
        object["spec"]["template"] = json!({"data": {"url": "https://{{ .user }}@example.com"}});
        case.site.objects.apply(&object).await?;
        let message = case.wrong("Unsupported").await?;
        ensure!(message == "spec.template.data is not supported by this version of the controller", "{message}");
        ensure!(case.site.objects.find(&case.secret_path()).await?.is_none());
        case.apply(ITEMS).await?;
        case.holds(ITEMS).await?;
        Ok(())
    });
}
