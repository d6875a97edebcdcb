//! What an item may be called, and an object: the API server's rules.

use crate::error::{Error, Result};

/// Longest name of an item, and of an object.
const MAX: usize = 253;

/// Refuses what the API server refuses as the key of an item.
pub(crate) fn check(key: &str) -> Result<()> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let problem = if key.is_empty() {
        "is empty"
    } else if key.len() > MAX {
        "is longer than 253 characters"
    } else if !key.bytes().all(is_allowed) {
        "has other characters than letters, digits, `-`, `_` and `.`"
    } else if key == "." || key.starts_with("..") {
        "would be a path in a volume"
    } else {
        return Ok(());
    };
    Err(Error::input(format!("the item key {key:?} {problem}")).hint("the API server would refuse the Secret"))
}

/// Whether the API server takes it as an object's name.
pub(crate) fn is_subdomain(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_edge = |byte: Option<&u8>| byte.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
        let bytes = label.as_bytes();
        is_edge(bytes.first())
            && is_edge(bytes.last())
            && bytes.iter().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || *it == b'-')
    };
    name.len() <= MAX && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_that_the_api_server_takes() {
        for key in ["a", "tls.crt", ".dockerconfigjson", "A_b-9", &"a".repeat(253)] {
            assert!(check(key).is_ok(), "{key}");
        }
        for key in ["", "a b", "ä", "a/b", ".", "..", "..data", &"a".repeat(254)] {
            assert!(check(key).is_err(), "{key}");
        }
    }

    #[test]
    fn names_are_subdomains() {
        for name in ["db", "a.b-c.d0", "0"] {
            assert!(is_subdomain(name), "{name}");
        }
        for name in ["", "Db", "-a", "a-", "a..b", "a_b", &"a".repeat(254)] {
            assert!(!is_subdomain(name), "{name}");
        }
    }
}
