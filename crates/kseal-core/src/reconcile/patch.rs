//! The JSON patch (RFC 6902) that puts an existing Secret right. It fails if the Secret is of another type or has changed
//! since its metadata was read, and names only our own paths, so what others set stays.

use std::collections::{BTreeMap, BTreeSet};

use kseal_api::names;
use kseal_crypto::{Plaintext, Zeroizing};
use serde::ser::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{
    LiveSecret, Request, Take,
    body::{self, Data, Item},
    ownership::ClaimedBy,
};

/// The patch. `without_data`: the Secret is known to have no field `data`, so that items cannot be added to it one by one.
#[must_use]
pub fn patch(
    request: &Request,
    live: &LiveSecret,
    take: Take,
    values: &BTreeMap<String, Plaintext>,
    without_data: bool,
) -> Zeroizing<Vec<u8>> {
    let mut patch = Patch(vec![
        Operation::new("test", "/type", Content::Json(json!(request.desired.type_))),
        Operation::new("replace", "/metadata/resourceVersion", Content::Json(json!(live.resource_version))),
    ]);
    if take.merge && !without_data {
        patch.merge(values, &live.applied.items);
    } else {
        patch.add("/data", Content::Data(values));
    }
    if let Some(immutable) = body::immutable(request).filter(|_| !take.merge) {
        patch.add("/immutable", Content::Json(json!(immutable)));
    }
    patch.map("labels", &request.desired.labels, &live.labels, &live.applied.labels);
    let annotations = body::annotations(request, take.by, take.merge, values);
    let mut ours = live.applied.annotations.clone();
    ours.extend([names::APPLIED.to_owned(), names::OWNER_UID.to_owned()]);
    patch.map("annotations", &annotations, &live.annotations, &ours);
    patch.owner(request, live, take.by);
    body::to_vec(&patch.0)
}

struct Patch<'a>(Vec<Operation<'a>>);

impl<'a> Patch<'a> {
    fn add(&mut self, path: &str, value: Content<'a>) {
        self.0.push(Operation::new("add", path, value));
    }

    fn remove(&mut self, path: &str) {
        self.0.push(Operation { op: "remove", path: path.to_owned(), value: None });
    }

    /// Items that went are set before they are removed, since removing what is not there fails the whole patch, and
    /// whether it is there cannot be seen.
    fn merge(&mut self, values: &'a BTreeMap<String, Plaintext>, before: &BTreeSet<String>) {
        for item in before.iter().filter(|item| !values.contains_key(*item)) {
            let path = format!("/data/{}", escaped(item));
            self.add(&path, Content::Json(json!("")));
            self.remove(&path);
        }
        for (item, value) in values {
            self.add(&format!("/data/{}", escaped(item)), Content::Item(value));
        }
    }

    /// Sets `wanted`, and removes what was ours `before` and is wanted no more.
    fn map(
        &mut self,
        field: &str,
        wanted: &BTreeMap<String, String>,
        present: &BTreeSet<String>,
        before: &BTreeSet<String>,
    ) {
        if present.is_empty() {
            if !wanted.is_empty() {
                self.add(&format!("/metadata/{field}"), Content::Json(json!(wanted)));
            }
            return;
        }
        let path = |name: &str| format!("/metadata/{field}/{}", escaped(name));
        for name in before.iter().filter(|name| present.contains(*name) && !wanted.contains_key(*name)) {
            self.remove(&path(name));
        }
        for (name, value) in wanted {
            self.add(&path(name), Content::Json(json!(value)));
        }
    }

    fn owner(&mut self, request: &Request, live: &LiveSecret, by: ClaimedBy) {
        let is_controller =
            |reference: &&serde_json::Map<String, Value>| reference.get("controller") == Some(&json!(true));
        let at = live.owner_references.iter().position(|reference| is_controller(&reference));
        let own = at.is_some_and(|at| live.owner_references[at].get("uid") == Some(&json!(request.uid)));
        let reference = || Content::Json(body::reference(request));
        match (by, at) {
            (ClaimedBy::Reference, _) if own => {}
            (ClaimedBy::Reference, Some(at)) => {
                self.0.push(Operation::new("replace", &format!("/metadata/ownerReferences/{at}"), reference()));
            }
            (ClaimedBy::Reference, None) if live.owner_references.is_empty() => {
                self.add("/metadata/ownerReferences", Content::Json(json!([body::reference(request)])));
            }
            (ClaimedBy::Reference, None) => self.add("/metadata/ownerReferences/-", reference()),
            // Ours is taken back; that of another, which consented, is replaced by the annotation.
            (ClaimedBy::Annotation, Some(at)) if own || live.owner_uid.is_none() => {
                self.remove(&format!("/metadata/ownerReferences/{at}"));
            }
            (ClaimedBy::Annotation | ClaimedBy::Consent, _) => {}
        }
    }
}

#[derive(serde::Serialize)]
struct Operation<'a> {
    op: &'static str,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Content<'a>>,
}

impl<'a> Operation<'a> {
    fn new(op: &'static str, path: &str, value: Content<'a>) -> Self {
        Self { op, path: path.to_owned(), value: Some(value) }
    }
}

enum Content<'a> {
    Json(Value),
    Item(&'a Plaintext),
    Data(&'a BTreeMap<String, Plaintext>),
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(value) => value.serialize(serializer),
            Self::Item(value) => Item(value).serialize(serializer),
            Self::Data(values) => Data(values).serialize(serializer),
        }
    }
}

/// A name within a JSON pointer (RFC 6901).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests;
