//! A cluster with everything switched on, somebody who attacks it, and what there is to gain.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kseal_api::names;
use kseal_core::{policy::GRACE_SECONDS, reconcile::Group};
use kseal_tests::{
    cluster::{Cluster, Controller, ControllerOptions, wait_until},
    site::{Case, Objects, SOON, Site, cluster_sealed_for, condition, path},
};
use serde_json::{Value, json};

/// `deploy/` with all components that concern ServiceAccounts and namespaces.
const FOLDER: &str = "tests/fixtures/accounts";
const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
/// What a registry Secret holds.
const CREDENTIALS: &[(&str, &str)] = &[(".dockerconfigjson", r#"{"auths":{}}"#)];
/// Who attacks.
const MALLORY: &str = "mallory";

pub(crate) struct World<'c> {
    pub(crate) site: Site<'c>,
    pub(crate) controller: Controller,
    /// The namespace in which the attacker may write kseal's kinds.
    pub(crate) namespace: String,
    /// Somebody else's.
    pub(crate) other: String,
    pub(crate) mallory: Objects,
}

/// How an attempt is made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    Create,
    Apply,
}

impl<'c> World<'c> {
    /// With the accounts `victim`, which consents to nothing, and `ci`, which consents to the ServiceAccountToken `ci`, which is
    /// there and right.
    pub(crate) async fn new(cluster: &'c Cluster) -> Result<Self> {
        let site = Site::of(cluster, FOLDER).await?;
        let controller = site.launch(ControllerOptions::default()).await?;
        controller.wait_ready().await?;
        let (namespace, other) = (cluster.namespace("tenant").await?, cluster.namespace("other").await?);
        let mallory = Objects::new(cluster.client(&cluster.user(MALLORY, &[])?).await?);
        let world = Self { site, controller, namespace, other, mallory };
        world.allow().await?;
        for (account, consent) in [("victim", json!(null)), ("ci", json!("ci"))] {
            let metadata = json!({"namespace": world.namespace, "name": account, "annotations": {names::ALLOW_TOKEN_FOR: consent}});
            world
                .site
                .objects
                .create(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}))
                .await?;
        }
        for namespace in [&world.namespace, &world.other] {
            let secret = json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": "foreign"},
                "stringData": {"password": "hunter2"},
            });
            world.site.objects.create(&secret).await?;
        }
        world.policies_count().await?;
        world.site.objects.create(&world.token("ci", "ci", "Bound")).await?;
        world.is_ready(&world.token("ci", "ci", "Bound")).await.context("what is asked for rightly")?;
        Ok(world)
    }

    /// Mallory may write kseal's kinds: in one namespace, and the cluster-scoped one.
    async fn allow(&self) -> Result<()> {
        let verbs = json!(["create", "delete", "get", "list", "patch", "update"]);
        let rule = |resources: Value| json!([{"apiGroups": ["kseal.dev", "bitnami.com"], "resources": resources, "verbs": verbs}]);
        let rbac = "rbac.authorization.k8s.io";
        let version = format!("{rbac}/v1");
        let subjects = json!([{"apiGroup": rbac, "kind": "User", "name": MALLORY}]);
        let within = json!({"namespace": self.namespace, "name": MALLORY});
        let everywhere = json!({"name": MALLORY});
        for object in [
            json!({"apiVersion": version, "kind": "Role", "metadata": within,
                "rules": rule(json!(["sealedsecrets", "serviceaccounttokens"]))}),
            json!({"apiVersion": version, "kind": "RoleBinding", "metadata": within, "subjects": subjects,
                "roleRef": {"apiGroup": rbac, "kind": "Role", "name": MALLORY}}),
            json!({"apiVersion": version, "kind": "ClusterRole", "metadata": everywhere,
                "rules": rule(json!(["clustersealedsecrets"]))}),
            json!({"apiVersion": version, "kind": "ClusterRoleBinding", "metadata": everywhere, "subjects": subjects,
                "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": MALLORY}}),
        ] {
            self.site.objects.apply(&object).await?;
        }
        wait_until("the roles are known", SOON, || async {
            self.mallory.get("/apis/kseal.dev/v1alpha1/clustersealedsecrets").await?;
            let tokens = format!("/apis/kseal.dev/v1alpha1/namespaces/{}/serviceaccounttokens", self.namespace);
            self.mallory.get(&tokens).await.map(drop)
        })
        .await
    }

    /// Waits until the policies are so old that what is asked for now is known to have been looked at.
    async fn policies_count(&self) -> Result<()> {
        wait_until("the policies are old enough", SOON, || async {
            let list = self.site.objects.get(POLICIES).await?;
            let mut youngest = 0;
            for policy in list["items"].as_array().context("a list")? {
                let made: Time = serde_json::from_value(policy["metadata"]["creationTimestamp"].clone())?;
                youngest = youngest.max(made.0.as_second());
            }
            // The API server's clock, by what it writes now.
            let review = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "now-", "namespace": self.other, "name": ""}});
            let now: Time = serde_json::from_value(self.site.objects.create(&review).await?["metadata"]["creationTimestamp"].clone())?;
            ensure!(now.0.as_second() > youngest + GRACE_SECONDS, "the youngest is of {youngest}");
            Ok(())
        })
        .await
    }

    pub(crate) fn case(&self, group: Group, name: &str) -> Case<'_> {
        Case { site: &self.site, group, namespace: self.namespace.clone(), name: name.to_owned() }
    }

    /// A ServiceAccountToken of the tenant's namespace.
    pub(crate) fn token(&self, name: &str, account: &str, mode: &str) -> Value {
        json!({
            "apiVersion": names::API_VERSION, "kind": names::SERVICE_ACCOUNT_TOKEN,
            "metadata": {"namespace": self.namespace, "name": name},
            "spec": {"serviceAccountName": account, "mode": mode},
        })
    }

    /// A sealed object whose Secret Kubernetes would fill with a token of that account.
    pub(crate) fn token_secret(&self, group: Group, name: &str, account: &str) -> Result<Value> {
        let mut object = self.case(group, name).sealed(&[("a", "b")])?;
        let annotations = json!({names::SERVICE_ACCOUNT_NAME: account});
        object["spec"]["template"] =
            json!({"type": names::SERVICE_ACCOUNT_TOKEN_TYPE, "metadata": {"annotations": annotations}});
        Ok(object)
    }

    /// A sealed registry Secret that is to be put into every account.
    pub(crate) fn pulled(&self, group: Group, name: &str) -> Result<Value> {
        let mut object = self.case(group, name).sealed(CREDENTIALS)?;
        object["spec"]["template"] = json!({"type": names::DOCKER_TYPES[0]});
        match group {
            Group::Native => object["spec"]["imagePullSecret"] = json!({"serviceAccounts": {"all": true}}),
            Group::Upstream => {
                object["spec"]["template"]["metadata"] = json!({"annotations": {names::IMAGE_PULL_SECRET_FOR: "*"}});
            }
        }
        Ok(object)
    }

    /// A ClusterSealedSecret for every namespace.
    pub(crate) fn everywhere(&self, name: &str) -> Result<Value> {
        let mut object = cluster_sealed_for(&[self.site.keys.native()], name, &json!({}), CREDENTIALS)?;
        object["spec"]["template"] = json!({"type": names::DOCKER_TYPES[0]});
        object["spec"]["imagePullSecret"] = json!({"serviceAccounts": {"all": true}});
        Ok(object)
    }

    /// That the API server refuses it to Mallory, in words that contain these.
    pub(crate) async fn is_refused(&self, by: By, object: &Value, words: &str) -> Result<()> {
        let outcome = match by {
            By::Create => self.mallory.create(object).await,
            By::Apply => self.mallory.apply(object).await,
        };
        refused(outcome, words).with_context(|| format!("{by:?} {}", path(object)))
    }

    /// Waits until an object of kseal's says that it is ready.
    pub(crate) async fn is_ready(&self, object: &Value) -> Result<()> {
        let path = path(object);
        wait_until(&format!("{path} is ready"), SOON, || async {
            let object = self.site.objects.get(&path).await?;
            ensure!(condition(&object, "Ready")["status"] == "True", "{}", object["status"]);
            Ok(())
        })
        .await
    }

    /// Waits until an object of kseal's says that it is not ready for this reason.
    pub(crate) async fn waits(&self, object: &Value, reason: &str) -> Result<()> {
        let (path, group) = (path(object), object["apiVersion"].as_str().unwrap_or_default());
        let main = if group == names::API_VERSION { "Ready" } else { "Synced" };
        wait_until(&format!("{path} says {reason}"), SOON, || async {
            let object = self.site.objects.get(&path).await?;
            let main = condition(&object, main);
            ensure!(main["status"] == "False" && main["reason"] == reason, "{}", object["status"]);
            Ok(())
        })
        .await
    }

    /// Everything that could be gained: each Secret but those of the names that the attacker may have made, and what each
    /// ServiceAccount pulls with.
    pub(crate) async fn treasures(&self, own: &[&str]) -> Result<BTreeMap<String, String>> {
        let mut treasures = BTreeMap::new();
        for secret in self.all("secrets").await? {
            let (namespace, name) = (text(&secret, "namespace")?, text(&secret, "name")?);
            let is_own = namespace == self.namespace && own.contains(&name.as_str());
            // The controller's own keys come and go by themselves; that they are not for sale is asked below.
            let is_keys = namespace == self.site.installation.namespace()?;
            if !is_own && !is_keys {
                treasures.insert(format!("Secret {namespace}/{name}"), secret["data"].to_string());
            }
        }
        for account in self.all("serviceaccounts").await? {
            let name = format!("ServiceAccount {}/{}", text(&account, "namespace")?, text(&account, "name")?);
            treasures.insert(name, account["imagePullSecrets"].to_string());
        }
        Ok(treasures)
    }

    async fn all(&self, resource: &str) -> Result<Vec<Value>> {
        let list = self.site.objects.get(&format!("/api/v1/{resource}")).await?;
        Ok(list["items"].as_array().context("a list")?.clone())
    }

    /// That the controller asked for no token since so many events of the audit log, and touched nothing outside of these
    /// namespaces and its own.
    pub(crate) async fn nothing_was_asked_for(&self, since: usize, namespaces: &[&str]) -> Result<()> {
        let (user, events) = (self.site.installation.user()?, self.site.cluster.audit().await?);
        let own = self.site.installation.namespace()?;
        for event in events[since..].iter().filter(|event| event.user == user) {
            let is_write = !["get", "list", "watch"].contains(&event.verb.as_str());
            ensure!(event.subresource != "token", "a token was asked for: {event:#?}");
            let is_elsewhere =
                ![own, ""].contains(&event.namespace.as_str()) && !namespaces.contains(&&*event.namespace);
            ensure!(!is_write || !is_elsewhere, "something was written elsewhere: {event:#?}");
        }
        Ok(())
    }
}

fn text(object: &Value, field: &str) -> Result<String> {
    Ok(object["metadata"][field].as_str().with_context(|| format!("no {field}"))?.to_owned())
}

/// That the API server said no, in words that contain these.
pub(crate) fn refused(outcome: Result<Value>, words: &str) -> Result<()> {
    let error = match outcome {
        Ok(object) => bail!("it was let through: {object}"),
        Err(error) => error,
    };
    match error.downcast_ref() {
        Some(kube::Error::Api(status)) => {
            ensure!([403, 422].contains(&status.code) && status.message.contains(words), "{status:?}");
            Ok(())
        }
        _ => Err(error),
    }
}
