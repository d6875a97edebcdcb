//! Which events are worth telling: a change for the worse or back, and what was repaired. A first success and a renewal are in
//! the status.

use kseal_api::names;
use serde_json::json;

use super::TokenObject;
use super::status::{Outcome, cut, failure};

/// An event about one object.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    warning: bool,
    reason: &'static str,
    message: String,
}

impl Event {
    /// What to tell of an outcome. `repaired`: someone else had changed the Secrets.
    #[must_use]
    pub fn of(object: &TokenObject, outcome: &Outcome<'_>, repaired: bool) -> Option<Self> {
        let before = failure(object);
        match outcome {
            Outcome::Wrong(obstacle) if before == Some(obstacle.reason()) => None,
            Outcome::Wrong(obstacle) => {
                Some(Self { warning: true, reason: obstacle.reason(), message: cut(obstacle.message(object)) })
            }
            Outcome::Right { .. } if before.is_some() => {
                Some(Self { warning: false, reason: "Published", message: "the Secret holds a good token".into() })
            }
            Outcome::Right { .. } if repaired => Some(Self {
                warning: false,
                reason: "Repaired",
                message: "a Secret had been changed or deleted, and all is right again".into(),
            }),
            Outcome::Right { .. } => None,
        }
    }

    /// The body of the event. `unique` tells events of one object apart; `now` is RFC 3339.
    #[must_use]
    pub fn body(&self, object: &TokenObject, unique: &str, now: &str) -> String {
        json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": format!("{}.{unique}", object.name), "namespace": object.namespace},
            "involvedObject": {
                "apiVersion": names::API_VERSION, "kind": names::SERVICE_ACCOUNT_TOKEN, "namespace": object.namespace,
                "name": object.name, "uid": object.uid, "resourceVersion": object.resource_version,
            },
            "type": if self.warning { "Warning" } else { "Normal" },
            "reason": self.reason, "message": self.message,
            "source": {"component": names::CONTROLLER}, "reportingComponent": names::CONTROLLER,
            "firstTimestamp": now, "lastTimestamp": now, "count": 1,
        })
        .to_string()
    }
}
