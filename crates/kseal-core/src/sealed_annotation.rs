//! The annotations of a Secret that is sealed in place, as JSON texts.

use std::collections::BTreeMap;

use kseal_api::{DataKey, Scope, SealedFor};
use serde_json::{Map, Value};

/// The text of `kseal.dev/sealed`.
#[must_use]
pub fn write(scope: Scope, sealed_for: &SealedFor) -> String {
    let mut bound = Map::new();
    for (name, part) in [("namespace", &sealed_for.namespace), ("name", &sealed_for.name)] {
        if let Some(part) = part {
            bound.insert(name.to_owned(), Value::from(part.as_str()));
        }
    }
    let mut annotation = Map::new();
    annotation.insert("scope".to_owned(), Value::from(scope.to_string()));
    annotation.insert("sealedFor".to_owned(), Value::Object(bound));
    Value::Object(annotation).to_string()
}

/// Reads the text of `kseal.dev/sealed`; `None` if it is not of that shape.
#[must_use]
pub fn read(text: &str) -> Option<(Scope, SealedFor)> {
    let annotation: Value = serde_json::from_str(text).ok()?;
    let scope = match annotation.get("scope")?.as_str()? {
        "Strict" => Scope::Strict,
        "NamespaceWide" => Scope::NamespaceWide,
        "ClusterWide" => Scope::ClusterWide,
        _ => return None,
    };
    let part = |name: &str| {
        let text = annotation.get("sealedFor").and_then(|bound| bound.get(name)).and_then(Value::as_str);
        text.map(ToOwned::to_owned)
    };
    Some((scope, SealedFor { namespace: part("namespace"), name: part("name") }))
}

/// The text of `kseal.dev/data-key.HANDLE`.
#[must_use]
pub fn write_data_key(data_key: &DataKey) -> String {
    let recipients = data_key.recipients.iter().map(|(key, wrap)| (key.clone(), Value::from(wrap.as_str())));
    let mut annotation = Map::new();
    annotation.insert("commitment".to_owned(), Value::from(data_key.commitment.as_str()));
    annotation.insert("recipients".to_owned(), Value::Object(recipients.collect()));
    Value::Object(annotation).to_string()
}

/// Reads the text of `kseal.dev/data-key.HANDLE`; `None` if it is not of that shape.
#[must_use]
pub fn read_data_key(text: &str) -> Option<DataKey> {
    let annotation: Value = serde_json::from_str(text).ok()?;
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let recipients = match annotation.get("recipients") {
        // A missing map is empty, and `null` is the same as missing.
        None | Some(Value::Null) => BTreeMap::new(),
        Some(recipients) => {
            recipients.as_object()?.iter().map(|(key, wrap)| Some((key.clone(), text(wrap)?))).collect::<Option<_>>()?
        }
    };
    Some(DataKey { commitment: text(annotation.get("commitment")?)?, recipients })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_texts_are_those_of_the_format_and_read_back() {
        let sealed_for = SealedFor { namespace: Some("prod".into()), name: Some("db".into()) };
        let text = write(Scope::Strict, &sealed_for);
        assert_eq!(text, r#"{"scope":"Strict","sealedFor":{"namespace":"prod","name":"db"}}"#);
        assert_eq!(read(&text), Some((Scope::Strict, sealed_for)));
        assert_eq!(write(Scope::ClusterWide, &SealedFor::default()), r#"{"scope":"ClusterWide","sealedFor":{}}"#);
        for scope in [Scope::NamespaceWide, Scope::ClusterWide] {
            assert_eq!(read(&write(scope, &SealedFor::default())), Some((scope, SealedFor::default())));
        }
        let data_key = DataKey { commitment: "AA==".into(), recipients: [("k1".into(), "AQ==".into())].into() };
        let text = write_data_key(&data_key);
        assert_eq!(text, r#"{"commitment":"AA==","recipients":{"k1":"AQ=="}}"#);
        assert_eq!(read_data_key(&text), Some(data_key));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "true", "{}", r#"{"scope":"strict"}"#, r#"{"scope":1}"#] {
            assert_eq!(read(text), None, "{text}");
        }
        for text in ["", "{}", r#"{"commitment":1}"#, r#"{"commitment":"","recipients":{"k":1}}"#] {
            assert_eq!(read_data_key(text), None, "{text}");
        }
        assert_eq!(read_data_key(r#"{"commitment":"","recipients":[]}"#), None);
    }

    #[test]
    fn recipients_that_are_missing_are_none() {
        for text in [r#"{"commitment":"AA=="}"#, r#"{"commitment":"AA==","recipients":null}"#] {
            assert_eq!(read_data_key(text), Some(DataKey { commitment: "AA==".into(), recipients: BTreeMap::new() }));
        }
    }
}
