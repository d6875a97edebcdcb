//! `kseal keys usage`: which objects of a cluster need a key, as its controller counted it or as they say themselves.

use std::collections::BTreeSet;

use kseal_api::{KeyUsage, UsedKey};
use kseal_crypto::Fingerprint;
use serde_json::{Value, json};

use crate::{
    args::{ReportFormat, UsageArgs},
    cluster::{Cluster, Counted, SealedKind},
    cluster_keys::{self, ClusterKey, ClusterKeys, Named, Needs},
    commands::DONE,
    error::{Error, Result},
    output::Output,
    settings::Environment,
    table,
    words::{are, count},
};

pub(crate) fn run(args: UsageArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let UsageArgs { key, all, report, published } = args;
    cluster_keys::check_name(&key)?;
    let publishing = published.settle(environment);
    let cluster = Cluster::connect(&publishing.access)?;
    let found = ClusterKeys::read(&publishing, &cluster)?;
    if all {
        // Objects may name a key that the cluster has forgotten.
        let key = match key.parse::<Fingerprint>() {
            Ok(_) if found.matching(&key).is_empty() => ClusterKey::forgotten(&key),
            _ => found.find(&key)?.clone(),
        };
        let needs = Needs::of(&key.fingerprint, &cluster, &found)?;
        if let Some(only_in) = &needs.only_in {
            output.warn(only_in);
        }
        match report.format {
            ReportFormat::Json => output.json(&all_as_json(&key, &needs))?,
            ReportFormat::Text => output.report(all_as_text(&key, &needs))?,
        }
        return Ok(DONE);
    }
    let key = found.find(&key)?;
    let usage = match &found.counted {
        Counted::Known(usage) => usage,
        Counted::Missing(why) | Counted::Unknown(why) => {
            return Err(Error::cluster(format!("{} does not tell what needs its keys", cluster.name))
                .details([why.clone()])
                .hint("--all looks at every object instead"));
        }
    };
    let none = UsedKey::default();
    let used = key.used.as_ref().unwrap_or(&none);
    match report.format {
        ReportFormat::Json => output.json(&counted_as_json(key, used, usage))?,
        ReportFormat::Text => output.report(counted_as_text(key, used, usage))?,
    }
    Ok(DONE)
}

fn counted_as_json(key: &ClusterKey, used: &UsedKey, usage: &KeyUsage) -> Value {
    json!({
        "fingerprint": key.fingerprint, "suite": key.suite, "state": key.state, "createdAt": key.created_at,
        "secret": Some(&used.secret).filter(|name| !name.is_empty()), "objects": used.objects, "claimed": used.claimed,
        "namespaces": used.namespaces, "first": used.first, "countedAt": usage.counted_at, "watched": usage.watched,
    })
}

fn all_as_json(key: &ClusterKey, needs: &Needs) -> Value {
    let named = |all: &BTreeSet<Named>| -> Value {
        let object = |it: &Named| json!({"namespace": it.namespace, "name": it.name, "kind": it.kind.kind(), "format": it.kind.format()});
        all.iter().map(object).collect()
    };
    json!({
        "fingerprint": key.fingerprint, "suite": key.suite, "state": key.state,
        "objects": named(&needs.needing), "notLookedAt": named(&needs.unseen), "unreadable": named(&needs.unreadable),
        "claimed": named(&needs.claiming),
    })
}

/// `kx2f…: X-Wing, retiring`.
fn title(key: &ClusterKey) -> String {
    format!("{}: {}, {}", key.fingerprint, key.suite, key.state)
}

fn counted_as_text(key: &ClusterKey, used: &UsedKey, usage: &KeyUsage) -> Vec<String> {
    let mut lines = vec![title(key), format!("{} at {}", needing(used.objects), usage.counted_at)];
    if used.claimed > 0 {
        lines.push(claiming(used.claimed));
    }
    if !used.namespaces.is_empty() {
        let header = ["NAMESPACE", "OBJECTS"].map(ToOwned::to_owned);
        let rows = used.namespaces.iter().map(|(name, objects)| [name.clone(), objects.to_string()]);
        let rows: Vec<_> = std::iter::once(header).chain(rows).collect();
        lines.extend(table::lines(&rows));
        let named: usize = used.namespaces.values().sum();
        if named < used.objects {
            lines.push(format!("and {} elsewhere", count(used.objects - named, "object")));
        }
    }
    if !used.first.is_empty() {
        let more = used.objects.saturating_sub(used.first.len());
        let more = if more > 0 { format!(", and {more} more: --all names each") } else { String::new() };
        lines.push(format!("{}{more}", used.first.join(", ")));
    }
    lines
}

fn all_as_text(key: &ClusterKey, needs: &Needs) -> Vec<String> {
    let mut lines = vec![title(key), needing(needs.needing.len())];
    lines.extend(names(&needs.needing));
    for (objects, what) in
        [(&needs.unseen, unseen as fn(usize) -> String), (&needs.unreadable, unreadable), (&needs.claiming, claiming)]
    {
        if !objects.is_empty() {
            lines.push(what(objects.len()));
            lines.extend(names(objects));
        }
    }
    lines
}

fn names(objects: &BTreeSet<Named>) -> Vec<String> {
    if objects.is_empty() {
        return Vec::new();
    }
    let header = ["NAMESPACE", "NAME", "FORMAT"].map(ToOwned::to_owned);
    let row = |it: &Named| match it.kind {
        SealedKind::Cluster => ["-".to_owned(), it.path(), it.kind.format().to_owned()],
        _ => [it.namespace.clone(), it.name.clone(), it.kind.format().to_owned()],
    };
    table::lines(&std::iter::once(header).chain(objects.iter().map(row)).collect::<Vec<_>>())
}

fn needing(number: usize) -> String {
    format!("{} {} it", count(number, "object"), if number == 1 { "needs" } else { "need" })
}

fn unseen(number: usize) -> String {
    format!("{} not looked at yet, and may need it", are(number, "object"))
}

fn unreadable(number: usize) -> String {
    format!("{} cannot be read, and may need it", count(number, "object"))
}

fn claiming(number: usize) -> String {
    let verb = if number == 1 { "names it, and was" } else { "name it, and were" };
    format!("{} {verb} not opened by it", count(number, "object"))
}
