//! Label selectors as kubectl takes them, written as manifests have them: `a=b,c!=d,e in (f,g),h notin (i),j,!k`.

use kseal_manifest::Tree;

use crate::error::{Error, Result};

/// The longest name within a label's key, and the longest value.
const MAX_LABEL: usize = 63;

/// Which ServiceAccounts pull images with a Secret: `*` for all, a selector, or names.
///
/// # Errors
/// If it is none of these.
pub(crate) fn service_accounts(option: &str, text: &str) -> Result<Tree> {
    let selection = if text.trim() == "*" {
        ("all", Tree::Bool(true))
    } else if text.contains(['=', '!', '(']) {
        ("selector", parse(option, text)?)
    } else {
        let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if names.is_empty() || names.iter().any(|name| !crate::item_key::is_subdomain(name)) {
            return Err(Error::usage(format!("{option} names no ServiceAccounts"))
                .hint("write names as a,b, or a selector as team=a, or * for all of a namespace"));
        }
        ("names", Tree::Seq(names.into_iter().map(Tree::str).collect()))
    };
    Ok(Tree::map([("serviceAccounts", Tree::map([selection]))]))
}

/// A selector; an empty one takes all.
///
/// # Errors
/// If it is none. `option` is how it was given.
pub(crate) fn parse(option: &str, text: &str) -> Result<Tree> {
    let wrong = |what: &str| {
        Error::usage(format!("{option}: {what}"))
            .hint("a selector is written as for kubectl: 'team=a,tier in (web,db),env!=test,!legacy'")
    };
    let (mut labels, mut expressions) = (Vec::<(String, Tree)>::new(), Vec::new());
    for term in terms(text) {
        match Term::read(term) {
            Some(Term::Is { key, value }) if !labels.iter().any(|(known, _)| known == key) => {
                labels.push((key.to_owned(), Tree::str(value)));
            }
            Some(Term::Is { key, value }) => expressions.push(expression(key, "In", &[value])),
            Some(Term::Expression { key, operator, values }) => expressions.push(expression(key, operator, &values)),
            None => return Err(wrong(&format!("{:?} is no term of a selector", term.trim()))),
        }
    }
    let labels = (!labels.is_empty()).then(|| ("matchLabels", Tree::map(labels)));
    let expressions = (!expressions.is_empty()).then_some(("matchExpressions", Tree::Seq(expressions)));
    Ok(Tree::map(labels.into_iter().chain(expressions)))
}

/// The terms, between commas that stand in no parentheses.
fn terms(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = text.split(|char| {
        match char {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        char == ',' && depth == 0
    });
    let parts: Vec<&str> = parts.collect();
    if text.trim().is_empty() { Vec::new() } else { parts }
}

enum Term<'t> {
    Is { key: &'t str, value: &'t str },
    Expression { key: &'t str, operator: &'static str, values: Vec<&'t str> },
}

impl<'t> Term<'t> {
    fn read(term: &'t str) -> Option<Self> {
        let term = term.trim();
        let read = if let Some(key) = term.strip_prefix('!') {
            Self::Expression { key: key.trim(), operator: "DoesNotExist", values: Vec::new() }
        } else if let Some((key, value)) = term.split_once("!=") {
            Self::Expression { key: key.trim(), operator: "NotIn", values: vec![value.trim()] }
        } else if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
            Self::Is { key: key.trim(), value: value.trim() }
        } else if let Some((head, values)) = term.strip_suffix(')').and_then(|term| term.split_once('(')) {
            let (key, operator) = head.trim().split_once(char::is_whitespace)?;
            let operator = match operator.trim() {
                "in" => "In",
                "notin" => "NotIn",
                _ => return None,
            };
            Self::Expression { key, operator, values: values.split(',').map(str::trim).collect() }
        } else {
            Self::Expression { key: term, operator: "Exists", values: Vec::new() }
        };
        let (key, values) = match &read {
            Self::Is { key, value } => (*key, std::slice::from_ref(value)),
            Self::Expression { key, values, .. } => (*key, values.as_slice()),
        };
        (is_key(key) && values.iter().all(|value| value.is_empty() || is_name(value))).then_some(read)
    }
}

fn expression(key: &str, operator: &str, values: &[&str]) -> Tree {
    let values = (!values.is_empty()).then(|| ("values", Tree::Seq(values.iter().map(|it| Tree::str(*it)).collect())));
    Tree::map([("key", Tree::str(key)), ("operator", Tree::str(operator))].into_iter().chain(values))
}

/// `name` or `prefix/name`.
fn is_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => crate::item_key::is_subdomain(prefix) && is_name(name),
        None => is_name(key),
    }
}

/// Letters and digits, and `-`, `_` and `.` between them.
fn is_name(name: &str) -> bool {
    let is_outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let octets = name.as_bytes();
    octets.len() <= MAX_LABEL
        && is_outer(octets.first())
        && is_outer(octets.last())
        && octets.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use kseal_core::LabelSelector;
    use kseal_manifest::{Style, render};
    use serde_json::{Value, json};

    use super::*;

    fn written(tree: &Tree) -> Value {
        serde_json::from_str(&render(tree, Style::Json)).unwrap()
    }

    fn read(text: &str) -> Option<Value> {
        let found = written(&parse("--x", text).ok()?);
        assert!(LabelSelector::read(&found).is_some(), "{text:?} became {found}");
        Some(found)
    }

    #[test]
    fn every_form_of_kubectl_is_read() {
        let expression =
            |key: &str, operator: &str, values: &[&str]| json!({"key": key, "operator": operator, "values": values});
        for (text, wanted) in [
            ("", json!({})),
            ("a=b", json!({"matchLabels": {"a": "b"}})),
            (" a == b , kseal.dev/c=", json!({"matchLabels": {"a": "b", "kseal.dev/c": ""}})),
            ("a!=b", json!({"matchExpressions": [expression("a", "NotIn", &["b"])]})),
            ("a in (b, c)", json!({"matchExpressions": [expression("a", "In", &["b", "c"])]})),
            (
                "a notin (b),c=d",
                json!({"matchLabels": {"c": "d"}, "matchExpressions": [expression("a", "NotIn", &["b"])]}),
            ),
            (
                "a,!b",
                json!({"matchExpressions": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "DoesNotExist"}]}),
            ),
            ("a=b,a=c", json!({"matchLabels": {"a": "b"}, "matchExpressions": [expression("a", "In", &["c"])]})),
        ] {
            assert_eq!(read(text), Some(wanted), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in ["a=b,", "=b", "a b", "a in b", "a of (b)", "a=b c", "-a", "a=ü", "a in (b", "a/b/c", "!"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn service_accounts_are_names_a_selector_or_all() {
        let read = |text: &str| Some(written(&service_accounts("--x", text).ok()?)["serviceAccounts"].clone());
        assert_eq!(read("default, builder"), Some(json!({"names": ["default", "builder"]})));
        assert_eq!(read("*"), Some(json!({"all": true})));
        assert_eq!(read("team=a"), Some(json!({"selector": {"matchLabels": {"team": "a"}}})));
        assert_eq!(read(" , "), None);
        assert_eq!(read("Default User"), None);
    }
}
