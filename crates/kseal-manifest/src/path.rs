//! The address of a node: a document and the steps from its root.

use std::fmt;

/// One step down from a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Into a mapping, by key.
    Key(String),
    /// Into a sequence, counted from 0.
    Index(usize),
}

/// The address of a node in a [`Manifest`](crate::Manifest).
///
/// `Path::document(0).key("items").index(2).key("data")`
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    document: usize,
    steps: Vec<Step>,
}

impl Path {
    /// The root of a document, counted from 0.
    #[must_use]
    pub fn document(index: usize) -> Self {
        Self { document: index, steps: Vec::new() }
    }

    /// The value of a key in the mapping at this path.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.steps.push(Step::Key(key.into()));
        self
    }

    /// An item of the sequence at this path, counted from 0.
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.steps.push(Step::Index(index));
        self
    }

    /// The same path with these keys added, one after the other.
    #[must_use]
    pub fn keys<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.steps.extend(keys.into_iter().map(|key| Step::Key(key.into())));
        self
    }

    pub(crate) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    pub(crate) fn pop(&mut self) {
        self.steps.pop();
    }

    /// The document, counted from 0.
    #[must_use]
    pub fn document_index(&self) -> usize {
        self.document
    }

    /// The steps from the document's root.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// `document 1, items[2].data["a.b"]`: the document counted from 1, as people do, the items of
/// sequences from 0, as `kubectl` does.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "document {}", self.document + 1)?;
        for (number, step) in self.steps.iter().enumerate() {
            if number == 0 {
                f.write_str(", ")?;
            }
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if is_word(key) && number == 0 => f.write_str(key)?,
                Step::Key(key) if is_word(key) => write!(f, ".{key}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

fn is_word(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_people_write_it() {
        assert_eq!(Path::document(0).to_string(), "document 1");
        let path = Path::document(1).key("items").index(2).keys(["data", "a.b", "c"]);
        assert_eq!(path.to_string(), r#"document 2, items[2].data["a.b"].c"#);
    }
}
