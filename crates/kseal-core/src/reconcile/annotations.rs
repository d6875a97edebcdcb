//! Annotations as far as they are ours.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

/// Prefixes of the annotations whose values are read. All others are passed over as they come, since
/// `kubectl.kubernetes.io/last-applied-configuration` of a Secret carries plaintext.
const PREFIXES: [&str; 2] = ["kseal.dev/", "sealedsecrets.bitnami.com/"];

/// Our annotations with their values, and the names of all.
#[derive(Default)]
pub(super) struct Annotations<'j> {
    ours: BTreeMap<Cow<'j, str>, Cow<'j, str>>,
    names: Vec<Cow<'j, str>>,
}

impl Annotations<'_> {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.ours.get(name).map(AsRef::as_ref)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }
}

impl<'de: 'j, 'j> Deserialize<'de> for Annotations<'j> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(Picker)
    }
}

struct Picker;

impl<'de> Visitor<'de> for Picker {
    type Value = Annotations<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("annotations")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Annotations::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut picked = Annotations::default();
        while let Some(Text(name)) = map.next_key()? {
            if PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
                let Text(value) = map.next_value()?;
                picked.ours.insert(name.clone(), value);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            picked.names.push(name);
        }
        Ok(picked)
    }
}

/// A string that is borrowed where it has no escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Text<'j>(#[serde(borrow)] Cow<'j, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ours_are_kept() {
        let text = r#"{"a":"hunter2","kseal.dev/paused":"true","sealedsecrets.bitnami.com/managed":"t\u0072ue"}"#;
        let annotations: Annotations<'_> = serde_json::from_str(text).unwrap();
        assert!(annotations.is_true("kseal.dev/paused"));
        assert!(annotations.is_true("sealedsecrets.bitnami.com/managed"));
        assert_eq!(annotations.get("a"), None);
        assert!(!serde_json::from_str::<Annotations<'_>>("null").unwrap().is_true("a"));
    }
}
