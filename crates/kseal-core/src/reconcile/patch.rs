//! The JSON patch (RFC 6902) that puts an existing Secret right. It fails if the Secret is of another type or has changed
//! since its metadata was read, and names only our own paths, so what others set stays.

use std::collections::{BTreeMap, BTreeSet};

use kseal_api::names;
use kseal_crypto::{Plaintext, Zeroizing};
use serde::ser::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{LiveSecret, Request, Take, body, live::Applied, ownership::ClaimedBy};
use crate::secret_body::{Data, Item, to_json};

/// The patch. `without_data`: the Secret is known to have no field `data`, so that items cannot be added to it one by one.
#[must_use]
pub fn patch(
    request: &Request,
    live: &LiveSecret,
    take: Take,
    values: &BTreeMap<String, Plaintext>,
    without_data: bool,
) -> Zeroizing<Vec<u8>> {
    let items: Vec<_> = values.iter().map(|(item, value)| (item.as_str(), value.as_slice())).collect();
    let before = before(live, take);
    let mut patch = Patch(vec![
        Operation::new("test", "/type", Content::Json(json!(request.desired.type_))),
        Operation::new("replace", "/metadata/resourceVersion", Content::Json(json!(live.resource_version))),
    ]);
    if take.merge && !without_data {
        patch.merge(&items, &before.items);
    } else {
        patch.add("/data", Content::Data(&items));
    }
    if let Some(immutable) = body::immutable(request).filter(|_| !take.merge) {
        patch.add("/immutable", Content::Json(json!(immutable)));
    }
    patch.map("labels", &request.desired.labels, &live.labels, &before.labels);
    let annotations = body::annotations(request, take.by, take.merge, values);
    let mut ours = before.annotations;
    ours.extend([names::APPLIED.to_owned(), names::OWNER_UID.to_owned()]);
    patch.map("annotations", &annotations, &live.annotations, &ours);
    patch.owner(request, live, take.by);
    to_json(&patch.0)
}

/// What is taken back where it is wanted no more. Into somebody else's Secret only what is noted there was set by us: that a
/// manager of the name of upstream's set the rest says nothing, since many programs have that name.
fn before(live: &LiveSecret, take: Take) -> Applied {
    let is_noted = live.annotations.contains(names::APPLIED);
    if take.merge && !is_noted { Applied::default() } else { live.applied.clone() }
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
    fn merge(&mut self, items: &'a [(&'a str, &'a [u8])], before: &BTreeSet<String>) {
        for item in before.iter().filter(|gone| !items.iter().any(|(item, _)| item == gone)) {
            let path = format!("/data/{}", escaped(item));
            self.add(&path, Content::Json(json!("")));
            self.remove(&path);
        }
        for (item, octets) in items {
            self.add(&format!("/data/{}", escaped(item)), Content::Item(octets));
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
    Item(&'a [u8]),
    Data(&'a [(&'a str, &'a [u8])]),
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(value) => value.serialize(serializer),
            Self::Item(octets) => Item(octets).serialize(serializer),
            Self::Data(items) => Data(items).serialize(serializer),
        }
    }
}

/// A name within a JSON pointer (RFC 6901).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests;
