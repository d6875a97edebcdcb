//! Numbers with their nouns, and names as short as people want them.

/// `1 value`, `2 values`.
pub(crate) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// `1 value is`, `2 values are`.
pub(crate) fn are(number: usize, what: &str) -> String {
    format!("{} {}", count(number, what), if number == 1 { "is" } else { "are" })
}

/// As much of the text of a fingerprint as people are shown; SSH's form begins with its algorithm.
pub(crate) fn short(fingerprint: &str) -> String {
    let shown = if fingerprint.starts_with("SHA256:") { 20 } else { 13 };
    fingerprint.chars().take(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!((count(1, "file"), count(0, "file")), ("1 file".to_owned(), "0 files".to_owned()));
        assert_eq!((are(1, "file"), are(2, "file")), ("1 file is".to_owned(), "2 files are".to_owned()));
    }
}
