//! What was done with an object, or is to be done, for people and for programs.

use std::fmt;

use kseal_core::Taint;
use kseal_crypto::Fingerprint;
use serde_json::{Value, json};

use super::plan::{Step, Steps};
use crate::{
    standings,
    words::{are, count},
};

/// What became of one object.
pub(crate) struct ObjectReport {
    /// `SealedSecret prod/db`.
    pub what: String,
    /// `prod/db`.
    pub object: String,
    pub outcome: Outcome,
}

/// What became of an object's values.
pub(crate) enum Outcome {
    /// A native object, by its data keys.
    DataKeys(Vec<DataKeyReport>),
    /// One of upstream's: the items that are sealed anew, and those of which it cannot be told what they are sealed for.
    Items {
        /// Sealed for another key than the current one.
        stale: Vec<String>,
        /// No key at hand opens them, and the current one is not at hand.
        unknown: Vec<String>,
    },
}

/// What became of one data key.
pub(crate) struct DataKeyReport {
    handle: String,
    action: &'static str,
    remove: Vec<Fingerprint>,
    add: Vec<Fingerprint>,
    taints: Vec<Taint>,
    items: Vec<String>,
}

impl DataKeyReport {
    pub(crate) fn of(steps: &Steps<'_>, items: impl Fn(kseal_crypto::Handle) -> Vec<String>) -> Vec<Self> {
        let report = |(handle, step): (&kseal_crypto::Handle, &Step<'_>)| {
            let mut report = Self {
                handle: handle.to_string(),
                action: "keep",
                remove: Vec::new(),
                add: Vec::new(),
                taints: Vec::new(),
                items: items(*handle),
            };
            match step {
                Step::Keep => {}
                Step::Rewrap { remove, add } => {
                    report.action = "rewrap";
                    report.remove.clone_from(remove);
                    report.add = add.iter().map(|key| key.fingerprint()).collect();
                }
                Step::Reseal(taints) => {
                    report.action = "reseal";
                    report.taints.clone_from(taints);
                }
                Step::Drop => report.action = "drop",
            }
            report
        };
        steps.iter().map(report).collect()
    }

    fn json(&self) -> Value {
        let taints = self.taints.iter();
        let taints: Vec<Value> = taints
            .map(|it| json!({"recipient": it.recipient.to_string(), "standing": standings::word(it.standing)}))
            .collect();
        let names = |keys: &[Fingerprint]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
        json!({
            "handle": self.handle, "action": self.action, "items": self.items,
            "remove": names(&self.remove), "add": names(&self.add), "taints": taints,
        })
    }
}

impl ObjectReport {
    /// Whether anything changes.
    pub(crate) fn is_due(&self) -> bool {
        match &self.outcome {
            Outcome::DataKeys(keys) => keys.iter().any(|key| key.action != "keep"),
            Outcome::Items { stale, .. } => !stale.is_empty(),
        }
    }

    /// Whether something of it cannot be judged.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(&self.outcome, Outcome::Items { unknown, .. } if !unknown.is_empty())
    }

    /// The items whose secrets have to be changed at their source, and why.
    pub(crate) fn to_change(&self) -> Vec<(Vec<&str>, String)> {
        let Outcome::DataKeys(keys) = &self.outcome else { return Vec::new() };
        let tainted = keys.iter().filter(|key| !key.taints.is_empty() && !key.items.is_empty());
        tainted
            .map(|key| {
                let why: Vec<String> = key.taints.iter().map(standings::why).collect();
                (key.items.iter().map(String::as_str).collect(), why.join(", "))
            })
            .collect()
    }

    /// One line for people; `None` if nothing changes. `done` tells whether it is done or only to be done.
    pub(crate) fn line(&self, done: bool) -> Option<String> {
        let mut parts = Vec::new();
        match &self.outcome {
            Outcome::DataKeys(keys) => {
                let with = |action: &'static str| keys.iter().filter(move |key| key.action == action);
                parts.extend(with("rewrap").map(|key| rewrapped(key, done)));
                let items: usize = with("reseal").map(|key| key.items.len()).sum();
                if items > 0 {
                    let taints = with("reseal").flat_map(|key| &key.taints);
                    let mut reasons: Vec<String> = taints.map(standings::why).collect();
                    reasons.dedup();
                    let why = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
                    parts.push(sealed_anew(items, done) + &why);
                }
                let dropped = with("drop").count();
                if dropped > 0 {
                    let verb = if done { "dropped" } else { "drop" };
                    parts.push(format!("{verb} {}", count(dropped, "unused data key")));
                }
            }
            Outcome::Items { stale, unknown } => {
                if !stale.is_empty() {
                    parts.push(sealed_anew(stale.len(), done) + " for the current certificate");
                }
                if !unknown.is_empty() {
                    parts.push(format!("unknown for what key {} sealed", are(unknown.len(), "value")));
                }
            }
        }
        (!parts.is_empty()).then(|| format!("{}: {}", self.what, parts.join("; ")))
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let to_change: Vec<&str> = self.to_change().into_iter().flat_map(|(items, _)| items).collect();
        let mut report = json!({
            "object": self.what, "due": self.is_due(), "unknown": self.is_unknown(), "changeAtSource": to_change,
        });
        match &self.outcome {
            Outcome::DataKeys(keys) => report["dataKeys"] = keys.iter().map(DataKeyReport::json).collect(),
            Outcome::Items { stale, unknown } => report["items"] = json!({"stale": stale, "unknown": unknown}),
        }
        report
    }
}

/// What has to be changed where it comes from: no new recipients help who holds the old text.
pub(crate) fn to_change(object: impl fmt::Display, items: &[&str], why: &str) -> String {
    format!("change at the source, since {why}: {object} {}", items.join(", "))
}

fn rewrapped(key: &DataKeyReport, done: bool) -> String {
    let verb = if done { "re-wrapped" } else { "re-wrap" };
    let part = |word: &str, keys: &[Fingerprint]| match keys {
        [] => String::new(),
        keys => format!(" {word} {}", keys.iter().map(Fingerprint::short).collect::<Vec<_>>().join(", ")),
    };
    // Replaced, added or removed, each reads differently.
    let without = if key.add.is_empty() { "without" } else { "instead of" };
    format!("{verb} data key {}{}{}", key.handle, part("for", &key.add), part(without, &key.remove))
}

fn sealed_anew(items: usize, done: bool) -> String {
    let verb = if done { "sealed" } else { "seal" };
    format!("{verb} {} anew", count(items, "value"))
}
