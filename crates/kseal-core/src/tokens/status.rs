//! What the status of a `ServiceAccountToken` shall say, as kstatus reads it. Never the token.

use kseal_api::names;
use serde_json::{Map, Value, json};

use super::{Obstacle, Record, TokenObject, rfc3339};
use crate::policy::SeenUnder;
use crate::reconcile::Retry;

/// Longer messages are cut; the API server takes no longer notes of events.
const MAX_MESSAGE: usize = 1_000;
const OURS: [&str; 3] = ["Ready", "Reconciling", "Stalled"];

/// What became of an object.
pub enum Outcome<'o> {
    /// Its Secret holds a good token.
    Right {
        /// What is noted of it.
        record: &'o Record,
        /// Who keeps changing it, if somebody does.
        contested_by: Option<&'o str>,
    },
    /// It does not, or will not for long.
    Wrong(&'o Obstacle),
}

/// The merge patch for `/status`; none where the status says it already. It carries the UID, so that it cannot land on
/// another object of the same name. `now` is RFC 3339.
#[must_use]
pub fn patch(object: &TokenObject, outcome: &Outcome<'_>, now: &str) -> Option<String> {
    let seen = &object.status;
    let conditions: Vec<Map<String, Value>> = seen.conditions.iter().filter_map(Value::as_object).cloned().collect();
    let is_current = seen.observed_generation == object.generation;
    let wanted = wanted(object, outcome);
    let rendered = wanted.iter().map(|wanted| {
        let seen = find(&conditions, wanted.type_);
        match seen.filter(|seen| is_current && wanted.is_told_by(seen)) {
            Some(seen) => Value::Object(seen.clone()),
            None => wanted.render(object.generation, seen, now),
        }
    });
    let foreign = conditions.iter().filter(|condition| !OURS.contains(&text(condition, "type")));
    let conditions: Vec<Value> = rendered.chain(foreign.cloned().map(Value::Object)).collect();
    let mut next = seen.clone();
    next.observed_generation = object.generation;
    next.conditions = conditions;
    let seen_under =
        SeenUnder::next(object.seen_under().as_ref(), object.settled, &object.uid, object.generation, object.digest());
    next.policies = seen_under.map(|note| json!(note));
    if let Outcome::Right { record, .. } = outcome {
        next.secret_name = Some(object.secret_name().to_owned());
        next.service_account_uid = Some(record.account.clone());
        next.expiration_timestamp = record.expires.and_then(rfc3339);
        next.renewal_timestamp = record.renew.and_then(rfc3339);
        next.honoured_generation = Some(object.generation);
    }
    if next == *seen {
        return None;
    }
    // In a merge patch, what is not to be there any more is named.
    let status = json!({
        "observedGeneration": next.observed_generation, "conditions": next.conditions,
        "secretName": next.secret_name, "serviceAccountUID": next.service_account_uid,
        "expirationTimestamp": next.expiration_timestamp, "renewalTimestamp": next.renewal_timestamp,
        "honouredGeneration": next.honoured_generation, "policies": next.policies,
    });
    Some(json!({"metadata": {"uid": object.uid}, "status": status}).to_string())
}

/// The reason that the status gives for a failure, if it tells of one.
pub(super) fn failure(object: &TokenObject) -> Option<&str> {
    let conditions = object.status.conditions.iter().filter_map(Value::as_object);
    let mut failed = conditions.filter(|it| text(it, "type") == "Ready" && text(it, "status") == "False");
    failed.next().map(|condition| text(condition, "reason"))
}

/// The path of the collection, of one namespace or of all.
#[must_use]
pub fn collection(namespace: Option<&str>) -> String {
    let version = names::API_VERSION;
    match namespace {
        Some(namespace) => format!("/apis/{version}/namespaces/{namespace}/serviceaccounttokens"),
        None => format!("/apis/{version}/serviceaccounttokens"),
    }
}

/// A condition as it shall be.
struct Wanted {
    type_: &'static str,
    holds: bool,
    reason: &'static str,
    message: String,
}

fn wanted(object: &TokenObject, outcome: &Outcome<'_>) -> Vec<Wanted> {
    let wanted = |type_, holds, reason, message| Wanted { type_, holds, reason, message };
    match outcome {
        Outcome::Right { contested_by: None, .. } => {
            vec![wanted("Ready", true, "Published", "the Secret holds a good token".to_owned())]
        }
        Outcome::Right { contested_by: Some(who), .. } => {
            let message = format!("{who} keeps changing the Secrets; they are put right at most every 30 s");
            vec![wanted("Ready", true, "Contested", cut(message))]
        }
        Outcome::Wrong(obstacle) => {
            let message = cut(obstacle.message(object));
            // Stalled waits for someone, Reconciling goes on by itself.
            let abnormal = if obstacle.retry() == Retry::Backoff { "Reconciling" } else { "Stalled" };
            let reason = obstacle.reason();
            vec![wanted("Ready", false, reason, message.clone()), wanted(abnormal, true, reason, message)]
        }
    }
}

impl Wanted {
    const fn status(&self) -> &'static str {
        if self.holds { "True" } else { "False" }
    }

    fn is_told_by(&self, seen: &Map<String, Value>) -> bool {
        text(seen, "status") == self.status()
            && text(seen, "reason") == self.reason
            && text(seen, "message") == self.message
    }

    fn render(&self, generation: i64, seen: Option<&Map<String, Value>>, now: &str) -> Value {
        let same = seen.filter(|seen| text(seen, "status") == self.status());
        let transition = same.map(|seen| text(seen, "lastTransitionTime")).filter(|time| !time.is_empty());
        json!({
            "type": self.type_, "status": self.status(), "reason": self.reason, "message": self.message,
            "observedGeneration": generation, "lastTransitionTime": transition.unwrap_or(now),
        })
    }
}

fn find<'c>(conditions: &'c [Map<String, Value>], type_: &str) -> Option<&'c Map<String, Value>> {
    conditions.iter().find(|condition| text(condition, "type") == type_)
}

fn text<'c>(condition: &'c Map<String, Value>, field: &str) -> &'c str {
    condition.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// At most so long, at the end of a character.
pub(super) fn cut(mut message: String) -> String {
    if message.len() > MAX_MESSAGE {
        let end = (0..=MAX_MESSAGE - 3).rev().find(|index| message.is_char_boundary(*index)).unwrap_or(0);
        message.truncate(end);
        message.push_str("...");
    }
    message
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::reconcile::Trouble;
    use crate::tokens::Issued;

    const NOW: &str = "2026-11-27T00:00:00Z";

    fn object(status: &Value) -> TokenObject {
        let metadata = json!({"namespace": "prod", "name": "ci", "uid": "u1", "resourceVersion": "1", "generation": 3});
        let spec = json!({"serviceAccountName": "bot", "mode": "Bound", "secretName": "ci-token"});
        TokenObject::read(json!({"metadata": metadata, "spec": spec, "status": status}).to_string().as_bytes()).unwrap()
    }

    fn record() -> Record {
        let spec = object(&json!(null)).spec.unwrap();
        let answer = json!({"spec": {"expirationSeconds": 600}, "status": {"token": "t"}});
        let issued = Issued::read(answer.to_string().as_bytes()).unwrap();
        Record::of_bound(&spec, "a1", &issued, BTreeMap::new(), 1_795_323_600, 0.0)
    }

    fn told(status: &Value, outcome: &Outcome<'_>) -> Option<Value> {
        let patch: Value = serde_json::from_str(&patch(&object(status), outcome, NOW)?).unwrap();
        assert_eq!(patch["metadata"], json!({"uid": "u1"}));
        Some(patch["status"].clone())
    }

    #[test]
    fn what_is_told_is_told_once() {
        let right = Outcome::Right { record: &record(), contested_by: None };
        let status = told(&json!(null), &right).unwrap();
        assert_eq!(status["conditions"].as_array().unwrap().len(), 1);
        assert_eq!(
            (&status["conditions"][0]["reason"], &status["honouredGeneration"]),
            (&json!("Published"), &json!(3))
        );
        assert_eq!((&status["secretName"], &status["serviceAccountUID"]), (&json!("ci-token"), &json!("a1")));
        assert_eq!(status["expirationTimestamp"], "2026-11-22T05:10:00Z");
        assert_eq!(status["renewalTimestamp"], "2026-11-22T05:08:00Z");
        assert!(told(&status, &right).is_none());
        let obstacle = Obstacle::from(Trouble::AccountMissing("bot".into()));
        let wrong = Outcome::Wrong(&obstacle);
        let status = told(&status, &wrong).unwrap();
        assert_eq!(status["conditions"].as_array().unwrap().len(), 2);
        assert_eq!(status["conditions"][1]["type"], "Stalled");
        assert_eq!(status["honouredGeneration"], 3, "what was honoured stays so");
        assert!(told(&status, &wrong).is_none());
        assert_eq!(told(&status, &right).unwrap()["conditions"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn what_goes_on_by_itself_is_told_from_what_waits_for_somebody() {
        for (obstacle, type_, reason) in [
            (Obstacle::NotFilled("ci-token-abc".into()), "Reconciling", "TokenPending"),
            (
                Trouble::PolicyMissing(crate::policy::Policy::ServiceAccountTokens).into(),
                "Reconciling",
                "PolicyMissing",
            ),
            (Trouble::NotOwned.into(), "Stalled", "NotOwned"),
            (Trouble::Shape.into(), "Stalled", "Malformed"),
        ] {
            let status = told(&json!(null), &Outcome::Wrong(&obstacle)).unwrap();
            assert_eq!(
                (&status["conditions"][1]["type"], &status["conditions"][0]["reason"]),
                (&json!(type_), &json!(reason))
            );
            assert_eq!(status["honouredGeneration"], json!(null));
        }
    }

    #[test]
    fn conditions_of_others_stay() {
        let seen = json!({"conditions": [{"type": "Audited", "status": "True"}, "no condition"]});
        let status = told(&seen, &Outcome::Right { record: &record(), contested_by: Some("kubectl") }).unwrap();
        assert_eq!(status["conditions"][0]["reason"], "Contested");
        assert_eq!(status["conditions"][1]["type"], "Audited");
    }
}
