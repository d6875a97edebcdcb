//! Where a block scalar's header and content end. The parser's span begins after the header and
//! runs on into the blank lines and the indentation of what follows.

use crate::text::{line_end, line_start, next_line};

/// Offsets of a block scalar.
pub(super) struct Extent {
    /// The end of the header's indicators.
    pub(super) header_end: usize,
    /// The end of the content, before its last line break; of the header if there is no content.
    pub(super) end: usize,
}

/// Finds the offsets of the block scalar whose header stands at `header` and whose content, with
/// all that is blank behind it, ends at `limit`.
pub(super) fn extent(text: &str, header: usize, limit: usize, indent: Option<usize>) -> Extent {
    let indicators = text[header..].bytes().take_while(|b| b"|>+-0123456789".contains(b)).count();
    let header_end = header + indicators;
    let content = next_line(text, header_end).min(limit.max(header_end));
    let keep = text[header..header_end].contains('+');
    let indent = indent.unwrap_or(usize::MAX);
    // `limit` may lie within the indentation of the next line, which does not belong here.
    let mut end = limit.max(header_end);
    if end < text.len() || text.ends_with('\n') {
        end = line_start(text, end);
    }
    let mut found = header_end;
    if end > content {
        found = last_line_end(text, content, end);
        while !keep && found > header_end {
            let start = line_start(text, found);
            let blank = text[start..found].bytes().all(|b| b == b' ') && found - start <= indent;
            if !blank {
                break;
            }
            found = if start > content { last_line_end(text, content, start) } else { header_end };
        }
    }
    Extent { header_end, end: found }
}

/// The end of the line that stands before this line start.
fn last_line_end(text: &str, content: usize, end: usize) -> usize {
    if text[content..end].ends_with('\n') { line_end(text, end - 1) } else { end }
}
