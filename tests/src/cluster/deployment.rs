//! The controller as the shipped manifests describe it: with the arguments, the environment and the ServiceAccount of the
//! Deployment `kseal-controller`, as a process beside the control plane, since nothing runs Pods here.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use kseal_api::names;
use serde_json::{Value, json};

use super::{Cluster, controller::Controller, programs, settings};

/// Manifests that were applied to a cluster.
pub struct Installation<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) deployment: Deployment,
}

/// How a controller differs from what the Deployment says.
#[derive(Clone, Debug, Default)]
pub struct ControllerOptions {
    /// Arguments, `--name=value`. They take the place of the Deployment's arguments of the same names.
    pub arguments: Vec<String>,
    /// Environment variables beside those of the Deployment.
    pub environment: Vec<(String, String)>,
    /// Another program in the controller's place, if not the one of this tree.
    pub program: Option<PathBuf>,
    /// Where the controller finds the API server, if not at its own address: a proxy that fails, say.
    pub server: Option<String>,
}

impl Cluster {
    /// Applies a folder of manifests as a person would (`kubectl apply -k`), and waits until what they define is served.
    /// The folder is named from the root of the repository, as `deploy` is.
    ///
    /// # Errors
    /// kubectl fails, or the folder has no Deployment `kseal-controller`.
    pub async fn install(&self, folder: &str) -> Result<Installation<'_>> {
        self.kubectl(["apply", "-k", folder]).run().await?;
        let all = self.kubectl(["get", "-k", folder, "-o", "json"]).run().await?;
        let mut all: Value = serde_json::from_str(&all)?;
        let all = all["items"].as_array_mut().context("no list")?;
        if all.iter().any(|object| object["kind"] == "CustomResourceDefinition") {
            let wait = ["wait", "--for=condition=Established", "customresourcedefinitions", "--all", "--timeout=60s"];
            self.kubectl(wait).run().await?;
        }
        let is_controller =
            |object: &&mut Value| object["kind"] == "Deployment" && object["metadata"]["name"] == names::CONTROLLER;
        let deployment = all.iter_mut().find(is_controller).context("no Deployment of the controller")?.take();
        Ok(Installation { cluster: self, deployment: Deployment(deployment) })
    }
}

impl Installation<'_> {
    /// Where it was applied.
    #[must_use]
    pub const fn cluster(&self) -> &Cluster {
        self.cluster
    }

    /// The namespace of the Deployment.
    ///
    /// # Errors
    /// It has none.
    pub fn namespace(&self) -> Result<&str> {
        self.deployment.namespace()
    }

    /// The name of the ServiceAccount that its Pods run as.
    #[must_use]
    pub fn service_account(&self) -> &str {
        self.deployment.pod_spec()["serviceAccountName"].as_str().unwrap_or("default")
    }

    /// The user that the controller is in the audit log.
    ///
    /// # Errors
    /// The Deployment has no namespace.
    pub fn user(&self) -> Result<String> {
        Ok(format!("system:serviceaccount:{}:{}", self.namespace()?, self.service_account()))
    }

    /// A Pod as the Deployment would make it.
    #[must_use]
    pub fn pod(&self) -> Value {
        let Deployment(deployment) = &self.deployment;
        let template = &deployment["spec"]["template"];
        let mut pod =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
        pod["metadata"]["name"] = json!("kseal-controller-of-a-test");
        pod["metadata"]["namespace"] = deployment["metadata"]["namespace"].clone();
        pod
    }

    /// Starts one replica. Builds the controller the first time.
    ///
    /// # Errors
    /// It cannot be built or run, or the Deployment is not what this can run.
    pub async fn start(&self, options: &ControllerOptions) -> Result<Controller> {
        Controller::start(self, options).await
    }
}

/// What the manifests say of the controller's process.
pub(super) struct Deployment(Value);

impl Deployment {
    /// How long it has to stop after it was told to.
    pub(super) fn grace(&self) -> Duration {
        Duration::from_secs(self.pod_spec()["terminationGracePeriodSeconds"].as_u64().unwrap_or(30))
    }

    /// User and group of its process.
    pub(super) fn user_and_group(&self) -> Result<(u32, u32)> {
        let of = |name: &str| {
            let here = &self.container()?["securityContext"][name];
            let number = here.as_u64().or_else(|| self.pod_spec()["securityContext"][name].as_u64());
            Ok::<u32, anyhow::Error>(u32::try_from(number.with_context(|| format!("the Pod has no {name}"))?)?)
        };
        Ok((of("runAsUser")?, of("runAsGroup")?))
    }

    /// The arguments of its container, with those of a test in the place of the same ones.
    pub(super) fn arguments(&self, of_test: &[String]) -> Result<Vec<String>> {
        let name = |argument: &str| argument.split('=').next().unwrap_or_default().to_owned();
        let replaced: Vec<String> = of_test.iter().map(|argument| name(argument)).collect();
        let mut arguments = Vec::new();
        for argument in self.container()?["args"].as_array().into_iter().flatten() {
            let argument = argument.as_str().context("an argument that is no text")?;
            ensure!(argument.starts_with("--"), "an argument that is no --name=value: {argument}");
            if !replaced.contains(&name(argument)) {
                arguments.push(argument.to_owned());
            }
        }
        arguments.extend_from_slice(of_test);
        Ok(arguments)
    }

    /// The environment of its container in a Pod of this name.
    pub(super) fn environment(&self, pod: &str) -> Result<Vec<(String, String)>> {
        let mut environment = Vec::new();
        for variable in self.container()?["env"].as_array().into_iter().flatten() {
            let name = variable["name"].as_str().context("a variable without a name")?;
            let value = match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
                None => variable["value"].as_str().with_context(|| format!("no plain value of {name}"))?,
                Some("metadata.namespace") => self.namespace()?,
                Some("metadata.name") => pod,
                Some(other) => bail!("{name} comes from {other}, which no test has"),
            };
            environment.push((name.to_owned(), value.to_owned()));
        }
        Ok(environment)
    }

    fn namespace(&self) -> Result<&str> {
        self.0["metadata"]["namespace"].as_str().context("a Deployment without a namespace")
    }

    fn container(&self) -> Result<&Value> {
        let containers = self.pod_spec()["containers"].as_array().context("a Pod without containers")?;
        let ours = containers.iter().find(|container| container["name"] == names::CONTROLLER);
        ours.context("no container of the controller")
    }

    fn pod_spec(&self) -> &Value {
        &self.0["spec"]["template"]["spec"]
    }
}

/// How the controller's process is begun.
pub(super) struct Launch {
    pub(super) command: Command,
    /// Whose files it reads, if it is another's than of the tests.
    pub(super) owner: Option<(u32, u32)>,
}

/// The program without arguments: as it is, or, if `KSEAL_TESTS_SANDBOX` is 1, as a container runtime would run it: the
/// user and group of the Pod, no capabilities, none to be gained, a file system that can only be read.
pub(super) fn launch(installation: &Installation<'_>, program: Option<&Path>, pod: &str) -> Result<Launch> {
    let program = program.map_or_else(programs::controller, |program| Ok(program.to_owned()))?;
    if !settings::is_sandboxed() {
        return Ok(Launch { command: Command::new(program), owner: None });
    }
    let (user, group) = installation.deployment.user_and_group()?;
    // The user of the Pod may not pass through the folders above the tree.
    let reachable = installation.cluster.folder().join(pod);
    fs::hard_link(&program, &reachable)
        .or_else(|_| fs::copy(&program, &reachable).map(drop))
        .with_context(|| format!("cannot copy {}", program.display()))?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", include_str!("sandbox.sh"), "sandbox", "setpriv"]);
    command.args(["--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]);
    command.args([format!("--reuid={user}"), format!("--regid={group}")]).arg(reachable);
    Ok(Launch { command, owner: Some((user, group)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment() -> Deployment {
        let container = json!({
            "name": "kseal-controller",
            "args": ["--sealed-secrets=off", "--cluster-name=prod"],
            "env": [
                {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
                {"name": "KSEAL_LOG_FORMAT", "value": "json"},
            ],
            "securityContext": {"runAsGroup": 7},
        });
        let security = json!({"runAsUser": 5, "runAsGroup": 6});
        let pod = json!({"containers": [{"name": "other"}, container], "securityContext": security});
        Deployment(json!({"metadata": {"namespace": "kseal-system"}, "spec": {"template": {"spec": pod}}}))
    }

    #[test]
    fn an_argument_of_a_test_takes_the_place_of_the_same_one() {
        let of_test = ["--sealed-secrets=generate".to_owned(), "--workers=2".to_owned()];
        let arguments = deployment().arguments(&of_test).unwrap();
        assert_eq!(arguments, ["--cluster-name=prod", "--sealed-secrets=generate", "--workers=2"]);
    }

    #[test]
    fn the_environment_is_that_of_a_pod_of_this_name() {
        let environment = deployment().environment("kseal-controller-3").unwrap();
        let expected =
            [("POD_NAME", "kseal-controller-3"), ("POD_NAMESPACE", "kseal-system"), ("KSEAL_LOG_FORMAT", "json")];
        assert_eq!(environment, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn the_container_says_more_than_the_pod() {
        assert_eq!(deployment().user_and_group().unwrap(), (5, 7));
        assert_eq!(deployment().grace(), Duration::from_secs(30));
    }
}
