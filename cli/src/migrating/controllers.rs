//! Controllers as their Deployments show them.

use std::collections::BTreeMap;

use kseal_api::names;
use serde_json::Value;

/// The image of sealed-secrets' controller, wherever it is pulled from.
const UPSTREAM_IMAGE: &str = "sealed-secrets-controller";
/// Flags of sealed-secrets' controller that decide what is looked after, or how.
const TOLD: [&str; 6] =
    ["all-namespaces", "additional-namespaces", "label-selector", "key-prefix", "key-order-priority", "update-status"];

/// sealed-secrets' controller.
pub(crate) struct Upstream {
    pub name: String,
    pub replicas: i64,
    /// Those of its flags that matter, as they are set.
    pub flags: BTreeMap<&'static str, String>,
}

/// kseal's controller.
pub(crate) struct Kseal {
    pub namespace: String,
    pub replicas: i64,
    /// Whether it serves objects of sealed-secrets.
    pub serves_upstream: bool,
}

impl Upstream {
    /// Reads a Deployment; `None` if it is another one. `name` is what it is expected to be called.
    pub(super) fn read(deployment: &Value, name: &str) -> Option<Self> {
        let found = deployment["metadata"]["name"].as_str()?;
        let is_image = |container: &Value| {
            let image = container["image"].as_str().unwrap_or_default();
            let last = image.rsplit('/').next().unwrap_or_default();
            last.split(['@', ':']).next() == Some(UPSTREAM_IMAGE)
        };
        let containers = containers(deployment);
        let container = containers.iter().find(|container| is_image(container));
        let container = container.or_else(|| containers.first().filter(|_| found == name))?;
        let flags = TOLD.into_iter().filter_map(|flag| Some((flag, flag_of(container, "SEALED_SECRETS_", flag)?)));
        Some(Self { name: found.to_owned(), replicas: replicas(deployment), flags: flags.collect() })
    }

    pub(super) fn is_running(&self) -> bool {
        self.replicas > 0
    }

    /// A flag that is set to something.
    pub(super) fn flag(&self, name: &str) -> Option<&str> {
        self.flags.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl Kseal {
    /// Reads a Deployment; `None` if it is another one.
    pub(super) fn read(deployment: &Value) -> Option<Self> {
        (deployment["metadata"]["name"] == names::CONTROLLER).then_some(())?;
        let namespace = deployment["metadata"]["namespace"].as_str()?.to_owned();
        let mode = containers(deployment).iter().find_map(|container| flag_of(container, "KSEAL_", "sealed-secrets"));
        Some(Self { namespace, replicas: replicas(deployment), serves_upstream: mode.as_deref() != Some("off") })
    }

    /// It looks after objects of sealed-secrets now.
    pub(super) fn is_serving(&self) -> bool {
        self.replicas > 0 && self.serves_upstream
    }
}

fn containers(deployment: &Value) -> &[Value] {
    deployment["spec"]["template"]["spec"]["containers"].as_array().map_or(&[], Vec::as_slice)
}

/// As many as are wanted; one where nothing is said.
fn replicas(deployment: &Value) -> i64 {
    deployment["spec"]["replicas"].as_i64().unwrap_or(1)
}

/// A flag of a container, from its arguments, else from its environment.
fn flag_of(container: &Value, prefix: &str, flag: &str) -> Option<String> {
    let words = |field: &str| container[field].as_array().cloned().unwrap_or_default();
    let words: Vec<String> = ["command", "args"]
        .into_iter()
        .flat_map(words)
        .filter_map(|word| word.as_str().map(ToOwned::to_owned))
        .collect();
    let named = words.iter().enumerate().rev().find_map(|(at, word)| {
        let rest = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?.strip_prefix(flag)?;
        match rest.strip_prefix('=') {
            Some(value) => Some(value.to_owned()),
            None if !rest.is_empty() => None,
            // A flag alone is a switch, unless its value follows.
            None => {
                Some(words.get(at + 1).filter(|next| !next.starts_with('-')).map_or("true", String::as_str).to_owned())
            }
        }
    });
    let variable = format!("{prefix}{}", flag.replace('-', "_").to_uppercase());
    let set = || {
        let all = container["env"].as_array()?;
        all.iter().find(|entry| entry["name"] == variable.as_str())?["value"].as_str().map(ToOwned::to_owned)
    };
    named.or_else(set)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(name: &str, container: &Value) -> Value {
        json!({
            "metadata": {"name": name, "namespace": "kube-system"},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "proxy"}, container]}}},
        })
    }

    #[test]
    fn flags_are_found_in_every_way_to_write_them() {
        let args =
            json!(["--label-selector", "a=b", "--update-status", "--key-prefix=own", "-additional-namespaces=x,y"]);
        let env = json!([{"name": "SEALED_SECRETS_KEY_PREFIX", "value": "other"},
            {"name": "SEALED_SECRETS_KEY_ORDER_PRIORITY", "value": "SecretCreationTimestamp"}]);
        let container =
            json!({"image": "ghcr.io/bitnami/sealed-secrets-controller:0.38.4@sha256:00", "args": args, "env": env});
        let upstream = Upstream::read(&deployment("sealed-secrets", &container), "sealed-secrets-controller").unwrap();
        assert_eq!((upstream.name.as_str(), upstream.replicas), ("sealed-secrets", 2));
        let flag = |name| upstream.flag(name);
        assert_eq!((flag("label-selector"), flag("update-status")), (Some("a=b"), Some("true")));
        assert_eq!((flag("key-prefix"), flag("additional-namespaces")), (Some("own"), Some("x,y")));
        assert_eq!((flag("key-order-priority"), flag("all-namespaces")), (Some("SecretCreationTimestamp"), None));
    }

    #[test]
    fn a_controller_is_known_by_its_image_or_by_its_name() {
        let other = json!({"image": "docker.io/library/nginx"});
        assert!(Upstream::read(&deployment("web", &other), "sealed-secrets-controller").is_none());
        assert!(
            Upstream::read(&deployment("sealed-secrets-controller", &other), "sealed-secrets-controller").is_some()
        );
    }

    #[test]
    fn kseal_serves_objects_of_sealed_secrets_unless_it_is_off() {
        let kseal = |args: Value| Kseal::read(&deployment("kseal-controller", &json!({ "args": args }))).unwrap();
        assert!(kseal(json!([])).is_serving());
        assert!(kseal(json!(["--sealed-secrets=generate", "--sealed-secrets-key-prefix=off"])).is_serving());
        assert!(!kseal(json!(["--sealed-secrets", "off"])).is_serving());
        assert!(Kseal::read(&deployment("other", &json!({}))).is_none());
    }
}
