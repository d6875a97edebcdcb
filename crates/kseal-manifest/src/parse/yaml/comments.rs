//! Which comments go with an entry.

use crate::node::{EntrySite, Node, ScalarStyle};
use crate::text::{begins_line, column, line_end, line_start, skip_blanks};
use crate::tree::Comments;

/// The comments of an entry of a block mapping: the lines directly above that are not indented
/// more than it, and the comment on its line. `floor` is where the entry before it ends.
pub(super) fn of_entry(text: &str, flow: bool, floor: usize, site: &EntrySite, value: &Node) -> Comments {
    if flow {
        return Comments::default();
    }
    let lead_start = lead_start(text, site.start, floor);
    let mut lead = Vec::new();
    if lead_start < site.start {
        let lines = text[lead_start..line_start(text, site.start)].lines();
        lead.extend(lines.map(|line| line.trim().to_owned()));
    }
    Comments { lead, trail: trail(text, trail_offset(site, value)) }
}

/// Where the comment lines begin that lead a part of a block collection, or the part itself if
/// there are none.
pub(crate) fn lead_start(text: &str, start: usize, floor: usize) -> usize {
    if !begins_line(text, start) {
        return start;
    }
    let own_column = column(text, start);
    let mut found = start;
    let mut line = line_start(text, start);
    while line > floor && text[..line].ends_with('\n') {
        let above = line_start(text, line - 1);
        let content = skip_blanks(text, above);
        let is_comment = text[content..].starts_with('#');
        if above < floor || !is_comment || content - above > own_column {
            break;
        }
        (found, line) = (above, above);
    }
    found
}

/// After which offset a comment on the same line belongs to the entry: its value's end, or the
/// indicators before a value of several lines.
fn trail_offset(site: &EntrySite, value: &Node) -> usize {
    let layout = &value.layout;
    if value.is_alias() {
        return layout.end;
    }
    if value.is_block_collection() {
        return layout.properties_end;
    }
    match value.scalar().map(|scalar| scalar.style) {
        Some(ScalarStyle::Block { header_end }) => header_end,
        _ => layout.end.max(site.after_colon.unwrap_or(0)),
    }
}

fn trail(text: &str, offset: usize) -> Option<String> {
    let start = skip_blanks(text, offset);
    let comment = start > offset && text[start..].starts_with('#');
    comment.then(|| text[start..line_end(text, start)].trim_end().to_owned())
}
