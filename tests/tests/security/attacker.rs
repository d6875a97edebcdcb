//! Who attacks, and the cluster that these tests share.

use anyhow::{Context as _, Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, Controller, ControllerOptions, run, wait_until},
    site::{Case, Objects, SOON, Site},
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// Where upstream's controller lives, and where these tests let ours live: its own namespace is not closed to
/// upstream's kind.
pub(crate) const OWN: &str = "kube-system";

const BINDINGS: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";

/// What the Secrets of the attacks would hold.
pub(crate) const ITEMS: &[(&str, &str)] = &[("password", "hunter2"), ("user", "admin")];

static SITE: OnceCell<(Site<'static>, Controller)> = OnceCell::const_new();

/// The cluster with `deploy/sealed-secrets`.
pub(crate) async fn site() -> Result<&'static Site<'static>> {
    let install = || async {
        let site = Site::of(Cluster::shared().await?, "deploy/sealed-secrets").await?;
        ensure!(site.installation.namespace()? == OWN);
        // What the controller refuses by itself is what these tests are about: nobody else refuses it first.
        for policy in ["kseal-forbidden-types", "kseal-service-account-tokens", "kseal-image-pull-secrets"] {
            site.objects.delete(&format!("{BINDINGS}/{policy}")).await?;
        }
        let controller = site.start(ControllerOptions::default()).await?;
        anyhow::Ok((site, controller))
    };
    let (site, _) = SITE.get_or_try_init(install).await?;
    Ok(site)
}

/// The controller that runs there.
pub(crate) async fn controller() -> Result<&'static Controller> {
    site().await?;
    let (_, controller) = SITE.get().context("it is there by now")?;
    Ok(controller)
}

/// One who may write sealed objects of both kinds in one namespace.
pub(crate) struct Attacker {
    pub(crate) site: &'static Site<'static>,
    pub(crate) namespace: String,
    /// What the attacker's own account may do.
    pub(crate) objects: Objects,
}

impl Attacker {
    /// In a namespace that is there.
    pub(crate) async fn of(namespace: &str) -> Result<Self> {
        let site = site().await?;
        let name = format!("mallory-{namespace}");
        let verbs = ["create", "delete", "get", "list", "patch", "update", "watch"];
        let metadata = json!({"namespace": namespace, "name": name});
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
            "rules": [{"apiGroups": ["kseal.dev", "bitnami.com"], "resources": ["sealedsecrets"], "verbs": verbs}],
        });
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
        });
        for object in [role, binding] {
            site.objects.apply(&object).await?;
        }
        let kubeconfig = site.cluster.user(&name, &[])?;
        let objects = Objects::new(site.cluster.client(&kubeconfig).await?);
        let attacker = Self { site, namespace: namespace.to_owned(), objects };
        wait_until("the Role is known", SOON, || async {
            for group in Group::ALL {
                attacker.objects.get(&kseal_core::reconcile::status::collection(group, Some(namespace))).await?;
            }
            Ok(())
        })
        .await?;
        Ok(attacker)
    }

    /// The object of this name.
    pub(crate) fn case(&self, group: Group, name: &str) -> Case<'static> {
        Case { site: self.site, group, namespace: self.namespace.clone(), name: name.to_owned() }
    }

    /// A sealed object that opens, with this template.
    pub(crate) fn sealed(&self, group: Group, name: &str, template: &Value) -> Result<Value> {
        let mut object = self.case(group, name).sealed(ITEMS)?;
        object["spec"]["template"] = template.clone();
        Ok(object)
    }

    /// Makes the object, waits until it is refused for this reason, and looks that it has no Secret. Returns the
    /// condition's message.
    pub(crate) async fn is_refused(&self, object: &Value, reason: &str) -> Result<String> {
        let (group, name) = (group(object)?, object["metadata"]["name"].as_str().context("no name")?);
        self.objects.create(object).await?;
        let case = self.case(group, name);
        let message = case.wrong(reason).await?;
        ensure!(self.site.objects.find(&case.secret_path()).await?.is_none(), "{} was made", case.secret_path());
        Ok(message)
    }
}

/// Of which kind an object is.
pub(crate) fn group(object: &Value) -> Result<Group> {
    let is_of = |group: &Group| object["apiVersion"] == group.api_version();
    Group::ALL.into_iter().find(is_of).context("of neither kind")
}

/// Runs a test as an attacker in a namespace of the attacker's own.
pub(crate) fn attack(test: impl AsyncFn(Attacker) -> Result<()>) {
    run(async {
        let namespace = site().await?.cluster.namespace("tenant").await?;
        test(Attacker::of(&namespace).await?).await
    });
}

/// Runs a test as an attacker in the controller's own namespace.
pub(crate) fn attack_own(test: impl AsyncFn(Attacker) -> Result<()>) {
    run(async { test(Attacker::of(OWN).await?).await });
}
