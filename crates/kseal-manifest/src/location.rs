//! Where something stands in a text, in the units that people and editors use.

use std::fmt;

/// A position in a text: line and column, both counted from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The line, from 1.
    pub line: usize,
    /// The column in Unicode characters, from 1. A byte-order mark has no column.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Turns byte offsets into [`Location`]s.
///
/// It remembers where it was, so that a walk forward through a text costs its length once, also
/// when the whole text is one line.
pub(crate) struct Locator<'t> {
    text: &'t str,
    offset: usize,
    location: Location,
}

impl<'t> Locator<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, offset: 0, location: Location { line: 1, column: 1 } }
    }

    /// The location of a byte offset, which must be at a character boundary.
    pub(crate) fn locate(&mut self, offset: usize) -> Location {
        if offset < self.offset {
            *self = Self::new(self.text);
        }
        for c in self.text[self.offset..offset].chars() {
            match c {
                '\n' => {
                    self.location.line += 1;
                    self.location.column = 1;
                }
                '\u{feff}' if self.location.column == 1 => {}
                _ => self.location.column += 1,
            }
        }
        self.offset = offset;
        self.location
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let mut locator = Locator::new("\u{feff}aä: b\r\nc");
        assert_eq!(locator.locate(3), Location { line: 1, column: 1 });
        assert_eq!(locator.locate(8).to_string(), "line 1, column 5");
        assert_eq!(locator.locate(11), Location { line: 2, column: 1 });
        assert_eq!(locator.locate(3), Location { line: 1, column: 1 });
    }
}
