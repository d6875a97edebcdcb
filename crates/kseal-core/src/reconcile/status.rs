//! What an object's status says, and what it shall say: kstatus for our own kind, `Synced` for upstream's.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use super::{Digest, Group, LOGIC_VERSION, Request, Trouble, Uid};
use crate::condition::{Condition, KSTATUS, Seen as SeenCondition, cut, find, text};
use crate::policy::SeenUnder;

/// Upstream's schema has no field for the record, so it stands in a condition of its own, behind `Synced`, which
/// upstream's printer columns expect to come first.
pub const RECORD: &str = "kseal.dev/record";
/// The reason of an object whose Secret is right, and whose values a compromised key opens.
const KEY_COMPROMISED: &str = "KeyCompromised";

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
    conditions: Vec<SeenCondition>,
}

impl Seen {
    pub(super) fn read(group: Group, status: &RawValue) -> Self {
        let Ok(loose) = serde_json::from_str::<Loose>(status.get()) else { return Self::default() };
        let conditions: Vec<SeenCondition> = serde_json::from_value(loose.conditions).unwrap_or_default();
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
            seen_under: SeenUnder::read(&seen_under),
            needed: if keys.is_empty() { told_needed.clone() } else { keys },
            told_needed,
            conditions,
        }
    }

    /// Whether it says that a compromised key opened the object.
    pub(super) fn tells_of_compromised(&self, group: Group) -> bool {
        find(&self.conditions, main_condition(group))
            .is_some_and(|condition| text(condition, "reason") == KEY_COMPROMISED)
    }

    /// The reason and message with which the object was not right.
    #[must_use]
    pub fn failure(&self, group: Group) -> Option<(&str, &str)> {
        let condition = find(&self.conditions, main_condition(group))?;
        (text(condition, "status") == "False").then(|| (text(condition, "reason"), text(condition, "message")))
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
    let told = ours.iter().all(|wanted| find(&seen.conditions, wanted.type_).is_some_and(|seen| is_told(wanted, seen)));
    let gone = seen.conditions.iter().map(|condition| text(condition, "type")).filter(|type_| is_ours(type_));
    let gone = gone.into_iter().all(|type_| ours.iter().any(|wanted| wanted.type_ == type_));
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
    let rendered = ours.iter().map(|wanted| render(request, wanted, now));
    let foreign = seen.conditions.iter().filter(|condition| !is_ours(text(condition, "type")));
    let foreign = foreign.cloned().map(Value::Object);
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

fn is_ours(type_: &str) -> bool {
    KSTATUS.contains(&type_) || matches!(type_, "Synced" | RECORD)
}

/// Where the policies are in doubt, what was known before stays.
fn seen_under(request: &Request) -> Option<SeenUnder> {
    if request.policies().is_empty() {
        return None;
    }
    let (before, hash) = (request.status.seen_under.as_ref(), request.digest.to_string());
    SeenUnder::next(before, request.settled, &request.uid, request.generation, hash)
}

fn conditions(request: &Request, outcome: &Outcome<'_>, seen_under: Option<&SeenUnder>) -> Vec<Condition> {
    let main = main_condition(request.group);
    match (outcome, request.group) {
        (Outcome::Right { contested_by, compromised, pending: None, .. }, Group::Native) => {
            vec![right(main, "Opened", *contested_by, compromised)]
        }
        (Outcome::Right { contested_by, compromised, observed, pending: None }, Group::Upstream) => {
            vec![right(main, "Unsealed", *contested_by, compromised), record(observed, seen_under)]
        }
        (Outcome::Right { pending: Some(trouble), .. } | Outcome::Wrong { trouble, .. }, group) => {
            let message = cut(trouble.message(group, &request.name));
            if group == Group::Native {
                return Condition::not_ready(trouble.reason(), message, trouble.retry());
            }
            let record = match outcome {
                Outcome::Right { observed, .. } => Some(record(observed, seen_under)),
                Outcome::Wrong { .. } => {
                    let keys = outcome.needed(request);
                    let is_empty = keys.is_empty() && seen_under.is_none();
                    let text = || with(json!(Keys { keys }), seen_under);
                    (!is_empty).then(|| Condition::new(RECORD, false, trouble.reason(), text()))
                }
            };
            [Condition::new(main, false, trouble.reason(), message)].into_iter().chain(record).collect()
        }
    }
}

fn record(observed: &Observed, seen_under: Option<&SeenUnder>) -> Condition {
    Condition::new(RECORD, true, "Opened", with(json!(observed), seen_under))
}

/// A record as upstream's kind has it, in one text.
fn with(mut record: Value, seen_under: Option<&SeenUnder>) -> String {
    if let Some(seen_under) = seen_under {
        record["policies"] = json!(seen_under);
    }
    record.to_string()
}

/// Of two concerns the graver one gives the reason.
fn right(type_: &'static str, reason: &'static str, contested_by: Option<&str>, compromised: &[&str]) -> Condition {
    let contested = |who| ("Contested", format!("{who} keeps changing the Secret; it is put right at most every 30 s"));
    let concerns = opened_by_compromised(compromised).into_iter().chain(contested_by.map(contested));
    Condition::right(type_, reason, concerns.collect())
}

/// The concern about compromised keys that opened an object, if any did.
pub(super) fn opened_by_compromised(keys: &[&str]) -> Option<(&'static str, String)> {
    let message = |keys: String| {
        format!(
            "opened by a compromised key ({keys}): change the secret at its source and seal it anew; `kseal reencrypt` \
             does the latter"
        )
    };
    (!keys.is_empty()).then(|| (KEY_COMPROMISED, message(keys.join(", "))))
}

/// Upstream never sets a reason: what it wrote stays as it is.
fn is_told(wanted: &Condition, seen: &SeenCondition) -> bool {
    let unreasoned = wanted.type_ == "Synced" && wanted.holds && !seen.contains_key("reason");
    wanted.is_told_by(seen) || (unreasoned && wanted.is_said_by(seen))
}

fn render(request: &Request, wanted: &Condition, now: &str) -> Value {
    let is_current = request.status.observed_generation == request.generation;
    let seen = find(&request.status.conditions, wanted.type_);
    if let Some(seen) = seen.filter(|seen| is_current && is_told(wanted, seen)) {
        return Value::Object(seen.clone());
    }
    let mut condition = wanted.render(seen, now);
    match request.group {
        Group::Native => condition["observedGeneration"] = json!(request.generation),
        Group::Upstream => condition["lastUpdateTime"] = json!(now),
    }
    condition
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
