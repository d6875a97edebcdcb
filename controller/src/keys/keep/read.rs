//! What a turn reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use kseal_api::names;
use serde::Deserialize;

use super::{Fault, Keeping};
use crate::api::ApiError;
use crate::collection::secrets;
use crate::config_map::ConfigMap;
use crate::keys::{HeldKeys, Origin, Versions, cluster_uid};
use crate::pages::{Page, page};

/// Secrets in one page of a list.
const PAGE: u16 = 500;

impl<R> Keeping<R> {
    pub(super) fn namespace(&self) -> &str {
        &self.keeper.settings.namespace
    }

    pub(super) async fn cluster_uid(&mut self) -> Result<String, Fault> {
        const STEP: &str = "reading the namespace kube-system";
        if let Some(uid) = &self.cluster_uid {
            return Ok(uid.clone());
        }
        let uid = cluster_uid(&self.keeper.api).await.map_err(|error| Fault::Api(STEP, error))?;
        self.cluster_uid = Some(uid.clone());
        Ok(uid)
    }

    pub(super) async fn read_config_map(&self) -> Result<Option<ConfigMap>, Fault> {
        const STEP: &str = "reading the ConfigMap kseal-public-keys";
        let found = ConfigMap::read(&self.keeper.api, self.namespace(), names::PUBLIC_KEYS).await;
        found.map_err(|error| Fault::Api(STEP, error))
    }

    /// What is held, if it is what the API server has at this moment: a watch that lags must not make a key look lost.
    pub(super) async fn read_held(&self) -> Result<Option<Arc<HeldKeys>>, Fault> {
        if !self.keeper.held.borrow().synced {
            return Ok(None);
        }
        let mut versions = Versions::new();
        for origin in Origin::all(&self.keeper.settings) {
            let found = self.list(*origin).await?;
            versions.extend(found.into_iter().map(|(name, version)| ((*origin, name), version)));
        }
        let held = Arc::clone(&self.keeper.held.borrow());
        Ok((held.synced && held.versions == versions).then_some(held))
    }

    /// UID and resourceVersion of the Secrets that are found this way, by name.
    async fn list(&self, origin: Origin) -> Result<BTreeMap<String, (String, String)>, Fault> {
        const STEP: &str = "listing the key Secrets";
        let (parameter, selector) = origin.selector(&self.keeper.settings);
        let mut found = BTreeMap::new();
        let mut token = String::new();
        loop {
            let path = page(&secrets(Some(self.namespace())), PAGE, Some((parameter, &selector)), &token);
            let body = self.keeper.api.list_metadata(&path).await;
            let body = body.map_err(|error| Fault::Api(STEP, error))?;
            let page: Page<Object> =
                serde_json::from_slice(&body).map_err(|_| Fault::Api(STEP, ApiError::Unreadable))?;
            let (objects, next) = page.turn();
            found.extend(objects.map(|Object { metadata }| {
                let Metadata { name, uid, resource_version } = metadata;
                (name, (uid, resource_version))
            }));
            if next.is_empty() {
                return Ok(found);
            }
            token = next;
        }
    }

    /// Whether a Secret of that name is one that the watches show.
    pub(super) async fn is_key_secret(&self, name: &str, label: &'static str) -> Result<bool, ApiError> {
        let body = self.keeper.api.get_metadata(&format!("{}/{name}", secrets(Some(self.namespace())))).await?;
        let labelled: Option<Labelled> = serde_json::from_slice(&body).ok();
        Ok(labelled.is_some_and(|secret| secret.metadata.labels.contains_key(label)))
    }
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    uid: String,
    resource_version: String,
}

#[derive(Deserialize)]
struct Labelled {
    metadata: LabelledMetadata,
}

#[derive(Deserialize)]
struct LabelledMetadata {
    #[serde(default)]
    labels: BTreeMap<String, String>,
}
