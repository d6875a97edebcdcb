//! Answers each `RewrapRequest` once, one after the other, and takes those away that nobody takes back.

use std::time::Duration;

use futures::future::join_all;
use kseal_api::{MAX_REWRAP_DATA_KEYS, REWRAP_COMPLETE, RewrapRequestSpec, RewrapRequestStatus, RewrappedObject};
use kseal_core::policy::Policy;
use kseal_core::reconcile::{Group, Trouble};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, interval, timeout_at};
use zeroize::Zeroizing;

use super::known::{Head, Name, Requests};
use super::{Keys, PAUSE, Rewrapper, Work};
use crate::api::{ApiError, PatchKind};
use crate::pages::{Page, page};
use crate::settings;
use crate::watch::{Accept, Event, Source, follow};

/// How often it is looked for those that are older.
const SWEEP: Duration = Duration::from_secs(30);
/// So often an answer is tried to be written before it is given up.
const TRIES: u32 = 5;
/// Longer names than handles have are not repeated.
const LONGEST_HANDLE: usize = 64;
/// How many are listed of those that were too many to be kept in mind.
const MORE: u16 = 500;

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    spec: RewrapRequestSpec,
}

impl Work {
    pub(super) async fn answer_requests(&self) {
        if !self.rewrapper.settings.requests {
            return;
        }
        let requests = Requests::default();
        let following =
            join_all(self.namespaces().into_iter().map(|namespace| self.follow_requests(namespace, &requests)));
        tokio::join!(following, self.answer_all(&requests), self.take_away(&requests));
    }

    async fn follow_requests(&self, namespace: Option<&str>, requests: &Requests) {
        let source =
            Source { path: collection(namespace), label_selector: None, field_selector: None, accept: Accept::Full };
        let sink = |event: Event<'_>| {
            if let Event::Lost { category } = event {
                tracing::debug!(category, "RewrapRequests cannot be followed now");
                self.rewrapper.metrics.watch_lost("rewraprequests.kseal.dev", category);
            }
            requests.observe(namespace, &event, Instant::now());
        };
        follow(self.rewrapper.client.clone(), source, sink).await;
    }

    async fn answer_all(&self, requests: &Requests) {
        let mut guard = self.rewrapper.guard.clone();
        loop {
            // All wait while nobody sees to it who may ask.
            guard.until_in_force(Policy::RewrapRequests).await;
            let more = requests.more.notified();
            let now = Instant::now();
            let (next, due) = {
                let mut known = requests.known();
                (known.next(now), known.due())
            };
            let Some(turn) = next else {
                match due {
                    Some(due) => drop(timeout_at(due, more).await),
                    None => more.await,
                }
                continue;
            };
            let gives_up = turn.1 >= TRIES;
            let outcome = self.answer(&turn.0, gives_up).await;
            if let Err(error) = &outcome {
                let ((namespace, request), category) = (&turn.0, error.category());
                tracing::warn!(namespace, request, category, "a RewrapRequest was not answered: {error}");
            }
            // Who is not told even that there is no answer finds that it was taken away.
            if !matches!(outcome, Ok(true)) && !gives_up {
                let pause = PAUSE * 2_u32.saturating_pow(turn.1.min(4));
                requests.known().again(turn, Instant::now() + pause);
            }
        }
    }

    /// Reads the request as it is now and answers it, if it is there and was not answered: with the reason why not, if it
    /// `gives_up`. False: there is no key yet, or no policy any more.
    async fn answer(&self, (namespace, name): &Name, gives_up: bool) -> Result<bool, ApiError> {
        let Rewrapper { api, guard, metrics, clock, .. } = &self.rewrapper;
        let path = format!("{}/{name}", collection(Some(namespace)));
        let body = match api.get(&path).await {
            Ok(body) => body,
            Err(error) if error.code() == 404 => return Ok(true),
            Err(error) => return Err(error),
        };
        let Ok(head) = serde_json::from_slice::<Head>(&body) else { return Ok(true) };
        if head.is_answered() || head.metadata.deletion_timestamp.is_some() {
            return Ok(true);
        }
        let checked = guard.check(&[Policy::RewrapRequests], &head.metadata.creation_timestamp, None);
        if let Err(Trouble::PolicyMissing(_)) = checked {
            return Ok(false);
        }
        let Some(keys) = self.keys().await? else { return Ok(false) };
        let place = namespace.clone();
        let answered = if let Err(trouble) = &checked {
            Err(trouble.reason())
        } else if gives_up {
            // What the server will not take for an answer, it may take in fewer words.
            Err("NotAnswered")
        } else {
            spawn_blocking(move || answer(&body, &place, &keys)).await.map_err(|_| ApiError::Unanswered)?
        };
        let (objects, failed) = match answered {
            Ok(objects) => (objects, None),
            Err(reason) => (Vec::new(), Some(reason)),
        };
        let done: usize = objects.iter().map(|object| object.data_keys.len()).sum();
        let not: usize = objects.iter().map(|object| object.failures.len()).sum();
        let message = match &checked {
            Ok(()) => format!("{done} data keys were wrapped, {not} were not"),
            Err(trouble) => trouble.message(Group::Native, name),
        };
        let condition = json!({
            "type": REWRAP_COMPLETE,
            "status": if failed.is_some() { "False" } else { "True" },
            "reason": failed.unwrap_or("Answered"),
            "message": message,
            "observedGeneration": head.metadata.generation,
            "lastTransitionTime": settings::rfc3339(clock()),
        });
        let status =
            RewrapRequestStatus { observed_generation: head.metadata.generation, conditions: vec![condition], objects };
        let metadata = json!({"uid": head.metadata.uid, "resourceVersion": head.metadata.resource_version});
        let body = Zeroizing::new(json!({"metadata": metadata, "status": status}).to_string().into_bytes());
        match api.patch(&format!("{path}/status"), PatchKind::Merge, body).await {
            Ok(_) => {
                tracing::info!(namespace, request = name, done, not, "answered a RewrapRequest");
                metrics.rewrapped("request", done, not);
                Ok(true)
            }
            Err(error) if error.code() == 404 => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Deletes what is too old by a clock that nobody can put: the request's own time is another machine's word.
    async fn take_away(&self, requests: &Requests) {
        let mut ticks = interval(SWEEP);
        loop {
            ticks.tick().await;
            let old = requests.known().old(Instant::now());
            for ((namespace, name), uid) in old {
                let path = format!("{}/{name}", collection(Some(&namespace)));
                match self.rewrapper.api.delete(&path, &uid).await {
                    Ok(()) => tracing::info!(namespace, request = name, "took a RewrapRequest away that was left"),
                    Err(error) => {
                        let category = error.category();
                        tracing::debug!(namespace, request = name, category, "cannot take a RewrapRequest away");
                    }
                }
            }
            if requests.known().take_overflow() {
                self.find_more(requests).await;
            }
        }
    }

    /// Looks for those that were too many to be kept in mind.
    async fn find_more(&self, requests: &Requests) {
        for namespace in self.namespaces() {
            let Ok(body) = self.rewrapper.api.get(&page(&collection(namespace), MORE, None, "")).await else {
                continue;
            };
            let Ok(found) = serde_json::from_slice::<Page<&RawValue>>(&body) else { continue };
            for object in found.turn().0 {
                let object = object.get().as_bytes();
                requests.observe(namespace, &Event::Present { object, initial: false }, Instant::now());
            }
        }
    }
}

/// What is answered, or the reason why nothing is.
fn answer(body: &[u8], namespace: &str, keys: &Keys) -> Result<Vec<RewrappedObject>, &'static str> {
    let Body { spec } = serde_json::from_slice(body).map_err(|_| "Malformed")?;
    if spec.objects.iter().flat_map(|object| object.data_keys.keys()).any(|handle| handle.len() > LONGEST_HANDLE) {
        return Err("Malformed");
    }
    if spec.objects.iter().map(|object| object.data_keys.len()).sum::<usize>() > MAX_REWRAP_DATA_KEYS {
        return Err("TooManyDataKeys");
    }
    let own = keys.own();
    Ok(spec.objects.iter().map(|object| own.answer(object, namespace, &mut settings::rng())).collect())
}

fn collection(namespace: Option<&str>) -> String {
    let version = kseal_api::names::API_VERSION;
    match namespace {
        Some(namespace) => format!("/apis/{version}/namespaces/{namespace}/rewraprequests"),
        None => format!("/apis/{version}/rewraprequests"),
    }
}
