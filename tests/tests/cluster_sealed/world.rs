//! A cluster with a controller that opens ClusterSealedSecrets.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use getrandom::SysRng;
use kseal_api::names;
use kseal_core::seal_native;
use kseal_crypto::Place;
use kseal_tests::{
    cluster::{AuditEvent, Cluster, Controller, ControllerOptions, wait_until},
    site::{Keys, Objects, SOON, Site, condition, items},
};
use rand_core::UnwrapErr;
use serde_json::{Value, json};

/// The name of the object in most tests.
pub(crate) const NAME: &str = "regcred";

/// What the controller needs beside `deploy/`.
fn rights(controller: &Value) -> [Value; 2] {
    let metadata = json!({"name": "kseal-cluster-sealed-secrets-of-this-test"});
    let right = |group: &str, resource: &str, verbs: &[&str]| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs});
    let rules = [
        right("kseal.dev", "clustersealedsecrets", &["get", "list", "watch"]),
        right("kseal.dev", "clustersealedsecrets/status", &["patch"]),
        right("", "namespaces", &["list", "watch"]),
        right("", "secrets", &["delete"]),
    ];
    let of = |kind: &str| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata});
    let (mut role, mut binding) = (of("ClusterRole"), of("ClusterRoleBinding"));
    role["rules"] = json!(rules);
    binding["roleRef"] =
        json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": metadata["name"]});
    binding["subjects"] = json!([controller]);
    [role, binding]
}

/// The cluster.
pub(crate) struct World<'c> {
    pub(crate) site: Site<'c>,
}

impl<'c> World<'c> {
    pub(crate) async fn new(cluster: &'c Cluster) -> Result<Self> {
        let site = Site::new(cluster).await?;
        let account = json!({"kind": "ServiceAccount", "name": site.installation.service_account(),
            "namespace": site.installation.namespace()?});
        for right in rights(&account) {
            site.objects.apply(&right).await?;
        }
        Ok(Self { site })
    }

    pub(crate) fn objects(&self) -> &Objects {
        &self.site.objects
    }

    /// A controller that opens objects of these names.
    pub(crate) async fn start(&self, names: &str) -> Result<Controller> {
        self.start_with(names, &[]).await
    }

    pub(crate) async fn start_with(&self, names: &str, more: &[&str]) -> Result<Controller> {
        let mut arguments = vec![format!("--cluster-sealed-secrets={names}"), "--policies=elsewhere".to_owned()];
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        self.start_as(arguments).await
    }

    /// A controller that honours only what the policies have looked at.
    pub(crate) async fn start_guarded(&self, names: &str) -> Result<Controller> {
        self.start_as(vec![format!("--cluster-sealed-secrets={names}"), "--policies=required".to_owned()]).await
    }

    async fn start_as(&self, arguments: Vec<String>) -> Result<Controller> {
        self.site.start(ControllerOptions { arguments, ..ControllerOptions::default() }).await
    }

    /// A new namespace with these labels.
    pub(crate) async fn namespace(&self, name: &str, labels: &Value) -> Result<()> {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        self.objects().create(&namespace).await.map(drop)
    }

    /// Labels a namespace; null takes a label away.
    pub(crate) async fn label(&self, name: &str, labels: &Value) -> Result<()> {
        let change = json!({"metadata": {"labels": labels}});
        self.objects().merge(&format!("/api/v1/namespaces/{name}"), &change).await.map(drop)
    }

    /// The object with these items, for namespaces with the label `team=a`.
    pub(crate) fn sealed(&self, name: &str, items: &[(&str, &str)]) -> Result<Value> {
        sealed_for(&self.site.keys, name, items)
    }

    pub(crate) async fn apply(&self, items: &[(&str, &str)]) -> Result<()> {
        self.objects().apply(&self.sealed(NAME, items)?).await.map(drop)
    }

    pub(crate) async fn object(&self) -> Result<Value> {
        self.objects().get(&path(NAME)).await
    }

    /// Changes the object.
    pub(crate) async fn change(&self, change: &Value) -> Result<()> {
        self.objects().merge(&path(NAME), change).await.map(drop)
    }

    pub(crate) async fn secret(&self, namespace: &str) -> Result<Value> {
        self.objects().get(&secret(namespace)).await
    }

    /// Waits until the object says of itself as it is now that all is right in so many namespaces.
    pub(crate) async fn ready(&self, namespaces: usize) -> Result<Value> {
        wait_until(&format!("{NAME} is right in {namespaces} namespaces"), SOON, || async {
            let object = self.object().await?;
            is_current(&object)?;
            ensure!(condition(&object, "Ready")["status"] == "True", "{}", object["status"]);
            let counts = json!({"selected": namespaces, "ready": namespaces, "failing": 0});
            ensure!(object["status"]["namespaces"] == counts, "{}", object["status"]["namespaces"]);
            Ok(object)
        })
        .await
    }

    /// Waits until the object, as it is now, says that it is not right for this reason, and returns the object.
    pub(crate) async fn wrong(&self, reason: &str) -> Result<Value> {
        wait_until(&format!("{NAME} says {reason}"), SOON, || async {
            let object = self.object().await?;
            is_current(&object)?;
            let ready = condition(&object, "Ready");
            ensure!(ready["status"] == "False" && ready["reason"] == reason, "{}", object["status"]);
            Ok(object)
        })
        .await
    }

    /// Waits until the Secret of a namespace holds just these items, and is the object's.
    pub(crate) async fn holds(&self, namespace: &str, wanted: &[(&str, &str)]) -> Result<Value> {
        let wanted: BTreeMap<String, String> =
            wanted.iter().map(|(item, value)| ((*item).to_owned(), (*value).to_owned())).collect();
        wait_until(&format!("{} holds {wanted:?}", secret(namespace)), SOON, || async {
            let (object, secret) = (self.object().await?, self.secret(namespace).await?);
            ensure!(items(&secret)? == wanted, "it holds {:?}", items(&secret)?);
            let (metadata, uid) = (&secret["metadata"], &object["metadata"]["uid"]);
            ensure!(metadata["labels"][names::CLUSTER_SEALED_SECRET_OF] == *uid, "{metadata}");
            let owner = &metadata["ownerReferences"][0];
            ensure!(owner["kind"] == "ClusterSealedSecret" && owner["uid"] == *uid, "{metadata}");
            Ok(secret)
        })
        .await
    }

    /// Waits until there is no Secret in a namespace.
    pub(crate) async fn gone(&self, namespace: &str) -> Result<()> {
        wait_until(&format!("{} is gone", secret(namespace)), SOON, || async {
            ensure!(self.objects().find(&secret(namespace)).await?.is_none(), "it is there");
            Ok(())
        })
        .await
    }

    /// What the controller wrote, the Lease and its own namespace apart.
    pub(crate) async fn writes(&self) -> Result<Vec<AuditEvent>> {
        let user = self.site.installation.user()?;
        let own = self.site.installation.namespace()?.to_owned();
        let mut events = self.site.cluster.audit().await?;
        events.retain(|event| {
            event.user == user
                && event.namespace != own
                && ["create", "patch", "update", "delete"].contains(&event.verb.as_str())
        });
        Ok(events)
    }
}

/// Whether a status is of the object as it is.
fn is_current(object: &Value) -> Result<()> {
    ensure!(object["status"]["observedGeneration"] == object["metadata"]["generation"], "of an old generation");
    Ok(())
}

/// Where the object of a name is.
pub(crate) fn path(name: &str) -> String {
    format!("/apis/kseal.dev/v1alpha1/clustersealedsecrets/{name}")
}

/// Where the Secret of a namespace is.
pub(crate) fn secret(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/secrets/{NAME}")
}

/// An object with these items, sealed for its name and these keys, for namespaces with the label `team=a`.
pub(crate) fn sealed_for(keys: &Keys, name: &str, items: &[(&str, &str)]) -> Result<Value> {
    let items = items.iter().map(|(item, value)| (*item, value.as_bytes()));
    let place = Place::ClusterSealedSecret { name: name.to_owned() };
    let sealed = seal_native(&place, &[keys.native()], items, &mut UnwrapErr(SysRng))?;
    let data_keys: serde_json::Map<String, Value> =
        sealed.data_key.into_iter().map(|(handle, key)| (handle, json!(key))).collect();
    Ok(json!({
        "apiVersion": names::API_VERSION, "kind": names::CLUSTER_SEALED_SECRET, "metadata": {"name": name},
        "spec": {
            "namespaceSelector": {"matchLabels": {"team": "a"}}, "sealedFor": {"name": name}, "dataKeys": data_keys,
            "encryptedData": sealed.values,
        },
    }))
}
