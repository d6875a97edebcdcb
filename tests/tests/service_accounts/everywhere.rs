//! One registry Secret for the accounts of many namespaces.

use anyhow::{Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, Options, run, wait_until},
    site::{Case, SOON, Site, cluster_sealed_for, condition, path},
};
use serde_json::{Value, json};

use crate::{CREDENTIALS, FOLDER, launch, registry::Registry as _};

/// The name that `deploy/components/cluster-sealed-secrets` allows.
const NAME: &str = "registry";

fn registry(site: &Site<'_>) -> Result<Value> {
    let selector = json!({"matchLabels": {"team": "a"}});
    let mut object = cluster_sealed_for(&[site.keys.native()], NAME, &selector, CREDENTIALS)?;
    object["spec"]["template"] = json!({"type": "kubernetes.io/dockerconfigjson"});
    object["spec"]["imagePullSecret"] = json!({"serviceAccounts": {"all": true}});
    Ok(object)
}

/// Waits until the object says this of itself, and returns why.
async fn says(site: &Site<'_>, ready: bool) -> Result<Value> {
    let wanted = if ready { "True" } else { "False" };
    wait_until(&format!("Ready is {wanted}"), SOON, || async {
        let object = site.objects.get(&path(&registry(site)?)).await?;
        ensure!(object["status"]["observedGeneration"] == object["metadata"]["generation"]);
        ensure!(condition(&object, "Ready")["status"] == wanted, "{}", object["status"]);
        Ok(object["status"].clone())
    })
    .await
}

async fn label(case: &Case<'_>, team: Value) -> Result<()> {
    let change = json!({"metadata": {"labels": {"team": team}}});
    case.site.objects.merge(&format!("/api/v1/namespaces/{}", case.namespace), &change).await.map(drop)
}

#[test]
fn the_accounts_of_every_selected_namespace_pull_with_it() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, FOLDER).await?;
        let _controller = launch(&site).await?;
        let (one, two) = (site.case(Group::Native).await?, site.case(Group::Native).await?);
        label(&one, json!("a")).await?;
        one.make_account("builder", &["theirs"]).await?;
        site.objects.apply(&registry(&site)?).await?;
        one.account_has("builder", &["theirs", NAME], &[NAME]).await?;
        one.account_has("default", &[NAME], &[NAME]).await?;
        says(&site, true).await?;
        ensure!(two.entries("default").await?.is_empty());

        // One that is selected later, and accounts that come later.
        label(&two, json!("a")).await?;
        two.account_has("default", &[NAME], &[NAME]).await?;
        two.make_account("later", &[]).await?;
        two.account_has("later", &[NAME], &[NAME]).await?;
        // A namespace that is new, with the account that comes with it.
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new", "labels": {"team": "a"}}});
        site.objects.create(&namespace).await?;
        let new = Case { namespace: "new".to_owned(), ..one.clone() };
        new.account_has("default", &[NAME], &[NAME]).await?;
        says(&site, true).await?;

        // And one that is selected no more; and none, when the object goes.
        label(&two, json!(null)).await?;
        two.account_has("default", &[], &[]).await?;
        two.named(NAME).gone().await?;
        site.objects.delete(&path(&registry(&site)?)).await?;
        for case in [&one, &new] {
            case.account_has("default", &[], &[]).await?;
            case.named(NAME).gone().await?;
        }
        one.account_has("builder", &["theirs"], &[]).await
    });
}

#[test]
fn an_account_that_cannot_be_changed_is_told_by_its_namespace() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, FOLDER).await?;
        let _controller = launch(&site).await?;
        let case = site.case(Group::Native).await?;
        label(&case, json!("a")).await?;
        // Somebody's policy has it that nobody changes this account.
        let group = "admissionregistration.k8s.io/v1";
        let rules = json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["serviceaccounts"]}]);
        let never = json!([{"expression": "object.metadata.name != 'frozen'", "message": "it is frozen"}]);
        let policy = json!({"apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "frozen"},
            "spec": {"matchConstraints": {"resourceRules": rules}, "validations": never}});
        let binding = json!({"apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "frozen"},
            "spec": {"policyName": "frozen", "validationActions": ["Deny"]}});
        for (plural, object) in
            [("validatingadmissionpolicies", policy), ("validatingadmissionpolicybindings", binding)]
        {
            site.objects.create_in(&format!("/apis/{group}/{plural}"), &object).await?;
        }
        case.make_account("frozen", &[]).await?;
        wait_until("nobody changes it", SOON, || async {
            let change = json!({"metadata": {"labels": {"a": "b"}}});
            ensure!(site.objects.merge(&case.account_path("frozen"), &change).await.is_err());
            Ok(())
        })
        .await?;
        site.objects.apply(&registry(&site)?).await?;
        case.account_has("default", &[NAME], &[NAME]).await?;
        let status = says(&site, false).await?;
        ensure!(status["failures"][0]["namespace"] == case.namespace, "{status}");
        let binding = format!("/apis/{group}/validatingadmissionpolicybindings/frozen");
        site.objects.delete(&binding).await?;
        case.account_has("frozen", &[NAME], &[NAME]).await?;
        says(&site, true).await.map(drop)
    });
}
