//! What a published Secret holds.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kseal_crypto::Plaintext;
use serde::Serialize;

use super::TokenObject;
use crate::secret_body::{Item, to_json};

pub(super) const TOKEN: &str = "token";
pub(super) const AUTHORITY: &str = "ca.crt";
const NAMESPACE: &str = "namespace";
const KUBECONFIG: &str = "kubeconfig";

/// What the controller was told of the cluster. Nothing of it comes from a tenant.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The controller's own namespace.
    pub own_namespace: String,
    /// The API server's address, for kubeconfigs.
    pub server: Option<String>,
    /// What kubeconfigs call the cluster.
    pub cluster: String,
    /// The certificates that the controller itself trusts the API server by, as PEM; none where the system's are enough.
    pub authority: Option<String>,
}

pub(super) type Items = BTreeMap<&'static str, Plaintext>;

/// All items. `authority`: the certificates that stand beside the token, as PEM, if any.
pub(super) fn items(object: &TokenObject, surroundings: &Surroundings, token: &[u8], authority: &[u8]) -> Items {
    let mut items = BTreeMap::from([
        (TOKEN, Plaintext::from(token.to_vec())),
        (NAMESPACE, Plaintext::from(object.namespace.clone().into_bytes())),
    ]);
    if !authority.is_empty() {
        items.insert(AUTHORITY, Plaintext::from(authority.to_vec()));
    }
    let spec = object.spec.as_ref().filter(|spec| spec.kubeconfig.is_some());
    if let (Some(spec), Some(server)) = (spec, &surroundings.server) {
        items.insert(KUBECONFIG, kubeconfig(object, surroundings, server, &spec.service_account_name, token));
    }
    items
}

/// JSON, which is YAML too.
fn kubeconfig(
    object: &TokenObject,
    surroundings: &Surroundings,
    server: &str,
    account: &str,
    token: &[u8],
) -> Plaintext {
    let name = surroundings.cluster.as_str();
    let authority = surroundings.authority.as_deref().map(|pem| Item(pem.as_bytes()));
    // What is no text is no token either.
    let token = std::str::from_utf8(token).unwrap_or_default();
    let config = Config {
        api_version: "v1",
        kind: "Config",
        clusters: [Named { name, of: Of::Cluster { server, authority } }],
        users: [Named { name: account, of: Of::User { token } }],
        contexts: [Named { name, of: Of::Context { cluster: name, user: account, namespace: &object.namespace } }],
        current_context: name,
    };
    to_json(&config).into()
}

#[derive(Serialize)]
struct Config<'c> {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    kind: &'static str,
    clusters: [Named<'c>; 1],
    users: [Named<'c>; 1],
    contexts: [Named<'c>; 1],
    #[serde(rename = "current-context")]
    current_context: &'c str,
}

#[derive(Serialize)]
struct Named<'c> {
    name: &'c str,
    #[serde(flatten)]
    of: Of<'c>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Of<'c> {
    Cluster {
        server: &'c str,
        #[serde(rename = "certificate-authority-data", skip_serializing_if = "Option::is_none")]
        authority: Option<Item<'c>>,
    },
    User {
        token: &'c str,
    },
    Context {
        cluster: &'c str,
        user: &'c str,
        namespace: &'c str,
    },
}

/// Certificates as PEM (RFC 7468).
#[must_use]
pub fn pem(certificates: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let mut left = STANDARD.encode(certificate);
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(64));
            text.push_str(&left);
            text.push('\n');
            left = rest;
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(kubeconfig: bool) -> TokenObject {
        let mut spec = json!({"serviceAccountName": "ci", "mode": "Bound"});
        if kubeconfig {
            spec["kubeconfig"] = json!({});
        }
        let metadata = json!({"namespace": "prod", "name": "deploy", "uid": "u1", "resourceVersion": "1"});
        TokenObject::read(json!({"metadata": metadata, "spec": spec}).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_kubeconfig_is_whole_and_stands_in_memory_once() {
        let surroundings = Surroundings {
            own_namespace: "kseal-system".into(),
            server: Some("https://api.example.com".into()),
            cluster: "prod-eu".into(),
            authority: Some("PEM".into()),
        };
        let items = items(&object(true), &surroundings, b"t0ken", b"PEM");
        assert_eq!(items.keys().copied().collect::<Vec<_>>(), ["ca.crt", "kubeconfig", "namespace", "token"]);
        let read: Value = serde_json::from_slice(&items["kubeconfig"]).unwrap();
        let expected = json!({
            "apiVersion": "v1", "kind": "Config",
            "clusters": [{"name": "prod-eu", "cluster": {"server": "https://api.example.com", "certificate-authority-data": "UEVN"}}],
            "users": [{"name": "ci", "user": {"token": "t0ken"}}],
            "contexts": [{"name": "prod-eu", "context": {"cluster": "prod-eu", "user": "ci", "namespace": "prod"}}],
            "current-context": "prod-eu",
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_not_asked_for_or_not_known_is_left_out() {
        let items = items(&object(false), &Surroundings::default(), b"t", b"");
        assert_eq!(items.keys().copied().collect::<Vec<_>>(), ["namespace", "token"]);
    }

    #[test]
    fn lines_of_pem_have_64_characters() {
        assert_eq!(pem(&[]), "");
        let text = pem(&[vec![0; 60], vec![1]]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 7);
        assert_eq!((lines[1].len(), lines[2].len()), (64, 16));
    }
}
