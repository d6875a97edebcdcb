//! Label selectors, as Kubernetes' `LabelSelector` means them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

/// What labels must be like; an empty one takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LabelSelector {
    match_labels: Option<BTreeMap<String, String>>,
    match_expressions: Option<Vec<Requirement>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Requirement {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: Option<BTreeSet<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl LabelSelector {
    /// Reads one; none where it has not the shape of one.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let selector = value.is_object().then(|| Self::deserialize(value).ok())??;
        let expressions = selector.match_expressions.iter().flatten();
        let is_whole = |it: &Requirement| {
            let has_values = it.values.as_ref().is_some_and(|values| !values.is_empty());
            has_values == matches!(it.operator, Operator::In | Operator::NotIn)
        };
        expressions.into_iter().all(is_whole).then_some(selector)
    }

    /// Whether labels are so. `label`: the value of one, if it is there.
    pub fn matches<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        let labels = self.match_labels.iter().flatten().all(|(key, value)| label(key) == Some(value));
        labels && self.match_expressions.iter().flatten().all(|it| it.holds(label(&it.key)))
    }
}

impl Requirement {
    /// A label that is not there is not in any set.
    fn holds(&self, value: Option<&str>) -> bool {
        let is_among = || value.is_some_and(|value| self.values.as_ref().is_some_and(|values| values.contains(value)));
        match self.operator {
            Operator::In => is_among(),
            Operator::NotIn => !is_among(),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(selector: &Value, labels: &[(&str, &str)]) -> bool {
        let find = |key: &str| labels.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        LabelSelector::read(selector).unwrap().matches(find)
    }

    #[test]
    fn an_empty_selector_takes_all_and_every_term_must_hold() {
        assert!(matches(&json!({}), &[]));
        assert!(matches(&json!({"matchLabels": null, "matchExpressions": null}), &[]));
        let both = json!({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "b", "operator": "Exists"}]});
        assert!(matches(&both, &[("a", "1"), ("b", "")]));
        assert!(!matches(&both, &[("a", "1")]));
        assert!(!matches(&both, &[("a", "2"), ("b", "")]));
    }

    #[test]
    fn each_operator_is_what_it_is_in_kubernetes() {
        let with = |operator: &str, values: Value| json!({"matchExpressions": [{"key": "a", "operator": operator, "values": values}]});
        let (one, two) = ([("a", "1")], [("a", "2")]);
        assert!(matches(&with("In", json!(["1"])), &one) && !matches(&with("In", json!(["1"])), &two));
        assert!(!matches(&with("In", json!(["1"])), &[]));
        assert!(!matches(&with("NotIn", json!(["1"])), &one) && matches(&with("NotIn", json!(["1"])), &two));
        assert!(matches(&with("NotIn", json!(["1"])), &[]), "a label that is not there is in no set");
        assert!(!matches(&with("DoesNotExist", json!(null)), &one) && matches(&with("DoesNotExist", json!([])), &[]));
    }

    #[test]
    fn what_is_no_selector_selects_nothing() {
        for value in [
            json!(null),
            json!([]),
            json!({"matchLabels": {"a": 1}}),
            json!({"matchExpressions": [{"key": "a", "operator": "Like"}]}),
            json!({"matchExpressions": [{"key": "a", "operator": "In"}]}),
            json!({"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["1"]}]}),
        ] {
            assert_eq!(LabelSelector::read(&value), None, "{value}");
        }
    }
}
