//! The octets of one opened value.

use std::ops::Deref;

use zeroize::Zeroizing;

/// Octets that are wiped when dropped, and that cannot be printed, copied or compared by accident: there is no `Debug`,
/// `Clone`, `PartialEq` or `Serialize`. Who needs the octets says so by borrowing them as a slice.
pub struct Plaintext(Zeroizing<Vec<u8>>);

impl Plaintext {
    /// The octets.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Plaintext {
    fn from(octets: Vec<u8>) -> Self {
        Self(Zeroizing::new(octets))
    }
}

impl From<Zeroizing<Vec<u8>>> for Plaintext {
    fn from(octets: Zeroizing<Vec<u8>>) -> Self {
        Self(octets)
    }
}

impl Deref for Plaintext {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
