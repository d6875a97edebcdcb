//! Secrets that are never made from a sealed object, whoever asks.

use kseal_api::names;

use super::{Group, Request, Trouble};
use crate::name::is_name;

/// The controller's own place, in which its keys lie.
#[derive(Clone)]
pub struct Own {
    /// Its namespace.
    pub namespace: String,
    /// The prefix of upstream's key Secrets; the bare prefix is the name of a legacy one.
    pub upstream_key_prefix: String,
    /// Whether Secrets are made that Kubernetes fills with tokens.
    pub makes_tokens: bool,
}

/// Types that are a right and not a text: a token for any ServiceAccount, membership in the cluster, a private key.
const TYPES: [&str; 4] = [
    names::SERVICE_ACCOUNT_TOKEN_TYPE,
    "bootstrap.kubernetes.io/token",
    names::SEALING_KEY_TYPE,
    names::IDENTITY_KEY_TYPE,
];

/// The items of a token Secret that Kubernetes sets.
const TOKEN_ITEMS: [&str; 3] = ["token", "ca.crt", "namespace"];

/// Prefix of everything that is kseal's own.
const OWN_NAMES: &str = "kseal-";

/// Why the Secret that a request asks for is never written, if so. What the live Secret's labels say comes on top:
/// [`super::ownership()`].
#[must_use]
pub fn forbidden(request: &Request, own: &Own) -> Option<Trouble> {
    let desired = &request.desired;
    let is_made = request.is_token() && own.makes_tokens;
    if TYPES.contains(&desired.type_.as_str()) && !is_made {
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
    if let Some(wrong) = is_made.then(|| not_for_kubernetes_to_fill(request)).flatten() {
        return Some(Trouble::TokenSecret(wrong));
    }
    // What upstream's kind has no field for is said by an annotation.
    let is_asked = |name: &str| request.group == Group::Upstream && name == names::IMAGE_PULL_SECRET_FOR;
    let is_allowed = |name: &str| names::TEMPLATE_ALLOWED.contains(&name) || is_asked(name);
    let reserved = |name: &&String| name.starts_with("kseal.dev/") && !is_allowed(name);
    desired.labels.keys().chain(desired.annotations.keys()).find(reserved).map(|name| Trouble::Reserved(name.clone()))
}

/// What keeps Kubernetes from filling a Secret with a token, or would be mixed with it.
fn not_for_kubernetes_to_fill(request: &Request) -> Option<&'static str> {
    let annotation = |name: &str| request.desired.annotations.get(name).filter(|value| !value.is_empty());
    if !annotation(names::SERVICE_ACCOUNT_NAME).is_some_and(|name| is_name(name)) {
        return Some("its template names no ServiceAccount (annotation kubernetes.io/service-account.name)");
    }
    if request.desired.annotations.contains_key(names::SERVICE_ACCOUNT_UID) {
        return Some("its template sets the annotation kubernetes.io/service-account.uid, which is Kubernetes' to set");
    }
    if request.sealed.items().iter().any(|item| TOKEN_ITEMS.contains(item)) {
        return Some("it seals token, ca.crt or namespace, which are Kubernetes' to set");
    }
    request.desired.immutable.then_some("it is immutable, so that Kubernetes cannot fill it")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked(group: Group, namespace: &str, name: &str, template: &Value) -> Option<&'static str> {
        let metadata = json!({"name": name, "namespace": namespace, "uid": "u1", "resourceVersion": "1"});
        let spec = json!({"scope": "Strict", "template": template});
        let request = Request::read(group, json!({"metadata": metadata, "spec": spec}).to_string().as_bytes()).unwrap();
        let own = Own {
            namespace: "kseal-system".into(),
            upstream_key_prefix: "sealed-secrets-key".into(),
            makes_tokens: false,
        };
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
    fn a_token_secret_is_made_where_that_is_switched_on_and_kubernetes_can_fill_it() {
        let asked = |spec: &Value| {
            let metadata = json!({"name": "ci", "namespace": "prod", "uid": "u1", "resourceVersion": "1"});
            let object = json!({"metadata": metadata, "spec": spec});
            let request = Request::read(Group::Native, object.to_string().as_bytes()).unwrap();
            let own = Own { namespace: "kseal-system".into(), upstream_key_prefix: "x".into(), makes_tokens: true };
            forbidden(&request, &own).map(|trouble| trouble.reason())
        };
        let template = |annotations: Value, immutable: bool| json!({"type": "kubernetes.io/service-account-token", "immutable": immutable, "metadata": {"annotations": annotations}});
        let name = json!({"kubernetes.io/service-account.name": "ci"});
        let spec =
            |template: Value, items: Value| json!({"scope": "Strict", "template": template, "encryptedData": items});
        assert_eq!(asked(&spec(template(name.clone(), false), json!({"extra": "ks1.x"}))), None);
        let named = json!({"kubernetes.io/service-account.name": "ci", "kubernetes.io/service-account.uid": "u"});
        for wrong in [
            spec(template(json!({}), false), json!({})),
            spec(template(json!({"kubernetes.io/service-account.name": ""}), false), json!({})),
            spec(template(json!({"kubernetes.io/service-account.name": "?watch=true"}), false), json!({})),
            spec(template(named, false), json!({})),
            spec(template(name.clone(), true), json!({})),
            spec(template(name.clone(), false), json!({"token": "ks1.x"})),
            spec(template(name, false), json!({"ca.crt": "ks1.x"})),
        ] {
            assert_eq!(asked(&wrong), Some("TokenSecret"), "{wrong}");
        }
        assert_eq!(asked(&spec(json!({"type": "bootstrap.kubernetes.io/token"}), json!({}))), Some("ForbiddenType"));
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
        let pulls = json!({"metadata": {"annotations": {"kseal.dev/image-pull-secret-for": "*"}}});
        assert_eq!(asked(Group::Upstream, "prod", "db", &pulls), None);
        assert_eq!(asked(Group::Native, "prod", "db", &pulls), Some("ReservedName"), "which has a field for that");
    }
}
