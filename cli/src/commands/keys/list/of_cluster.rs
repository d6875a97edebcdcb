//! The keys of a cluster, and what needs them.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    age,
    args::ReportFormat,
    cluster::{Cluster, Counted, Publishing},
    cluster_keys::{ClusterKey, ClusterKeys},
    commands::DONE,
    error::Result,
    output::Output,
    table,
    words::count,
};

/// How many namespaces are named in a table.
const NAMESPACES: usize = 3;

pub(super) fn run(
    publishing: &Publishing,
    format: ReportFormat,
    wide: bool,
    now: Timestamp,
    output: &Output,
) -> Result<u8> {
    let cluster = Cluster::connect(&publishing.access)?;
    let found = ClusterKeys::read(publishing, &cluster)?;
    match format {
        ReportFormat::Json => output.json(&found.keys.iter().map(|key| report(&found, key)).collect())?,
        ReportFormat::Text => output.report(lines(&found.keys, wide, now))?,
    }
    match &found.counted {
        Counted::Missing(why) | Counted::Unknown(why) => {
            output.note(format!("what needs the keys is not known: {why}"));
        }
        Counted::Known(usage) if !usage.watched.is_empty() => {
            output.note(format!("counted in {}", usage.watched.join(", ")));
        }
        Counted::Known(_) => {}
    }
    for key in found.keys.iter().filter(|key| key.is_missing()) {
        let needed = key.used.as_ref().map(|used| count(used.objects, "object")).unwrap_or_default();
        output.warn(format!(
            "the Secret of key {} is gone: restore it from the backup; {needed} opened with it before",
            key.fingerprint
        ));
    }
    Ok(DONE)
}

/// The fields of a key in a file, and more.
fn report(found: &ClusterKeys, key: &ClusterKey) -> Value {
    let used = key.used.as_ref();
    json!({
        "file": null, "kind": "cluster", "name": found.name, "fingerprint": key.fingerprint, "suite": key.suite,
        "state": key.state, "epoch": key.epoch, "createdAt": key.created_at, "expiresAt": null, "seals": key.seals,
        "secret": used.map(|used| &used.secret).filter(|name| !name.is_empty()),
        "objects": used.map(|used| used.objects), "claimed": used.map(|used| used.claimed),
        "namespaces": used.map(|used| &used.namespaces), "first": used.map(|used| &used.first),
        "countedAt": found.counted.known().map(|usage| &usage.counted_at),
    })
}

fn lines(keys: &[ClusterKey], wide: bool, now: Timestamp) -> Vec<String> {
    let with_claims = keys.iter().any(|key| key.used.as_ref().is_some_and(|used| used.claimed > 0));
    let header = ["FINGERPRINT", "SUITE", "STATE", "AGE", "OBJECTS", "CLAIMED", "NAMESPACES"].map(ToOwned::to_owned);
    let rows = std::iter::once(header).chain(keys.iter().map(|key| cells(key, wide, now)));
    if with_claims {
        return table::lines(&rows.collect::<Vec<_>>());
    }
    let without = rows.map(|[fingerprint, suite, state, age, objects, _, namespaces]| {
        [fingerprint, suite, state, age, objects, namespaces]
    });
    table::lines(&without.collect::<Vec<_>>())
}

fn cells(key: &ClusterKey, wide: bool, now: Timestamp) -> [String; 7] {
    let dash = || "-".to_owned();
    let created = key.created_at.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
    let used = key.used.as_ref();
    let namespaces = used.map(|used| {
        let names: Vec<&str> = used.namespaces.keys().map(String::as_str).collect();
        let more = if names.len() > NAMESPACES { ", …" } else { "" };
        format!("{}{more}", names[..names.len().min(NAMESPACES)].join(", "))
    });
    [
        if wide { key.fingerprint.clone() } else { key.short() },
        key.suite.clone(),
        key.state.clone(),
        created.map_or_else(dash, |created| age::for_people(now.as_second() - created.as_second())),
        used.map_or_else(dash, |used| used.objects.to_string()),
        used.map_or_else(dash, |used| used.claimed.to_string()),
        namespaces.filter(|names| !names.is_empty()).unwrap_or_else(dash),
    ]
}
