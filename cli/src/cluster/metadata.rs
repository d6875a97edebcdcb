//! What an object says of itself, apart from what it holds.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// An object of which only the metadata is looked at.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Described {
    #[serde(default)]
    pub metadata: Metadata,
}

/// The part of the metadata that is looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub name: String,
    pub uid: String,
    pub resource_version: String,
    pub labels: Option<BTreeMap<String, String>>,
    pub annotations: Option<BTreeMap<String, String>>,
}

impl Metadata {
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.as_ref()?.get(name).map(String::as_str)
    }

    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// A merge patch of labels and annotations that is refused (409) unless the object is just this one as it was read.
    pub(crate) fn patch(&self, labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Value {
        let map = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
            Value::from(pairs.collect::<Map<_, _>>())
        };
        let mut metadata = json!({"uid": self.uid, "resourceVersion": self.resource_version});
        for (field, pairs) in [("labels", labels), ("annotations", annotations)] {
            if !pairs.is_empty() {
                metadata[field] = map(pairs);
            }
        }
        json!({ "metadata": metadata })
    }
}
