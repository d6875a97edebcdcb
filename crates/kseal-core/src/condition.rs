//! Conditions in the status of an object: those that are there, and those that shall be. kstatus reads them: an object that is
//! not ready says beside that whether it goes on by itself.

use serde_json::{Map, Value, json};

use crate::reconcile::Retry;

/// What kstatus reads of our own kinds.
pub(crate) const KSTATUS: [&str; 3] = ["Ready", "Reconciling", "Stalled"];

/// Longer messages are cut, of conditions and of events: some failures name every item.
pub(crate) const MAX_MESSAGE: usize = 1_024;

/// A condition as it was read.
pub(crate) type Seen = Map<String, Value>;

/// A condition as it shall be.
pub(crate) struct Condition {
    pub(crate) type_: &'static str,
    pub(crate) holds: bool,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Condition {
    pub(crate) const fn new(type_: &'static str, holds: bool, reason: &'static str, message: String) -> Self {
        Self { type_, holds, reason, message }
    }

    /// Of an object that is right: of what there is to say all the same, by reason and message, the first gives the reason.
    pub(crate) fn right(type_: &'static str, reason: &'static str, concerns: Vec<(&'static str, String)>) -> Self {
        let reason = concerns.first().map_or(reason, |(reason, _)| reason);
        let messages: Vec<String> = concerns.into_iter().map(|(_, message)| message).collect();
        Self::new(type_, true, reason, cut(messages.join("; ")))
    }

    /// Of an object that is not ready: Stalled waits for someone, Reconciling goes on by itself.
    pub(crate) fn not_ready(reason: &'static str, message: String, retry: Retry) -> Vec<Self> {
        let abnormal = if retry == Retry::Backoff { "Reconciling" } else { "Stalled" };
        vec![Self::new("Ready", false, reason, message.clone()), Self::new(abnormal, true, reason, message)]
    }

    pub(crate) const fn status(&self) -> &'static str {
        if self.holds { "True" } else { "False" }
    }

    /// Whether it is there with this status and message, for whatever reason.
    pub(crate) fn is_said_by(&self, seen: &Seen) -> bool {
        text(seen, "status") == self.status() && text(seen, "message") == self.message
    }

    /// Whether it is there just so.
    pub(crate) fn is_told_by(&self, seen: &Seen) -> bool {
        self.is_said_by(seen) && text(seen, "reason") == self.reason
    }

    /// As it is written, but for what the kind adds. `seen`: the one of its type that is there; `now` is RFC 3339.
    pub(crate) fn render(&self, seen: Option<&Seen>, now: &str) -> Value {
        let same = seen.filter(|seen| text(seen, "status") == self.status());
        let transition = same.and_then(|seen| seen.get("lastTransitionTime")?.as_str()).unwrap_or(now);
        json!({
            "type": self.type_, "status": self.status(), "reason": self.reason, "message": self.message,
            "lastTransitionTime": transition,
        })
    }
}

/// The condition of a type.
pub(crate) fn find<'c>(conditions: impl IntoIterator<Item = &'c Seen>, type_: &str) -> Option<&'c Seen> {
    conditions.into_iter().find(|condition| text(condition, "type") == type_)
}

/// A field that is a text; nothing where it is none.
pub(crate) fn text<'c>(condition: &'c Seen, field: &str) -> &'c str {
    condition.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// At most [`MAX_MESSAGE`] octets, and only whole characters.
pub(crate) fn cut(mut message: String) -> String {
    if message.len() > MAX_MESSAGE {
        let end = (0..=MAX_MESSAGE - 3).rev().find(|index| message.is_char_boundary(*index)).unwrap_or(0);
        message.truncate(end);
        message.push_str("...");
    }
    message
}
