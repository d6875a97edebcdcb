//! Events, which are help for people: nothing depends on them.

use jiff::Timestamp;
use kseal_core::Event;
use zeroize::Zeroizing;

use crate::api::Api;
use crate::collection;
use crate::keys::seconds;
use crate::metrics::Metrics;

/// Tells it, once: one that is lost is no reason to do anything again.
pub(crate) async fn tell(api: &Api, metrics: &Metrics, event: &Event, now: Timestamp) {
    let body = Zeroizing::new(event.body(&seconds(now)).into_bytes());
    match api.create(&collection::events(event.namespace()), body).await {
        Ok(_) => metrics.event_written(),
        Err(error) => tracing::debug!(reason = event.reason, category = error.category(), "an event was not written"),
    }
}
