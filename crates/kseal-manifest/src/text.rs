//! The input text, and where its lines begin and end.

use zeroize::Zeroizing;

/// A text on its way into [`Manifest::parse`](crate::Manifest::parse): made from `&str`, `String`
/// or `Zeroizing<String>`, and wiped when dropped.
pub struct Text(pub(crate) Zeroizing<String>);

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<Zeroizing<String>> for Text {
    fn from(text: Zeroizing<String>) -> Self {
        Self(text)
    }
}

/// The line end that a text uses: that of its first line.
pub(crate) fn line_break(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Where the line of this offset begins. The first line begins behind the byte-order mark.
pub(crate) fn line_start(text: &str, offset: usize) -> usize {
    match text[..offset].rfind('\n') {
        Some(at) => at + 1,
        None if text[..offset].starts_with('\u{feff}') => 3,
        None => 0,
    }
}

/// Where the content of this offset's line ends, before its line break.
pub(crate) fn line_end(text: &str, offset: usize) -> usize {
    match text[offset..].find('\n') {
        Some(0) => offset - usize::from(text[..offset].ends_with('\r')),
        Some(at) => offset + at - usize::from(text[..offset + at].ends_with('\r')),
        None => text.len(),
    }
}

/// Where the next line begins, or the end of the text.
pub(crate) fn next_line(text: &str, offset: usize) -> usize {
    text[offset..].find('\n').map_or(text.len(), |at| offset + at + 1)
}

/// The offset of the first character at or after this one that is neither space nor tab.
pub(crate) fn skip_blanks(text: &str, offset: usize) -> usize {
    offset + text[offset..].bytes().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// The offset of the first character at or after this one that is neither white space nor comment.
pub(crate) fn skip_trivia(text: &str, offset: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = offset;
    loop {
        match bytes.get(at) {
            Some(b' ' | b'\t' | b'\n' | b'\r') => at += 1,
            Some(b'#') => at = next_line(text, at),
            Some(0xef) if text[at..].starts_with('\u{feff}') => at += 3,
            _ => return at,
        }
    }
}

/// Whether only spaces and tabs stand between the begin of the line and this offset.
pub(crate) fn begins_line(text: &str, offset: usize) -> bool {
    text[line_start(text, offset)..offset].bytes().all(|b| matches!(b, b' ' | b'\t'))
}

/// How many characters stand between the begin of the line and this offset.
pub(crate) fn column(text: &str, offset: usize) -> usize {
    text[line_start(text, offset)..offset].chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_before_either_line_break() {
        let text = "ab\r\ncd\ne";
        assert_eq!((line_end(text, 0), line_end(text, 3), line_end(text, 4)), (2, 2, 6));
        assert_eq!(line_end(text, 7), 8);
        assert_eq!((next_line(text, 0), next_line(text, 7)), (4, 8));
        assert_eq!(line_break(text), "\r\n");
    }

    #[test]
    fn trivia_is_white_space_and_comments() {
        let text = "  # one\n\t# two\n  x # three";
        assert_eq!(&text[skip_trivia(text, 0)..], "x # three");
    }
}
