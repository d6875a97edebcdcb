//! A strict reader of the OpenMetrics text format, version 1.0.0, which also knows what Prometheus' own linter says of names.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};

/// A family of metrics as it was described, and what is in it.
#[derive(Debug, Default)]
pub struct Family {
    /// `counter`, `gauge`, `histogram` or `info`; no other is read.
    pub kind: String,
    /// A suffix of the name.
    pub unit: Option<String>,
    /// For people.
    pub help: Option<String>,
    /// All samples in their order.
    pub samples: Vec<Sample>,
}

/// One line with a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What follows the family's name.
    pub suffix: String,
    /// By name.
    pub labels: BTreeMap<String, String>,
    /// The number.
    pub value: f64,
}

/// Suffixes of samples that each kind has.
const SUFFIXES: [(&str, &[&str]); 4] =
    [("counter", &["_total"]), ("gauge", &[""]), ("histogram", &["_bucket", "_sum", "_count"]), ("info", &["_info"])];

/// Reads all families.
///
/// # Errors
/// The first rule that does not hold, with the line.
pub fn read(text: &str) -> Result<BTreeMap<String, Family>> {
    let body = text.strip_suffix("# EOF\n").context("it does not end with # EOF")?;
    ensure!(body.is_empty() || body.ends_with('\n'), "the last line has no end");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in body.lines() {
        let described = line.strip_prefix("# ").map(|rest| -> Result<()> {
            let mut parts = rest.splitn(3, ' ');
            let (what, name) = (parts.next().unwrap_or_default(), parts.next().context("of what?")?);
            if name != current {
                ensure!(is_name(name), "no name");
                ensure!(!families.contains_key(name), "the family comes a second time");
                name.clone_into(&mut current);
            }
            let family = families.entry(name.to_owned()).or_default();
            ensure!(family.samples.is_empty(), "it comes after samples");
            let text = parts.next().unwrap_or_default().to_owned();
            let before = match what {
                "TYPE" => Some(std::mem::replace(&mut family.kind, text)).filter(|kind| !kind.is_empty()),
                "UNIT" => family.unit.replace(text),
                "HELP" => family.help.replace(text),
                _ => bail!("neither TYPE, UNIT nor HELP"),
            };
            ensure!(before.is_none(), "it is said twice");
            Ok(())
        });
        let read = described.unwrap_or_else(|| {
            let family = families.get_mut(&current).context("a sample of no family")?;
            family.samples.push(sample(line, &current)?);
            Ok(())
        });
        read.with_context(|| format!("line {line:?}"))?;
    }
    for (name, family) in &families {
        check(name, family).with_context(|| format!("family {name}"))?;
    }
    Ok(families)
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn sample(line: &str, family: &str) -> Result<Sample> {
    let rest = line.strip_prefix(family).context("a sample of another family")?;
    let at = rest.find(['{', ' ']).context("no value")?;
    let (suffix, rest) = rest.split_at(at);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.strip_prefix(' ').context("no space before the value")?;
    ensure!(!value.contains(' '), "a timestamp or an exemplar");
    Ok(Sample { suffix: suffix.to_owned(), labels, value: value.parse().context("no number")? })
}

/// Labels up to the closing brace, and what follows it.
fn labels(text: &str) -> Result<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        let (name, value) = rest.split_once("=\"").context("no label")?;
        ensure!(is_name(name), "no name of a label: {name}");
        let end = value.find(['"', '\\', '\n']).context("a label without an end")?;
        ensure!(value[end..].starts_with('"'), "no label of ours needs an escape");
        ensure!(labels.insert(name.to_owned(), value[..end].to_owned()).is_none(), "the label {name} is there twice");
        rest = &value[end + 1..];
        rest = rest.strip_prefix(',').filter(|rest| !rest.starts_with('}')).unwrap_or(rest);
    }
}

fn check(name: &str, family: &Family) -> Result<()> {
    let (_, suffixes) = SUFFIXES.iter().find(|(kind, _)| *kind == family.kind).context("no such type")?;
    ensure!(family.help.as_deref().is_some_and(|help| !help.is_empty()), "no help");
    if let Some(unit) = &family.unit {
        ensure!(name.ends_with(&format!("_{unit}")), "its name does not end with its unit {unit}");
    }
    // What promlint says: base units, no type in the name, no suffix that another type has.
    let reserved = ["_total", "_sum", "_count", "_bucket", "_info", "_created"];
    ensure!(!reserved.iter().any(|suffix| name.ends_with(suffix)), "its name ends as a sample's");
    let parts: Vec<&str> = name.split('_').collect();
    for word in
        ["counter", "gauge", "histogram", "milliseconds", "ms", "minutes", "hours", "kilobytes", "megabytes", "mb"]
    {
        ensure!(!parts.contains(&word), "its name has {word}");
    }
    let measured = ["seconds", "bytes"].iter().find(|unit| parts.last() == Some(unit));
    ensure!(family.unit.as_deref() == measured.copied(), "its unit is not said");
    ensure!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "its name is not in lower case");

    let mut seen = BTreeSet::new();
    for sample in &family.samples {
        let Sample { suffix, labels, value } = sample;
        ensure!(suffixes.contains(&suffix.as_str()), "no such sample of a {}: {suffix}", family.kind);
        ensure!(seen.insert((suffix, labels)), "twice: {suffix}{labels:?}");
        ensure!(family.kind == "gauge" || (value.is_finite() && *value >= 0.0), "{suffix} is {value}");
        ensure!(family.kind != "info" || (*value - 1.0).abs() < f64::EPSILON, "an info is 1");
        ensure!(labels.contains_key("le") == (suffix == "_bucket"), "a bucket has a bound, and nothing else has");
    }
    if family.kind == "histogram" { check_histogram(family) } else { Ok(()) }
}

/// Buckets of each series in a row, growing, up to infinity, which is the count.
fn check_histogram(family: &Family) -> Result<()> {
    let mut series: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
    let without_bound = |sample: &Sample| {
        let mut labels = sample.labels.clone();
        labels.remove("le");
        labels
    };
    for sample in family.samples.iter().filter(|sample| sample.suffix == "_bucket") {
        let bound = match sample.labels["le"].as_str() {
            "+Inf" => f64::INFINITY,
            bound => bound.parse().context("no bound")?,
        };
        series.entry(without_bound(sample)).or_default().push((bound, sample.value));
    }
    for (labels, buckets) in &series {
        let grows = buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        ensure!(grows, "the buckets of {labels:?} do not grow");
        let (bound, all) = buckets.last().context("no buckets")?;
        let number = |suffix: &str| {
            family.samples.iter().find(|sample| sample.suffix == suffix && sample.labels == *labels).map(|it| it.value)
        };
        ensure!(
            bound.is_infinite() && number("_count") == Some(*all),
            "the last bucket of {labels:?} is not the count"
        );
        ensure!(number("_sum").is_some(), "{labels:?} has no sum");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
# HELP k_build What runs.
# TYPE k_build info
k_build_info{version=\"1\"} 1
# HELP k_requests Requests.
# TYPE k_requests counter
k_requests_total{code=\"200\",verb=\"get\"} 3
k_requests_total{code=\"404\",verb=\"get\"} 0
# HELP k_wait_seconds The wait.
# TYPE k_wait_seconds histogram
# UNIT k_wait_seconds seconds
k_wait_seconds_sum 1.5
k_wait_seconds_count 2
k_wait_seconds_bucket{le=\"0.1\"} 1
k_wait_seconds_bucket{le=\"+Inf\"} 2
# HELP k_leader Whether.
# TYPE k_leader gauge
k_leader -1
# EOF
";

    #[test]
    fn what_is_right_is_read() {
        let families = read(GOOD).unwrap();
        assert_eq!(families.len(), 4);
        assert_eq!(families["k_requests"].samples[0].labels["code"], "200");
        assert_eq!(families["k_wait_seconds"].unit.as_deref(), Some("seconds"));
    }

    #[test]
    fn each_rule_is_told_when_it_is_broken() {
        for (from, to, told) in [
            ("# EOF\n", "", "# EOF"),
            ("# HELP k_leader Whether.\n", "", "no help"),
            ("gauge\n", "untyped\n", "no such type"),
            ("k_requests_total{code=\"404\",verb=\"get\"} 0", "k_requests_total{code=\"200\",verb=\"get\"} 3", "twice"),
            ("k_requests_total{code=\"404\",verb=\"get\"} 0", "k_requests{code=\"404\"} 0", "no such sample"),
            ("verb=\"get\"} 0", "verb=\"g\\\"et\"} 0", "escape"),
            ("} 0\n", "} -1\n", "is -1"),
            ("le=\"+Inf\"} 2", "le=\"+Inf\"} 3", "not the count"),
            ("le=\"0.1\"} 1", "le=\"0.1\"} 3", "do not grow"),
            ("# UNIT k_wait_seconds seconds\n", "", "unit is not said"),
            ("k_leader", "k_leader_total", "ends as a sample's"),
            ("k_leader", "k_leader_gauge", "has gauge"),
            ("k_leader -1", "k_leader one", "no number"),
            ("k_leader -1", "k_other 1", "another family"),
            ("# HELP k_leader", "# HELP k_build", "a second time"),
        ] {
            let broken = GOOD.replace(from, to);
            assert_ne!(broken, GOOD, "{from}");
            let error = format!("{:#}", read(&broken).unwrap_err());
            assert!(error.contains(told), "{from:?}: {error}");
        }
    }
}
