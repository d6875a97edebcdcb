//! What opening cost, and which keys it needed.

use std::collections::BTreeSet;

/// Private-key operations, and the names of the keys that opened something: a [`crate::Fingerprint`], or upstream's form
/// `SHA256:…` of an RSA key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// How many private-key operations were done, in vain or not.
    pub operations: usize,
    /// The keys that opened something.
    pub keys: BTreeSet<String>,
}

impl Work {
    pub(crate) fn note(&mut self, operations: usize, key: Option<String>) {
        self.operations += operations;
        self.keys.extend(key);
    }
}
