//! What a sealed object's status says, read leniently: nothing in one object keeps the others from being listed.

use jiff::Timestamp;
use kseal_api::names;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::{
    age,
    cluster::{OpenedBy, Part, SealedKind, SealedMetadata, SealedStatus},
    words::short,
};

/// The parts of an object that are looked at; of any shape.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Parts {
    metadata: Part<SealedMetadata>,
    status: Part<SealedStatus>,
}

/// What could be read of an object.
#[derive(Default)]
pub(super) struct Item {
    metadata: SealedMetadata,
    status: SealedStatus,
}

impl Item {
    pub(super) fn read(object: &RawValue) -> Self {
        let Parts { metadata, status } = serde_json::from_str(object.get()).unwrap_or_default();
        Self { metadata: metadata.or_default(), status: status.or_default() }
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.metadata.name.get().map(String::as_str)
    }

    fn is(&self, type_: &str) -> bool {
        self.status.status(type_) == Some("True")
    }

    /// Whether the status is of an earlier generation, or of none.
    fn is_stale(&self) -> bool {
        self.metadata.is_ahead_of(&self.status)
    }
}

/// One object.
pub(super) struct Row {
    pub name: String,
    namespace: String,
    kind: SealedKind,
    ready: Ready,
    reason: Option<String>,
    message: Option<String>,
    reconciling: bool,
    stalled: bool,
    generation: Option<i64>,
    observed_generation: Option<i64>,
    created_at: Option<String>,
    age: Option<String>,
    keys: Vec<String>,
}

/// Whether the Secret is as the object wants it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ready {
    True,
    False,
    Unknown,
}

impl Ready {
    const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl Row {
    pub(super) fn read(kind: SealedKind, item: &Item, now: Timestamp) -> Self {
        let text = |part: &Part<String>| part.get().cloned();
        let created_at = text(&item.metadata.creation_timestamp);
        let created = created_at.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
        let OpenedBy { keys, .. } = item.status.opened_by(kind, &item.metadata);
        let (ready, reason, message) = said(kind, item);
        Self {
            name: text(&item.metadata.name).unwrap_or_default(),
            namespace: text(&item.metadata.namespace).unwrap_or_default(),
            kind,
            ready,
            reason,
            message,
            reconciling: item.is("Reconciling"),
            stalled: item.is("Stalled"),
            generation: item.metadata.generation.get().copied(),
            observed_generation: item.status.observed_generation.get().copied(),
            age: created.map(|created| age::for_people(now.as_second() - created.as_second())),
            created_at,
            keys,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready == Ready::True
    }

    pub(super) fn order(&self) -> (&str, &str, SealedKind) {
        (&self.namespace, &self.name, self.kind)
    }

    pub(super) fn cells(&self) -> [String; 8] {
        let or_dash = |text: Option<&String>| text.cloned().unwrap_or_else(|| "-".to_owned());
        let keys: Vec<String> = self.keys.iter().map(|key| short(key)).collect();
        let [namespace, name] = match self.kind {
            SealedKind::Cluster => ["-".to_owned(), format!("{}/{}", self.kind.plural(), self.name)],
            _ => [self.namespace.clone(), self.name.clone()],
        };
        [
            namespace,
            name,
            self.kind.format().to_owned(),
            self.ready.as_str().to_owned(),
            or_dash(self.reason.as_ref()),
            or_dash(self.age.as_ref()),
            if keys.is_empty() { "-".to_owned() } else { keys.join(",") },
            self.message.clone().unwrap_or_default(),
        ]
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "namespace": Some(&self.namespace).filter(|_| self.kind != SealedKind::Cluster), "name": self.name,
            "kind": self.kind.kind(), "format": self.kind.format(),
            "ready": self.ready.as_str(), "reason": self.reason, "message": self.message,
            "reconciling": self.reconciling, "stalled": self.stalled, "generation": self.generation,
            "observedGeneration": self.observed_generation, "createdAt": self.created_at, "keys": self.keys,
        })
    }
}

/// Readiness, reason and message.
fn said(kind: SealedKind, item: &Item) -> (Ready, Option<String>, Option<String>) {
    if item.is_stale() {
        let is_paused = item.metadata.annotation(names::PAUSED) == Some("true");
        let message = match (is_paused, item.status.observed_generation.get()) {
            (true, _) => format!("the annotation {} keeps the controller from it", names::PAUSED),
            (false, Some(observed)) => {
                format!("the controller has seen generation {observed}, and not the last change")
            }
            (false, None) => "no controller has looked at it".to_owned(),
        };
        return (Ready::Unknown, Some("Waiting".to_owned()), Some(message));
    }
    let main = match kind {
        SealedKind::Native | SealedKind::Cluster => "Ready",
        SealedKind::Upstream => "Synced",
    };
    let ready = match item.status.status(main) {
        Some("True") => Ready::True,
        Some("False") => Ready::False,
        _ => Ready::Unknown,
    };
    // The main condition says why; if it does not, the one that holds does.
    let others = ["Stalled", "Reconciling"].into_iter().filter(|type_| item.is(type_));
    let types: Vec<&str> = std::iter::once(main).chain(others).collect();
    let find =
        |field: fn(&SealedStatus, &str) -> Option<String>| types.iter().find_map(|type_| field(&item.status, type_));
    let reason = find(|status, type_| status.reason(type_).map(ToOwned::to_owned));
    let message = find(|status, type_| status.message(type_).map(ToOwned::to_owned));
    (ready, reason, message)
}
