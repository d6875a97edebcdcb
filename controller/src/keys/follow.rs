//! Follows the key Secrets, on every replica.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::select_all;
use kseal_api::{KeyState, names};
use kube::Client;
use tokio::sync::watch;

use super::holder::Holder;
use super::{HeldKeys, KeySettings, Origin};
use crate::collection::secrets;
use crate::metrics::Metrics;
use crate::watch::{Accept, Event, Source};

/// Follows the key Secrets and hands on what is held whenever it changes: a key that is added, relabelled or deleted takes
/// effect at once.
pub async fn follow(
    client: Client,
    settings: &KeySettings,
    metrics: &Metrics,
    held: &watch::Sender<Arc<HeldKeys>>,
) -> Infallible {
    let origins = Origin::all(settings);
    let holder = Mutex::new(Holder::new(origins.iter().copied()));
    let follow_one = |origin: Origin| {
        let (parameter, selector) = origin.selector(settings);
        let (label_selector, field_selector) =
            if parameter == "labelSelector" { (Some(selector), None) } else { (None, Some(selector)) };
        let source =
            Source { path: secrets(Some(&settings.namespace)), label_selector, field_selector, accept: Accept::Full };
        let holder = &holder;
        let sink = move |event: Event<'_>| {
            // What was taken in before a panic elsewhere still holds: each event is taken in whole.
            let mut holder = holder.lock().unwrap_or_else(PoisonError::into_inner);
            if let Event::Lost { category } = event {
                tracing::warn!(category, "key Secrets cannot be followed now");
                metrics.watch_lost("secrets", category);
            }
            if holder.apply(origin, &event) {
                let now = holder.held();
                count(&now, metrics);
                held.send_replace(Arc::new(now));
            }
        };
        Box::pin(crate::watch::follow(client.clone(), source, sink))
    };
    let (never, ..) = pin!(select_all(origins.iter().map(|origin| follow_one(*origin)))).await;
    never
}

fn count(held: &HeldKeys, metrics: &Metrics) {
    for state in KeyState::ALL {
        let count = held.ledger.native.iter().filter(|key| key.state == state).count();
        metrics.keys("native", state.as_str(), count);
    }
    metrics.keys("sealed-secrets", names::UPSTREAM_KEY_ACTIVE, held.ledger.rsa.len());
    metrics.keys_malformed(held.ledger.malformed.len());
}
