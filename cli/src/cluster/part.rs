//! Parts of objects, each read for itself.
//!
//! Anyone who may create objects decides what stands in them: deeper than a parser has stack for, or of another shape. That
//! must not keep other objects from being read, nor the rest of the same one. What is not asked for is skipped, however
//! deep it is.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A part of an object, of JSON that is at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Part<T> {
    /// It is not there, or `null`.
    #[default]
    Absent,
    Read(T),
    /// It is there, and not of its shape.
    Strange,
}

impl<T> Part<T> {
    /// What was read.
    pub(crate) const fn get(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Absent | Self::Strange => None,
        }
    }

    /// What was read, or nothing.
    pub(crate) fn or_default(self) -> T
    where
        T: Default,
    {
        match self {
            Self::Read(value) => value,
            Self::Absent | Self::Strange => T::default(),
        }
    }

    pub(crate) const fn is_strange(&self) -> bool {
        matches!(self, Self::Strange)
    }
}

impl<'j, T: Deserialize<'j>> Part<T> {
    pub(crate) fn read(text: &'j RawValue) -> Self {
        match text.get() {
            "null" => Self::Absent,
            text => serde_json::from_str(text).map_or(Self::Strange, Self::Read),
        }
    }
}

impl<'j, T: Deserialize<'j>> Deserialize<'j> for Part<T> {
    fn deserialize<D: Deserializer<'j>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::read(<&RawValue>::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Whole {
        #[serde(default)]
        a: Part<u32>,
        #[serde(default)]
        b: Part<String>,
    }

    #[test]
    fn one_part_does_not_keep_another_from_being_read_however_deep_it_is() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for strange in ["\"x\"", "-1", &deep] {
            let text = format!(r#"{{"c": {deep}, "a": {strange}, "b": "good"}}"#);
            let whole: Whole = serde_json::from_str(&text).unwrap();
            assert!(whole.a.is_strange() && whole.b.get().is_some_and(|text| text == "good"));
        }
        let whole: Whole = serde_json::from_str(r#"{"a": null}"#).unwrap();
        assert_eq!((whole.a, whole.b), (Part::Absent, Part::Absent));
    }
}
