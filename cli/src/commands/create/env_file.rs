//! Files of lines `KEY=VALUE`, read as `kubectl` reads them: no quotes, no escapes, no continuation.

use crate::error::{Error, Result};

/// The pairs of a text. Empty lines and those that begin with `#` are passed over.
///
/// # Errors
/// If a line has no `=`. `kubectl` takes the value from its own environment then.
pub(super) fn read(text: &str) -> Result<Vec<(&str, &str)>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut pairs = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim_start)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once('=') {
            Some((key, _)) if key.is_empty() || key.contains(char::is_whitespace) => {
                return Err(Error::input(format!("line {number}: what stands before `=` is no item key")));
            }
            Some(pair) => pairs.push(pair),
            None => {
                return Err(Error::input(format!("line {number}: KEY=VALUE is wanted"))
                    .hint("values are not taken from the environment"));
            }
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_as_they_are() {
        let text = "\u{feff}# c\n\n  A=1 \r\nB=\"x=y\"\nC=\n";
        assert_eq!(read(text).unwrap(), [("A", "1 "), ("B", "\"x=y\""), ("C", "")]);
    }

    #[test]
    fn a_line_without_a_value_is_told_by_its_number_and_not_shown() {
        for text in ["A=1\nhunter2\n", "A=1\n=hunter2\n", "A=1\nexport hunter2=1"] {
            let error = read(text).unwrap_err();
            assert!(error.message().starts_with("line 2: ") && !error.message().contains("hunter2"));
        }
    }
}
