//! A policy or a binding as the API server has it.

use jiff::Timestamp;
use kseal_core::policy::{Policy, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The parts that mean something.
#[derive(Debug)]
pub(super) struct Live {
    spec: Value,
    version: Version,
}

/// Which object it is, and which of its specs. The API server counts a generation with every change of it, and makes no two
/// objects of one UID, so what was changed and put back is another version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    uid: String,
    generation: i64,
    created: Timestamp,
}

/// A policy and its binding that are as they should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edition {
    policy: Version,
    binding: Version,
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    spec: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    uid: String,
    generation: i64,
    creation_timestamp: Timestamp,
}

impl Live {
    /// Reads one; none where it is not of that shape.
    pub(super) fn read(object: &[u8]) -> Option<Self> {
        let Object { metadata, spec } = serde_json::from_slice(object).ok()?;
        let Metadata { uid, generation, creation_timestamp: created } = metadata;
        Some(Self { spec, version: Version { uid, generation, created } })
    }
}

impl Edition {
    /// None where they are not as they should be.
    pub(super) fn new(name: Policy, policy: &Live, binding: &Live, own_namespace: &str) -> Option<Self> {
        let is_expected = name.is_expected(&digest(&policy.spec, &binding.spec, own_namespace));
        is_expected.then(|| Self { policy: policy.version.clone(), binding: binding.version.clone() })
    }

    /// Since when they are so, in seconds since 1970, if neither ever was anything else.
    pub(super) fn unchanged_since(&self) -> Option<i64> {
        let both = [&self.policy, &self.binding];
        let is_first = both.iter().all(|version| version.generation == 1);
        both.iter().map(|version| version.created.as_second()).max().filter(|_| is_first)
    }

    #[cfg(test)]
    pub(super) fn of([policy, binding]: [(&str, i64); 2], created: i64) -> Self {
        let created = Timestamp::from_second(created).unwrap();
        let version = |(uid, generation): (&str, i64)| Version { uid: uid.to_owned(), generation, created };
        Self { policy: version(policy), binding: version(binding) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_never_changed_is_as_old_as_it_is() {
        let since = |generations: [i64; 2]| {
            let mut edition = Edition::of([("p", generations[0]), ("b", generations[1])], 100);
            edition.binding.created = Timestamp::from_second(107).unwrap();
            edition.unchanged_since()
        };
        assert_eq!(since([1, 1]), Some(107));
        assert_eq!((since([2, 1]), since([1, 3])), (None, None));
    }

    #[test]
    fn what_is_not_of_that_shape_is_nothing() {
        let read = |metadata: Value| Live::read(json!({"metadata": metadata, "spec": {}}).to_string().as_bytes());
        let time = "2026-11-01T00:00:00Z";
        assert!(read(json!({"uid": "u", "generation": 1, "creationTimestamp": time})).is_some());
        assert!(read(json!({})).is_none());
        assert!(read(json!({"uid": "u", "creationTimestamp": time})).is_none());
        assert!(read(json!({"uid": "u", "generation": 1, "creationTimestamp": null})).is_none());
        assert!(read(json!({"uid": "u", "generation": 1, "creationTimestamp": "yesterday"})).is_none());
        let no_spec = json!({"metadata": {"uid": "u", "generation": 1, "creationTimestamp": time}});
        assert!(Live::read(no_spec.to_string().as_bytes()).is_none());
    }
}
