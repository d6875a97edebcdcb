//! The read tree: values with their positions.

mod mapping;

pub(crate) use mapping::{Mapping, can_merge};

use crate::location::Location;
use crate::scalar::Value;
use crate::tree::Comments;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// One value in a text, with the place where it stands.
///
/// Aliases read as what they stand for, and mappings with merge keys (`<<`) as if merged.
pub struct Node {
    pub(crate) location: Location,
    pub(crate) layout: Layout,
    pub(crate) content: Content,
}

/// What a [`Node`] is, for error messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// Nothing: `null`, `~` or no value at all.
    Null,
    /// A truth value.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// A mapping.
    Mapping,
    /// A sequence.
    Sequence,
}

/// One key of a mapping with its value.
pub struct Entry {
    pub(crate) key: String,
    pub(crate) key_location: Location,
    pub(crate) value: Node,
    pub(crate) comments: Comments,
    pub(crate) site: EntrySite,
}

/// Byte offsets of an entry.
#[derive(Clone, Copy, Default)]
pub(crate) struct EntrySite {
    /// Where it begins, `?` and properties of the key included.
    pub(crate) start: usize,
    /// Just after the colon, if there is one.
    pub(crate) after_colon: Option<usize>,
    /// The end of the key.
    pub(crate) key_end: usize,
    /// Whether the key is written with `?`.
    pub(crate) explicit: bool,
    /// Whether the key is in double quotes.
    pub(crate) quoted: bool,
    /// Whether this is a merge key.
    pub(crate) merge: bool,
}

/// Byte offsets of a value.
#[derive(Clone, Copy, Default)]
pub(crate) struct Layout {
    /// The end of what introduces the value: colon, dash, document marker, opening bracket.
    pub(crate) head: usize,
    /// Where the value begins, tag and anchor included.
    pub(crate) start: usize,
    /// Where it begins after tag and anchor. Of a block scalar: its header.
    pub(crate) body: usize,
    /// The end of tag and anchor; `head` if there are none.
    pub(crate) properties_end: usize,
    /// Where it ends: after its last character, without trailing comment or line break.
    pub(crate) end: usize,
    /// The identity of its anchor, from 1.
    pub(crate) anchor: usize,
}

pub(crate) enum Content {
    Scalar(Scalar),
    Mapping(Mapping),
    Sequence(Sequence),
    /// An anchored value or an alias of one.
    Shared(Shared),
}

pub(crate) struct Shared {
    pub(crate) node: Arc<Node>,
    pub(crate) alias: bool,
}

pub(crate) struct Scalar {
    pub(crate) text: Zeroizing<String>,
    pub(crate) style: ScalarStyle,
    pub(crate) value: Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScalarStyle {
    /// No text at all.
    Absent,
    Plain,
    Single,
    Double,
    /// With the offset at which the header's indicators end.
    Block {
        header_end: usize,
    },
}

pub(crate) struct Sequence {
    pub(crate) items: Vec<Item>,
    pub(crate) flow: bool,
}

pub(crate) struct Item {
    /// The dash of a block item, the value's start of a flow item.
    pub(crate) start: usize,
    pub(crate) node: Node,
}

impl Node {
    /// Where the value stands. An alias: where the alias stands.
    #[must_use]
    pub fn location(&self) -> Location {
        self.location
    }

    /// What it is.
    #[must_use]
    pub fn value_kind(&self) -> ValueKind {
        match &self.target().content {
            Content::Scalar(scalar) => match scalar.value {
                Value::Null => ValueKind::Null,
                Value::Bool(_) => ValueKind::Bool,
                Value::Int(_) | Value::Uint(_) | Value::Float(_) => ValueKind::Number,
                Value::Str => ValueKind::String,
            },
            Content::Mapping(_) => ValueKind::Mapping,
            Content::Sequence(_) => ValueKind::Sequence,
            Content::Shared(_) => ValueKind::Null,
        }
    }

    /// Whether it is null, written or not.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.value_kind() == ValueKind::Null
    }

    /// Whether it is a mapping.
    #[must_use]
    pub fn is_mapping(&self) -> bool {
        self.value_kind() == ValueKind::Mapping
    }

    /// Whether it is a sequence.
    #[must_use]
    pub fn is_sequence(&self) -> bool {
        self.value_kind() == ValueKind::Sequence
    }

    /// The string, if it is one as `sigs.k8s.io/yaml` types it: `yes` and `12` are none.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self.scalar() {
            Some(scalar) if matches!(scalar.value, Value::Str) => Some(&scalar.text),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.scalar()?.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The whole number, if it is one that fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self.scalar()?.value {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    /// The text of a scalar as written, after quotes, escapes and folding, whatever its type.
    #[must_use]
    pub fn scalar_text(&self) -> Option<&str> {
        self.scalar().map(|scalar| scalar.text.as_str())
    }

    /// The value of a key, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(Entry::value)
    }

    /// The entry of a key, if this is a mapping that has it.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.mapping()?.get(key)
    }

    /// The entries in order, merge keys resolved. Nothing if this is no mapping.
    #[must_use]
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.mapping().map(Mapping::effective).unwrap_or_default().into_iter()
    }

    /// The items in order. Nothing if this is no sequence.
    #[must_use]
    pub fn items(&self) -> impl ExactSizeIterator<Item = &Node> {
        let items = match &self.target().content {
            Content::Sequence(sequence) => sequence.items.as_slice(),
            _ => &[],
        };
        items.iter().map(|item| &item.node)
    }

    /// The value as JSON, secrets included: for comparisons. Whole floats become integers, as in
    /// Go's JSON; infinities and NaN, which JSON does not have, become null.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.target().content {
            Content::Scalar(scalar) => match scalar.value {
                Value::Null => Json::Null,
                Value::Bool(value) => Json::Bool(value),
                Value::Int(value) => value.into(),
                Value::Uint(value) => value.into(),
                Value::Float(value) => match Value::whole(value) {
                    Some(whole) => whole.into(),
                    None => value.into(),
                },
                Value::Str => Json::String(scalar.text.to_string()),
            },
            Content::Mapping(_) => Json::Object(self.entries().map(|e| (e.key.clone(), e.value.to_json())).collect()),
            Content::Sequence(_) => Json::Array(self.items().map(Self::to_json).collect()),
            Content::Shared(_) => Json::Null,
        }
    }

    /// The node itself, or what its alias stands for.
    pub(crate) fn target(&self) -> &Self {
        match &self.content {
            Content::Shared(shared) => &shared.node,
            _ => self,
        }
    }

    pub(crate) fn is_alias(&self) -> bool {
        matches!(&self.content, Content::Shared(shared) if shared.alias)
    }

    pub(crate) fn mapping(&self) -> Option<&Mapping> {
        match &self.target().content {
            Content::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    pub(crate) fn sequence(&self) -> Option<&Sequence> {
        match &self.target().content {
            Content::Sequence(sequence) => Some(sequence),
            _ => None,
        }
    }

    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.target().content {
            Content::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Whether it is a collection written without brackets.
    pub(crate) fn is_block_collection(&self) -> bool {
        match &self.target().content {
            Content::Mapping(mapping) => !mapping.flow,
            Content::Sequence(sequence) => !sequence.flow,
            _ => false,
        }
    }
}

impl Entry {
    /// The key as `sigs.k8s.io/yaml` reads it: `yes` is `true`, `0x10` is `16`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Where the key stands.
    #[must_use]
    pub fn key_location(&self) -> Location {
        self.key_location
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &Node {
        &self.value
    }

    /// The comments directly above it and on its line.
    #[must_use]
    pub fn comments(&self) -> &Comments {
        &self.comments
    }
}

impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Mapping => "mapping",
            Self::Sequence => "sequence",
        })
    }
}
