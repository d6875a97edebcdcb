//! Which ServiceAccounts shall pull images with a Secret.

use std::collections::{BTreeMap, BTreeSet};

use kseal_api::{ImagePullSecret, names};

use super::Trouble;
use super::account::listed;
use crate::LabelSelector;

/// All selections are kept in mind, so none may be as long as its author likes: this is enough for 256 names of full length.
pub(super) const MAX_SELECTION: usize = 72 * 1_024;

/// The ServiceAccounts of one namespace that are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// These.
    Names(BTreeSet<String>),
    /// Those with such labels.
    Labels(LabelSelector),
    /// All.
    All,
}

impl Selection {
    /// What `spec.imagePullSecret` says.
    ///
    /// # Errors
    /// It says none of the three, or more than one.
    pub fn native(asked: &ImagePullSecret) -> Result<Self, Trouble> {
        let selection = &asked.service_accounts;
        match (&selection.names, &selection.selector, selection.all) {
            (Some(names), None, None) if !names.is_empty() => Ok(Self::Names(names.iter().cloned().collect())),
            (None, Some(selector), None) => LabelSelector::read(selector).map(Self::Labels).ok_or(Trouble::Selection),
            (None, None, Some(true)) => Ok(Self::All),
            _ => Err(Trouble::Selection),
        }
    }

    /// What upstream's template says by its annotation; none where it has none.
    ///
    /// # Errors
    /// It names nobody.
    #[must_use]
    pub fn upstream(annotations: &BTreeMap<String, String>) -> Option<Result<Self, Trouble>> {
        let text = annotations.get(names::IMAGE_PULL_SECRET_FOR)?;
        if text.trim() == "*" {
            return Some(Ok(Self::All));
        }
        let listed = listed(text);
        Some(if listed.is_empty() || text.len() > MAX_SELECTION {
            Err(Trouble::Selection)
        } else {
            Ok(Self::Names(listed))
        })
    }

    /// Whether a ServiceAccount is meant. `label`: the value of one of its labels, if it is there.
    pub fn takes<'l>(&self, name: &str, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        match self {
            Self::Names(names) => names.contains(name),
            Self::Labels(selector) => selector.matches(label),
            Self::All => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn native(asked: &serde_json::Value) -> Result<Selection, &'static str> {
        let asked = serde_json::from_value(json!({"serviceAccounts": asked})).unwrap();
        Selection::native(&asked).map_err(|trouble| trouble.reason())
    }

    #[test]
    fn exactly_one_way_to_choose() {
        assert_eq!(native(&json!({"all": true})), Ok(Selection::All));
        let names = native(&json!({"names": ["a", "b"]})).unwrap();
        assert!(names.takes("a", |_| None) && !names.takes("c", |_| None));
        let labels = native(&json!({"selector": {"matchLabels": {"a": "b"}}})).unwrap();
        assert!(labels.takes("x", |_| Some("b")) && !labels.takes("x", |_| None));
        for wrong in [
            json!({}),
            json!({"all": false}),
            json!({"names": []}),
            json!({"names": ["a"], "all": true}),
            json!({"selector": []}),
        ] {
            assert_eq!(native(&wrong), Err("Malformed"), "{wrong}");
        }
    }

    #[test]
    fn upstreams_template_names_them_in_an_annotation() {
        let read = |text: &str| {
            let annotations = BTreeMap::from([(names::IMAGE_PULL_SECRET_FOR.to_owned(), text.to_owned())]);
            Selection::upstream(&annotations).unwrap().map_err(|trouble| trouble.reason())
        };
        assert_eq!(read("*"), Ok(Selection::All));
        assert_eq!(read("a, b,"), Ok(Selection::Names(BTreeSet::from(["a".into(), "b".into()]))));
        assert_eq!(read(" ,"), Err("Malformed"));
        assert!(Selection::upstream(&BTreeMap::new()).is_none());
    }
}
