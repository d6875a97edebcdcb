//! Replacements of byte ranges, applied in one pass.

use crate::buffer::Buffer;
use zeroize::Zeroizing;

/// Replacements in the order of the text, made by a walk in that order. At one offset, what came
/// first stays first.
#[derive(Default)]
pub(crate) struct Splices(Vec<Splice>);

struct Splice {
    start: usize,
    end: usize,
    text: Zeroizing<String>,
}

impl Splices {
    pub(crate) fn insert(&mut self, at: usize, text: Buffer) {
        self.replace(at, at, text);
    }

    pub(crate) fn delete(&mut self, start: usize, end: usize) {
        if start < end {
            self.replace(start, end, Buffer::with_capacity(0));
        }
    }

    pub(crate) fn replace(&mut self, start: usize, end: usize, text: Buffer) {
        self.0.push(Splice { start, end, text: text.into_inner() });
    }

    /// The new text. Ranges that overlap are cut, which the comparison afterwards finds.
    pub(crate) fn apply(mut self, old: &str) -> Zeroizing<String> {
        self.0.sort_by_key(|splice| splice.start);
        let added: usize = self.0.iter().map(|splice| splice.text.len()).sum();
        let mut out = Buffer::with_capacity(old.len() + added);
        let mut at = 0;
        for splice in &self.0 {
            if splice.start > at {
                out.push_str(&old[at..splice.start]);
            }
            out.push_str(&splice.text);
            at = at.max(splice.end);
        }
        out.push_str(&old[at..]);
        out.into_inner()
    }
}
