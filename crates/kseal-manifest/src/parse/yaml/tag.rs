//! What tags mean: those of YAML's own types as Go's reader takes them, others nothing.

use crate::error::ParseError;
use crate::location::Location;
use crate::scalar::{self, STANDARD_TAG, Value};
use granit_parser::{Event, ScalarStyle as Style};

const BINARY_TAG: &str = "tag:yaml.org,2002:binary";
const MERGE_TAG: &str = "tag:yaml.org,2002:merge";

/// Whether an event is a merge key: `<<` without quotes, and without a tag that says otherwise.
pub(super) fn is_merge(event: &Event<'_>) -> bool {
    let Event::Scalar(text, Style::Plain, _, tag) = event else { return false };
    text == "<<" && tag.as_ref().is_none_or(|tag| tag.to_string() == MERGE_TAG)
}

/// The type of a scalar with a tag.
pub(super) fn value(tag: &str, text: &str, location: Location) -> Result<Value, ParseError> {
    // The non-specific tag says: a string, whatever it looks like.
    if tag == "!" {
        return Ok(Value::Str);
    }
    let error = |problem| {
        let tag = tag.replace(STANDARD_TAG, "!!");
        Err(ParseError::Tag { location, tag, problem })
    };
    if tag == BINARY_TAG {
        return error("is not supported, Kubernetes would decode the value twice");
    }
    match scalar::tagged(tag, text) {
        Some(value) => Ok(value),
        None => error("does not fit the value"),
    }
}
