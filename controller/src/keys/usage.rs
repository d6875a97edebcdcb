//! Tells which objects need which key: in the ConfigMap `kseal-key-usage`, and as metrics.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kseal_api::{KeyUsage, MAX_FIRST, names};
use kseal_core::keys::{Need, usage};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{HeldKeys, Published};
use crate::api::{Api, ApiError};
use crate::config_map::{Change, ConfigMap};
use crate::metrics::Metrics;
use crate::settings::{Clock, rfc3339};

/// It is written at most so often, however fast objects come and go.
const PAUSE: Duration = Duration::from_secs(10);
/// It is compared with what is there at least so often, in case that somebody changed it.
const AT_LEAST_EVERY: Duration = Duration::from_mins(10);

/// What needs each key, by its name; none while it is not known whole.
pub type Needs = Option<Arc<BTreeMap<String, Need>>>;

/// What it takes to tell.
pub struct UsageTeller {
    /// Where it is written.
    pub api: Api,
    /// The controller's own namespace.
    pub namespace: String,
    /// The namespaces that are watched; none for all.
    pub watched: Vec<String>,
    /// What the engine counts, and what is counted beside it of ClusterSealedSecrets.
    pub needs: [watch::Receiver<Needs>; 2],
    /// What [`super::follow()`] hands on.
    pub held: watch::Receiver<Arc<HeldKeys>>,
    /// What [`super::follow_published`] hands on.
    pub published: watch::Receiver<Option<Arc<Published>>>,
    /// The time, for people.
    pub clock: Clock,
    /// Where it is counted.
    pub metrics: Metrics,
}

/// Tells until `term` ends. Nothing depends on it but people: a failure is logged by its kind, and tried again.
pub async fn tell_usage(teller: UsageTeller, term: CancellationToken) {
    let metrics = teller.metrics.clone();
    term.run_until_cancelled(teller.tell()).await;
    // Who does not lead does not count.
    metrics.key_needs(&BTreeMap::new());
}

/// The sum of what was counted in two places.
fn both(one: &BTreeMap<String, Need>, other: &BTreeMap<String, Need>) -> BTreeMap<String, Need> {
    let mut all = one.clone();
    for (key, more) in other {
        let need = all.entry(key.clone()).or_default();
        need.objects += more.objects;
        need.claimed += more.claimed;
        need.namespaces.extend(more.namespaces.iter().map(|(name, count)| (name.clone(), *count)));
        // Where there is no room for all, an object that many namespaces depend on comes first.
        need.first.splice(0..0, more.first.iter().cloned());
        need.first.truncate(MAX_FIRST);
    }
    all
}

impl UsageTeller {
    async fn tell(mut self) -> Infallible {
        let mut told: Option<(KeyUsage, Instant)> = None;
        loop {
            if let Some(usage) = self.count() {
                let counts = usage.keys.iter().map(|(name, key)| (name.clone(), [key.objects, key.claimed])).collect();
                self.metrics.key_needs(&counts);
                let is_told = told.as_ref().is_some_and(|(told, at)| *told == usage && at.elapsed() < AT_LEAST_EVERY);
                if !is_told {
                    match self.write(&usage).await {
                        Ok(()) => told = Some((usage, Instant::now())),
                        Err(error) => {
                            tracing::warn!(category = error.category(), "the usage of keys was not written");
                            sleep(PAUSE).await;
                            continue;
                        }
                    }
                }
            }
            sleep(PAUSE).await;
            let changed = async {
                let [one, other] = &mut self.needs;
                // Who has ended, or has nothing to count, changes nothing any more; the others do.
                tokio::select! {
                    Ok(()) = one.changed() => {}
                    Ok(()) = other.changed() => {}
                    Ok(()) = self.held.changed() => {}
                    Ok(()) = self.published.changed() => {}
                    else => pending().await,
                }
            };
            drop(timeout(AT_LEAST_EVERY, changed).await);
        }
    }

    /// What is to be told, but for the time.
    fn count(&mut self) -> Option<KeyUsage> {
        let [one, other] = self.needs.each_mut().map(|needs| needs.borrow_and_update().clone());
        let needs = both(&*one?, &*other?);
        let held = Arc::clone(&self.held.borrow_and_update());
        let published = self.published.borrow_and_update().clone();
        if !held.synced {
            return None;
        }
        let time = |since: u64| {
            let time = i64::try_from(since).ok().and_then(|since| Timestamp::from_second(since).ok());
            time.map_or_else(String::new, |time| time.to_string())
        };
        let counted = usage(&held.ledger, published.as_ref().and_then(|it| it.bundle()), &needs, time);
        Some(KeyUsage { watched: self.watched.clone(), ..counted })
    }

    /// Writes it, unless it is there already. Only as it was read is it changed.
    async fn write(&self, usage: &KeyUsage) -> Result<(), ApiError> {
        let found = ConfigMap::read(&self.api, &self.namespace, names::KEY_USAGE).await?;
        let there = found.as_ref().and_then(|found| found.item(names::KEY_USAGE_ITEM));
        let there = there.and_then(|text| serde_json::from_str::<KeyUsage>(text).ok());
        if there.is_some_and(|there| KeyUsage { counted_at: String::new(), ..there } == *usage) {
            return Ok(());
        }
        let counted = KeyUsage { counted_at: rfc3339((self.clock)()), ..usage.clone() };
        let text = serde_json::to_string_pretty(&counted).expect("a usage is text and numbers");
        let change = Change { items: &[(names::KEY_USAGE_ITEM, &text)], removed: &[] };
        ConfigMap::write(found.as_ref(), &self.api, &self.namespace, names::KEY_USAGE, &change).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http::Method;
    use serde_json::json;

    use super::*;
    use crate::testing::{Answer, Seen, client};

    /// Where ClusterSealedSecrets are not opened, who counts them says once that there are none.
    #[tokio::test(start_paused = true)]
    async fn what_one_counts_is_told_after_another_has_ended() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&told);
        let answer = move |request: Seen| {
            if request.method == Method::GET {
                return Answer::Json(404, json!(null));
            }
            let text = request.body["data"][names::KEY_USAGE_ITEM].as_str().unwrap().to_owned();
            written.lock().unwrap().push(serde_json::from_str::<KeyUsage>(&text).unwrap().keys.len());
            Answer::Json(201, json!(null))
        };
        let (engine, counted) = watch::channel(Some(Arc::default()));
        let (beside, counted_beside) = watch::channel(Some(Arc::default()));
        let held = Arc::new(HeldKeys { synced: true, ..HeldKeys::default() });
        let (_held, keys) = watch::channel(held);
        let (_publications, published) = watch::channel(None);
        drop(beside);
        let teller = UsageTeller {
            api: Api::new(client(answer)),
            namespace: "kseal-system".to_owned(),
            watched: Vec::new(),
            needs: [counted, counted_beside],
            held: keys,
            published,
            clock: crate::settings::now,
            metrics: Metrics::new(),
        };
        let term = CancellationToken::new();
        let test = async {
            for keys in 1..4 {
                sleep(3 * PAUSE).await;
                let needs =
                    (0..keys).map(|number| (format!("k{number}"), Need { objects: 1, ..Need::default() })).collect();
                engine.send_replace(Some(Arc::new(needs)));
            }
            sleep(3 * PAUSE).await;
            term.cancel();
        };
        tokio::join!(tell_usage(teller, term.clone()), test);
        assert_eq!(*told.lock().unwrap(), [0, 1, 2, 3]);
    }

    #[test]
    fn what_is_counted_in_two_places_is_told_together() {
        let need = |objects: usize, first: &[&str]| Need {
            objects,
            claimed: 1,
            namespaces: BTreeMap::new(),
            first: first.iter().map(|name| (*name).to_owned()).collect(),
        };
        let many: Vec<String> = (0..MAX_FIRST).map(|number| format!("prod/{number:02}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let one = BTreeMap::from([("k1".to_owned(), need(20, &many))]);
        let other = BTreeMap::from([
            ("k1".to_owned(), need(1, &["clustersealedsecrets/a"])),
            ("k2".to_owned(), need(1, &["clustersealedsecrets/b"])),
        ]);
        let all = both(&one, &other);
        assert_eq!((all["k1"].objects, all["k1"].claimed, all["k1"].first.len()), (21, 2, MAX_FIRST));
        assert_eq!(all["k1"].first[..2], ["clustersealedsecrets/a", "prod/00"]);
        assert_eq!(all["k2"], need(1, &["clustersealedsecrets/b"]));
    }
}
