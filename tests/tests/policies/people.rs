//! Users and ServiceAccounts with the rights that a test gives them, and no other.

use anyhow::{Context as _, Result, ensure};
use kseal_tests::{
    cluster::{Cluster, wait_until},
    site::{Objects, SOON, path},
};
use serde_json::{Value, json};

/// Groups, resources, verbs.
pub(crate) type Right = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

/// To write all kinds of kseal's, which says nothing about what they ask for.
pub(crate) const WRITES: &[Right] = &[(
    &["kseal.dev", "bitnami.com"],
    &["serviceaccounttokens", "sealedsecrets", "clustersealedsecrets"],
    &["create", "get", "patch", "update", "delete"],
)];

/// To get a token of any ServiceAccount.
pub(crate) const GETS_TOKENS: Right = (&[""], &["serviceaccounts/token"], &["create"]);
/// To change ServiceAccounts.
pub(crate) const PATCHES_ACCOUNTS: Right = (&[""], &["serviceaccounts"], &["patch"]);
pub(crate) const CREATES_SECRETS: Right = (&[""], &["secrets"], &["create"]);
pub(crate) const READS_SECRETS: Right = (&[""], &["secrets"], &["get"]);

/// Those, and to write all kinds of kseal's.
pub(crate) fn writes_and(rights: &[Right]) -> Vec<Right> {
    WRITES.iter().chain(rights).copied().collect()
}

/// A user; in one namespace, or in all.
pub(crate) async fn user(cluster: &Cluster, namespace: Option<&str>, name: &str, rights: &[Right]) -> Result<Objects> {
    let name = format!("{name}-{}", namespace.unwrap_or("everywhere"));
    let subject = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name});
    grant(cluster, namespace, (&name, &name), &subject, rights).await?;
    Ok(Objects::new(cluster.client(&cluster.user(&name, &[])?).await?))
}

/// A ServiceAccount, as a GitOps tool is one, by its real token.
pub(crate) async fn account(cluster: &Cluster, namespace: &str, name: &str, rights: &[Right]) -> Result<Objects> {
    let admin = Objects::new(cluster.admin().await?);
    let metadata = json!({"namespace": namespace, "name": name});
    admin.create(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})).await?;
    let subject = json!({"kind": "ServiceAccount", "namespace": namespace, "name": name});
    let user = format!("system:serviceaccount:{namespace}:{name}");
    grant(cluster, Some(namespace), (name, &user), &subject, rights).await?;
    Ok(Objects::new(cluster.client(&cluster.kubeconfig_of(namespace, name).await?).await?))
}

async fn grant(
    cluster: &Cluster,
    namespace: Option<&str>,
    (name, user): (&str, &str),
    subject: &Value,
    rights: &[Right],
) -> Result<()> {
    let admin = Objects::new(cluster.admin().await?);
    let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
    let mut metadata = json!({"name": name});
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    let rule =
        |(groups, resources, verbs): &Right| json!({"apiGroups": groups, "resources": resources, "verbs": verbs});
    let version = "rbac.authorization.k8s.io/v1";
    let rules: Vec<Value> = rights.iter().map(rule).collect();
    admin.apply(&json!({"apiVersion": version, "kind": kind, "metadata": metadata, "rules": rules})).await?;
    admin
        .apply(&json!({
            "apiVersion": version, "kind": format!("{kind}Binding"), "metadata": metadata, "subjects": [subject],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
        }))
        .await?;
    for right in rights {
        wait_until(&format!("{user} has the right {right:?}"), SOON, || known(&admin, user, namespace, right)).await?;
    }
    Ok(())
}

/// The API server learns of rights by a watch.
async fn known(admin: &Objects, user: &str, namespace: Option<&str>, (groups, resources, verbs): &Right) -> Result<()> {
    let (group, resource) = (groups.last().context("a group")?, resources.last().context("a resource")?);
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let attributes = json!({
        "namespace": namespace.unwrap_or_default(), "group": group, "resource": resource, "subresource": subresource,
        "verb": verbs.last().context("a verb")?,
    });
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "metadata": {},
        "spec": {"user": user, "resourceAttributes": attributes},
    });
    let answer = admin.create(&review).await.context(path(&review))?;
    ensure!(answer["status"]["allowed"] == true);
    Ok(())
}
