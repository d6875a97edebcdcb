//! The report for people.

use std::fmt::Write as _;

use super::report::{Bound, ItemReport, RecipientReport, Report};
use crate::output::visible;

/// All reports, an empty line between them.
pub(super) fn render(reports: &[Report]) -> Vec<String> {
    reports.iter().map(object).collect::<Vec<_>>().join(&String::new())
}

fn object(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    let name = report.name.as_deref().unwrap_or("(no name)");
    let name = report.namespace.as_ref().map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"));
    lines.push(format!("{}:{}: {} {name}", report.file, report.line, report.kind));
    let format = match report.format {
        Some("kseal") => "kseal",
        Some("bitnami") => "bitnami (sealed-secrets)",
        Some("secret") => "secret (sealed in place)",
        Some(_) => "plaintext, not sealed",
        None => "cannot be told",
    };
    field(&mut lines, "format", format);
    if let Some(scope) = &report.scope {
        field(&mut lines, "scope", scope);
    }
    if let Some(place) = &report.place {
        field(&mut lines, "opens in", &self::place(place));
    }
    field(&mut lines, "size", &format!("{} bytes of JSON", report.json_bytes));
    for (number, problem) in report.problems.iter().enumerate() {
        field(&mut lines, if number == 0 { "problems" } else { "" }, problem);
    }
    let rows: Vec<[String; 4]> = report.items.iter().map(item).collect();
    table(&mut lines, "items", &rows);
    for data_key in &report.data_keys {
        let rows: Vec<[String; 4]> = data_key.recipients.iter().map(recipient).collect();
        table(&mut lines, &format!("data key {}", data_key.handle), &rows);
    }
    lines
}

fn field(lines: &mut Vec<String>, name: &str, value: &str) {
    lines.push(format!("  {name:<9} {value}"));
}

fn place(place: &Bound) -> String {
    match (&place.namespace, &place.name) {
        (Some(namespace), Some(name)) => format!("namespace {namespace}, as {name}"),
        (Some(namespace), None) => format!("namespace {namespace}, under any name"),
        (None, Some(name)) => format!("every namespace that ClusterSealedSecret {name} selects"),
        (None, None) => "every namespace, under any name".to_owned(),
    }
}

fn item(item: &ItemReport) -> [String; 4] {
    let size = match (item.padded_bytes, item.bytes) {
        (Some(padded), _) => format!("{padded} bytes, padded"),
        (None, Some(bytes)) => format!("{bytes} bytes"),
        (None, None) => "not a sealed value".to_owned(),
    };
    let key = item.data_key.clone().or_else(|| item.rsa_bits.map(|bits| format!("RSA-{bits}")));
    let opened_by = item.opened_by.as_ref().map(|key| format!("opens with {}", short(key)));
    [item.name.clone(), size, key.unwrap_or_default(), opened_by.unwrap_or_default()]
}

/// A native fingerprint as people are shown it; others as they are.
fn short(fingerprint: &str) -> &str {
    if fingerprint.len() == 27 { &fingerprint[..13] } else { fingerprint }
}

fn recipient(recipient: &RecipientReport) -> [String; 4] {
    let suite = recipient.suite.unwrap_or("unknown suite").to_owned();
    let cluster = match (recipient.standing, &recipient.clusters) {
        (Some("unknown"), _) => "of no configured cluster".to_owned(),
        (Some(standing), Some(clusters)) => format!("{} ({standing})", clusters.join(", ")),
        _ => String::new(),
    };
    let at_hand = if recipient.key_at_hand { "private key at hand" } else { "" };
    [recipient.short.clone(), suite, cluster, at_hand.to_owned()]
}

/// Rows with their columns aligned.
fn table(lines: &mut Vec<String>, title: &str, rows: &[[String; 4]]) {
    lines.push(format!("  {title}{}", if rows.is_empty() { ": none" } else { "" }));
    // Aligned as they are shown.
    let rows: Vec<[String; 4]> = rows.iter().map(|row| row.each_ref().map(|cell| visible(cell).into_owned())).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    for row in &rows {
        let mut line = String::from("   ");
        for (cell, width) in row.iter().zip(widths.into_iter().chain([0])) {
            // Writing to a String does not fail.
            let _ = write!(line, " {cell:<width$} ");
        }
        lines.push(line.trim_end().to_owned());
    }
}
