//! For whom the policies do not hold: by user and by label of the namespace, in one ConfigMap, and for nobody where it is missing.

use std::time::Duration;

use anyhow::Result;
use kseal_tests::{
    cluster::{Cluster, Options, run, wait_until},
    site::{Objects, path},
};
use serde_json::{Value, json};

use crate::{
    everywhere, install, native,
    people::{WRITES, user},
    refused, token, typed,
};

const SOON: Duration = Duration::from_mins(1);

/// Waits until it is admitted, and takes it away again.
async fn admitted(person: &Objects, object: &Value) -> Result<()> {
    wait_until(&format!("{} is admitted", path(object)), SOON, || async {
        person.create(object).await?;
        person.delete(&path(object)).await
    })
    .await
}

/// Waits until it is refused, and takes away what was admitted until then.
async fn not_admitted(person: &Objects, object: &Value, words: &str) -> Result<()> {
    wait_until(&format!("{} is refused", path(object)), SOON, || async {
        let outcome = person.create(object).await;
        if outcome.is_ok() {
            person.delete(&path(object)).await?;
        }
        refused(outcome, words)
    })
    .await
}

#[test]
fn users_and_namespaces_are_exempt_by_a_config_map_and_nobody_without_it() {
    run(async {
        // In the place of sealed-secrets all of it is in another namespace, which the bindings must name.
        let cluster = Cluster::start(Options::default()).await?;
        install(&cluster, "deploy/sealed-secrets").await?;
        let admin = Objects::new(cluster.admin().await?);
        let parameters = "/api/v1/namespaces/kube-system/configmaps/kseal-policy";
        let before = admin.get(parameters).await?;
        anyhow::ensure!(before["data"]["exempt-users"] == "system:serviceaccount:kube-system:kseal-controller\n");

        let (ours, theirs) = (cluster.namespace("ours").await?, cluster.namespace("theirs").await?);
        let eve = user(&cluster, None, "eve", WRITES).await?;
        let bound = |namespace: &str| token(namespace, "eve", "Bound");
        let words = "needs the right to";
        refused(eve.create(&bound(&ours)).await, words)?;
        let exempt =
            |users: &str, labels: &str| json!({"data": {"exempt-users": users, "exempt-namespace-labels": labels}});

        // By user, one a line, in any namespace and in none.
        admin.merge(parameters, &exempt("someone\n  eve-everywhere \r\nother", "")).await?;
        admitted(&eve, &bound(&ours)).await?;
        admitted(&eve, &everywhere("eve", &json!({"imagePullSecret": {"serviceAccounts": {"all": true}}}))).await?;
        admitted(&eve, &native(&theirs, "eve", &typed("kubernetes.io/service-account-token"))).await?;
        admin.merge(parameters, &exempt("eve-everywher\neve-everywhere-2\n*", "*\n\n=\nteam")).await?;
        not_admitted(&eve, &bound(&ours), words).await?;

        // By label of the namespace, with its value.
        cluster.kubectl(["label", "namespace", &ours, "team=platform"]).run().await?;
        admin.merge(parameters, &exempt("", "other=label\n team=platform\n")).await?;
        admitted(&eve, &bound(&ours)).await?;
        admitted(
            &eve,
            &native(&ours, "eve", &json!({"scope": "Strict", "imagePullSecret": {"serviceAccounts": {"all": true}}})),
        )
        .await?;
        refused(eve.create(&bound(&theirs)).await, words)?;
        refused(eve.create(&everywhere("eve", &json!({}))).await, words)?;
        cluster.kubectl(["label", "namespace", &ours, "team=other", "--overwrite"]).run().await?;
        not_admitted(&eve, &bound(&ours), words).await?;
        // What nobody makes stays so.
        cluster.kubectl(["label", "namespace", &ours, "team=platform", "--overwrite"]).run().await?;
        admitted(&eve, &bound(&ours)).await?;
        refused(eve.create(&native(&ours, "eve", &typed("kseal.dev/sealing-key"))).await, "are not made")?;

        // Where there are no exemptions at all, who may ask is admitted; where the ConfigMap is missing, nobody.
        admin.merge(parameters, &json!({"data": null})).await?;
        not_admitted(&eve, &bound(&ours), words).await?;
        admitted(&admin, &bound(&ours)).await?;
        admin.delete(parameters).await?;
        not_admitted(&admin, &bound(&ours), "no params found").await?;
        let all = everywhere("admin", &json!({}));
        not_admitted(&admin, &all, "no params found").await?;
        not_admitted(&admin, &native(&ours, "admin", &json!({"scope": "Strict"})), "no params found").await?;
        cluster.kubectl(["apply", "-k", "deploy/sealed-secrets"]).run().await?;
        admitted(&admin, &all).await
    });
}
