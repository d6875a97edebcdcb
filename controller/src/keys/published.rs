//! Follows what is published, on every replica: for the endpoint, and to tell the leader that it was changed.

use std::convert::Infallible;
use std::sync::Arc;

use kseal_api::names;
use kseal_core::Bundle;
use kube::Client;
use tokio::sync::watch;

use crate::channel::send_if_other;
use crate::collection::config_maps;
use crate::config_map::ConfigMap;
use crate::keys::latest::Latest;
use crate::metrics::Metrics;
use crate::watch::{Accept, Event, Source};

/// The published bundle, as it stands in its ConfigMap.
pub struct Published {
    resource_version: String,
    /// None where what stands there is no bundle whose signature holds.
    signed: Option<(String, Arc<Bundle>)>,
    latest: Latest,
}

/// The text says all that the bundle does, and what was seen before wakes nobody.
impl PartialEq for Published {
    fn eq(&self, other: &Self) -> bool {
        (&self.resource_version, self.text()) == (&other.resource_version, other.text())
    }
}

impl Published {
    /// The bundle as JSON. None where what stands there is no bundle whose signature holds.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.signed.as_ref().map(|(text, _)| text.as_str())
    }

    /// The bundle itself.
    pub(crate) fn bundle(&self) -> Option<&Bundle> {
        self.signed.as_ref().map(|(_, bundle)| &**bundle)
    }

    /// The latest that was seen there.
    pub(super) const fn latest(&self) -> &Latest {
        &self.latest
    }

    /// Reads the ConfigMap after what was seen `before`.
    pub(crate) fn read(object: &[u8], before: Option<&Self>) -> Option<Self> {
        let found = ConfigMap::parse(object)?;
        let read = |text: &str| {
            let bundle = Bundle::read(&serde_json::from_str(text).ok()?).ok()?;
            Some((text.to_owned(), Arc::new(bundle)))
        };
        let signed = found.item(names::PUBLIC_KEYS_ITEM).and_then(read);
        let signed = signed.filter(|(_, bundle)| bundle.publisher.is_some());
        let stands = signed.as_ref().map(|(_, bundle)| bundle);
        let latest = Latest::next(before.map(Self::latest), &found, stands);
        Some(Self { resource_version: found.resource_version().to_owned(), signed, latest })
    }
}

/// Follows the ConfigMap of the published bundle and hands on what stands in it; none where there is none.
pub async fn follow_published(
    client: Client,
    namespace: &str,
    metrics: &Metrics,
    published: &watch::Sender<Option<Arc<Published>>>,
) -> Infallible {
    let source = Source {
        path: config_maps(namespace),
        label_selector: None,
        field_selector: Some(format!("metadata.name={}", names::PUBLIC_KEYS)),
        accept: Accept::Full,
    };
    let mut listed = false;
    let sink = move |event: Event<'_>| match event {
        Event::Started => listed = false,
        Event::Present { object, .. } => {
            listed = true;
            let before = published.borrow().clone();
            send_if_other(published, Published::read(object, before.as_deref()).map(Arc::new));
        }
        Event::Gone { .. } => send_if_other(published, None),
        Event::Synced { .. } if !listed => send_if_other(published, None),
        Event::Synced { .. } | Event::Answered => {}
        Event::Lost { category } => {
            tracing::warn!(category, "the published keys cannot be followed now");
            metrics.watch_lost("configmaps", category);
        }
    };
    crate::watch::follow(client, source, sink).await
}
