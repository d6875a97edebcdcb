//! The Secret that an object asks for, as it is created.

use std::collections::BTreeMap;

use kseal_api::names;
use kseal_crypto::{Plaintext, Zeroizing};
use serde_json::{Value, json};

use super::{Group, Request, live::Applied, ownership::ClaimedBy};
use crate::secret_body::SecretBody;

/// The Secret that a request asks for, to be created.
#[must_use]
pub fn create(request: &Request, values: &BTreeMap<String, Plaintext>) -> Zeroizing<Vec<u8>> {
    let by = request.policy.claimed_by();
    let items: Vec<_> = values.iter().map(|(item, value)| (item.as_str(), value.as_slice())).collect();
    let body = SecretBody {
        namespace: &request.namespace,
        name: &request.name,
        labels: &request.desired.labels,
        annotations: &annotations(request, by, request.is_token(), values),
        owner_reference: (by == ClaimedBy::Reference).then(|| reference(request)),
        type_: &request.desired.type_,
        immutable: immutable(request),
        items: &items,
    };
    body.to_json()
}

/// Stated always by our own kind, so that taking it back is refused by the API server and not passed over. Upstream
/// states it only where the template does.
pub(super) fn immutable(request: &Request) -> Option<bool> {
    (request.group == Group::Native || request.desired.immutable).then_some(request.desired.immutable)
}

/// Every annotation that the Secret shall have from us.
pub(super) fn annotations(
    request: &Request,
    by: ClaimedBy,
    merge: bool,
    values: &BTreeMap<String, Plaintext>,
) -> BTreeMap<String, String> {
    let mut annotations = request.desired.annotations.clone();
    // What upstream's kind set is known from managedFields, but for items beside those of others.
    if request.group == Group::Native || request.is_token() {
        let applied = Applied {
            labels: request.desired.labels.keys().cloned().collect(),
            annotations: annotations.keys().cloned().collect(),
            items: values.keys().filter(|_| merge).cloned().collect(),
        };
        if applied != Applied::default() {
            annotations.insert(names::APPLIED.to_owned(), json!(applied).to_string());
        }
    }
    if by == ClaimedBy::Annotation {
        annotations.insert(names::OWNER_UID.to_owned(), request.uid.clone());
    }
    annotations
}

/// The ownerReference that makes a Secret go with its object.
pub(super) fn reference(request: &Request) -> Value {
    json!({
        "apiVersion": request.group.api_version(), "kind": request.kind,
        "name": request.name, "uid": request.uid, "controller": true,
    })
}
