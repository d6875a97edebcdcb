//! Events about objects.

use serde_json::{Value, json};

/// An event about one object.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    /// An `ObjectReference`.
    pub(crate) involved: Value,
    /// Who tells it.
    pub(crate) component: &'static str,
    pub(crate) warning: bool,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Event {
    /// The body of the event. `unique` tells events of one object apart; `now` is RFC 3339.
    #[must_use]
    pub fn body(&self, unique: &str, now: &str) -> String {
        let Self { involved, component, .. } = self;
        let name = format!("{}.{unique}", involved["name"].as_str().unwrap_or_default());
        json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": name, "namespace": involved["namespace"]},
            "involvedObject": involved,
            "type": if self.warning { "Warning" } else { "Normal" },
            "reason": self.reason, "message": self.message,
            "source": {"component": component}, "reportingComponent": component,
            "firstTimestamp": now, "lastTimestamp": now, "count": 1,
        })
        .to_string()
    }
}
