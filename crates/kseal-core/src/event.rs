//! Events about objects.

use serde_json::{Value, json};

/// An event about one object.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    /// An `ObjectReference`, with name, and with namespace if its kind has one.
    pub involved: Value,
    /// Who tells it.
    pub component: &'static str,
    /// Whether somebody has to do something.
    pub warning: bool,
    /// In one word, for programs.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

impl Event {
    /// Where it is told: of what has no namespace, in `default`, the only one that the API server takes.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.involved["namespace"].as_str().unwrap_or("default")
    }

    /// The body of the event, whose name the API server makes, since a name with more after it may be too long; `now` is RFC
    /// 3339. Events are never changed and never repeated: each is one POST.
    #[must_use]
    pub fn body(&self, now: &str) -> String {
        let Self { involved, component, .. } = self;
        let prefix = format!("{}.", involved["name"].as_str().unwrap_or_default());
        json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"generateName": prefix, "namespace": self.namespace()},
            "involvedObject": involved,
            "type": if self.warning { "Warning" } else { "Normal" },
            "reason": self.reason, "message": self.message,
            "source": {"component": component}, "reportingComponent": component,
            "firstTimestamp": now, "lastTimestamp": now, "count": 1,
        })
        .to_string()
    }
}
