//! What was found, for people and for programs.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Found, Verdict, verdict::running};
use crate::{table, words::count};

/// For people: a summary, what needs attention, what to know, and what to do next.
pub(crate) fn lines(found: &Found, verdict: &Verdict) -> Vec<String> {
    let counts = &verdict.counts;
    let mut lines = vec![format!(
        "{}: {} of sealed-secrets in {}",
        found.cluster,
        count(counts.objects, "object"),
        count(counts.namespaces, "namespace")
    )];
    let objects = listed(&[
        (counts.synced, "synced"),
        (counts.failing, "not synced"),
        (counts.unseen, "that no controller has looked at"),
    ]);
    let secrets = listed(&[
        (counts.owned, "owned by their objects"),
        (counts.consenting, "that consent"),
        (counts.handed_over, "handed over to native objects"),
        (counts.missing, "missing"),
        (counts.foreign, "foreign"),
    ]);
    let rows = [
        ["  objects", &*objects],
        ["  Secrets", &secrets],
        ["  keys", &keys(found)],
        ["  sealed-secrets", &upstream(found)],
        ["  kseal", &kseal(found, counts.native)],
    ];
    lines.extend(table::lines(&rows.map(|row| row.map(ToOwned::to_owned))));
    if !verdict.is_good() {
        lines.push(String::new());
        lines.push("would not work:".to_owned());
        lines.extend(verdict.problems.iter().map(|problem| format!("  {problem}")));
        let rows = verdict.findings.iter().map(|finding| {
            let object = format!("  {}/{}", finding.namespace, finding.name);
            [object, finding.reason.clone(), finding.message.clone()]
        });
        lines.extend(table::lines(&rows.collect::<Vec<_>>()));
    }
    if !verdict.notes.is_empty() {
        lines.push(String::new());
        lines.push("to know:".to_owned());
        lines.extend(verdict.notes.iter().map(|note| format!("  {note}")));
    }
    if !verdict.next.is_empty() {
        lines.push(String::new());
        lines.push("next (docs/migrate.md tells more, and the way back):".to_owned());
        for (command, why) in &verdict.next {
            lines.push(format!("  # {why}"));
            lines.push(format!("  {command}"));
        }
    }
    lines
}

/// `2 owned, 1 missing`; `none`.
fn listed(parts: &[(usize, &str)]) -> String {
    let parts: Vec<String> =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

fn keys(found: &Found) -> String {
    let active = found.keys.iter().filter(|key| key.is_active).count();
    let expires = expires(found).map(|time| format!("; the certificate expires {time}")).unwrap_or_default();
    format!(
        "{} in namespace {}{expires}",
        listed(&[(active, "active"), (found.keys.len() - active, "not active")]),
        found.namespace
    )
}

fn expires(found: &Found) -> Option<String> {
    let time = Timestamp::from_second(i64::try_from(found.expires?).ok()?).ok()?;
    Some(time.to_string())
}

fn upstream(found: &Found) -> String {
    match &found.upstream {
        Some(upstream) => format!("deployment {}/{} {}", found.namespace, upstream.name, running(upstream.replicas)),
        None => format!("no deployment in namespace {}", found.namespace),
    }
}

fn kseal(found: &Found, native: usize) -> String {
    let one = |kseal: &super::Kseal| {
        let serves = if kseal.serves_upstream { "serves bitnami.com" } else { "leaves bitnami.com alone" };
        format!("in namespace {} {}, {serves}", kseal.namespace, running(kseal.replicas))
    };
    let mut parts: Vec<String> = found.kseal.iter().map(one).collect();
    if parts.is_empty() {
        parts.push("not installed".to_owned());
    }
    if native > 0 {
        parts.push(count(native, "native object"));
    }
    parts.join("; ")
}

/// For programs.
pub(crate) fn json(found: &Found, verdict: &Verdict) -> Value {
    let counts = &verdict.counts;
    let key = |key: &super::Key| {
        let super::Key { name, label, created, is_active } = key;
        json!({"name": name, "label": label, "active": is_active, "createdAt": created})
    };
    let finding = |finding: &super::objects::Finding| {
        json!({
            "namespace": finding.namespace, "name": finding.name, "reason": finding.reason, "message": finding.message,
        })
    };
    let kseal = |kseal: &super::Kseal| {
        json!({
            "namespace": kseal.namespace, "replicas": kseal.replicas, "servesSealedSecrets": kseal.serves_upstream,
        })
    };
    json!({
        "ready": verdict.is_good(),
        "objects": {
            "total": counts.objects, "namespaces": counts.namespaces, "native": counts.native, "synced": counts.synced,
            "notSynced": counts.failing, "notLookedAt": counts.unseen, "deleting": counts.deleting,
            "paused": counts.paused, "waitingToHandOver": counts.waiting, "withFinalizers": counts.finalizers,
        },
        "secrets": {
            "owned": counts.owned, "consenting": counts.consenting, "handedOver": counts.handed_over,
            "missing": counts.missing, "foreign": counts.foreign,
        },
        "keys": found.keys.iter().map(key).collect::<Vec<_>>(),
        "certificateExpires": expires(found),
        "sealedSecrets": found.upstream.as_ref().map(|it| json!({
            "namespace": found.namespace, "name": it.name, "replicas": it.replicas, "flags": it.flags,
        })),
        "kseal": found.kseal.iter().map(kseal).collect::<Vec<_>>(),
        "definitionOwner": found.owner,
        "findings": verdict.findings.iter().map(finding).collect::<Vec<_>>(),
        "problems": verdict.problems,
        "notes": verdict.notes,
        "next": verdict.next.iter().map(|(command, why)| json!({"command": command, "why": why})).collect::<Vec<_>>(),
    })
}
