//! Pods that get the entries of ClusterSealedSecrets when they are created.

use anyhow::{Context as _, Result, ensure};
use kseal_tests::{
    cluster::{Cluster, run, wait_until},
    site::{Objects, SOON},
};
use serde_json::{Value, json};

use crate::{everywhere, optional::with_all};

fn pod(namespace: &str, name: &str, spec: &Value) -> Value {
    let mut spec = spec.clone();
    spec["containers"] = json!([{"name": "main", "image": "registry.example/main"}]);
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": namespace, "name": name}, "spec": spec})
}

/// The entries of a Pod that is created so, sorted.
async fn entries(cluster: &Cluster, pod: &Value) -> Result<Vec<String>> {
    let create = cluster.kubectl(["create", "--dry-run=server", "-o", "json", "-f", "-"]).stdin(&pod.to_string());
    let pod: Value = serde_json::from_str(&create.run().await?)?;
    let entries = pod["spec"]["imagePullSecrets"].as_array().into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|it| Ok(it["name"].as_str().context("a name")?.to_owned())).collect::<Result<_>>()?;
    names.sort();
    Ok(names)
}

fn asks(name: &str, accounts: &Value, selector: &Value, excluded: &[&str]) -> Value {
    let mut object = everywhere(name, &json!({"imagePullSecret": {"serviceAccounts": accounts}}));
    object["spec"]["namespaceSelector"] = selector.clone();
    object["spec"]["excludedNamespaces"] = json!(excluded);
    object
}

#[test]
fn a_pod_has_the_entries_from_the_beginning_whatever_its_service_account_has() {
    run(async {
        let cluster = with_all().await?;
        let admin = Objects::new(cluster.admin().await?);
        let (blue, red) = (cluster.namespace("blue").await?, cluster.namespace("red").await?);
        cluster.kubectl(["label", "namespace", &blue, "color=blue", "tier=1"]).run().await?;
        cluster.kubectl(["label", "namespace", &red, "color=red"]).run().await?;
        for name in ["default", "builder"] {
            if name == "builder" {
                cluster.kubectl(["-n", &blue, "create", "serviceaccount", name]).run().await?;
            }
            let own = json!({"imagePullSecrets": [{"name": "own"}]});
            admin.merge(&format!("/api/v1/namespaces/{blue}/serviceaccounts/{name}"), &own).await?;
        }

        let all = json!({"all": true});
        let one = |key: &str, operator: &str, values: &Value| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        let none = Value::Null;
        let both =
            json!({"matchLabels": {"color": "blue"}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]});
        // By name, whom, where; and whether it is for the Pods of blue and of red.
        let cases = [
            ("everywhere", all.clone(), json!({}), vec![], (true, true)),
            ("by-label", all.clone(), json!({"matchLabels": {"color": "blue"}}), vec![], (true, false)),
            ("in", all.clone(), one("color", "In", &json!(["green", "red"])), vec![], (false, true)),
            ("not-in", all.clone(), one("color", "NotIn", &json!(["red"])), vec![], (true, false)),
            ("not-in-missing", all.clone(), one("tier", "NotIn", &json!(["1"])), vec![], (false, true)),
            ("exists", all.clone(), one("tier", "Exists", &none), vec![], (true, false)),
            ("does-not-exist", all.clone(), one("tier", "DoesNotExist", &none), vec![], (false, true)),
            ("both", all.clone(), both, vec![], (true, false)),
            ("not-whole", all.clone(), one("color", "Exists", &json!(["blue"])), vec![], (false, false)),
            ("not-whole-either", all.clone(), one("color", "In", &json!([])), vec![], (false, false)),
            ("excluded", all.clone(), json!({}), vec![red.as_str()], (true, false)),
            ("default-only", json!({"names": ["default"]}), json!({}), vec![], (true, true)),
            ("builder-only", json!({"names": ["builder", "other"]}), json!({}), vec![], (false, false)),
            // Labels of a ServiceAccount are not to be seen here.
            ("selector", json!({"selector": {}}), json!({}), vec![], (false, false)),
        ];
        for (name, accounts, selector, excluded, _) in &cases {
            admin.create(&asks(name, accounts, selector, excluded)).await?;
        }
        // One that asks for nothing of Pods.
        admin.create(&everywhere("asks-for-none", &json!({}))).await?;

        let expected = |own: &[&str], of: fn(&(bool, bool)) -> bool| {
            let asked = cases.iter().filter(|(.., is)| of(is)).map(|(name, ..)| *name);
            let mut names: Vec<String> = asked.chain(own.iter().copied()).map(ToOwned::to_owned).collect();
            names.sort();
            names
        };
        let (in_blue, in_red) = (expected(&["own"], |is| is.0), expected(&[], |is| is.1));
        wait_until("the policy and all its parameters are known", SOON, || async {
            let found = entries(cluster, &pod(&blue, "a", &json!({}))).await?;
            ensure!(found == in_blue, "{found:?} is not {in_blue:?}");
            let found = entries(cluster, &pod(&red, "a", &json!({}))).await?;
            ensure!(found == in_red, "{found:?} is not {in_red:?}");
            Ok(())
        })
        .await?;

        // Another account; and one that has an entry already keeps it, once.
        let of_builder = entries(cluster, &pod(&blue, "a", &json!({"serviceAccountName": "builder"}))).await?;
        let mut wanted = in_blue.clone();
        wanted.retain(|name| name != "default-only");
        wanted.push("builder-only".to_owned());
        wanted.sort();
        ensure!(of_builder == wanted, "{of_builder:?}");
        let named = json!({"imagePullSecrets": [{"name": "mine"}, {"name": "everywhere"}]});
        let mut wanted = expected(&["mine"], |is| is.0);
        wanted.sort();
        ensure!(entries(cluster, &pod(&blue, "a", &named)).await? == wanted);

        // A Pod that is really made, and changed afterwards.
        admin.create(&pod(&blue, "real", &json!({}))).await?;
        let path = format!("/api/v1/namespaces/{blue}/pods/real");
        let made = admin.get(&path).await?;
        ensure!(made["spec"]["imagePullSecrets"].as_array().context("entries")?.len() == in_blue.len());
        admin.merge(&path, &json!({"metadata": {"labels": {"a": "b"}}})).await?;
        Ok(())
    });
}

#[test]
fn pods_of_the_controllers_namespace_and_mirrors_are_left_alone() {
    run(async {
        let cluster = with_all().await?;
        let admin = Objects::new(cluster.admin().await?);
        let namespace = cluster.namespace("plain").await?;
        let selector = json!({"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [namespace, "kseal-system"]},
        ]});
        admin.create(&asks("for-all", &json!({"all": true}), &selector, &[])).await?;
        wait_until("the policy and its parameter are known", SOON, || async {
            ensure!(entries(cluster, &pod(&namespace, "a", &json!({}))).await?.contains(&"for-all".to_owned()));
            Ok(())
        })
        .await?;
        let mut own = pod(
            "kseal-system",
            "a",
            &json!({"securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"},
            }}),
        );
        own["spec"]["containers"][0]["securityContext"] =
            json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
        ensure!(entries(cluster, &own).await?.is_empty());
        // The API server refuses a mirror that names a Secret.
        let mut mirror = pod(&namespace, "mirror", &json!({"nodeName": "node", "automountServiceAccountToken": false}));
        mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
        ensure!(entries(cluster, &mirror).await?.is_empty());
        Ok(())
    });
}
