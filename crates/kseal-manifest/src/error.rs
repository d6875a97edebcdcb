//! What can go wrong, one enum per operation. Messages name keys, kinds and positions, never values.

use crate::location::Location;
use crate::node::ValueKind;
use crate::path::Path;

/// A text that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The text breaks the rules of YAML or JSON.
    #[error("{location}: {problem}")]
    Syntax {
        /// Where the reader gave up.
        location: Location,
        /// What is wrong there.
        problem: &'static str,
    },
    /// A character that must not stand in a text.
    #[error("{location}: character U+{code:04X} is not allowed here unescaped")]
    Character {
        /// Where it stands.
        location: Location,
        /// The character's code point.
        code: u32,
    },
    /// One mapping has a key twice, as `kubectl` reads keys (`yes` and `true` are one key).
    #[error("{location}: key `{key}` is already set at {first}")]
    DuplicateKey {
        /// Where the later one stands.
        location: Location,
        /// Where the earlier one stands.
        first: Location,
        /// The key.
        key: String,
    },
    /// A key that cannot be a JSON key: null, a collection, or a number beyond 64 bits signed.
    #[error("{location}: this key is no string")]
    Key {
        /// Where it stands.
        location: Location,
    },
    /// A tag that contradicts its value (`!!int x`) or whose meaning differs between readers
    /// (`!!binary`).
    #[error("{location}: the tag `{tag}` {problem}")]
    Tag {
        /// Where the tagged value stands.
        location: Location,
        /// The tag, with `!!` for the standard prefix.
        tag: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A merge key whose value is neither a mapping nor a sequence of mappings.
    #[error("{location}: the merge key `<<` wants a mapping or a sequence of mappings")]
    Merge {
        /// Where the value stands.
        location: Location,
    },
    /// Too many collections within each other.
    #[error("{location}: nested deeper than {limit} levels")]
    Depth {
        /// Where the limit was passed.
        location: Location,
        /// The limit.
        limit: usize,
    },
    /// Aliases that would expand to far more than the text itself.
    #[error("{location}: aliases expand to too much")]
    Expansion {
        /// The alias at which the limit was passed.
        location: Location,
    },
    /// An alias inside the value that it stands for.
    #[error("{location}: this alias contains itself")]
    Recursion {
        /// Where the alias stands.
        location: Location,
    },
}

impl ParseError {
    /// Where the text is wrong.
    #[must_use]
    pub fn location(&self) -> Location {
        match self {
            Self::Syntax { location, .. }
            | Self::Character { location, .. }
            | Self::DuplicateKey { location, .. }
            | Self::Key { location }
            | Self::Tag { location, .. }
            | Self::Merge { location }
            | Self::Depth { location, .. }
            | Self::Expansion { location }
            | Self::Recursion { location } => *location,
        }
    }
}

/// A node that is not what a type wants.
#[derive(Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The key or value at fault.
    pub location: Location,
    /// What is wrong with it, without its value.
    pub message: String,
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.location, self.message)
    }
}

impl std::error::Error for DecodeError {}

/// A text that [`from_str`](crate::from_str) cannot turn into a value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The text cannot be read at all.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The document is not what the type wants.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// There is not exactly one document with content.
    #[error("{count} documents where exactly one is expected")]
    Documents {
        /// How many there are.
        count: usize,
    },
}

impl ReadError {
    /// Where the text is wrong, unless it is the number of documents.
    #[must_use]
    pub fn location(&self) -> Option<Location> {
        match self {
            Self::Parse(error) => Some(error.location()),
            Self::Decode(error) => Some(error.location),
            Self::Documents { .. } => None,
        }
    }
}

/// An edit that cannot be made. Nothing was changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// Nothing stands at the path.
    #[error("{path}: not found")]
    NotFound {
        /// The path as far as the first missing step.
        path: Path,
    },
    /// The path, or the edit, wants another kind of node.
    #[error("{path} ({location}): a {found} where a {wanted} is wanted")]
    WrongKind {
        /// The path of the node.
        path: Path,
        /// Where it stands.
        location: Location,
        /// What it is.
        found: ValueKind,
        /// What the edit needs.
        wanted: ValueKind,
    },
    /// An insert of a key that is there already.
    #[error("{path} ({location}): already set")]
    Exists {
        /// The path of the key.
        path: Path,
        /// Where it stands, or the mapping if another edit inserts it.
        location: Location,
    },
    /// Two edits change the same part.
    #[error("{path}: changed by two edits at once")]
    Overlap {
        /// The path that both change.
        path: Path,
    },
    /// The part to change is, or contains, an alias or comes through a merge key.
    #[error("{path} ({location}): an alias or merge key stands here, write the value out first")]
    Alias {
        /// The path of the part.
        path: Path,
        /// Where it stands.
        location: Location,
    },
    /// The part to change is used elsewhere through an alias.
    #[error("{path} ({location}): an anchor that is used elsewhere stands here, write the value out there first")]
    Anchor {
        /// The path of the part.
        path: Path,
        /// Where it stands.
        location: Location,
    },
    /// A presentation that this crate reads but does not edit.
    #[error("{path} ({location}): {what}")]
    Unsupported {
        /// The path of the part.
        path: Path,
        /// Where it stands.
        location: Location,
        /// The presentation, and that it cannot be edited.
        what: &'static str,
    },
    /// The edited text would not be read as what was meant. The text is left as it was; please
    /// report it.
    #[error("{path}: the edited text would read differently than meant")]
    Diverged {
        /// The first path that would differ.
        path: Path,
    },
    /// The edited text would not be read at all. The text is left as it was; please report it.
    #[error("the edited text would not be readable")]
    Unreadable(#[source] ParseError),
}
