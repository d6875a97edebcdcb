//! A text, read once.

use crate::error::ParseError;
use crate::node::Node;
use crate::object::{self, Object};
use crate::parse;
use crate::path::{Path, Step};
use crate::render::Style;
use crate::text::Text;
use std::collections::HashSet;
use zeroize::Zeroizing;

/// A text of one or many documents, with the tree of each.
pub struct Manifest {
    pub(crate) text: Zeroizing<String>,
    pub(crate) documents: Vec<Document>,
    pub(crate) style: Style,
}

/// One document of a text. It may be empty: its root is then null.
pub struct Document {
    root: Node,
    /// The anchors that an alias uses.
    pub(crate) aliased: HashSet<usize>,
}

impl Manifest {
    /// Reads a text of one or many documents, JSON or YAML.
    ///
    /// # Errors
    ///
    /// If any document of it cannot be read, has a key twice, or is beyond the limits of nesting
    /// (128 levels) and of alias expansion.
    pub fn parse(text: impl Into<Text>) -> Result<Self, ParseError> {
        let text = text.into().0;
        let (documents, style) = parse::parse(&text)?;
        Ok(Self { text, documents, style })
    }

    /// The text, byte for byte.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text is JSON or YAML.
    #[must_use]
    pub fn style(&self) -> Style {
        self.style
    }

    /// All documents, empty ones included. A text without any content has none.
    #[must_use]
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// Every Kubernetes object, those in lists included, in the order of the text.
    #[must_use]
    pub fn objects(&self) -> Vec<Object<'_>> {
        object::find(&self.documents)
    }

    /// The node at a path, aliases and merge keys resolved.
    #[must_use]
    pub fn node(&self, path: &Path) -> Option<&Node> {
        let mut node = self.documents.get(path.document_index())?.root();
        for step in path.steps() {
            node = match step {
                Step::Key(key) => node.get(key)?,
                Step::Index(index) => node.sequence()?.items.get(*index).map(|item| &item.node)?,
            };
        }
        Some(node)
    }
}

impl Document {
    pub(crate) fn new(root: Node) -> Self {
        Self { root, aliased: HashSet::new() }
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Whether it has no content but comments, or is a bare null.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.is_null()
    }
}
