//! Rights that are Secrets: tokens, membership in the cluster, private keys.

use anyhow::{Result, ensure};
use kseal_api::names;
use kseal_core::reconcile::Group;
use kseal_tests::{cluster::wait_until, site::SOON};
use serde_json::{Value, json};

use crate::{
    attacker::{Attacker, ITEMS, OWN, attack, attack_own, controller, site},
    planting::overwrite_a_key_of_any_name,
};

/// Types that are a right, each with the items by which it would be used.
const RIGHTS: [(&str, &[(&str, &str)]); 4] = [
    ("kubernetes.io/service-account-token", &[]),
    (
        "bootstrap.kubernetes.io/token",
        &[
            ("token-id", "abcdef"),
            ("token-secret", "0123456789abcdef"),
            ("usage-bootstrap-authentication", "true"),
            ("auth-extra-groups", "system:bootstrappers:kubeadm:default-node-token"),
        ],
    ),
    (names::SEALING_KEY_TYPE, &[("suite", "X-Wing"), SEED, CREATED]),
    (names::IDENTITY_KEY_TYPE, &[SEED, CREATED]),
];
const SEED: (&str, &str) = ("seed", "0123456789abcdef0123456789abcdef");
const CREATED: (&str, &str) = ("createdAt", "2026-11-01T00:00:00Z");

/// Both labels by which a Secret is a private key.
const LABELS: [&str; 2] = [names::KEY_STATE, names::UPSTREAM_KEY];

async fn asks_for_rights(attacker: &Attacker) -> Result<()> {
    for (index, (type_, items)) in RIGHTS.into_iter().enumerate() {
        for group in Group::ALL {
            // A bootstrap token must be named so, and the name does no harm to the others.
            let case = attacker.case(group, &format!("bootstrap-token-abcde{index}"));
            let mut object = case.sealed(items)?;
            let annotations = json!({"kubernetes.io/service-account.name": "default"});
            object["spec"]["template"] = json!({"type": type_, "metadata": {"annotations": annotations}});
            let message = attacker.is_refused(&object, "ForbiddenType").await?;
            ensure!(message.contains(type_), "{message}");
            attacker.objects.delete(&case.path()).await?;
        }
    }
    Ok(())
}

async fn labels_keys(attacker: &Attacker) -> Result<()> {
    for label in LABELS {
        for (state, group) in ["active", "retired"].into_iter().zip(Group::ALL) {
            let template = json!({"metadata": {"labels": {label: state}}});
            let object = attacker.sealed(group, "labelled", &template)?;
            attacker.is_refused(&object, "KeySecret").await?;
            attacker.objects.delete(&attacker.case(group, "labelled").path()).await?;
        }
    }
    Ok(())
}

/// The Secrets of the controller's own namespace that are keys, as they are.
async fn key_secrets() -> Result<Vec<Value>> {
    let secrets = site().await?.objects.get(&format!("/api/v1/namespaces/{OWN}/secrets")).await?;
    let is_key = |secret: &&Value| {
        let labels = &secret["metadata"]["labels"];
        let type_ = secret["type"].as_str().unwrap_or_default();
        type_ != "Opaque" || LABELS.iter().any(|label| !labels[label].is_null())
    };
    Ok(secrets["items"].as_array().into_iter().flatten().filter(is_key).cloned().collect())
}

#[test]
fn no_token_and_no_key_comes_of_a_type() {
    attack(async |attacker| asks_for_rights(&attacker).await);
}

#[test]
fn no_key_comes_of_a_label() {
    attack(async |attacker| labels_keys(&attacker).await);
}

#[test]
fn where_the_keys_are_no_right_comes_of_an_object_either() {
    attack_own(async |attacker| {
        let controller = controller().await?;
        wait_until("all keys are made and published", SOON, || controller.get("/v1/keys")).await?;
        let before = key_secrets().await?;
        ensure!(before.len() == 4, "{} keys, not two of the site, the controller's own and the identity", before.len());
        asks_for_rights(&attacker).await?;
        labels_keys(&attacker).await?;

        // Our own kind has no business here at all, and upstream's none with names of keys.
        attacker.is_refused(&attacker.sealed(Group::Native, "ordinary", &json!({}))?, "OwnNamespace").await?;
        for name in ["kseal-anything", "kseal-9-00000000", "sealed-secrets-key", "sealed-secrets-keyx7k2p"] {
            for group in Group::ALL {
                attacker.is_refused(&attacker.sealed(group, name, &json!({}))?, "OwnNamespace").await?;
            }
        }
        for secret in &before {
            let name = secret["metadata"]["name"].as_str().unwrap_or_default();
            for group in Group::ALL {
                for policy in ["Owner", "Orphan", "Merge"] {
                    let case = attacker.case(group, name);
                    let mut object = case.sealed(ITEMS)?;
                    if group == Group::Native {
                        object["spec"]["target"] = json!({"creationPolicy": policy});
                    } else if policy != "Owner" {
                        continue;
                    }
                    attacker.objects.create(&object).await?;
                    case.wrong("OwnNamespace").await?;
                    attacker.objects.delete(&case.path()).await?;
                }
            }
        }
        ensure!(key_secrets().await? == before);
        overwrite_a_key_of_any_name(&attacker).await?;

        // What upstream's users have here all the same.
        let ordinary = attacker.case(Group::Upstream, "ordinary");
        attacker.objects.create(&ordinary.sealed(ITEMS)?).await?;
        ordinary.holds(ITEMS).await?;
        Ok(())
    });
}

#[test]
fn a_key_that_consents_is_still_no_ones() {
    attack(async |attacker| {
        for (label, group) in LABELS.into_iter().flat_map(|label| Group::ALL.map(|group| (label, group))) {
            let case = attacker.case(group, &format!("key-{}", label.len()));
            // Whoever restores keys here may have annotated all Secrets of the namespace.
            let consent = json!({"kseal.dev/managed": "true", "sealedsecrets.bitnami.com/managed": "true"});
            let mut secret = case.foreign(ITEMS);
            secret["metadata"]["labels"] = json!({label: "active"});
            secret["metadata"]["annotations"] = consent;
            let before = attacker.site.objects.apply(&secret).await?;
            attacker.objects.create(&case.sealed(&[("password", "other")])?).await?;
            case.wrong("KeySecret").await?;
            ensure!(case.secret().await? == before);
        }
        Ok(())
    });
}
