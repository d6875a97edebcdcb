//! What an object's status says, and what it shall say: kstatus for our own kind, `Synced` for upstream's.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

use super::{Digest, Group, LOGIC_VERSION, Request, Retry, Trouble, Uid};
use crate::policy::SeenUnder;

/// Upstream's schema has no field for the record, so it stands in a condition of its own, behind `Synced`, which
/// upstream's printer columns expect to come first.
pub const RECORD: &str = "kseal.dev/record";
/// The reason of an object whose Secret is right, and whose values a compromised key opens.
pub(super) const KEY_COMPROMISED: &str = "KeyCompromised";
/// Longer messages are cut: some failures name every item.
const MAX_MESSAGE: usize = 1_024;

/// What was done, for whom, by which logic. If it equals what is there, nothing has to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// The object's own UID: a status that was copied with its object means nothing.
    pub uid: String,
    /// The Secret's UID.
    #[serde(rename = "secretUID")]
    pub secret_uid: String,
    /// The Secret's resourceVersion when it was right.
    pub secret_resource_version: String,
    /// The object's [`Digest`].
    pub hash: String,
    /// [`LOGIC_VERSION`].
    pub version: u32,
    /// Names of the keys that opened it.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Whether ServiceAccounts pull images with it, as it asks. Written always: what a merge patch does not name stays.
    #[serde(default)]
    pub attached: bool,
}

impl Observed {
    /// Of an object whose Secret is right.
    #[must_use]
    pub fn new(request: &Request, secret_uid: String, secret_resource_version: String, keys: Vec<String>) -> Self {
        let (uid, hash) = (request.uid.clone(), request.digest.to_string());
        Self { uid, secret_uid, secret_resource_version, hash, version: LOGIC_VERSION, keys, attached: false }
    }

    /// Whether it was written by this logic for just this object.
    pub(super) fn holds_for(&self, uid: Uid, digest: Digest) -> bool {
        self.version == LOGIC_VERSION && Uid::of(&self.uid) == uid && self.hash == digest.to_string()
    }
}

/// A status as it was read. What is not of its shape counts as absent.
#[derive(Default)]
pub struct Seen {
    /// `observedGeneration`; 0 where there is none.
    pub observed_generation: i64,
    /// The record, whatever it was written for.
    pub observed: Option<Observed>,
    /// The keys that opened the object when it last opened, whatever came after that.
    pub needed: Vec<String>,
    /// Under which policies the object was seen last.
    pub seen_under: Option<SeenUnder>,
    /// What of them stands in a field of its own, of our own kind.
    told_needed: Vec<String>,
    conditions: Vec<Map<String, Value>>,
}

impl Seen {
    pub(super) fn read(group: Group, status: &RawValue) -> Self {
        let Ok(loose) = serde_json::from_str::<Loose>(status.get()) else { return Self::default() };
        let conditions: Vec<Map<String, Value>> = serde_json::from_value(loose.conditions).unwrap_or_default();
        let record: Value = match group {
            Group::Native => loose.observed,
            Group::Upstream => find(&conditions, RECORD)
                .and_then(|condition| serde_json::from_str(condition.get("message")?.as_str()?).ok())
                .unwrap_or_default(),
        };
        let told_needed: Vec<String> = serde_json::from_value(loose.needed_keys).unwrap_or_default();
        let Keys { keys } = Keys::deserialize(&record).unwrap_or_default();
        let seen_under = match group {
            Group::Native => loose.policies,
            Group::Upstream => record.get("policies").cloned().unwrap_or_default(),
        };
        Self {
            observed_generation: loose.observed_generation.as_i64().unwrap_or(0),
            observed: serde_json::from_value(record).ok(),
            seen_under: serde_json::from_value(seen_under).ok(),
            needed: if keys.is_empty() { told_needed.clone() } else { keys },
            told_needed,
            conditions,
        }
    }

    /// Whether it says that a compromised key opened the object.
    pub(super) fn tells_of_compromised(&self, group: Group) -> bool {
        find(&self.conditions, main_condition(group))
            .is_some_and(|condition| condition.get("reason").and_then(Value::as_str) == Some(KEY_COMPROMISED))
    }

    /// The reason and message with which the object was not right.
    #[must_use]
    pub fn failure(&self, group: Group) -> Option<(&str, &str)> {
        let condition = find(&self.conditions, main_condition(group))?;
        let text = |name| condition.get(name).and_then(Value::as_str).unwrap_or_default();
        (text("status") == "False").then(|| (text("reason"), text("message")))
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Loose {
    observed_generation: Value,
    conditions: Value,
    observed: Value,
    needed_keys: Value,
    policies: Value,
}

/// The part of a record that outlives what the rest was written for.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Keys {
    keys: Vec<String>,
}

fn find<'c>(conditions: &'c [Map<String, Value>], type_: &str) -> Option<&'c Map<String, Value>> {
    conditions.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(type_))
}

const fn main_condition(group: Group) -> &'static str {
    match group {
        Group::Native => "Ready",
        Group::Upstream => "Synced",
    }
}

/// How an object stands after its turn.
pub enum Outcome<'o> {
    /// The Secret is right.
    Right {
        /// The record.
        observed: &'o Observed,
        /// Who keeps changing the Secret, if someone does.
        contested_by: Option<&'o str>,
        /// The keys that opened it and are compromised.
        compromised: &'o [&'o str],
        /// What of all that is asked for beside the Secret is not done.
        pending: Option<&'o Trouble>,
    },
    /// It is not.
    Wrong {
        /// Why.
        trouble: &'o Trouble,
        /// The keys that opened it all the same.
        opened_by: &'o BTreeSet<String>,
    },
}

impl Outcome<'_> {
    /// The keys that it takes to open an object that is not right. Whether it opens is known from its last success, unless it
    /// is its contents that are wrong.
    fn needed(&self, request: &Request) -> Vec<String> {
        match self {
            Self::Right { .. } | Self::Wrong { trouble: Trouble::Contents { .. }, .. } => Vec::new(),
            Self::Wrong { opened_by, .. } if opened_by.is_empty() => request.status.needed.clone(),
            Self::Wrong { opened_by, .. } => opened_by.iter().cloned().collect(),
        }
    }
}

/// The merge patch for `/status`; none where the status says it already. It carries the UID, so that it cannot land on
/// another object of the same name. `now` is RFC 3339.
#[must_use]
pub fn patch(request: &Request, outcome: &Outcome<'_>, now: &str) -> Option<String> {
    let seen = &request.status;
    let seen_under = seen_under(request);
    let ours = conditions(request, outcome, seen_under.as_ref());
    let told = ours.iter().all(|wanted| wanted.told_by(find(&seen.conditions, wanted.type_)));
    let gone = ["Ready", "Reconciling", "Stalled", "Synced", RECORD]
        .into_iter()
        .filter(|type_| ours.iter().all(|wanted| wanted.type_ != *type_))
        .all(|type_| find(&seen.conditions, type_).is_none());
    let observed = match outcome {
        Outcome::Right { observed, .. } => Some(*observed),
        Outcome::Wrong { .. } => None,
    };
    let needed = if request.group == Group::Native { outcome.needed(request) } else { Vec::new() };
    let current = seen.observed_generation == request.generation && seen.told_needed == needed;
    let same = seen.observed.as_ref() == observed && seen.seen_under == seen_under;
    if told && gone && current && same {
        return None;
    }
    let rendered = ours.iter().map(|wanted| wanted.render(request, find(&seen.conditions, wanted.type_), now));
    let known = |condition: &&Map<String, Value>| {
        let type_ = condition.get("type").and_then(Value::as_str).unwrap_or_default();
        !matches!(type_, "Ready" | "Reconciling" | "Stalled" | "Synced" | RECORD)
    };
    let foreign = seen.conditions.iter().filter(known).cloned().map(Value::Object);
    let mut status = json!({
        "observedGeneration": request.generation,
        "conditions": rendered.chain(foreign).collect::<Vec<_>>(),
    });
    if request.group == Group::Native {
        status["observed"] = json!(observed);
        status["policies"] = json!(seen_under);
        status["neededKeys"] = if needed.is_empty() { Value::Null } else { json!(needed) };
    }
    Some(json!({"metadata": {"uid": request.uid}, "status": status}).to_string())
}

/// A condition as it shall be.
struct Wanted {
    type_: &'static str,
    holds: bool,
    reason: &'static str,
    message: String,
}

/// Where the policies are in doubt, what was known before stays.
fn seen_under(request: &Request) -> Option<SeenUnder> {
    if request.policies().is_empty() {
        return None;
    }
    let (before, hash) = (request.status.seen_under.as_ref(), request.digest.to_string());
    SeenUnder::next(before, request.settled, &request.uid, request.generation, hash)
}

fn conditions(request: &Request, outcome: &Outcome<'_>, seen_under: Option<&SeenUnder>) -> Vec<Wanted> {
    let main = main_condition(request.group);
    match (outcome, request.group) {
        (Outcome::Right { contested_by, compromised, pending: None, .. }, Group::Native) => {
            vec![right(main, "Opened", *contested_by, compromised)]
        }
        (Outcome::Right { contested_by, compromised, observed, pending: None }, Group::Upstream) => {
            vec![right(main, "Unsealed", *contested_by, compromised), record(observed, seen_under)]
        }
        (Outcome::Right { pending: Some(trouble), .. } | Outcome::Wrong { trouble, .. }, group) => {
            let mut message = trouble.message(group, &request.name);
            cut(&mut message);
            let wanted = |type_, holds, message| Wanted { type_, holds, reason: trouble.reason(), message };
            let mut conditions = vec![wanted(main, false, message.clone())];
            if group == Group::Native {
                // kstatus: Stalled waits for someone, Reconciling goes on by itself.
                let abnormal = if trouble.retry() == Retry::Backoff { "Reconciling" } else { "Stalled" };
                conditions.push(wanted(abnormal, true, message));
            } else if let Outcome::Right { observed, .. } = outcome {
                conditions.push(record(observed, seen_under));
            } else {
                let keys = outcome.needed(request);
                let is_empty = keys.is_empty() && seen_under.is_none();
                let record = (!is_empty).then(|| wanted(RECORD, false, with(json!(Keys { keys }), seen_under)));
                conditions.extend(record);
            }
            conditions
        }
    }
}

fn record(observed: &Observed, seen_under: Option<&SeenUnder>) -> Wanted {
    Wanted { type_: RECORD, holds: true, reason: "Opened", message: with(json!(observed), seen_under) }
}

/// A record as upstream's kind has it, in one text.
fn with(mut record: Value, seen_under: Option<&SeenUnder>) -> String {
    if let Some(seen_under) = seen_under {
        record["policies"] = json!(seen_under);
    }
    record.to_string()
}

/// Of two concerns the graver one gives the reason.
fn right(type_: &'static str, reason: &'static str, contested_by: Option<&str>, compromised: &[&str]) -> Wanted {
    let mut concerns = Vec::new();
    if !compromised.is_empty() {
        let keys = compromised.join(", ");
        let message = format!(
            "opened by a compromised key ({keys}): change the secret at its source and seal it anew; `kseal reencrypt` \
             does the latter"
        );
        concerns.push((KEY_COMPROMISED, message));
    }
    if let Some(who) = contested_by {
        concerns.push(("Contested", format!("{who} keeps changing the Secret; it is put right at most every 30 s")));
    }
    let reason = concerns.first().map_or(reason, |(reason, _)| reason);
    let messages: Vec<String> = concerns.into_iter().map(|(_, message)| message).collect();
    let mut message = messages.join("; ");
    cut(&mut message);
    Wanted { type_, holds: true, reason, message }
}

pub(super) fn cut(message: &mut String) {
    if message.len() > MAX_MESSAGE {
        let end = (0..=MAX_MESSAGE - 3).rev().find(|index| message.is_char_boundary(*index)).unwrap_or(0);
        message.truncate(end);
        message.push_str("...");
    }
}

impl Wanted {
    const fn status(&self) -> &'static str {
        if self.holds { "True" } else { "False" }
    }

    /// Upstream never sets a reason: what it wrote stays as it is.
    fn told_by(&self, seen: Option<&Map<String, Value>>) -> bool {
        seen.is_some_and(|seen| {
            let is = |name: &str, wanted: &str| seen.get(name).and_then(Value::as_str).unwrap_or_default() == wanted;
            let unreasoned = self.type_ == "Synced" && self.holds && !seen.contains_key("reason");
            is("status", self.status()) && is("message", &self.message) && (unreasoned || is("reason", self.reason))
        })
    }

    fn render(&self, request: &Request, seen: Option<&Map<String, Value>>, now: &str) -> Value {
        let current = request.status.observed_generation == request.generation;
        if let Some(seen) = seen.filter(|_| current && self.told_by(seen)) {
            return Value::Object(seen.clone());
        }
        let same = seen.filter(|seen| seen.get("status").and_then(Value::as_str) == Some(self.status()));
        let transition = same.and_then(|seen| seen.get("lastTransitionTime")?.as_str()).unwrap_or(now);
        let mut condition = json!({
            "type": self.type_, "status": self.status(), "reason": self.reason, "message": self.message,
            "lastTransitionTime": transition,
        });
        match request.group {
            Group::Native => condition["observedGeneration"] = json!(request.generation),
            Group::Upstream => condition["lastUpdateTime"] = json!(now),
        }
        condition
    }
}

/// The path of the collection, of one namespace or of all.
#[must_use]
pub fn collection(group: Group, namespace: Option<&str>) -> String {
    let version = group.api_version();
    match namespace {
        Some(namespace) => format!("/apis/{version}/namespaces/{namespace}/sealedsecrets"),
        None => format!("/apis/{version}/sealedsecrets"),
    }
}

/// The path of an object, or of its `subresource`, given with its slash.
#[must_use]
pub fn path(group: Group, namespace: &str, name: &str, subresource: &str) -> String {
    format!("{}/{name}{subresource}", collection(group, Some(namespace)))
}

#[cfg(test)]
mod tests;
