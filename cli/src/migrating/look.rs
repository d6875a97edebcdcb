//! What is asked of the cluster.

use std::collections::BTreeMap;

use kseal_api::names;
use kseal_core::reconcile::{LiveSecret, Own};
use kseal_crypto::{Zeroizing, sealed_secrets::Certificate};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};

use super::{
    Found, Key,
    controllers::{Kseal, Upstream},
    objects::Objects,
};
use crate::{
    cluster::{self, Cluster, Described, Failure, SealedKind, SealedObjects},
    error::{Error, Result},
};

/// The definition of sealed-secrets' kind.
const DEFINITION: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/sealedsecrets.bitnami.com";

/// Where sealed-secrets is.
pub(crate) struct Place {
    pub namespace: String,
    /// Of its Deployment and its Service.
    pub name: String,
}

/// Looks at everything.
///
/// # Errors
/// If objects or Secrets cannot be listed, or there is no such kind.
pub(crate) fn look(cluster: &Cluster, place: &Place) -> Result<Found> {
    let namespace = cluster::segment("--namespace-of-controller", &place.namespace)?;
    let name = cluster::segment("--name-of-controller", &place.name)?;
    let mut looking = Looking { cluster, unseen: Vec::new() };
    let (upstream, kseal) = looking.controllers(namespace, name);
    let owner =
        looking.optional("the definition", || cluster.get_metadata::<Described>(DEFINITION)).and_then(|it| owner(&it));
    let is_running = upstream.as_ref().is_some_and(Upstream::is_running);
    let certificate = || certificate(cluster, namespace, name);
    let expires = if is_running { looking.optional("the certificate", certificate).flatten() } else { None };
    let prefix = upstream
        .as_ref()
        .and_then(|upstream| upstream.flag("key-prefix"))
        .unwrap_or(names::UPSTREAM_KEY_PREFIX)
        .to_owned();
    let own = Own { namespace: namespace.to_owned(), upstream_key_prefix: prefix, makes_tokens: false };
    let mut objects = Objects::default();
    let all = SealedObjects { cluster, namespace: None };
    if !all.each(SealedKind::Upstream, |object| objects.add(object, &own))? {
        return Err(Error::cluster(format!("{} knows no SealedSecret of sealed-secrets", cluster.name))
            .hint("there is nothing to take over; docs/operate.md tells how kseal is installed"));
    }
    all.each(SealedKind::Native, |object| objects.add_native(object))?;
    let mut keys = Vec::new();
    let take = |secret: Secret| {
        if let Some((secret, live)) = secret.0 {
            objects.add_secret(&secret.metadata.namespace, &secret.metadata.name, &live);
            keys.extend(key(secret.metadata, &own));
        }
    };
    cluster.each_metadata("/api/v1/secrets", take).map_err(|failure| {
        failure.wanting(
            "metadata of secrets in all namespaces",
            "of Secrets only the metadata is read, but the right to it is that to `list secrets`; ask somebody who has it",
        )
    })?;
    let Looking { unseen, .. } = looking;
    let (cluster, namespace) = (cluster.name.clone(), namespace.to_owned());
    Ok(Found { cluster, namespace, upstream, kseal, owner, objects, keys, expires, unseen })
}

struct Looking<'c> {
    cluster: &'c Cluster,
    unseen: Vec<String>,
}

impl Looking<'_> {
    /// What is worth knowing and not needed; `None` if it is not there.
    fn optional<T>(&mut self, what: &str, get: impl FnOnce() -> Result<T, Failure>) -> Option<T> {
        match get() {
            Ok(found) => Some(found),
            Err(Failure::Refused(refusal)) if refusal.code == 404 => None,
            Err(failure) => {
                self.unseen.push(failure.wanting(what, "").message().to_owned());
                None
            }
        }
    }

    fn controllers(&mut self, namespace: &str, name: &str) -> (Option<Upstream>, Vec<Kseal>) {
        let cluster = self.cluster;
        let path = |namespace: &str| format!("/apis/apps/v1/namespaces/{namespace}/deployments");
        let (mut upstream, mut kseal) = (Vec::new(), Vec::new());
        let mut take = |deployment: Value| {
            upstream.extend(Upstream::read(&deployment, name));
            kseal.extend(Kseal::read(&deployment));
        };
        let what = format!("deployments in namespace {namespace}");
        self.optional(&what, || cluster.each(&path(namespace), &mut take));
        if namespace != names::SYSTEM_NAMESPACE {
            let path = format!("{}/{}", path(names::SYSTEM_NAMESPACE), names::CONTROLLER);
            let what = format!("deployment {}/{}", names::SYSTEM_NAMESPACE, names::CONTROLLER);
            let found = self.optional(&what, || cluster.get::<Value>(&path));
            kseal.extend(found.as_ref().and_then(Kseal::read));
        }
        // The one of the expected name, else the one that runs.
        upstream.sort_by_key(|it: &Upstream| (it.name != name, !it.is_running()));
        (upstream.into_iter().next(), kseal)
    }
}

/// A Secret's metadata; nothing if it is not of the shape that every server sends.
struct Secret(Option<(Named, LiveSecret)>);

#[derive(Deserialize)]
struct Named {
    metadata: NamedMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamedMetadata {
    name: String,
    namespace: String,
    labels: Option<BTreeMap<String, String>>,
    creation_timestamp: Option<String>,
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Clients leave what they applied in annotations, values included.
        let text: Zeroizing<Box<str>> = Zeroizing::new(Box::<RawValue>::deserialize(deserializer)?.into());
        let named = serde_json::from_str::<Named>(&text).ok();
        Ok(Self(named.zip(LiveSecret::read(text.as_bytes()))))
    }
}

/// A Secret as a key of sealed-secrets, if it is one.
fn key(secret: NamedMetadata, own: &Own) -> Option<Key> {
    let label = secret.labels.and_then(|mut labels| labels.remove(names::UPSTREAM_KEY));
    let is_first = label.is_none() && secret.name == own.upstream_key_prefix;
    if secret.namespace != own.namespace || (label.is_none() && !is_first) {
        return None;
    }
    let is_active = is_first || label.as_deref() == Some(names::UPSTREAM_KEY_ACTIVE);
    Some(Key { name: secret.name, label, created: secret.creation_timestamp, is_active })
}

/// Who would put a definition back, or take it away, by the marks that tools leave.
fn owner(definition: &Described) -> Option<String> {
    let Described { metadata } = definition;
    let annotation = |name| metadata.annotation(name);
    let label = |name| metadata.label(name);
    let helm = annotation("meta.helm.sh/release-name").map(|name| format!("the Helm release {name}"));
    let argo = annotation("argocd.argoproj.io/tracking-id")
        .and_then(|id| id.split(':').next())
        .or_else(|| label("argocd.argoproj.io/instance"))
        .map(|name| format!("the Argo CD application {name}"));
    let flux = label("kustomize.toolkit.fluxcd.io/name")
        .map(|name| format!("the Flux Kustomization {name}"))
        .or_else(|| label("helm.toolkit.fluxcd.io/name").map(|name| format!("the Flux HelmRelease {name}")));
    argo.or(flux).or(helm)
}

/// When the certificate that `kubeseal` is given expires, asked for in its own way. `None` if it cannot be read.
fn certificate(cluster: &Cluster, namespace: &str, name: &str) -> Result<Option<u64>, Failure> {
    let services = format!("/api/v1/namespaces/{namespace}/services");
    let service: Value = cluster.get(&format!("{services}/{name}"))?;
    let port = service["spec"]["ports"][0]["name"].as_str().unwrap_or_default();
    let port = if port.is_empty() { "" } else { cluster::segment("the port of the service", port)? };
    let text = cluster.get_octets(&format!("{services}/http:{name}:{port}/proxy/v1/cert.pem"))?;
    let certificate = std::str::from_utf8(&text).ok().and_then(|text| Certificate::from_pem(text).ok());
    Ok(certificate.map(|certificate| certificate.validity.not_after))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_owner_of_a_definition_is_told_by_the_marks_of_tools() {
        let owner = |field: &str, name: &str, value: &str| {
            owner(&serde_json::from_value(json!({"metadata": {"name": "x", field: {name: value}}})).unwrap())
        };
        let cases = [
            ("annotations", "meta.helm.sh/release-name", "ss", Some("the Helm release ss")),
            (
                "annotations",
                "argocd.argoproj.io/tracking-id",
                "app:group/Kind:x/y",
                Some("the Argo CD application app"),
            ),
            ("labels", "argocd.argoproj.io/instance", "app", Some("the Argo CD application app")),
            ("labels", "kustomize.toolkit.fluxcd.io/name", "infra", Some("the Flux Kustomization infra")),
            ("labels", "app", "x", None),
        ];
        for (field, name, value, wanted) in cases {
            assert_eq!(owner(field, name, value).as_deref(), wanted, "{name}");
        }
    }

    #[test]
    fn the_metadata_of_a_secret_is_read_and_a_strange_one_passed_over() {
        let read = |text: &str| serde_json::from_str::<Secret>(text).unwrap().0.map(|(named, _)| named.metadata.name);
        let good = r#"{"metadata": {"name": "db", "namespace": "prod", "uid": "u", "resourceVersion": "1"}}"#;
        assert_eq!(read(good).as_deref(), Some("db"));
        assert_eq!(read(r#"{"metadata": {"name": 7}}"#), None);
    }
}
