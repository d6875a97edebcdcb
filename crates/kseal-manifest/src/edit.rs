//! Edits: from a list of wishes to a new text in which nothing else changed.
//!
//! The edits are sorted into a plan that follows the tree (`plan`), the plan is turned into
//! replacements of byte ranges (`writer` and its parts), and the new text is read again and
//! compared with the old tree and the plan (`verify`).

mod block;
mod flow;
mod plan;
mod set;
mod splice;
mod verify;
mod writer;

use crate::error::EditError;
use crate::manifest::Manifest;
use crate::path::Path;
use crate::tree::Tree;
use writer::Writer;
use zeroize::Zeroizing;

/// One change of a text.
pub enum Edit {
    /// Puts a new value where one stands. A scalar keeps its quotes, and the comment behind it
    /// stays. The root of a document may be set too.
    Set {
        /// The value to replace.
        path: Path,
        /// What it becomes.
        value: Tree,
    },
    /// Adds an entry to a mapping, which may also be empty or null.
    Insert {
        /// The mapping.
        path: Path,
        /// The new key.
        key: String,
        /// Its value.
        value: Tree,
        /// Where among the entries.
        at: Position,
    },
    /// Adds an item at the end of a sequence, which may also be empty or null.
    Append {
        /// The sequence.
        path: Path,
        /// The new item.
        value: Tree,
    },
    /// Takes an entry out of its mapping or an item out of its sequence, with its comment on the
    /// same line. If nothing is left, `{}` or `[]` is.
    Remove {
        /// The entry or item.
        path: Path,
        /// Whether the comment lines directly above it go too.
        comments: bool,
    },
}

/// Where an [`Edit::Insert`] puts its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// Behind all others.
    End,
    /// Before the first entry whose key is greater, byte by byte.
    Sorted,
    /// Behind the entry with this key; at the end if there is none.
    After(String),
}

impl Manifest {
    /// Makes all edits at once, on the text as it was read, and returns the new text.
    ///
    /// The new text is read again: it is returned only if every edited path reads as meant and
    /// everything else reads as before.
    ///
    /// # Errors
    ///
    /// If a path leads nowhere, two edits change the same part, an alias or a used anchor is in
    /// the way, or the presentation is one that cannot be edited. Nothing is changed then.
    #[expect(clippy::needless_pass_by_value, reason = "the values are wiped once they are written")]
    pub fn apply(&self, edits: Vec<Edit>) -> Result<Zeroizing<String>, EditError> {
        let plans = plan::build(self, &edits)?;
        let mut writer = Writer::new(self);
        for (&number, plan) in &plans {
            writer.document(&self.documents[number], plan);
        }
        let text = writer.finish();
        verify::verify(self, &plans, &text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod properties;
