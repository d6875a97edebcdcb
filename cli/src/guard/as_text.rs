//! Texts that are no YAML, searched line by line: mostly Helm templates.
//!
//! A value counts as plaintext if no template expression stands in it. So literals that a chart mixes with templates
//! are not found; a literal password on its own line is.

use std::ops::Range;

use kseal_crypto::SealedValue;
use kseal_manifest::ParseError;

use super::{Finding, Rule, plaintext};

/// What a text that cannot be read says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// No Secret in it.
    Nothing,
    /// A template that becomes a Secret.
    Template,
    /// A Secret, broken.
    Broken,
}

/// A value that looks like plaintext.
struct Value {
    key: String,
    /// Counted from 0, all its lines.
    lines: Range<usize>,
    bytes: usize,
}

/// Whether a text that cannot be read claims to hold a Secret.
pub(crate) fn claims_secret(text: &str) -> Claim {
    if !text.lines().any(is_kind_secret) {
        Claim::Nothing
    } else if text.contains("{{") {
        Claim::Template
    } else {
        Claim::Broken
    }
}

/// What is found in a text that cannot be read for this reason.
pub(super) fn findings(name: &str, text: &str, error: &ParseError) -> Vec<Finding> {
    match claims_secret(text) {
        Claim::Nothing => Vec::new(),
        Claim::Broken => vec![Finding {
            line: error.location().line,
            rule: Rule::Unreadable,
            message: format!("a Secret stands here, but it cannot be read: {error}"),
            hint: "mend it, so that it can be checked".to_owned(),
        }],
        Claim::Template => {
            let values = values(text);
            let keys = plaintext::list(values.iter().map(|value| value.key.as_str()));
            let finding = |first: &Value| Finding {
                line: first.lines.start + 1,
                rule: Rule::PlaintextSecret,
                message: format!("a template of a Secret holds plaintext: {keys}"),
                hint: format!("seal the value and template the SealedSecret; if it is none: --exclude {name}"),
            };
            values.first().map(finding).into_iter().collect()
        }
    }
}

/// The text with the plaintext of its Secrets left out.
pub(crate) fn masked(text: &str) -> String {
    let mut lines: Vec<Option<String>> = text.split_inclusive('\n').map(|line| Some(line.to_owned())).collect();
    for value in values(text) {
        let Range { start, end } = value.lines;
        let indent = lines[start].as_deref().map_or(0, indent);
        lines[start] = Some(format!("{:indent$}{}: plaintext ({} bytes) not sealed\n", "", value.key, value.bytes));
        lines[start + 1..end].fill(None);
    }
    lines.into_iter().flatten().collect()
}

/// `kind: Secret`, also quoted, in a list, or in JSON.
fn is_kind_secret(line: &str) -> bool {
    let squeezed: String = line.chars().filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\'')).collect();
    squeezed.match_indices("kind:Secret").any(|(at, found)| {
        let (before, after) = (&squeezed[..at], &squeezed[at + found.len()..]);
        let starts = before.is_empty() || before.ends_with(['-', '{', ',', '[']);
        let list = after.strip_prefix("List").unwrap_or(after);
        starts && (list.is_empty() || list.starts_with(['#', ',', '}', '{']))
    })
}

/// The values in all documents that claim to be Secrets.
fn values(text: &str) -> Vec<Value> {
    let lines: Vec<&str> = text.lines().collect();
    let mut values = Vec::new();
    let mut start = 0;
    while start < lines.len() {
        let next = lines[start + 1..].iter().position(|line| line.starts_with("---"));
        let end = next.map_or(lines.len(), |at| start + 1 + at);
        if lines[start..end].iter().any(|line| is_kind_secret(line)) {
            let mut at = start;
            while at < end {
                at = field(&lines, at..end, &mut values);
            }
        }
        start = end;
    }
    values
}

/// Reads a field at the beginning of the range, if one stands there; returns where to go on.
fn field(lines: &[&str], range: Range<usize>, values: &mut Vec<Value>) -> usize {
    let (first, rest) = (range.start, range.start + 1..range.end);
    let Some((key, value)) = entry(lines[first]).filter(|(key, _)| ["data", "stringData"].contains(key)) else {
        return first + 1;
    };
    if !value.is_empty() {
        let is_flow = value.starts_with('{') && value != "{}";
        values.extend((is_flow && is_plain(value)).then(|| Value::new(key, first..first + 1, value)));
        return first + 1;
    }
    let end = block_end(lines, rest.clone(), indent(lines[first]));
    let mut at = first + 1;
    while at < end {
        let Some((key, value)) = entry(lines[at]).filter(|_| !is_skipped(lines[at])) else {
            at += 1;
            continue;
        };
        let next = block_end(lines, at + 1..end, indent(lines[at]));
        let block = lines[at + 1..next].join("\n");
        let is_block = value.is_empty() || value.starts_with(['|', '>']);
        let whole = if is_block { block.trim() } else { value };
        values.extend(is_plain(whole).then(|| Value::new(key, at..next, whole)));
        at = next;
    }
    end
}

impl Value {
    fn new(key: &str, lines: Range<usize>, text: &str) -> Self {
        Self { key: key.to_owned(), lines, bytes: text.trim_matches(['"', '\'']).len() }
    }
}

/// Where the lines that are indented deeper end. Templates stand at any indentation.
fn block_end(lines: &[&str], range: Range<usize>, than: usize) -> usize {
    let mut end = range.start;
    for at in range {
        if is_skipped(lines[at]) {
            continue;
        }
        if indent(lines[at]) <= than {
            break;
        }
        end = at + 1;
    }
    end
}

/// Empty lines, comments, and lines of nothing but a template.
fn is_skipped(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#') || (line.starts_with("{{") && line.ends_with("}}"))
}

fn indent(line: &str) -> usize {
    line.bytes().take_while(|byte| *byte == b' ').count()
}

/// `key: value`, without a comment behind it.
fn entry(line: &str) -> Option<(&str, &str)> {
    let line = line.trim().trim_start_matches("- ");
    let (key, value) = line.split_once(':')?;
    let value = value.split(" #").next().unwrap_or_default().trim();
    let key = key.trim().trim_matches(['"', '\'']);
    (!key.is_empty() && !key.contains("{{")).then_some((key, if value.starts_with('#') { "" } else { value }))
}

fn is_plain(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    let is_template = value.contains("{{") || value.contains("${") || plaintext::is_placeholder(value);
    !value.is_empty() && !is_template && !SealedValue::is_claimed_by(value) && !["null", "~"].contains(&value)
}
