//! What the status of a `ServiceAccountToken` shall say, as kstatus reads it. Never the token.

use kseal_api::names;
use serde_json::{Value, json};

use super::{Obstacle, Record, TokenObject, rfc3339};
use crate::condition::{self, Condition, KSTATUS, cut, find, text};
use crate::policy::SeenUnder;

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
    let conditions: Vec<&condition::Seen> = seen.conditions.iter().filter_map(Value::as_object).collect();
    let is_current = seen.observed_generation == object.generation;
    let wanted = wanted(object, outcome);
    let rendered = wanted.iter().map(|wanted| {
        let seen = find(conditions.iter().copied(), wanted.type_);
        if let Some(seen) = seen.filter(|seen| is_current && wanted.is_told_by(seen)) {
            return Value::Object(seen.clone());
        }
        let mut condition = wanted.render(seen, now);
        condition["observedGeneration"] = json!(object.generation);
        condition
    });
    let foreign = conditions.iter().filter(|condition| !KSTATUS.contains(&text(condition, "type")));
    let conditions: Vec<Value> = rendered.chain(foreign.map(|&it| Value::Object(it.clone()))).collect();
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
        (next.honoured_generation, next.honoured_uid) = (Some(object.generation), Some(object.uid.clone()));
    }
    if next == *seen {
        return None;
    }
    // In a merge patch, what is not to be there any more is named.
    let status = json!({
        "observedGeneration": next.observed_generation, "conditions": next.conditions,
        "secretName": next.secret_name, "serviceAccountUID": next.service_account_uid,
        "expirationTimestamp": next.expiration_timestamp, "renewalTimestamp": next.renewal_timestamp,
        "honouredGeneration": next.honoured_generation, "honouredUID": next.honoured_uid, "policies": next.policies,
    });
    Some(json!({"metadata": {"uid": object.uid}, "status": status}).to_string())
}

/// The reason that the status gives for a failure, if it tells of one.
pub(super) fn failure(object: &TokenObject) -> Option<&str> {
    let ready = find(object.status.conditions.iter().filter_map(Value::as_object), "Ready")?;
    (text(ready, "status") == "False").then(|| text(ready, "reason"))
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

fn wanted(object: &TokenObject, outcome: &Outcome<'_>) -> Vec<Condition> {
    let ready = |reason, message| vec![Condition::new("Ready", true, reason, message)];
    match outcome {
        Outcome::Right { contested_by: None, .. } => ready("Published", "the Secret holds a good token".to_owned()),
        Outcome::Right { contested_by: Some(who), .. } => {
            let message = format!("{who} keeps changing the Secrets; they are put right at most every 30 s");
            ready("Contested", cut(message))
        }
        Outcome::Wrong(obstacle) => {
            let message = cut(obstacle.message(object));
            Condition::not_ready(obstacle.reason(), message, obstacle.retry())
        }
    }
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
