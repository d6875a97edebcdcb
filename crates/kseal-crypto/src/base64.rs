//! The one text form of octets: the standard alphabet, padded, trailing bits zero (RFC 4648, section 3.5).

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Encodes octets in the canonical form.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes the canonical form and nothing else: no line breaks, no missing padding, no set trailing bits, so that
/// octets have one text only.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_is_read() {
        assert_eq!(decode("AA==").unwrap(), [0]);
        for text in ["AA", "AA=", "AB==", "AA==\n", "A A=", "-_==", "AA==="] {
            assert!(decode(text).is_none(), "{text:?}");
        }
    }
}
