//! A ConfigMap in the controller's own namespace, which is changed only as it was read.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::api::{Api, ApiError, PatchKind};
use crate::collection::config_maps;

/// As far as it means something.
#[derive(Deserialize)]
pub(crate) struct ConfigMap {
    metadata: Metadata,
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    uid: String,
    resource_version: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// What is written.
pub(crate) struct Change<'c> {
    pub(crate) items: &'c [(&'c str, &'c str)],
    /// Annotations that go.
    pub(crate) without: &'c [&'c str],
}

impl ConfigMap {
    /// None where it is not there.
    pub(crate) async fn read(api: &Api, namespace: &str, name: &str) -> Result<Option<Self>, ApiError> {
        match api.get(&path(namespace, name)).await {
            Ok(body) => Self::parse(&body).map(Some).ok_or(ApiError::Unanswered),
            Err(error) if error.code() == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn parse(object: &[u8]) -> Option<Self> {
        serde_json::from_slice(object).ok()
    }

    pub(crate) fn uid(&self) -> &str {
        &self.metadata.uid
    }

    pub(crate) fn resource_version(&self) -> &str {
        &self.metadata.resource_version
    }

    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.metadata.annotations.get(name).map(String::as_str)
    }

    pub(crate) fn item(&self, key: &str) -> Option<&str> {
        self.data.as_ref()?.get(key).map(String::as_str)
    }

    /// Changes the one that was found, or makes one.
    pub(crate) async fn write(
        found: Option<&Self>,
        api: &Api,
        namespace: &str,
        name: &str,
        change: &Change<'_>,
    ) -> Result<(), ApiError> {
        let data: Map<String, Value> =
            change.items.iter().map(|(key, text)| ((*key).to_owned(), json!(text))).collect();
        let body = |metadata| Zeroizing::new(json!({"metadata": metadata, "data": data}).to_string().into_bytes());
        let answer = match found.map(|found| &found.metadata) {
            Some(Metadata { uid, resource_version, .. }) => {
                let mut metadata = json!({"uid": uid, "resourceVersion": resource_version});
                for name in change.without {
                    metadata["annotations"][name] = Value::Null;
                }
                api.patch(&path(namespace, name), PatchKind::Merge, body(metadata)).await
            }
            None => api.create(&config_maps(namespace), body(json!({"namespace": namespace, "name": name}))).await,
        };
        answer.map(drop)
    }
}

fn path(namespace: &str, name: &str) -> String {
    format!("{}/{name}", config_maps(namespace))
}
