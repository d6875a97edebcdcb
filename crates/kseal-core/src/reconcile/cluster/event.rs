//! Which events are worth telling of a ClusterSealedSecret: that something is wrong, when that begins and when it ends. A first
//! success and how far it has come are in the status.

use kseal_api::names;
use serde_json::json;

use super::ClusterRequest;
use super::status::OPENING;
use crate::Event;
use crate::condition::{Condition, Seen, text};

/// What to tell where `ready` follows on `before`.
pub(super) fn event_of(request: &ClusterRequest, before: Option<&Seen>, ready: &Condition) -> Option<Event> {
    let before = before.and_then(|before| failure(text(before, "status") == "True", text(before, "reason")));
    let (warning, message) = match (before, failure(ready.holds, ready.reason)) {
        (None, None) => return None,
        (before, Some(reason)) if before == Some(reason) => return None,
        (_, Some(_)) => (true, ready.message.clone()),
        (Some(_), None) if ready.message.is_empty() => (false, "the Secrets are right".into()),
        (Some(_), None) => (false, ready.message.clone()),
    };
    let involved = json!({
        "apiVersion": names::API_VERSION, "kind": names::CLUSTER_SEALED_SECRET, "name": request.name,
        "uid": request.uid, "resourceVersion": request.resource_version.to_string(),
    });
    Some(Event { involved, component: names::CONTROLLER, warning, reason: ready.reason, message })
}

fn failure(holds: bool, reason: &str) -> Option<&str> {
    (!holds && reason != OPENING).then_some(reason)
}
