//! What a ClusterSealedSecret's status says, and what it shall say: kstatus, counts, the first namespaces in which something
//! is wrong, and one record for all of its Secrets.

use kseal_api::crd::MAX_FAILURES;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

use super::ClusterRequest;
use super::event::{event_of, failing};
use crate::Event;
use crate::condition::{self, Condition, KSTATUS, cut, find, text};
use crate::policy::SeenUnder;
use crate::reconcile::status::opened_by_compromised;
use crate::reconcile::{Digest, Group, LOGIC_VERSION, Retry, Trouble};

/// The reason while nothing is wrong, and not all is done.
pub(super) const OPENING: &str = "Opening";

/// What was done, for whom, by which logic. If it equals what is there, nothing has to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterObserved {
    /// The object's own UID: a status that was copied with its object means nothing.
    pub uid: String,
    /// [`secrets_digest`] of all Secrets that are right.
    pub secrets: String,
    /// The object's [`ClusterRequest::digest`].
    pub hash: String,
    /// [`LOGIC_VERSION`].
    pub version: u32,
    /// Names of the keys that opened it.
    #[serde(default)]
    pub keys: Vec<String>,
}

impl ClusterObserved {
    /// Of an object that was opened.
    #[must_use]
    pub fn new(request: &ClusterRequest, secrets: String, keys: Vec<String>) -> Self {
        let (uid, hash) = (request.uid.clone(), request.digest.to_string());
        Self { uid, secrets, hash, version: LOGIC_VERSION, keys }
    }

    pub(super) fn holds_for(&self, uid: &str, digest: Digest) -> bool {
        self.version == LOGIC_VERSION && self.uid == uid && self.hash == digest.to_string()
    }
}

/// Stands for a set of Secrets: namespace, UID and resourceVersion of each, sorted by namespace.
pub fn secrets_digest<'s>(secrets: impl IntoIterator<Item = (&'s str, &'s str, u64)>) -> String {
    let texts: Vec<[String; 3]> = secrets
        .into_iter()
        .map(|(namespace, uid, version)| [namespace.to_owned(), uid.to_owned(), version.to_string()])
        .collect();
    Digest::of(texts.iter().flatten().map(String::as_str)).to_string()
}

/// A status as it was read, or as it was written last. What is not of its shape counts as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The record, whatever it was written for.
    pub observed: Option<ClusterObserved>,
    /// The keys that opened the object when it last opened, whatever came after that.
    pub needed: Vec<String>,
    /// Under which policies it was seen last.
    pub seen_under: Option<SeenUnder>,
    status: Map<String, Value>,
}

impl Seen {
    pub(super) fn read(status: &RawValue) -> Self {
        Self::of(serde_json::from_str(status.get()).unwrap_or_default())
    }

    fn of(mut status: Map<String, Value>) -> Self {
        status.retain(|_, value| !value.is_null());
        let field = |name: &str| status.get(name).cloned().unwrap_or_default();
        let observed = serde_json::from_value::<ClusterObserved>(field("observed")).ok();
        let told: Vec<String> = serde_json::from_value(field("neededKeys")).unwrap_or_default();
        let needed = observed.as_ref().map(|observed| observed.keys.clone()).filter(|keys| !keys.is_empty());
        let seen_under = SeenUnder::read(&field("policies"));
        Self { observed, needed: needed.unwrap_or(told), seen_under, status }
    }

    /// Whether any was ever written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.status.is_empty()
    }

    /// [`Outcome::failing`] after it, if it was `before` until then.
    #[must_use]
    pub fn failing(&self, before: Option<&str>) -> Option<String> {
        let ready = find(self.conditions(), "Ready")?;
        failing(before, text(ready, "status") == "True", text(ready, "reason"))
    }

    fn conditions(&self) -> impl Iterator<Item = &condition::Seen> {
        self.status.get("conditions").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
    }
}

/// How an object stands.
#[derive(Default)]
pub struct Outcome<'o> {
    /// For which reason something was wrong when that was told last, whatever was being done since.
    pub failing: Option<&'o str>,
    /// What stands in its way everywhere.
    pub trouble: Option<&'o Trouble>,
    /// How many namespaces shall have the Secret.
    pub selected: usize,
    /// In how many of them all is done.
    pub ready: usize,
    /// Where it is not, and why, by namespace; those in which it is only not done yet are not among them.
    pub failures: Vec<(&'o str, &'o Trouble)>,
    /// A namespace, and who keeps changing the Secret there.
    pub contested: Option<(&'o str, &'o str)>,
    /// The keys that opened it and are compromised.
    pub compromised: Vec<&'o str>,
    /// The record, if it was opened as it is.
    pub observed: Option<ClusterObserved>,
    /// What is kept of the policies under which it was seen.
    pub seen_under: Option<SeenUnder>,
    /// The keys that it takes to open an object that has no record.
    pub needed: Vec<String>,
}

/// A status that is to be written.
pub struct Told {
    /// The merge patch for `/status`. It carries the UID, so that it cannot land on another object of the same name.
    pub body: String,
    /// What the status is then.
    pub seen: Seen,
    /// What is to be told beside it.
    pub event: Option<Event>,
    /// [`Outcome::failing`] from then on.
    pub failing: Option<String>,
}

/// The status that the object shall have; none where it is what was `seen` of it last. `now` is RFC 3339.
#[must_use]
pub fn tell(request: &ClusterRequest, seen: &Seen, outcome: &Outcome<'_>, now: &str) -> Option<Told> {
    let wanted = conditions(request, outcome);
    let ready = wanted.iter().find(|condition| condition.type_ == "Ready")?;
    let failing = failing(outcome.failing, ready.holds, ready.reason);
    let event = event_of(request, outcome.failing, failing.as_deref(), ready);
    let ours = wanted.into_iter().map(|wanted| {
        let mut condition = wanted.render(find(seen.conditions(), wanted.type_), now);
        condition["observedGeneration"] = json!(request.generation);
        condition
    });
    let foreign = seen.conditions().filter(|condition| !KSTATUS.contains(&text(condition, "type")));
    let conditions: Vec<Value> = ours.chain(foreign.cloned().map(Value::Object)).collect();
    let count = if outcome.trouble.is_some() { outcome.selected - outcome.ready } else { outcome.failures.len() };
    let failures: Vec<Value> = outcome.failures.iter().take(MAX_FAILURES).map(failure(request)).collect();
    let or_null = |list: Value| if list.as_array().is_some_and(Vec::is_empty) { Value::Null } else { list };
    let wanted = json!({
        "observedGeneration": request.generation,
        "conditions": conditions,
        "namespaces": {"selected": outcome.selected, "ready": outcome.ready, "failing": count},
        "failures": or_null(json!(failures)),
        "observed": outcome.observed,
        "policies": outcome.seen_under,
        "neededKeys": or_null(json!(outcome.needed)),
    });
    let Value::Object(wanted) = wanted else { return None };
    if wanted.iter().all(|(name, value)| seen.status.get(name).unwrap_or(&Value::Null) == value) {
        return None;
    }
    let mut metadata = json!({"uid": request.uid});
    // That it was seen so is true only of what it still is.
    if outcome.seen_under != seen.seen_under {
        metadata["resourceVersion"] = json!(request.resource_version.to_string());
    }
    let body = json!({"metadata": metadata, "status": wanted}).to_string();
    let mut status = seen.status.clone();
    status.extend(wanted);
    Some(Told { body, seen: Seen::of(status), event, failing })
}

fn failure(request: &ClusterRequest) -> impl Fn(&(&str, &Trouble)) -> Value {
    move |(namespace, trouble)| json!({"namespace": namespace, "reason": trouble.reason(), "message": message(request, trouble)})
}

fn message(request: &ClusterRequest, trouble: &Trouble) -> String {
    let message = match trouble {
        Trouble::Shape => {
            "the spec is not of the shape of its kind: compare it with `kubectl explain clustersealedsecret.spec`"
                .into()
        }
        _ => trouble.message(Group::Native, &request.name),
    };
    cut(message)
}

fn conditions(request: &ClusterRequest, outcome: &Outcome<'_>) -> Vec<Condition> {
    let Outcome { trouble, selected, ready, failures, .. } = outcome;
    if let Some(trouble) = trouble {
        return Condition::not_ready(trouble.reason(), message(request, trouble), trouble.retry());
    }
    let is_pending = ready + failures.len() < *selected;
    if let Some((namespace, first)) = failures.first() {
        let is_one = failures.iter().all(|(_, trouble)| trouble.reason() == first.reason());
        let reason = if is_one { first.reason() } else { "Failing" };
        let goes_on = is_pending || failures.iter().any(|(_, trouble)| trouble.retry() == Retry::Backoff);
        let retry = if goes_on { Retry::Backoff } else { Retry::OnChange };
        let message = message(request, first);
        let message = format!("in {} of {selected} namespaces; {namespace}: {message}", failures.len());
        return Condition::not_ready(reason, cut(message), retry);
    }
    if is_pending {
        let message = format!("{ready} of {selected} namespaces have the Secret");
        return Condition::not_ready(OPENING, message, Retry::Backoff);
    }
    vec![right(outcome)]
}

/// Of several concerns the gravest gives the reason.
fn right(outcome: &Outcome<'_>) -> Condition {
    let contested = outcome.contested.map(|(namespace, who)| {
        let message = format!("{who} keeps changing the Secret in {namespace}; it is put right at most every 30 s");
        ("Contested", message)
    });
    let unselected = (outcome.selected == 0).then(|| ("NoNamespace", "no namespace is selected".to_owned()));
    let concerns = opened_by_compromised(&outcome.compromised).into_iter().chain(contested).chain(unselected);
    Condition::right("Ready", "Opened", concerns.collect())
}

#[cfg(test)]
mod tests;
