//! Secrets that are never made from a sealed object, whoever asks.

use kseal_api::names;

use super::{Group, Request, Trouble};

/// The controller's own place, in which its keys lie.
#[derive(Clone)]
pub struct Own {
    /// Its namespace.
    pub namespace: String,
    /// The prefix of upstream's key Secrets; the bare prefix is the name of a legacy one.
    pub upstream_key_prefix: String,
}

/// Types that are a right and not a text: a token for any ServiceAccount, membership in the cluster, a private key.
const TYPES: [&str; 4] = [
    "kubernetes.io/service-account-token",
    "bootstrap.kubernetes.io/token",
    names::SEALING_KEY_TYPE,
    names::IDENTITY_KEY_TYPE,
];

/// Prefix of everything that is kseal's own.
const OWN_NAMES: &str = "kseal-";

/// Why the Secret that a request asks for is never written, if so. What the live Secret's labels say comes on top:
/// [`super::ownership()`].
#[must_use]
pub fn forbidden(request: &Request, own: &Own) -> Option<Trouble> {
    let desired = &request.desired;
    if TYPES.contains(&desired.type_.as_str()) {
        return Some(Trouble::ForbiddenType(desired.type_.clone()));
    }
    if desired.labels.keys().any(|label| [names::KEY_STATE, names::UPSTREAM_KEY].contains(&label.as_str())) {
        return Some(Trouble::KeySecret);
    }
    if request.namespace == own.namespace {
        let is_key = request.name.starts_with(&own.upstream_key_prefix);
        if request.group == Group::Native || is_key || request.name.starts_with(OWN_NAMES) {
            return Some(Trouble::OwnNamespace);
        }
    }
    let reserved = |name: &&String| name.starts_with("kseal.dev/") && !names::TEMPLATE_ALLOWED.contains(&name.as_str());
    desired.labels.keys().chain(desired.annotations.keys()).find(reserved).map(|name| Trouble::Reserved(name.clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked(group: Group, namespace: &str, name: &str, template: &Value) -> Option<&'static str> {
        let metadata = json!({"name": name, "namespace": namespace, "uid": "u1", "resourceVersion": "1"});
        let spec = json!({"scope": "Strict", "template": template});
        let request = Request::read(group, json!({"metadata": metadata, "spec": spec}).to_string().as_bytes()).unwrap();
        let own = Own { namespace: "kseal-system".into(), upstream_key_prefix: "sealed-secrets-key".into() };
        forbidden(&request, &own).map(|trouble| trouble.reason())
    }

    #[test]
    fn rights_and_keys_are_never_made() {
        for group in Group::ALL {
            for type_ in TYPES {
                assert_eq!(asked(group, "prod", "db", &json!({"type": type_})), Some("ForbiddenType"));
            }
            for label in ["kseal.dev/sealing-key", "sealedsecrets.bitnami.com/sealed-secrets-key"] {
                let template = json!({"metadata": {"labels": {label: "active"}}});
                assert_eq!(asked(group, "prod", "db", &template), Some("KeySecret"));
            }
            assert_eq!(asked(group, "prod", "db", &json!({"type": "kubernetes.io/tls"})), None);
        }
    }

    #[test]
    fn the_controllers_namespace_is_closed_but_for_upstreams_ordinary_objects() {
        let asked = |group, name| asked(group, "kseal-system", name, &json!({}));
        assert_eq!(asked(Group::Native, "db"), Some("OwnNamespace"));
        assert_eq!(asked(Group::Upstream, "db"), None);
        for name in ["kseal-identity", "kseal-1-abcdef12", "sealed-secrets-key", "sealed-secrets-keyx7k2p"] {
            assert_eq!(asked(Group::Upstream, name), Some("OwnNamespace"), "{name}");
        }
    }

    #[test]
    fn our_own_names_are_not_the_templates_to_set() {
        for name in ["kseal.dev/owner-uid", "kseal.dev/applied", "kseal.dev/sealed", "kseal.dev/new"] {
            let template = json!({"metadata": {"annotations": {name: "x"}}});
            assert_eq!(asked(Group::Native, "prod", "db", &template), Some("ReservedName"), "{name}");
        }
        let consent = json!({"metadata": {"annotations": {"kseal.dev/managed": "true"}}});
        assert_eq!(asked(Group::Native, "prod", "db", &consent), None);
    }
}
