//! What a template may say of its Secret, and what it may not.

use anyhow::ensure;
use kseal_core::reconcile::Group;
use kseal_tests::{cluster::wait_until, site::SOON};
use serde_json::json;

use crate::attacker::{ITEMS, attack};

/// What the controller, or a tool of kseal's, would believe of a Secret.
const RESERVED: [&str; 8] = [
    "kseal.dev/owner-uid",
    "kseal.dev/applied",
    "kseal.dev/sealed",
    "kseal.dev/data-key.d7q2m4kd5v5xw3c5t",
    "kseal.dev/fingerprint",
    "kseal.dev/paused",
    "kseal.dev/hand-over",
    "kseal.dev/not-invented-yet",
];

#[test]
fn names_of_kseals_own_are_not_the_templates() {
    attack(async |attacker| {
        let victim = attacker.case(Group::Native, "victim");
        victim.apply(ITEMS).await?;
        let before = victim.holds(ITEMS).await?;
        let uid = victim.object().await?["metadata"]["uid"].clone();
        for group in Group::ALL {
            for (index, name) in RESERVED.into_iter().enumerate() {
                // As an annotation it could claim the Secret for the victim.
                let template = json!({"metadata": {"annotations": {name: uid}}});
                let object = attacker.sealed(group, &format!("annotated-{index}"), &template)?;
                let message = attacker.is_refused(&object, "ReservedName").await?;
                ensure!(message.contains(name), "{message}");
                let template = json!({"metadata": {"labels": {name: "x"}}});
                let object = attacker.sealed(group, &format!("labelled-{index}"), &template)?;
                attacker.is_refused(&object, "ReservedName").await?;
            }
        }
        ensure!(victim.secret().await? == before);
        Ok(())
    });
}

#[test]
fn of_the_templates_metadata_only_labels_and_annotations_count() {
    attack(async |attacker| {
        for group in Group::ALL {
            let case = attacker.case(group, &format!("placed-{}", group.as_str()));
            let reference = json!({"apiVersion": "v1", "kind": "Namespace", "name": "kube-system", "uid": "u"});
            let template = json!({"metadata": {
                "name": "elsewhere", "namespace": "kube-system", "generateName": "elsewhere-",
                "finalizers": ["example.com/never-removed"], "ownerReferences": [reference], "uid": "u",
                "resourceVersion": "1", "deletionTimestamp": "2026-11-01T00:00:00Z", "managedFields": [],
                "labels": {"app": "db"},
            }});
            attacker.objects.create(&attacker.sealed(group, &case.name, &template)?).await?;
            let secret = case.holds(ITEMS).await?;
            let (metadata, owner) = (&secret["metadata"], case.object().await?["metadata"].take());
            ensure!(metadata["labels"] == json!({"app": "db"}), "{metadata}");
            for field in ["finalizers", "deletionTimestamp", "generateName"] {
                ensure!(metadata[field].is_null(), "{metadata}");
            }
            ensure!(metadata["ownerReferences"].as_array().map(Vec::len) == Some(1), "{metadata}");
            ensure!(metadata["ownerReferences"][0]["uid"] == owner["uid"], "{metadata}");
            for namespace in [case.namespace.as_str(), "kube-system"] {
                let elsewhere = format!("/api/v1/namespaces/{namespace}/secrets/elsewhere");
                ensure!(attacker.site.objects.find(&elsewhere).await?.is_none());
            }
            attacker.objects.delete(&case.path()).await?;
            case.gone().await?;
        }
        Ok(())
    });
}

/// The token controller looks at the type alone.
#[test]
fn an_ordinary_secret_that_names_a_service_account_gets_no_token() {
    attack(async |attacker| {
        let annotations = json!({"kubernetes.io/service-account.name": "default"});
        for group in Group::ALL {
            let template = json!({"type": "Opaque", "metadata": {"annotations": annotations}});
            let object = attacker.sealed(group, &format!("named-{}", group.as_str()), &template)?;
            attacker.objects.create(&object).await?;
            attacker.case(group, &format!("named-{}", group.as_str())).holds(ITEMS).await?;
        }
        // What a real one gets, the others would have by then.
        let real = attacker.case(Group::Native, "real");
        let token = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": {"namespace": real.namespace, "name": real.name, "annotations": annotations},
        });
        attacker.site.objects.create(&token).await?;
        wait_until("the real one has its token", SOON, || async {
            ensure!(!real.secret().await?["data"]["token"].is_null());
            Ok(())
        })
        .await?;
        for group in Group::ALL {
            let case = attacker.case(group, &format!("named-{}", group.as_str()));
            case.ensure_items(&case.secret().await?, ITEMS)?;
        }
        // And a real one is not taken over, even if it consents.
        for (group, consent) in
            [(Group::Native, "kseal.dev/managed"), (Group::Upstream, "sealedsecrets.bitnami.com/managed")]
        {
            let case = real.of(group);
            case.annotate_secret(consent, "true").await?;
            let before = case.secret().await?;
            attacker.objects.create(&case.sealed(&[("token", "mine")])?).await?;
            case.wrong("TypeDiffers").await?;
            ensure!(case.secret().await? == before);
            attacker.objects.delete(&case.path()).await?;
        }
        Ok(())
    });
}

#[test]
fn what_was_made_rightly_does_not_turn_into_a_right() {
    attack(async |attacker| {
        for group in Group::ALL {
            let case = attacker.case(group, &format!("turned-{}", group.as_str()));
            attacker.objects.create(&case.sealed(ITEMS)?).await?;
            let before = case.holds(ITEMS).await?;
            for (template, reason) in [
                (json!({"type": "kubernetes.io/service-account-token"}), "ForbiddenType"),
                (json!({"type": null, "metadata": {"labels": {"kseal.dev/sealing-key": "active"}}}), "KeySecret"),
                (json!({"metadata": {"labels": null, "annotations": {"kseal.dev/owner-uid": "x"}}}), "ReservedName"),
                (json!({"metadata": null, "type": "kubernetes.io/basic-auth"}), "TypeDiffers"),
            ] {
                attacker.objects.merge(&case.path(), &json!({"spec": {"template": template}})).await?;
                case.wrong(reason).await?;
                ensure!(case.secret().await? == before, "{template}");
            }
        }
        Ok(())
    });
}

#[test]
fn service_accounts_are_not_touched_where_that_is_not_switched_on() {
    attack(async |attacker| {
        let path = format!("/api/v1/namespaces/{}/serviceaccounts/default", attacker.namespace);
        let before = attacker.site.objects.get(&path).await?;
        let case = attacker.case(Group::Native, "pull");
        let mut object = case.sealed(&[(".dockerconfigjson", r#"{"auths":{}}"#)])?;
        object["spec"]["template"] = json!({"type": "kubernetes.io/dockerconfigjson"});
        object["spec"]["imagePullSecret"] = json!({"serviceAccounts": {"all": true}});
        attacker.objects.create(&object).await?;
        case.wrong("SwitchedOff").await?;
        ensure!(attacker.site.objects.get(&path).await? == before);
        Ok(())
    });
}
