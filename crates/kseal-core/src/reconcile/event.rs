//! Which events are worth telling: a change for the worse or back, and what was repaired. A first success is in the
//! status, and would cost a third write for every new object.

use kseal_api::names;
use serde_json::json;

use super::{Group, Request, Trouble, status::Outcome};
use crate::Event;
use crate::condition::cut;

/// What upstream says of an immutable Secret.
const UPSTREAM_IMMUTABLE: &str = "the target Secret is immutable. Once a Secret is marked as immutable, it is not possible \
     to revert this change nor to mutate the contents of the data field. You can only delete and recreate the Secret.";

/// What to tell of an outcome. `repaired`: someone else had changed the Secret.
#[must_use]
pub fn event_of(request: &Request, outcome: &Outcome<'_>, repaired: bool) -> Option<Event> {
    let before = request.status.failure(request.group);
    let (warning, reason, message) = match outcome {
        Outcome::Wrong { trouble, .. } | Outcome::Right { pending: Some(trouble), .. } => {
            if before.is_some_and(|(before, _)| before == trouble.reason()) {
                return None;
            }
            let (reason, message) = words(request, trouble);
            (true, reason, cut(message))
        }
        Outcome::Right { .. } if before.is_some() => {
            let (reason, message) = success(request.group);
            (false, reason, message.into())
        }
        Outcome::Right { .. } if repaired => {
            (false, "Repaired", "the Secret had been changed or deleted, and is right again".into())
        }
        Outcome::Right { .. } => return None,
    };
    let component = match request.group {
        Group::Native => names::CONTROLLER,
        Group::Upstream => "sealed-secrets",
    };
    let involved = json!({
        "apiVersion": request.group.api_version(), "kind": names::SEALED_SECRET, "namespace": request.namespace,
        "name": request.name, "uid": request.uid, "resourceVersion": request.resource_version,
    });
    Some(Event { involved, component, warning, reason, message })
}

const fn success(group: Group) -> (&'static str, &'static str) {
    match group {
        Group::Native => ("Opened", "the Secret is right"),
        Group::Upstream => ("Unsealed", "SealedSecret unsealed successfully"),
    }
}

/// Reason and message; for upstream's kind in its words.
fn words(request: &Request, trouble: &Trouble) -> (&'static str, String) {
    let message = trouble.message(request.group, &request.name);
    match (request.group, trouble) {
        (Group::Native, _) => (trouble.reason(), message),
        (Group::Upstream, Trouble::Contents { .. } | Trouble::Shape | Trouble::Unsupported(_)) => {
            ("ErrUnsealFailed", format!("Failed to unseal: {message}"))
        }
        (Group::Upstream, Trouble::Immutable) => {
            ("ErrUpdateFailed", format!("Error updating {}/{}: {UPSTREAM_IMMUTABLE}", request.namespace, request.name))
        }
        (Group::Upstream, _) => {
            let upstreams = message.strip_prefix("failed update: ").map(ToOwned::to_owned);
            ("ErrUpdateFailed", upstreams.unwrap_or(message))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::reconcile::Observed;

    fn wrong(trouble: &Trouble) -> Outcome<'_> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        Outcome::Wrong { trouble, opened_by: &NONE }
    }

    fn request(group: Group, status: &Value) -> Request {
        let metadata = json!({"name": "db", "namespace": "prod", "uid": "u1", "resourceVersion": "1"});
        Request::read(group, json!({"metadata": metadata, "spec": {}, "status": status}).to_string().as_bytes())
            .unwrap()
    }

    fn failed(group: Group, reason: &str) -> Request {
        let type_ = if group == Group::Native { "Ready" } else { "Synced" };
        request(group, &json!({"conditions": [{"type": type_, "status": "False", "reason": reason, "message": "x"}]}))
    }

    fn right(request: &Request, repaired: bool) -> Option<&'static str> {
        let observed = Observed::new(request, "s1".into(), "2".into(), vec![]);
        event_of(
            request,
            &Outcome::Right { observed: &observed, contested_by: None, compromised: &[], pending: None },
            repaired,
        )
        .map(|event| event.reason)
    }

    #[test]
    fn only_changes_are_told() {
        for group in Group::ALL {
            let wrong = |request: &Request| event_of(request, &wrong(&Trouble::NotOwned), false);
            assert!(wrong(&request(group, &json!(null))).unwrap().warning);
            assert!(wrong(&failed(group, "NoKey")).is_some());
            assert!(wrong(&failed(group, "NotOwned")).is_none());
            assert_eq!(right(&request(group, &json!(null)), false), None);
            assert_eq!(right(&request(group, &json!(null)), true), Some("Repaired"));
            assert!(right(&failed(group, "NotOwned"), false).is_some());
        }
    }

    #[test]
    fn upstreams_kind_has_upstreams_words_and_component() {
        let request = request(Group::Upstream, &json!(null));
        let event = event_of(&request, &wrong(&Trouble::NotOwned), false).unwrap();
        let body: Value = serde_json::from_str(&event.body("2026-11-26T00:00:00Z")).unwrap();
        assert_eq!(body["reason"], "ErrUpdateFailed");
        assert_eq!(body["message"], "Resource \"db\" already exists and is not managed by SealedSecret");
        assert_eq!(body["source"]["component"], "sealed-secrets");
        assert_eq!((&body["metadata"]["generateName"], &body["involvedObject"]["uid"]), (&json!("db."), &json!("u1")));
        assert_eq!(right(&failed(Group::Upstream, "NoKey"), false), Some("Unsealed"));
        let event = event_of(&request, &wrong(&Trouble::Immutable), false).unwrap();
        let begins =
            "Error updating prod/db: the target Secret is immutable. Once a Secret is marked as immutable, it is not";
        assert!(event.message.starts_with(begins), "{}", event.message);
    }
}
