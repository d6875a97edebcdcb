//! Events, which are help for people: nothing depends on them.

use jiff::Timestamp;
use kseal_core::Event;
use zeroize::Zeroizing;

use crate::api::Api;
use crate::collection;
use crate::metrics::Metrics;
use crate::settings::rfc3339;

/// Tells it, once: one that is lost is no reason to do anything again.
pub(crate) async fn tell(api: &Api, metrics: &Metrics, event: &Event, now: Timestamp) {
    let body = Zeroizing::new(event.body(&rfc3339(now)).into_bytes());
    let namespace = event.namespace();
    match api.create(&collection::events(namespace), body).await {
        Ok(_) => metrics.event_written(),
        // A namespace that is being deleted takes none, nor does one whose quota is used up; both pass.
        Err(error) if error.code() == 403 && error.hint().is_none() => {
            tracing::warn!(namespace, "an event is refused: check the controller's right to create events");
        }
        Err(error) => {
            tracing::debug!(namespace, reason = event.reason, category = error.category(), "an event was not written");
        }
    }
}
