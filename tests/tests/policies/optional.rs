//! Policies that a cluster may have besides, each a component of its own.

use anyhow::Result;
use kseal_api::Scope;
use kseal_core::reconcile::Group;
use kseal_crypto::{PrivateKey, Suite};
use kseal_tests::{
    cluster::{Cluster, Options, run, wait_until},
    site::{Keys, Objects, SOON, path, sealed_for},
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{
    install, native,
    people::{CREATES_SECRETS, GETS_TOKENS, READS_SECRETS, Right, WRITES, account, user, writes_and},
    refused, typed, upstream,
};

/// `deploy/` with all of them.
const FOLDER: &str = "tests/fixtures/policies";
const WRITES_SECRETS: Right = (&[""], &["secrets"], &["create", "get", "patch", "update"]);

/// The control plane that these tests share.
pub(crate) async fn with_all() -> Result<&'static Cluster> {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    let start = || async {
        let cluster = Cluster::start(Options::default()).await?;
        install(&cluster, FOLDER).await?;
        anyhow::Ok(cluster)
    };
    CLUSTER.get_or_try_init(start).await
}

/// Waits until the policy is asked: it was made last.
async fn refused_soon(person: &Objects, object: &Value, words: &str) -> Result<()> {
    wait_until(&format!("{} is refused", path(object)), SOON, || async {
        let outcome = person.create(object).await;
        if outcome.is_ok() {
            person.delete(&path(object)).await?;
        }
        refused(outcome, words)
    })
    .await
}

/// Changes the ConfigMap of the exemptions; each test another item.
async fn exempt(cluster: &Cluster, item: &str, value: &str) -> Result<()> {
    let parameters = "/api/v1/namespaces/kseal-system/configmaps/kseal-policy";
    let admin = Objects::new(cluster.admin().await?);
    admin.merge(parameters, &json!({"data": {item: value}})).await.map(drop)
}

#[test]
fn only_the_native_format_is_taken() {
    run(async {
        let cluster = with_all().await?;
        let namespace = cluster.namespace("native").await?;
        let ann = user(cluster, Some(&namespace), "ann", WRITES).await?;
        let words = "only the native format is taken here";
        refused_soon(&ann, &upstream(&namespace, "db", &json!({})), words).await?;
        ann.create(&native(&namespace, "db", &json!({"scope": "Strict"}))).await?;
        // A namespace that has not moved yet.
        exempt(cluster, "exempt-namespace-labels", "format=any").await?;
        cluster.kubectl(["label", "namespace", &namespace, "format=any"]).run().await?;
        let old = upstream(&namespace, "old", &json!({}));
        wait_until("the namespace is exempt", SOON, || async { ann.create(&old).await.map(drop) }).await?;
        // What is there stays, and can go; it is not changed any more.
        cluster.kubectl(["label", "namespace", &namespace, "format-"]).run().await?;
        refused_soon(&ann, &upstream(&namespace, "db", &json!({})), words).await?;
        refused(ann.merge(&path(&old), &json!({"spec": {"template": {"type": "a/b"}}})).await, words)?;
        ann.merge(&path(&old), &json!({"metadata": {"labels": {"a": "b"}}})).await?;
        ann.delete(&path(&old)).await
    });
}

#[test]
fn only_keys_of_the_minimum_suite_are_sealed_for() {
    run(async {
        let cluster = with_all().await?;
        let namespace = cluster.namespace("suite").await?;
        let ann = user(cluster, Some(&namespace), "ann", WRITES).await?;
        let key = |suite| {
            let mut random = rand_core::UnwrapErr(getrandom::SysRng);
            PrivateKey::generate(suite, &mut random).public().clone()
        };
        let (strong, weak) = (key(Suite::XWing), key(Suite::X25519));
        let seal = |name: &str, keys: &[_]| sealed_for(keys, Scope::Strict, (&namespace, name), &[("a", "b")]);
        let words = "a recipient is of a lesser suite than X-Wing";
        refused_soon(&ann, &seal("weak", &[&weak])?, words).await?;
        refused(ann.create(&seal("both", &[&strong, &weak])?).await, words)?;
        let mut object = seal("strong", &[&strong])?;
        ann.create(&object).await?;
        object["spec"]["dataKeys"] = seal("strong", &[&weak])?["spec"]["dataKeys"].clone();
        refused(ann.merge(&path(&object), &json!({"spec": object["spec"]})).await, words)?;
        ann.create(&native(&namespace, "empty", &json!({"scope": "Strict", "dataKeys": null}))).await?;
        Ok(())
    });
}

#[test]
fn a_namespace_says_by_its_label_which_scopes_it_takes() {
    run(async {
        let cluster = with_all().await?;
        // Both formats are taken in this namespace.
        let namespace = cluster.namespace("scopes").await?;
        let admin = Objects::new(cluster.admin().await?);
        let binding = crate::policy("validatingadmissionpolicybindings", "kseal-native-only");
        let elsewhere = json!({"namespaceSelector": {"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [namespace]},
        ]}});
        admin.merge(&binding, &json!({"spec": {"matchResources": elsewhere}})).await?;
        let keys = Keys::new()?;
        let ann = user(cluster, Some(&namespace), "ann", WRITES).await?;
        let seal = |group, scope, name: &str| keys.seal(group, scope, (&namespace, name), &[("a", "b")]);
        for group in Group::ALL {
            // Without a label all are taken.
            let object = seal(group, Scope::ClusterWide, "before")?;
            wait_until("it is admitted", SOON, || async { ann.create(&object).await.map(drop) }).await?;
        }
        let label = "kseal.dev/allowed-scopes=Strict.NamespaceWide";
        cluster.kubectl(["label", "namespace", &namespace, label]).run().await?;
        for group in Group::ALL {
            let words =
                "this namespace does not take scope ClusterWide (label kseal.dev/allowed-scopes: Strict.NamespaceWide)";
            refused_soon(&ann, &seal(group, Scope::ClusterWide, "wide")?, words).await?;
            for (name, scope) in [("strict", Scope::Strict), ("namespace", Scope::NamespaceWide)] {
                ann.create(&seal(group, scope, name)?).await?;
            }
            // Wherever the scope stands, it is not widened afterwards.
            let widened = match group {
                Group::Native => json!({"spec": {"scope": "ClusterWide"}}),
                Group::Upstream => {
                    json!({"metadata": {"annotations": {"sealedsecrets.bitnami.com/cluster-wide": "true"}}})
                }
            };
            refused(ann.merge(&path(&seal(group, Scope::Strict, "strict")?), &widened).await, words)?;
            let before = path(&seal(group, Scope::ClusterWide, "before")?);
            ann.merge(&before, &json!({"metadata": {"labels": {"a": "b"}}})).await?;
        }
        Ok(())
    });
}

#[test]
fn what_git_holds_becomes_no_secret_with_values() {
    run(async {
        let cluster = with_all().await?;
        let namespace = cluster.namespace("gitops").await?;
        let rights = [WRITES_SECRETS, GETS_TOKENS, CREATES_SECRETS, READS_SECRETS];
        let tool = account(cluster, &namespace, "tool", &writes_and(&rights)).await?;
        let person = user(cluster, Some(&namespace), "ann", &writes_and(&rights)).await?;
        exempt(cluster, "gitops-users", &format!("other\nsystem:serviceaccount:{namespace}:tool\n")).await?;
        let secret = |name: &str, fields: Value| {
            let mut secret = fields;
            secret["apiVersion"] = json!("v1");
            secret["kind"] = json!("Secret");
            secret["metadata"] = json!({"namespace": namespace, "name": name});
            secret
        };
        let words = "Secrets are not applied from git here";
        refused_soon(&tool, &secret("plain", json!({"stringData": {"a": "b"}})), words).await?;
        refused(tool.create(&secret("plain", json!({"data": {"a": "YQ=="}}))).await, words)?;
        refused(tool.apply(&secret("plain", json!({"data": {"a": "YQ=="}}))).await, words)?;
        // Sealed it may be, and a Secret without values gives nothing away.
        tool.create(&native(&namespace, "sealed", &typed("kubernetes.io/tls"))).await?;
        let empty = secret("empty", json!({"type": "Opaque"}));
        tool.create(&empty).await?;
        refused(tool.merge(&path(&empty), &json!({"stringData": {"a": "b"}})).await, words)?;
        person.merge(&path(&empty), &json!({"stringData": {"a": "b"}})).await?;
        tool.merge(&path(&empty), &json!({"metadata": {"labels": {"a": "b"}}})).await?;
        refused(tool.merge(&path(&empty), &json!({"stringData": {"a": "c"}})).await, words)?;
        person.create(&secret("plain", json!({"stringData": {"a": "b"}}))).await?;
        Ok(())
    });
}
