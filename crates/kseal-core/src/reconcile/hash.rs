//! 16 bytes that stand for a longer text: records are kept for every object of a cluster.

use std::fmt;

use sha2::{Digest as _, Sha256};

fn first_16(hash: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&hash[..16]);
    out
}

/// A `metadata.uid`, shortened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Uid([u8; 16]);

impl Uid {
    /// Shortens a UID, which Kubernetes does not promise to be a UUID.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(first_16(&Sha256::digest(text)))
    }
}

/// What of an object decides about its Secret: its spec, and the metadata that is honoured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest([u8; 16]);

impl Digest {
    /// Of texts in an order. Their lengths are hashed too, so that no text runs into the next.
    #[must_use]
    pub fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut hash = Sha256::new();
        for text in texts {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        Self(first_16(&hash.finalize()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_where_a_text_ends() {
        assert_eq!(Digest::of(["a", "b"]), Digest::of(["a", "b"]));
        assert_ne!(Digest::of(["ab", ""]), Digest::of(["a", "b"]));
        assert_eq!(Digest::of([]).to_string(), "e3b0c44298fc1c149afbf4c8996fb924");
        assert_ne!(Uid::of("a"), Uid::of("b"));
    }
}
