//! What to look for: a secret as it is, in base64 at each of its three alignments, and in hex.

use std::fmt::Write as _;

/// Secrets with their names.
#[derive(Default)]
pub(crate) struct Needles(Vec<(String, Vec<u8>)>);

impl Needles {
    /// Adds one secret, which must be long enough to be found by purpose only.
    pub(crate) fn add(&mut self, name: &str, secret: &[u8]) {
        assert!(secret.len() >= 12, "{name} is too short to be found");
        self.0.push((name.to_owned(), secret.to_vec()));
        let mut hex = String::new();
        for octet in secret {
            write!(hex, "{octet:02x}").expect("a string takes it");
        }
        self.0.push((format!("{name}, in hex"), hex.to_uppercase().into_bytes()));
        self.0.push((format!("{name}, in hex"), hex.into_bytes()));
        for shift in 0..3 {
            let text = kseal_crypto::encode_base64(&[&vec![0; shift][..], secret].concat());
            // Characters that depend on the neighbours are left out.
            let (first, last) = ((shift * 8).div_ceil(6), (shift + secret.len()) * 8 / 6);
            self.0.push((format!("{name}, in base64"), text.as_bytes()[first..last].to_vec()));
        }
    }

    /// The names of what is found in some octets.
    pub(crate) fn found_in(&self, octets: &[u8]) -> Vec<&str> {
        let is_in = |needle: &[u8]| {
            let mut rest = octets;
            while let Some(start) = rest.iter().position(|octet| *octet == needle[0]) {
                if rest[start..].starts_with(needle) {
                    return true;
                }
                rest = &rest[start + 1..];
            }
            false
        };
        self.0.iter().filter(|(_, needle)| is_in(needle)).map(|(name, _)| name.as_str()).collect()
    }
}

#[test]
fn a_secret_is_found_in_every_form() {
    let mut needles = Needles::default();
    needles.add("it", b"canary-of-some-length");
    for text in ["x canary-of-some-length y", "63616E6172792D6F662D736F6D652D6C656E677468"] {
        assert!(!needles.found_in(text.as_bytes()).is_empty(), "{text}");
    }
    for before in ["", "a", "ab", "abc"] {
        let text = kseal_crypto::encode_base64(format!("{before}canary-of-some-length{before}").as_bytes());
        assert!(!needles.found_in(text.as_bytes()).is_empty(), "{text}");
    }
    assert!(needles.found_in(b"canary-of-other-length").is_empty());
}
