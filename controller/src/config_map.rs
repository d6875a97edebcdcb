//! A ConfigMap in the controller's own namespace, which is changed only as it was read.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
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
}

impl ConfigMap {
    /// None where it is not there.
    pub(crate) async fn read(api: &Api, namespace: &str, name: &str) -> Result<Option<Self>, ApiError> {
        match api.get(&path(namespace, name)).await {
            Ok(body) => Ok(serde_json::from_slice(&body).ok()),
            Err(error) if error.code() == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn item(&self, key: &str) -> Option<&str> {
        self.data.as_ref()?.get(key).map(String::as_str)
    }

    /// Sets these items of the one that was found, or makes one of them.
    pub(crate) async fn write(
        found: Option<&Self>,
        api: &Api,
        namespace: &str,
        name: &str,
        data: &Value,
    ) -> Result<(), ApiError> {
        let body = |metadata| Zeroizing::new(json!({"metadata": metadata, "data": data}).to_string().into_bytes());
        let answer = match found.map(|found| &found.metadata) {
            Some(Metadata { uid, resource_version }) => {
                let as_read = json!({"uid": uid, "resourceVersion": resource_version});
                api.patch(&path(namespace, name), PatchKind::Merge, body(as_read)).await
            }
            None => api.create(&config_maps(namespace), body(json!({"namespace": namespace, "name": name}))).await,
        };
        answer.map(drop)
    }
}

fn path(namespace: &str, name: &str) -> String {
    format!("{}/{name}", config_maps(namespace))
}
