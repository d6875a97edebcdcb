//! Names that become parts of paths: one that is none must not get so far.

/// A DNS subdomain of RFC 1123, as the names of Secrets and ServiceAccounts are.
pub(crate) fn is_name(text: &str) -> bool {
    let is_part = |part: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !part.is_empty() && part.bytes().all(inner) && !part.starts_with('-') && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_another_path_is_no_name() {
        for name in ["ci", "a.b-c", "0"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "?watch=true", "a/b", "..", "a%2f", "-a", "A", "a..b", "a#b"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
