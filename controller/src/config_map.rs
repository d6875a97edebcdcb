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
    creation_timestamp: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// What is written.
pub(crate) struct Change<'c> {
    pub(crate) items: &'c [(&'c str, &'c str)],
    /// Annotations that go.
    pub(crate) removed: &'c [&'c str],
}

impl ConfigMap {
    /// None where it is not there.
    pub(crate) async fn read(api: &Api, namespace: &str, name: &str) -> Result<Option<Self>, ApiError> {
        match api.get(&path(namespace, name)).await {
            Ok(body) => Self::parse(&body).map(Some).ok_or(ApiError::Unreadable),
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

    /// RFC 3339, always of one form: the earlier one is the lesser.
    pub(crate) fn created(&self) -> &str {
        &self.metadata.creation_timestamp
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
                for annotation in change.removed {
                    metadata["annotations"][annotation] = Value::Null;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Answer, client};

    #[tokio::test]
    async fn what_cannot_be_read_is_not_taken_for_none() {
        let read = async |code, body: Value| {
            let api = Api::new(client(move |_| Answer::Json(code, body.clone())));
            ConfigMap::read(&api, "kseal-system", "c").await
        };
        assert!(read(404, json!({})).await.unwrap().is_none());
        assert!(matches!(read(200, json!({})).await, Err(ApiError::Unreadable)));
        let metadata = json!({"uid": "u1", "resourceVersion": "1"});
        assert_eq!(read(200, json!({ "metadata": metadata })).await.unwrap().unwrap().uid(), "u1");
    }
}
