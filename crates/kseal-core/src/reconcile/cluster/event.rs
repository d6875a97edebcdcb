//! Which events are worth telling of a ClusterSealedSecret: that something is wrong, when that begins and when it ends. A first
//! success and how far it has come are in the status.

use kseal_api::names;
use serde_json::json;

use super::ClusterRequest;
use super::status::OPENING;
use crate::Event;
use crate::condition::Condition;

/// For which reason something is wrong, where that was so for the reason `before` and the condition Ready says this. What is only
/// not done yet may turn out as wrong as it was.
pub(super) fn failing(before: Option<&str>, holds: bool, reason: &str) -> Option<String> {
    match reason {
        _ if holds => None,
        OPENING => before.map(str::to_owned),
        reason => Some(reason.to_owned()),
    }
}

/// What to tell with `ready`, if something was wrong for the reason `before` and is for the reason `now`.
pub(super) fn event_of(
    request: &ClusterRequest,
    before: Option<&str>,
    now: Option<&str>,
    ready: &Condition,
) -> Option<Event> {
    if now == before {
        return None;
    }
    let message = if ready.message.is_empty() { "the Secrets are right" } else { &ready.message };
    let involved = json!({
        "apiVersion": names::API_VERSION, "kind": names::CLUSTER_SEALED_SECRET, "name": request.name,
        "uid": request.uid, "resourceVersion": request.resource_version.to_string(),
    });
    let (component, reason) = (names::CONTROLLER, ready.reason);
    Some(Event { involved, component, warning: now.is_some(), reason, message: message.to_owned() })
}
