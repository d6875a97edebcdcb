//! A string that grows without leaving copies of its content behind.

use zeroize::Zeroizing;

/// Collects text that may be secret. A plain `String` leaves its old allocation unwiped when it
/// grows; this one wipes it.
pub(crate) struct Buffer(Zeroizing<String>);

impl Buffer {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Zeroizing::new(String::with_capacity(capacity)))
    }

    pub(crate) fn new() -> Self {
        Self::with_capacity(256)
    }

    pub(crate) fn push_str(&mut self, text: &str) {
        let needed = self.0.len() + text.len();
        if needed > self.0.capacity() {
            let mut grown = Zeroizing::new(String::with_capacity(needed.max(2 * self.0.len())));
            grown.push_str(&self.0);
            self.0 = grown;
        }
        self.0.push_str(text);
    }

    pub(crate) fn push(&mut self, c: char) {
        self.push_str(c.encode_utf8(&mut [0; 4]));
    }

    pub(crate) fn spaces(&mut self, count: usize) {
        const BLANK: &str = "                                ";
        let mut left = count;
        while left > 0 {
            let now = left.min(BLANK.len());
            self.push_str(&BLANK[..now]);
            left -= now;
        }
    }

    pub(crate) fn into_inner(self) -> Zeroizing<String> {
        self.0
    }
}

impl std::ops::Deref for Buffer {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}
