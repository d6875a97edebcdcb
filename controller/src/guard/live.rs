//! A policy or a binding as the API server has it.

use jiff::Timestamp;
use kseal_core::policy::{Policy, digest};
use serde::Deserialize;
use serde_json::Value;

/// The parts that mean something.
#[derive(Debug)]
pub(super) struct Live {
    spec: Value,
    /// When it was made or changed last, in seconds since 1970.
    changed: i64,
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    spec: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    creation_timestamp: String,
    #[serde(default)]
    managed_fields: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    subresource: String,
}

impl Live {
    /// Reads one; none where it is not of that shape.
    pub(super) fn read(object: &[u8]) -> Option<Self> {
        let Object { metadata, spec } = serde_json::from_slice(object).ok()?;
        // Who weakens a policy and puts it back is found by that. The status is the API server's own note on expressions.
        let entries = metadata.managed_fields.into_iter().filter(|entry| entry.subresource != "status");
        let times = entries.filter_map(|entry| entry.time).chain([metadata.creation_timestamp]);
        let times: Vec<Timestamp> = times.map(|time| time.parse().ok()).collect::<Option<_>>()?;
        Some(Self { spec, changed: times.into_iter().max()?.as_second() })
    }
}

/// Since when a policy and its binding are as they should be, if they are: in seconds since 1970.
pub(super) fn since(name: Policy, policy: &Live, binding: &Live, own_namespace: &str) -> Option<i64> {
    let is_expected = name.is_expected(&digest(&policy.spec, &binding.spec, own_namespace));
    is_expected.then(|| policy.changed.max(binding.changed))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed(metadata: &Value) -> Option<i64> {
        let object = json!({"metadata": metadata, "spec": {}});
        Live::read(object.to_string().as_bytes()).map(|live| live.changed)
    }

    #[test]
    fn the_last_change_of_the_spec_counts() {
        let created = "2026-11-01T00:00:00Z";
        let made = created.parse::<Timestamp>().unwrap().as_second();
        assert_eq!(changed(&json!({"creationTimestamp": created})), Some(made));
        let entry = |time: &str, subresource: &str| json!({"manager": "a", "time": time, "subresource": subresource});
        let fields = json!([
            entry("2026-11-01T00:00:07Z", ""),
            entry("2026-11-01T00:00:03Z", ""),
            entry("2026-11-01T00:00:09Z", "status"),
            {"manager": "without a time"},
        ]);
        assert_eq!(changed(&json!({"creationTimestamp": created, "managedFields": fields})), Some(made + 7));
        // What is older than the object counts for nothing.
        let fields = json!([entry("2025-11-01T00:00:00Z", "")]);
        assert_eq!(changed(&json!({"creationTimestamp": created, "managedFields": fields})), Some(made));
    }

    #[test]
    fn what_is_not_of_that_shape_is_nothing() {
        assert_eq!(changed(&json!({})), None);
        assert_eq!(changed(&json!({"creationTimestamp": null})), None);
        assert_eq!(changed(&json!({"creationTimestamp": "yesterday"})), None);
        let created = "2026-11-01T00:00:00Z";
        assert_eq!(changed(&json!({"creationTimestamp": created, "managedFields": [{"time": "yesterday"}]})), None);
        assert!(Live::read(br#"{"metadata": {"creationTimestamp": "2026-11-01T00:00:00Z"}}"#).is_none());
    }
}
