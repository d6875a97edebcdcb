//! The error of a deserialization on its way up, without the value that caused it.

use crate::error::DecodeError;
use crate::location::Location;
use crate::node::Node;
use serde::de::{Error, Expected, Unexpected};
use std::fmt;

/// What went wrong and, once known, where.
pub(crate) struct Failure {
    message: String,
    location: Option<Location>,
    /// Words of the type itself, in which the value may stand.
    foreign: bool,
}

impl Failure {
    fn new(message: String) -> Self {
        Self { message, location: None, foreign: false }
    }

    pub(super) fn at_location(mut self, location: Location) -> Self {
        self.location.get_or_insert(location);
        self
    }

    /// Puts the failure at this node unless it has a place. If the words are the type's own and
    /// repeat the node's text, they are replaced.
    pub(super) fn at(mut self, node: &Node) -> Self {
        if self.location.is_some() {
            return self;
        }
        if self.foreign && echoes(&self.message, node) {
            "invalid value".clone_into(&mut self.message);
        }
        self.location = Some(node.location());
        self
    }

    pub(super) fn into_error(self, node: &Node) -> DecodeError {
        let located = self.at(node);
        let location = located.location.unwrap_or(node.location());
        DecodeError { location, message: located.message }
    }
}

/// Whether a message repeats a scalar of the node.
fn echoes(message: &str, node: &Node) -> bool {
    if let Some(text) = node.scalar_text() {
        let quoted = zeroize::Zeroizing::new(format!("{text:?}"));
        let inner = &quoted[1..quoted.len() - 1];
        return !text.is_empty() && (message.contains(text) || message.contains(inner));
    }
    node.items().any(|item| echoes(message, item)) || node.entries().any(|entry| echoes(message, entry.value()))
}

/// The kind of a value, for `invalid type` and `invalid value`.
fn kind(unexpected: &Unexpected<'_>) -> &'static str {
    match unexpected {
        Unexpected::Bool(_) => "boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "integer",
        Unexpected::Float(_) => "floating point number",
        Unexpected::Char(_) | Unexpected::Str(_) => "string",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "sequence",
        Unexpected::Map => "mapping",
        _ => "something else",
    }
}

impl Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { foreign: true, ..Self::new(message.to_string()) }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("invalid type: {}, expected {expected}", kind(&unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("invalid value: {}, expected {expected}", kind(&unexpected)))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown value, expected {}", OneOf(expected)))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown field `{field}`, expected {}", OneOf(expected)))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("missing field `{field}`"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("duplicate field `{field}`"))
    }
}

struct OneOf(&'static [&'static str]);

impl fmt::Display for OneOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("none"),
            [one] => write!(f, "`{one}`"),
            all => {
                f.write_str("one of ")?;
                for (number, name) in all.iter().enumerate() {
                    write!(f, "{}`{name}`", if number == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}

/// serde wants it. There is no value in it.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Failure")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failure")
    }
}

impl std::error::Error for Failure {}
