//! A Lease object and the record in it. What stands in the object and is not ours to say stays as it is.

use kseal_api::names;
use kseal_core::lease::Record;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

/// A Lease as the API server has it.
#[derive(Debug, Clone)]
pub(super) struct LeaseObject(Map<String, Value>);

impl LeaseObject {
    /// One that is yet to be created in `namespace`.
    pub(super) fn new(namespace: &str) -> Self {
        let object = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": names::CONTROLLER, "namespace": namespace},
        });
        Self(object.as_object().cloned().unwrap_or_default())
    }

    /// None where it is no object.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().map(Self)
    }

    /// Whoever wrote it: what has not the type that it must have counts as not there.
    pub(super) fn record(&self) -> Record {
        let field = |name: &str| self.0.get("spec").and_then(|spec| spec.get(name));
        let text = |name| field(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number =
            |name| field(name).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
        Record {
            holder: text("holderIdentity"),
            seconds: number("leaseDurationSeconds"),
            acquired: text("acquireTime"),
            renewed: text("renewTime"),
            transitions: number("leaseTransitions"),
        }
    }

    /// The same object with another record.
    pub(super) fn with(mut self, record: &Record) -> Self {
        let spec = json!({
            "holderIdentity": record.holder,
            "leaseDurationSeconds": record.seconds,
            "acquireTime": record.acquired,
            "renewTime": record.renewed,
            // The API's number is an i32.
            "leaseTransitions": record.transitions.min(i32::MAX.unsigned_abs()),
        });
        match (self.0.get_mut("spec").and_then(Value::as_object_mut), spec) {
            (Some(old), Value::Object(new)) => old.extend(new),
            (_, new) => drop(self.0.insert("spec".to_owned(), new)),
        }
        self
    }

    /// The same object with the metadata of the answer to its write; none where that answer is no object.
    pub(super) fn written(mut self, answer: &[u8]) -> Option<Self> {
        let metadata = Self::read(answer)?.0.remove("metadata")?;
        self.0.insert("metadata".to_owned(), metadata);
        Some(self)
    }

    pub(super) fn to_body(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(Value::from(self.0.clone()).to_string().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_and_is_sent_back() {
        let theirs = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "kseal-controller", "resourceVersion": "7", "labels": {"team": "a"}},
            "spec": {"holderIdentity": "x", "leaseDurationSeconds": 15, "strategy": "S", "leaseTransitions": 3},
        });
        let object = LeaseObject::read(theirs.to_string().as_bytes()).unwrap();
        let record = Record { holder: "x".into(), seconds: 15, transitions: 3, ..Record::default() };
        assert_eq!(object.record(), record);
        let mine = Record { holder: "y".into(), renewed: "now".into(), acquired: "now".into(), ..record };
        let object = object.with(&mine);
        assert_eq!(object.record(), mine);
        let body: Value = serde_json::from_slice(&object.to_body()).unwrap();
        assert_eq!((&body["spec"]["strategy"], &body["metadata"]), (&json!("S"), &theirs["metadata"]));
        let written = object.written(br#"{"metadata": {"resourceVersion": "8"}}"#).unwrap();
        assert_eq!(written.0["metadata"]["resourceVersion"], "8");
        assert_eq!(written.record(), mine);
    }

    #[test]
    fn a_lease_of_nonsense_is_held_by_nobody() {
        for text in ["{}", r#"{"spec": 3}"#, r#"{"spec": {"holderIdentity": 3, "leaseDurationSeconds": -1}}"#] {
            let object = LeaseObject::read(text.as_bytes()).unwrap();
            assert_eq!(object.record(), Record::default());
            let record = Record { holder: "a".into(), seconds: 15, ..Record::default() };
            assert_eq!(object.with(&record).record(), record);
        }
        assert!(LeaseObject::read(b"[]").is_none());
    }
}
