//! What is sent: the Secrets as they are created, the patch that publishes, and the request for a token.

use std::collections::BTreeMap;

use kseal_api::names;
use kseal_crypto::{Plaintext, Zeroizing};
use serde::ser::{Serialize, Serializer};
use serde_json::{Value, json};

use super::items::Items;
use super::object::expiration;
use super::step::OPAQUE;
use super::{Publication, TokenObject, WholeSecret};
use crate::secret_body::{Data, SecretBody, to_json};

/// The longest name that a Secret can have.
const MAX_NAME: usize = 253;

/// The published Secret, empty, so that a token can be bound to it.
#[must_use]
pub fn empty(object: &TokenObject) -> Zeroizing<Vec<u8>> {
    secret(object, object.secret_name(), OPAQUE, &BTreeMap::new(), &[])
}

/// The published Secret with what it shall hold.
#[must_use]
pub fn whole(object: &TokenObject, publication: &Publication) -> Zeroizing<Vec<u8>> {
    let annotations = BTreeMap::from([(names::TOKEN.to_owned(), json!(publication.record).to_string())]);
    secret(object, object.secret_name(), OPAQUE, &annotations, &borrowed(&publication.items))
}

/// A token Secret, for Kubernetes to fill. `suffix` makes the name a new one: under the name of one that was deleted, the very
/// same token would be good again.
#[must_use]
pub fn token_secret(object: &TokenObject, suffix: &str) -> Zeroizing<Vec<u8>> {
    let account = object.spec.as_ref().map(|spec| spec.service_account_name.clone()).unwrap_or_default();
    let annotations = BTreeMap::from([(names::SERVICE_ACCOUNT_NAME.to_owned(), account)]);
    let name = token_secret_name(object.secret_name(), suffix);
    secret(object, &name, names::SERVICE_ACCOUNT_TOKEN_TYPE, &annotations, &[])
}

/// The name of a published Secret is a DNS subdomain, so all of it is ASCII.
fn token_secret_name(published: &str, suffix: &str) -> String {
    let room = MAX_NAME - 1 - suffix.len();
    let stem = published.get(..room).unwrap_or(published).trim_end_matches(['-', '.']);
    format!("{stem}-{suffix}")
}

/// The request for a token that dies with the published Secret, of the account with this UID.
#[must_use]
pub fn token_request(object: &TokenObject, account: &str, published: &WholeSecret) -> Zeroizing<Vec<u8>> {
    let spec = object.spec.as_ref();
    let mut wanted = json!({
        "expirationSeconds": spec.map(expiration),
        "boundObjectRef": {
            "apiVersion": "v1", "kind": "Secret", "name": published.metadata.name, "uid": published.metadata.uid,
        },
    });
    if let Some(audiences) = spec.map(|spec| &spec.audiences).filter(|audiences| !audiences.is_empty()) {
        wanted["audiences"] = json!(audiences);
    }
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "metadata": {"uid": account}, "spec": wanted,
    });
    to_json(&request)
}

/// The JSON patch (RFC 6902) that puts this into the published Secret. It fails if that is another, or has changed since it was
/// read.
#[must_use]
pub fn patch(object: &TokenObject, published: &WholeSecret, publication: &Publication) -> Zeroizing<Vec<u8>> {
    let live = &published.metadata;
    let items = borrowed(&publication.items);
    let json = |op, path: &str, value| Operation { op, path: path.to_owned(), value: Content::Json(value) };
    let entry = |field: &str, present: bool, name: &str, value: &str| {
        if present {
            json("add", &format!("/metadata/{field}/{}", name.replace('/', "~1")), json!(value))
        } else {
            json("add", &format!("/metadata/{field}"), json!({name: value}))
        }
    };
    to_json(&[
        json("test", "/type", json!(OPAQUE)),
        json("replace", "/metadata/resourceVersion", json!(live.resource_version)),
        json("test", "/metadata/uid", json!(live.uid)),
        Operation { op: "add", path: "/data".to_owned(), value: Content::Data(&items) },
        entry("labels", live.has_labels, names::TOKEN_OF, &object.uid),
        entry("annotations", live.has_annotations, names::TOKEN, &json!(publication.record).to_string()),
    ])
}

fn borrowed(items: &Items) -> Vec<(&str, &[u8])> {
    items.iter().map(|(item, value)| (*item, Plaintext::as_slice(value))).collect()
}

fn secret(
    object: &TokenObject,
    name: &str,
    type_: &str,
    annotations: &BTreeMap<String, String>,
    items: &[(&str, &[u8])],
) -> Zeroizing<Vec<u8>> {
    let labels = BTreeMap::from([(names::TOKEN_OF.to_owned(), object.uid.clone())]);
    let reference = json!({
        "apiVersion": names::API_VERSION, "kind": names::SERVICE_ACCOUNT_TOKEN, "name": object.name, "uid": object.uid,
        "controller": true,
    });
    let body = SecretBody {
        namespace: &object.namespace,
        name,
        labels: &labels,
        annotations,
        owner_reference: Some(reference),
        type_,
        immutable: None,
        items,
    };
    body.to_json()
}

#[derive(serde::Serialize)]
struct Operation<'a> {
    op: &'static str,
    path: String,
    value: Content<'a>,
}

enum Content<'a> {
    Json(Value),
    Data(&'a [(&'a str, &'a [u8])]),
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(value) => value.serialize(serializer),
            Self::Data(items) => Data(items).serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_token_secrets_fit() {
        assert_eq!(token_secret_name("db", "abcd2345"), "db-abcd2345");
        let long = format!("{}.{}", "a".repeat(243), "b".repeat(9));
        let name = token_secret_name(&long, "abcd2345");
        assert_eq!(name, format!("{}-abcd2345", "a".repeat(243)));
        assert!(name.len() <= MAX_NAME);
    }
}
