//! Since when each policy is as it should be: from when it was made, with its binding, as long as neither ever changed; after a
//! change, from when the leader saw them so first, since nobody tells for how long they were something else. Their
//! `managedFields` do not, which forget who added a field and took it out again. The leader keeps what it saw in a ConfigMap,
//! so that no policy grows younger by a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use kseal_api::names;
use kseal_core::policy::{InForce, Policy};
use serde::{Deserialize, Serialize};
use tokio::select;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Edition, Editions};
use crate::api::{Api, ApiError};
use crate::channel::send_if_other;
use crate::config_map::{Change, ConfigMap};

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(2);

/// What it takes.
pub struct Dating {
    /// Where it is kept.
    pub api: Api,
    /// The controller's own namespace.
    pub namespace: String,
    /// What [`super::follow()`] hands on.
    pub seen: watch::Receiver<Editions>,
    /// What is in force since when.
    pub in_force: watch::Sender<InForce>,
}

/// What is kept of one policy.
#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    edition: Edition,
    since: Timestamp,
}

/// Hands on which policies are in force since when, until `term` ends. `dated`: ends when what was seen before is handed on. What
/// cannot be kept is not in force.
pub async fn date(mut with: Dating, term: CancellationToken, dated: &CancellationToken) {
    let dating = async {
        let mut known = Known::default();
        loop {
            let editions = with.seen.borrow_and_update().clone();
            // Before anything is asked, and again while the answer is awaited: what is not as it was is not in force any more.
            send_if_other(&with.in_force, known.in_force(&editions));
            let learned = select! {
                learned = known.learn(&editions, &with.api, &with.namespace) => learned,
                changed = with.seen.changed() => if changed.is_ok() { continue } else { return },
            };
            send_if_other(&with.in_force, known.in_force(&editions));
            dated.cancel();
            let pause = match learned {
                Ok(()) => Duration::MAX,
                Err(error) => {
                    let (category, config_map) = (error.category(), names::POLICY_RECORD);
                    tracing::warn!(
                        category,
                        config_map,
                        "since when a changed admission policy is in force cannot be kept"
                    );
                    PAUSE
                }
            };
            if matches!(timeout(pause, with.seen.changed()).await, Ok(Err(_))) {
                return;
            }
        }
    };
    term.run_until_cancelled(dating).await;
}

/// Of policies that changed, since when they are so.
#[derive(Default)]
struct Known(BTreeMap<Policy, (Edition, i64)>);

impl Known {
    fn since(&self, policy: Policy, edition: &Edition) -> Option<i64> {
        let known = || self.0.get(&policy).filter(|(known, _)| known == edition).map(|(_, since)| *since);
        edition.unchanged_since().or_else(known)
    }

    fn in_force(&self, editions: &Editions) -> InForce {
        editions.iter().fold(InForce::default(), |all, (policy, edition)| match self.since(*policy, edition) {
            Some(since) => all.with(*policy, since),
            None => all,
        })
    }

    /// Finds out since when those are as they are of which that is not known.
    async fn learn(&mut self, editions: &Editions, api: &Api, namespace: &str) -> Result<(), ApiError> {
        let mut unknown: Editions = editions.clone();
        unknown.retain(|policy, edition| self.since(*policy, edition).is_none());
        if unknown.is_empty() {
            return Ok(());
        }
        let found = ConfigMap::read(api, namespace, names::POLICY_RECORD).await?;
        let item = |policy: &Policy| found.as_ref().and_then(|found| found.item(policy.name()));
        unknown.retain(|policy, edition| {
            let record = item(policy).and_then(|text| serde_json::from_str::<Record>(text).ok());
            let record = record.filter(|record| record.edition == *edition);
            let since = record.map(|record| record.since.as_second());
            self.0.extend(since.map(|since| (*policy, (edition.clone(), since))));
            since.is_none()
        });
        if unknown.is_empty() {
            return Ok(());
        }
        // By the clock by which objects are created.
        let since = api.time().await?;
        let record = |edition: &Edition| {
            let record = Record { edition: edition.clone(), since };
            serde_json::to_string(&record).expect("a record is text and numbers")
        };
        let records: Vec<_> = unknown.iter().map(|(policy, edition)| (policy.name(), record(edition))).collect();
        let items: Vec<_> = records.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let change = Change { items: &items, removed: &[] };
        ConfigMap::write(found.as_ref(), api, namespace, names::POLICY_RECORD, &change).await?;
        self.0.extend(unknown.into_iter().map(|(policy, edition)| (policy, (edition, since.as_second()))));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
