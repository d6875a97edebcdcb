//! What a sealed object's status says, of every kind.

use std::collections::BTreeMap;

use kseal_core::reconcile::status::RECORD;
use serde::Deserialize;

use super::{Part, SealedKind};

/// The metadata that is looked at. The rest, which tells of every field who set it, is as deep as the object.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SealedMetadata {
    pub namespace: Part<String>,
    pub name: Part<String>,
    pub uid: Part<String>,
    pub generation: Part<i64>,
    pub creation_timestamp: Part<String>,
    pub annotations: Part<BTreeMap<String, Part<String>>>,
}

/// A status, whoever wrote it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SealedStatus {
    pub observed_generation: Part<i64>,
    conditions: Part<Vec<Part<Condition>>>,
    observed: Part<Record>,
    needed_keys: Part<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    type_: Part<String>,
    status: Part<String>,
    reason: Part<String>,
    message: Part<String>,
}

/// What the controller notes of what it did.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Record {
    keys: Part<Vec<String>>,
}

/// The keys of which a status says that they opened the object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OpenedBy {
    /// Those that it names. They are needed even if the object was changed since.
    pub keys: Vec<String>,
    /// Whether the status says all that there is to say, for the object as it is.
    pub is_current: bool,
}

impl SealedMetadata {
    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.get()?.get(name)?.get().map(String::as_str)
    }

    /// Whether a status was written for an earlier generation, or for none.
    pub(crate) fn is_ahead_of(&self, status: &SealedStatus) -> bool {
        let generation = self.generation.get().copied().unwrap_or(0);
        status.observed_generation.get().is_none_or(|observed| *observed < generation)
    }
}

impl SealedStatus {
    /// A condition's status, if it stands there.
    pub(crate) fn status(&self, type_: &str) -> Option<&str> {
        text(&self.find(type_)?.status)
    }

    /// A condition's reason, if there is one.
    pub(crate) fn reason(&self, type_: &str) -> Option<&str> {
        text(&self.find(type_)?.reason)
    }

    /// A condition's message, if there is one.
    pub(crate) fn message(&self, type_: &str) -> Option<&str> {
        text(&self.find(type_)?.message)
    }

    fn find(&self, type_: &str) -> Option<&Condition> {
        let mut conditions = self.conditions.get()?.iter().filter_map(Part::get);
        conditions.find(|condition| text(&condition.type_) == Some(type_))
    }

    /// The keys that opened an object: those of the record, and those that an object goes on needing while something else than
    /// its contents is in its way. Upstream's kind has no place for them but the message of a condition, whatever that
    /// condition's status is.
    pub(crate) fn opened_by(&self, kind: SealedKind, metadata: &SealedMetadata) -> OpenedBy {
        let of_upstream;
        let (record, needed) = match kind {
            SealedKind::Native | SealedKind::Cluster => (&self.observed, &self.needed_keys),
            SealedKind::Upstream => {
                let text = self.message(RECORD);
                of_upstream = text.map_or(Part::Absent, |text| {
                    serde_json::from_str::<Record>(text).map_or(Part::Strange, Part::Read)
                });
                (&of_upstream, &Part::Absent)
            }
        };
        let is_told = match record {
            // sealed-secrets' own controller writes neither a record nor a reason.
            Part::Absent => kind != SealedKind::Upstream || self.reason("Synced").is_some(),
            // One without keys is of a version that noted none.
            Part::Read(record) => record.keys.get().is_some(),
            Part::Strange => false,
        };
        let named = [record.get().map(|record| &record.keys), Some(needed)].into_iter().flatten();
        OpenedBy {
            keys: named.filter_map(Part::get).flatten().cloned().collect(),
            is_current: is_told && !needed.is_strange() && !metadata.is_ahead_of(self),
        }
    }
}

fn text(part: &Part<String>) -> Option<&str> {
    part.get().map(String::as_str).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn opened(kind: SealedKind, status: &Value) -> (Vec<String>, bool) {
        let (status, metadata) = (status.to_string(), r#"{"generation": 2}"#);
        let status: SealedStatus = serde_json::from_str(&status).unwrap();
        let OpenedBy { keys, is_current } = status.opened_by(kind, &serde_json::from_str(metadata).unwrap());
        (keys, is_current)
    }

    #[test]
    fn keys_are_those_of_the_record_and_those_that_are_still_needed() {
        let keys = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let cases = [
            (json!({}), keys(&[]), false),
            (json!({"observedGeneration": 2}), keys(&[]), true),
            (json!({"observedGeneration": 2, "observed": {"keys": ["a"]}}), keys(&["a"]), true),
            (json!({"observedGeneration": 1, "observed": {"keys": ["a"]}}), keys(&["a"]), false),
            (json!({"observedGeneration": 2, "observed": null, "neededKeys": ["a", "b"]}), keys(&["a", "b"]), true),
            (json!({"observedGeneration": 2, "observed": {}}), keys(&[]), false),
            (json!({"observedGeneration": 2, "observed": 7}), keys(&[]), false),
            (json!({"observedGeneration": 2, "neededKeys": "a"}), keys(&[]), false),
            (json!({"observedGeneration": "x", "observed": {"keys": ["a"]}, "conditions": 7}), keys(&["a"]), false),
        ];
        for (status, names, is_current) in cases {
            assert_eq!(opened(SealedKind::Native, &status), (names, is_current), "{status}");
        }
    }

    #[test]
    fn of_sealed_secrets_objects_the_record_tells_whatever_its_status_is() {
        let record = |status: &str, text: &str| json!({"type": RECORD, "status": status, "message": text});
        let said = |conditions: Value| json!({"observedGeneration": 2, "conditions": conditions});
        let synced = json!({"type": "Synced", "status": "True"});
        let failed = json!({"type": "Synced", "status": "False", "reason": "NoKey", "message": "m"});
        let cases = [
            // Nobody but sealed-secrets' own controller has looked.
            (said(json!([synced])), vec![], false),
            (said(json!([failed])), vec![], true),
            (said(json!([synced, record("True", r#"{"keys": ["a"]}"#)])), vec!["a".to_owned()], true),
            (said(json!([7, failed, record("False", r#"{"keys": ["a"]}"#)])), vec!["a".to_owned()], true),
            (said(json!([failed, record("True", "x")])), vec![], false),
        ];
        for (status, names, is_current) in cases {
            assert_eq!(opened(SealedKind::Upstream, &status), (names, is_current), "{status}");
        }
    }
}
