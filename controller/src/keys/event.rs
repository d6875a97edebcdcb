//! Events on the objects of the controller's own namespace.

use jiff::Timestamp;
use serde_json::json;
use zeroize::Zeroizing;

use crate::api::{Api, ApiError};
use crate::collection::events;
use crate::metrics::Metrics;

/// What is told of one object. Events are never changed and never repeated: each is one POST.
pub(super) struct Told<'t> {
    pub(super) kind: &'static str,
    pub(super) name: &'t str,
    pub(super) uid: &'t str,
    /// Whether somebody has to do something.
    pub(super) is_warning: bool,
    pub(super) reason: &'static str,
    pub(super) message: &'t str,
}

/// Tells it. An event is help for people, nothing depends on it: a failure is logged by its kind.
pub(super) async fn tell(api: &Api, metrics: &Metrics, namespace: &str, now: Timestamp, told: &Told<'_>) {
    match post(api, namespace, now, told).await {
        Ok(()) => metrics.event_written(),
        Err(error) => {
            let category = error.category();
            tracing::warn!(name = told.name, reason = told.reason, category, "an event was not written");
        }
    }
}

async fn post(api: &Api, namespace: &str, now: Timestamp, told: &Told<'_>) -> Result<(), ApiError> {
    let now = super::keep::seconds(now);
    let event = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": format!("{}.", told.name), "namespace": namespace},
        "involvedObject": {
            "apiVersion": "v1", "kind": told.kind, "namespace": namespace, "name": told.name, "uid": told.uid,
        },
        "type": if told.is_warning { "Warning" } else { "Normal" },
        "reason": told.reason,
        "message": told.message,
        "source": {"component": crate::MANAGER},
        "reportingComponent": crate::MANAGER,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    });
    let body = Zeroizing::new(event.to_string().into_bytes());
    api.create(&events(namespace), body).await.map(drop)
}
