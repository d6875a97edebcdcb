//! What a plain scalar is: the rules of `go.yaml.in/yaml/v2`, through which `kubectl` reads.
//!
//! They are those of YAML 1.1 with changes: `y`, `on` and their like are bools, `0o17` and `0b1`
//! are integers, numbers with colons and dates are strings. See `resolve.go` there.

mod number;

pub(crate) use number::float_key;

use number::{integer, yaml_float};

/// The type of a scalar, with the value unless that is its text.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// Beyond `i64`.
    Uint(u64),
    Float(f64),
    Str,
}

impl Value {
    /// The integer that a float is, if it is one.
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
    pub(crate) fn whole(float: f64) -> Option<i64> {
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        let negative_zero = float == 0.0 && float.is_sign_negative();
        let whole = float.fract() == 0.0 && float.abs() < LIMIT && !negative_zero;
        whole.then_some(float as i64)
    }
}

/// The standard prefix of tags that are written `!!name`.
pub(crate) const STANDARD_TAG: &str = "tag:yaml.org,2002:";

/// The type of an untagged plain scalar.
pub(crate) fn plain(text: &str) -> Value {
    match text.as_bytes().first() {
        None => Value::Null,
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~') => {
            word(text).unwrap_or(Value::Str)
        }
        Some(b'.') => word(text).unwrap_or_else(|| dotted(text)),
        Some(b'+' | b'-' | b'0'..=b'9') => word(text).unwrap_or_else(|| numeric(text)),
        Some(_) => Value::Str,
    }
}

/// The type of a scalar with a tag, or nothing if they contradict each other.
pub(crate) fn tagged(tag: &str, text: &str) -> Option<Value> {
    let Some(name) = tag.strip_prefix(STANDARD_TAG) else {
        return Some(Value::Str);
    };
    match (name, plain(text)) {
        ("bool", value @ Value::Bool(_))
        | ("int", value @ (Value::Int(_) | Value::Uint(_)))
        | ("float", value @ Value::Float(_))
        | ("null", value @ Value::Null) => Some(value),
        #[expect(clippy::cast_precision_loss, reason = "as Go converts")]
        ("float", Value::Int(value)) => Some(Value::Float(value as f64)),
        ("bool" | "int" | "float" | "null", _) => None,
        ("timestamp", _) => is_date(text).then_some(Value::Str),
        _ => Some(Value::Str),
    }
}

/// A key as `sigs.k8s.io/yaml` makes a string of it, or nothing if it refuses.
pub(crate) fn key(value: Value, text: &str) -> Option<String> {
    match value {
        Value::Null | Value::Uint(_) => None,
        Value::Bool(value) => Some(value.to_string()),
        Value::Int(value) => Some(value.to_string()),
        Value::Float(value) => Some(float_key(value)),
        Value::Str => Some(text.to_owned()),
    }
}

fn word(text: &str) -> Option<Value> {
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        "~" | "null" | "Null" | "NULL" => Value::Null,
        ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Value::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

/// What begins with a dot goes through Go's `ParseFloat`, underscores between digits included.
fn dotted(text: &str) -> Value {
    number::go_float(text).map_or(Value::Str, Value::Float)
}

fn numeric(text: &str) -> Value {
    // Long strings of digits and letters, such as base64, are not worth a copy.
    if text.len() > 400 && text.bytes().any(|b| !b.is_ascii_hexdigit() && !b"_xobXOB+-.".contains(&b)) {
        return Value::Str;
    }
    let digits = zeroize::Zeroizing::new(text.replace('_', ""));
    integer(&digits)
        .or_else(|| yaml_float(&digits).map(Value::Float))
        .or_else(|| number::late_binary(&digits))
        .unwrap_or(Value::Str)
}

/// Roughly what Go's reader takes for a timestamp. Such a scalar is a string all the same.
pub(crate) fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 8 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-'
}
