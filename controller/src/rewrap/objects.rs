//! Keeps the cluster's own objects wrapped for the current sealing key, so that old keys can be retired. Those that Argo CD or
//! Flux own are left alone: they would put back what stands in git, again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use kseal_core::Exchanges;
use kseal_core::reconcile::{Group, Request, status};
use kseal_crypto::{Fingerprint, encode_base64};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use super::{Keys, PAUSE, Work};
use crate::api::{ApiError, PatchKind};
use crate::pages::{Page, page};
use crate::settings;

/// Objects that come with an old key, or that could not be read, wait so long.
const EVERY: Duration = Duration::from_hours(1);
/// So often one that changes under our hands is looked at again at once.
const TRIES: u32 = 4;
/// An object may have 1.4 MB.
const PAGE: u16 = 16;

/// What Argo CD and Flux write upon what they own.
const GITOPS_LABELS: [&str; 3] =
    ["argocd.argoproj.io/instance", "kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"];
const GITOPS_ANNOTATIONS: [&str; 2] = ["argocd.argoproj.io/tracking-id", "argocd.argoproj.io/installation-id"];
const GITOPS_MANAGERS: [&str; 3] = ["argocd-controller", "kustomize-controller", "helm-controller"];

/// Who looks after an object.
#[derive(Deserialize)]
struct Owned {
    metadata: OwnedMetadata,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct OwnedMetadata {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    managed_fields: Vec<Manager>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Manager {
    manager: String,
}

impl Work {
    /// After each change of the sealing key, and from time to time.
    pub(super) async fn keep_objects(&self) {
        if !self.rewrapper.settings.objects {
            return;
        }
        let mut failures = 0;
        loop {
            match self.sweep().await {
                Ok((key, failed)) => {
                    failures = if failed == 0 { 0 } else { failures + 1 };
                    if failed > 0 {
                        tracing::warn!(
                            failed,
                            "sealed objects were not wrapped for the current key; they are tried again"
                        );
                    }
                    let pause = if failed == 0 { EVERY } else { growing(failures) };
                    // Either way it is time.
                    let _ = timeout(pause, self.another_key(key)).await;
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(category = error.category(), "sealed objects cannot be wrapped anew now");
                    sleep(growing(failures)).await;
                }
            }
        }
    }

    /// The sealing key, once it is old enough to be in a backup: what is wrapped for a key is lost with it.
    async fn until_settled(&self) -> Result<Fingerprint, ApiError> {
        loop {
            let Some(keys) = self.keys().await? else {
                sleep(PAUSE).await;
                continue;
            };
            let now = (self.rewrapper.clock)();
            let age = keys.created_at.map_or(Duration::ZERO, |made| now.duration_since(made).unsigned_abs());
            let left = self.rewrapper.settings.objects_after.saturating_sub(age);
            if left.is_zero() {
                return Ok(keys.sealing_key.fingerprint());
            }
            sleep(left.min(EVERY)).await;
        }
    }

    /// Waits until another key than this one seals.
    async fn another_key(&self, current: Fingerprint) {
        let mut held = self.rewrapper.held.clone();
        loop {
            held.mark_unchanged();
            let keys = self.keys().await.ok().flatten();
            if keys.is_some_and(|keys| keys.sealing_key.fingerprint() != current) {
                return;
            }
            if held.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Looks at every object once. Answers for which key, and how many were not wrapped that should be.
    async fn sweep(&self) -> Result<(Fingerprint, usize), ApiError> {
        let key = self.until_settled().await?;
        let mut failed = 0;
        for namespace in self.namespaces() {
            let path = status::collection(Group::Native, namespace);
            let mut token = String::new();
            loop {
                let body = self.rewrapper.api.get(&page(&path, PAGE, None, &token)).await?;
                let found: Page<&RawValue> = serde_json::from_slice(&body).map_err(|_| ApiError::Unreadable)?;
                let (objects, next) = found.turn();
                for object in objects {
                    match self.bring_up_to_date(object.get().as_bytes()).await {
                        Ok(()) => {}
                        // One that is refused is no reason to leave the others; a server that is away is.
                        Err(error) if matches!(error.code(), 0 | 401 | 429) => return Err(error),
                        Err(error) => {
                            tracing::debug!(
                                category = error.category(),
                                "an object was not wrapped for the current key"
                            );
                            failed += 1;
                        }
                    }
                }
                if next.is_empty() {
                    break;
                }
                token = next;
            }
        }
        Ok((key, failed))
    }

    /// One that changes under our hands is read again; who changes it again and again has to wait until the next time.
    async fn bring_up_to_date(&self, object: &[u8]) -> Result<(), ApiError> {
        let mut newer: Option<Zeroizing<Vec<u8>>> = None;
        for _ in 0..TRIES {
            let Some(path) = self.exchange(newer.as_deref().map_or(object, Vec::as_slice)).await? else { break };
            newer = match self.rewrapper.api.get(&path).await {
                Ok(object) => Some(object),
                Err(error) if error.code() == 404 => break,
                Err(error) => return Err(error),
            };
        }
        Ok(())
    }

    /// Wraps one object's data keys anew, if it is ours to do, with the keys as they are at this moment: one that was found to
    /// be compromised since must not be forgotten. Only as it was read is it changed: answers with its path where it is
    /// another meanwhile.
    async fn exchange(&self, object: &[u8]) -> Result<Option<String>, ApiError> {
        let Some(keys) = self.keys().await? else { return Ok(None) };
        let Some(request) = Request::read(Group::Native, object) else { return Ok(None) };
        if request.deleting || request.paused || request.problem().is_some() || is_gitops_owned(object) {
            return Ok(None);
        }
        // What is not honoured must not be changed by who need not ask: it would look as if somebody had been asked.
        if !is_honoured(&request) {
            return Ok(None);
        }
        let (Some(envelope), Ok(place)) = (request.sealed.envelope(), request.sealed.place()) else { return Ok(None) };
        let exchanges = keys.own().exchanges(envelope, &place, &mut settings::rng());
        if exchanges.is_empty() {
            return Ok(None);
        }
        let path = status::path(Group::Native, &request.namespace, &request.name, "");
        let body = Zeroizing::new(patch(&request, &exchanges, &keys).to_string().into_bytes());
        let (namespace, name) = (&*request.namespace, &*request.name);
        match self.rewrapper.api.patch(&path, PatchKind::Json, body).await {
            Ok(_) => {
                tracing::info!(namespace, name, data_keys = exchanges.len(), "wrapped for the current key");
                self.rewrapper.metrics.rewrapped("object", exchanges.len(), 0);
                Ok(None)
            }
            Err(error) if error.code() == 409 => Ok(Some(path)),
            Err(error) if error.code() == 404 => Ok(None),
            Err(error) => {
                self.rewrapper.metrics.rewrapped("object", 0, exchanges.len());
                Err(error)
            }
        }
    }
}

fn patch(request: &Request, exchanges: &Exchanges, keys: &Keys) -> Value {
    let mut steps = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": request.uid}),
        json!({"op": "replace", "path": "/metadata/resourceVersion", "value": request.resource_version}),
    ];
    for (handle, (old, wrap)) in exchanges {
        // Handles and fingerprints are letters and digits.
        let recipient = |key: Fingerprint| format!("/spec/dataKeys/{handle}/recipients/{key}");
        let path = recipient(keys.sealing_key.fingerprint());
        steps.push(json!({"op": "add", "path": path, "value": encode_base64(wrap)}));
        steps.extend(old.iter().map(|key| json!({"op": "remove", "path": recipient(*key)})));
    }
    Value::Array(steps)
}

/// Whether all that it asks for is done, or it asks for nothing that is somebody's right.
fn is_honoured(request: &Request) -> bool {
    request.policies().is_empty()
        || request.was_right().is_some_and(|observed| observed.attached || request.asks.pull.is_none())
}

fn is_gitops_owned(object: &[u8]) -> bool {
    let Ok(Owned { metadata }) = serde_json::from_slice::<Owned>(object) else { return true };
    GITOPS_LABELS.iter().any(|label| metadata.labels.contains_key(*label))
        || GITOPS_ANNOTATIONS.iter().any(|annotation| metadata.annotations.contains_key(*annotation))
        || metadata.managed_fields.iter().any(|it| GITOPS_MANAGERS.contains(&it.manager.as_str()))
}

/// Doubles from seconds to an hour.
fn growing(failures: u32) -> Duration {
    EVERY.min(PAUSE * 2_u32.saturating_pow(failures.saturating_sub(1).min(16)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_gitops_tool_owns_is_known() {
        let owned = |metadata: &Value| is_gitops_owned(json!({"metadata": metadata}).to_string().as_bytes());
        assert!(!owned(
            &json!({"labels": {"app.kubernetes.io/instance": "db"}, "managedFields": [{"manager": "kubectl"}]})
        ));
        for metadata in [
            json!({"labels": {"argocd.argoproj.io/instance": "db"}}),
            json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "db"}}),
            json!({"annotations": {"argocd.argoproj.io/tracking-id": "db"}}),
            json!({"managedFields": [{"manager": "kubectl"}, {"manager": "argocd-controller"}]}),
            json!({"managedFields": [{"manager": "kustomize-controller"}]}),
            json!({"labels": {"a": 1}}),
        ] {
            assert!(owned(&metadata), "{metadata}");
        }
    }
}
