//! Somebody who may write kseal's kinds in one namespace, and nothing else.

use anyhow::ensure;
use kseal_api::names;
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, Options, run},
    site::path,
};
use serde_json::json;

use crate::world::{By, World, refused};

/// Words of the policies.
const TOKENS: &str = "serviceaccounts/token";
const ACCOUNTS: &str = "patch serviceaccounts";
const EVERYWHERE: &str = "create secrets in all namespaces";

#[test]
fn nobody_gets_by_a_custom_resource_what_he_may_not_have() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let objects = &world.mallory;
        let before = world.treasures(&["harmless"]).await?;
        let since = cluster.audit().await?.len();

        // Tokens, in each mode and by each way to make an object.
        for (number, (by, mode)) in
            [(By::Create, "Bound"), (By::Create, "Secret"), (By::Apply, "Bound"), (By::Apply, "Secret")]
                .into_iter()
                .enumerate()
        {
            for account in ["victim", "ci"] {
                let name = format!("{account}-{number}");
                world.is_refused(by, &world.token(&name, account, mode), TOKENS).await?;
            }
        }
        // In somebody else's namespace, and in that of the controller.
        for namespace in [world.other.as_str(), world.site.installation.namespace()?] {
            let mut elsewhere = world.token("elsewhere", "default", "Bound");
            elsewhere["metadata"]["namespace"] = json!(namespace);
            world.is_refused(By::Create, &elsewhere, "serviceaccounttokens").await?;
        }

        // The one that is there is right, and is not Mallory's to change.
        let rightful = path(&world.token("ci", "ci", "Bound"));
        for change in [
            json!({"spec": {"serviceAccountName": "victim"}}),
            json!({"spec": {"secretName": "mine"}}),
            json!({"spec": {"mode": "Secret"}}),
            json!({"spec": {"audiences": ["https://evil.example.com"]}}),
            json!({"metadata": {"annotations": {names::RECONCILE_AT: "now"}}}),
        ] {
            refused(objects.merge(&rightful, &change).await, TOKENS)?;
        }
        let mut whole = objects.get(&rightful).await?;
        whole["spec"]["serviceAccountName"] = json!("victim");
        refused(objects.replace(&whole).await, TOKENS)?;
        let forged = json!({"status": {"honouredGeneration": 99, "serviceAccountUID": "x"}});
        refused(objects.merge(&format!("{rightful}/status"), &forged).await, "status")?;

        // Secrets that Kubernetes fills, of both kinds: made so, and turned into such.
        for group in Group::ALL {
            for by in [By::Create, By::Apply] {
                world.is_refused(by, &world.token_secret(group, "filled", "victim")?, TOKENS).await?;
                world.is_refused(by, &world.pulled(group, "pulled")?, ACCOUNTS).await?;
            }
            let harmless = world.case(group, "harmless");
            objects.create(&harmless.sealed(&[("a", "b")])?).await?;
            harmless.right().await?;
            let into_token = world.token_secret(group, "harmless", "victim")?["spec"]["template"].clone();
            let into_pulled = world.pulled(group, "harmless")?["spec"].clone();
            refused(objects.merge(&harmless.path(), &json!({"spec": {"template": into_token}})).await, TOKENS)?;
            refused(objects.merge(&harmless.path(), &json!({"spec": into_pulled})).await, ACCOUNTS)?;
            let mut whole = objects.get(&harmless.path()).await?;
            whole["spec"]["template"] = into_token;
            refused(objects.replace(&whole).await, TOKENS)?;

            // The names by which the controller knows its own Secrets are not the template's to set.
            for (name, field) in [
                (names::TOKEN_OF, "labels"),
                (names::CLUSTER_SEALED_SECRET_OF, "labels"),
                (names::TOKEN, "annotations"),
            ] {
                let change =
                    json!({"spec": {"template": {"type": null, "metadata": {"labels": null, "annotations": null}}}});
                objects.merge(&harmless.path(), &change).await?;
                harmless.right().await?;
                let template = json!({"metadata": {field: {name: "x"}}});
                objects.merge(&harmless.path(), &json!({"spec": {"template": template}})).await?;
                harmless.wrong("ReservedName").await?;
            }
            // A Secret that holds a token is not an object's of its name, and lets nothing be merged into it.
            let named = world.case(group, "ci");
            objects.create(&named.sealed(&[("token", "forged")])?).await?;
            named.wrong("NotOwned").await?;
            if group == Group::Native {
                objects.merge(&named.path(), &json!({"spec": {"target": {"creationPolicy": "Merge"}}})).await?;
                named.wrong("NotConsenting").await?;
            }
            objects.delete(&named.path()).await?;
            objects.delete(&harmless.path()).await?;
            harmless.gone().await?;
        }

        // All namespaces at once.
        for by in [By::Create, By::Apply] {
            for name in ["registry", "other"] {
                let mut object = world.everywhere(name)?;
                // One of two policies is the first to refuse it.
                world.is_refused(by, &object, "in all namespaces").await?;
                object["spec"]["imagePullSecret"] = json!(null);
                world.is_refused(by, &object, EVERYWHERE).await?;
            }
        }

        // What lets others in is out of reach.
        let account = format!("/api/v1/namespaces/{}/serviceaccounts/victim", world.namespace);
        let consent = json!({"metadata": {"annotations": {names::ALLOW_TOKEN_FOR: "victim"}}});
        refused(objects.merge(&account, &consent).await, "serviceaccounts")?;
        let exempt = json!({"data": {"exempt-users": "mallory"}});
        let parameters =
            format!("/api/v1/namespaces/{}/configmaps/{}", world.site.installation.namespace()?, names::POLICY);
        refused(objects.merge(&parameters, &exempt).await, "configmaps")?;

        ensure!(world.treasures(&["harmless"]).await? == before);
        world.nothing_was_asked_for(since, &[&world.namespace]).await?;

        // Deleting is Mallory's right; what was made by it goes, and it does not come back by another's hand.
        objects.delete(&rightful).await?;
        world.is_refused(By::Create, &world.token("ci", "ci", "Bound"), TOKENS).await?;
        world.controller.stop().await
    });
}
