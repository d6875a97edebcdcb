//! Which events are worth telling: a change for the worse or back, and what was repaired. A first success and a renewal are in
//! the status.

use kseal_api::names;
use serde_json::json;

use super::TokenObject;
use super::status::{Outcome, failure};
use crate::Event;
use crate::condition::cut;

/// What to tell of an outcome. `repaired`: someone else had changed the Secrets.
#[must_use]
pub fn event_of(object: &TokenObject, outcome: &Outcome<'_>, repaired: bool) -> Option<Event> {
    let before = failure(object);
    let (warning, reason, message) = match outcome {
        Outcome::Wrong(obstacle) if before == Some(obstacle.reason()) => return None,
        Outcome::Wrong(obstacle) => (true, obstacle.reason(), cut(obstacle.message(object))),
        Outcome::Right { .. } if before.is_some() => (false, "Published", "the Secret holds a good token".into()),
        Outcome::Right { .. } if repaired => {
            (false, "Repaired", "a Secret had been changed or deleted, and all is right again".into())
        }
        Outcome::Right { .. } => return None,
    };
    let involved = json!({
        "apiVersion": names::API_VERSION, "kind": names::SERVICE_ACCOUNT_TOKEN, "namespace": object.namespace,
        "name": object.name, "uid": object.uid, "resourceVersion": object.resource_version,
    });
    Some(Event { involved, component: names::CONTROLLER, warning, reason, message })
}
