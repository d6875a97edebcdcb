//! New content for a document, as values and comments without a presentation.

use crate::node::{Content, Entry, Node};
use crate::scalar::Value;
use zeroize::Zeroizing;

/// New content: what [`Edit`](crate::Edit)s put into a text and what [`render`](crate::render())
/// writes. How it is written follows from the place where it goes.
pub enum Tree {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number beyond the range of [`Tree::Int`].
    Uint(u64),
    /// Any other number.
    Float(f64),
    /// A string, wiped when dropped.
    Str(Zeroizing<String>),
    /// A mapping, in this order. Keys must differ.
    Map(Vec<TreeEntry>),
    /// A sequence.
    Seq(Vec<Tree>),
}

/// One entry of a [`Tree::Map`].
pub struct TreeEntry {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Tree,
    /// The comments that go with it.
    pub comments: Comments,
}

/// The comments of one entry, each with its `#`; one without gets `# ` before it.
///
/// Written in block YAML only: JSON has none, and within braces there is no room for them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Comments {
    /// Whole lines directly above the entry.
    pub lead: Vec<String>,
    /// What follows the value, or the key of a collection, on the same line.
    pub trail: Option<String>,
}

impl Tree {
    /// A string.
    #[must_use]
    pub fn str(value: impl AsRef<str>) -> Self {
        Self::Str(Zeroizing::new(value.as_ref().to_owned()))
    }

    /// A mapping without comments.
    #[must_use]
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Tree)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| TreeEntry::new(key, value)).collect())
    }

    /// A sequence.
    #[must_use]
    pub fn seq(items: impl IntoIterator<Item = Tree>) -> Self {
        Self::Seq(items.into_iter().collect())
    }

    /// The value of a key, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Tree> {
        match self {
            Self::Map(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.value),
            _ => None,
        }
    }

    /// Whether this is a mapping or a sequence with something in it.
    pub(crate) fn is_filled(&self) -> bool {
        match self {
            Self::Map(entries) => !entries.is_empty(),
            Self::Seq(items) => !items.is_empty(),
            _ => false,
        }
    }

    /// The same tree once more, secrets included: only for use inside one edit.
    pub(crate) fn duplicate(&self) -> Self {
        match self {
            Self::Null => Self::Null,
            Self::Bool(value) => Self::Bool(*value),
            Self::Int(value) => Self::Int(*value),
            Self::Uint(value) => Self::Uint(*value),
            Self::Float(value) => Self::Float(*value),
            Self::Str(value) => Self::Str(value.clone()),
            Self::Map(entries) => Self::Map(entries.iter().map(TreeEntry::duplicate).collect()),
            Self::Seq(items) => Self::Seq(items.iter().map(Self::duplicate).collect()),
        }
    }
}

impl TreeEntry {
    /// An entry without comments.
    #[must_use]
    pub fn new(key: impl Into<String>, value: Tree) -> Self {
        Self { key: key.into(), value, comments: Comments::default() }
    }

    /// The same entry with these comments.
    #[must_use]
    pub fn with_comments(mut self, comments: Comments) -> Self {
        self.comments = comments;
        self
    }

    fn duplicate(&self) -> Self {
        Self { key: self.key.clone(), value: self.value.duplicate(), comments: self.comments.clone() }
    }
}

/// A copy of the values and comments, with aliases and merge keys resolved.
impl From<&Node> for Tree {
    fn from(node: &Node) -> Self {
        match &node.target().content {
            Content::Scalar(scalar) => match scalar.value {
                Value::Null => Self::Null,
                Value::Bool(value) => Self::Bool(value),
                Value::Int(value) => Self::Int(value),
                Value::Uint(value) => Self::Uint(value),
                Value::Float(value) => Self::Float(value),
                Value::Str => Self::Str(scalar.text.clone()),
            },
            Content::Mapping(_) => Self::Map(node.entries().map(TreeEntry::from).collect()),
            Content::Sequence(_) => Self::Seq(node.items().map(Self::from).collect()),
            Content::Shared(_) => Self::Null,
        }
    }
}

impl From<&Entry> for TreeEntry {
    fn from(entry: &Entry) -> Self {
        Self { key: entry.key().to_owned(), value: Tree::from(entry.value()), comments: entry.comments().clone() }
    }
}

impl From<&str> for Tree {
    fn from(value: &str) -> Self {
        Self::str(value)
    }
}

impl From<String> for Tree {
    fn from(value: String) -> Self {
        Self::Str(Zeroizing::new(value))
    }
}

impl From<bool> for Tree {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Tree {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
