//! The one text form of octets: the standard alphabet, padded, trailing bits zero (RFC 4648, section 3.5).

use base64::{
    Engine as _, alphabet,
    engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use zeroize::Zeroizing;

use crate::Plaintext;

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

/// Decodes a value of a Secret's `data` as the API server does, with Go's `encoding/json`: line ends between the
/// characters are passed over, and trailing bits may be set.
#[must_use]
pub fn decode_data(text: &str) -> Option<Plaintext> {
    const GO: GeneralPurpose =
        GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));
    let line: Zeroizing<Vec<u8>> = Zeroizing::new(text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect());
    GO.decode(&*line).ok().map(Plaintext::from)
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

    #[test]
    fn a_secrets_data_is_read_as_the_api_server_reads_it() {
        assert_eq!(&*decode_data("aGVs\r\nbG8=\n").unwrap(), b"hello");
        assert_eq!(&*decode_data("AB==").unwrap(), [0]);
        for text in ["aGVs bG8=", "aGVsbG8", "aGVsbG8-"] {
            assert!(decode_data(text).is_none(), "{text:?}");
        }
    }
}
