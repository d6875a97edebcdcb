//! Parts that come to and go from block collections, by whole lines.
//!
//! Only the first part of a collection may share its line with something before it: `- a: 1`.

use crate::buffer::Buffer;
use crate::edit::Position;
use crate::edit::plan::{Insert, Plan};
use crate::edit::writer::{Role, Slot, Writer};
use crate::node::{Content, Entry, Mapping, Node, Scalar, ScalarStyle, Sequence};
use crate::parse::lead_start;
use crate::render::block::{ends_open, entry as write_entry, item as write_item};
use crate::text::{begins_line, column, line_end, line_start, next_line, skip_blanks};
use crate::tree::{Comments, Tree};
use std::collections::BTreeMap;

/// The offsets of one part.
struct Part {
    start: usize,
    end: usize,
    /// Whether lines of deeper comments behind it may belong to it.
    collection: bool,
    /// Whether it takes blank lines behind it for its own: its last value is `|+` or `>+`.
    keeps_blanks: bool,
}

/// Something new between two parts.
enum New<'e> {
    Entry(&'e str, &'e Tree),
    Item(&'e Tree),
}

impl<'e> New<'e> {
    fn tree(&self) -> &'e Tree {
        match self {
            New::Entry(_, tree) | New::Item(tree) => tree,
        }
    }
}

/// New parts by the number of the old part that they stand before.
type Arrivals<'e> = BTreeMap<usize, Vec<New<'e>>>;

impl Writer<'_> {
    pub(super) fn block_mapping(&mut self, node: &Node, mapping: &Mapping, plan: &Plan<'_>) {
        let part = |entry: &Entry| Part {
            start: entry.site.start,
            end: entry_end(entry),
            collection: entry.value.is_block_collection(),
            keeps_blanks: keeps_blanks(self.text, &entry.value),
        };
        let parts: Vec<_> = mapping.entries.iter().map(part).collect();
        let mut arrivals = Arrivals::new();
        for (number, inserts) in slots(mapping, plan) {
            let new = inserts.iter().map(|insert| New::Entry(insert.key, insert.value));
            arrivals.insert(number, new.collect());
        }
        let own_column = column(self.text, parts[0].start);
        self.parts(node, &parts, plan, arrivals, |writer, number, child| {
            let entry = &mapping.entries[number];
            let colon = entry.site.after_colon.is_some();
            let role = Role::Entry { colon };
            let slot = Slot { role, column: own_column, start: entry.site.start, flow: None };
            writer.node(&entry.value, child, slot);
        });
    }

    pub(super) fn block_sequence(&mut self, node: &Node, sequence: &Sequence, plan: &Plan<'_>) {
        let parts = sequence.items.iter().map(|item| Part {
            start: item.start,
            end: item.node.layout.end.max(item.start + 1),
            collection: item.node.is_block_collection(),
            keeps_blanks: keeps_blanks(self.text, &item.node),
        });
        let parts: Vec<_> = parts.collect();
        let mut arrivals = Arrivals::new();
        if !plan.appends.is_empty() {
            arrivals.insert(parts.len(), plan.appends.iter().map(|tree| New::Item(tree)).collect());
        }
        let own_column = column(self.text, parts[0].start);
        self.parts(node, &parts, plan, arrivals, |writer, number, child| {
            let item = &sequence.items[number];
            let slot = Slot { role: Role::Item, column: own_column, start: item.start, flow: None };
            writer.node(&item.node, child, slot);
        });
    }

    fn parts(
        &mut self,
        node: &Node,
        parts: &[Part],
        plan: &Plan<'_>,
        mut arrivals: Arrivals<'_>,
        mut change: impl FnMut(&mut Self, usize, &Plan<'_>),
    ) {
        let own_column = column(self.text, parts[0].start);
        let floor = |number: usize| match number {
            0 => node.layout.head,
            _ => parts[number - 1].end,
        };
        let mut from = 0;
        if !begins_line(self.text, parts[0].start) {
            from = (0..parts.len()).find(|&n| plan.removes(n).is_none()).unwrap_or(0);
            self.begun_part(parts, plan, &mut arrivals, from, own_column);
        }
        let mut blanks_taken = false;
        for number in from..=parts.len() {
            let new = arrivals.remove(&number).unwrap_or_default();
            let Some(part) = parts.get(number) else {
                let last_goes = plan.removes(parts.len() - 1).is_some();
                self.arrive_at_end(&new, parts[parts.len() - 1].end, own_column, last_goes);
                break;
            };
            if !new.is_empty() {
                let lead = lead_start(self.text, part.start, floor(number));
                let mut out = Self::buffer();
                for new in &new {
                    self.new_part(&mut out, new, own_column, false);
                    out.push_str(self.block.line_break);
                }
                self.splices.insert(line_start(self.text, lead), out);
            }
            match plan.children.get(&number) {
                Some(Plan { removed: Some(comments), .. }) => {
                    let next = parts.get(number + 1).map_or(self.text.len(), |next| next.start);
                    let (start, mut end) = self.lines_of(part, floor(number), next, *comments);
                    if blanks_taken {
                        end = self.skip_blank_lines(end, self.text.len());
                    }
                    self.splices.delete(start, end);
                }
                Some(child) => {
                    blanks_taken = part.keeps_blanks && child.set.is_none();
                    change(self, number, child);
                }
                None => blanks_taken = part.keeps_blanks,
            }
        }
    }

    /// The lines that go with a part.
    fn lines_of(&self, part: &Part, floor: usize, next: usize, comments: bool) -> (usize, usize) {
        let mut end = next_line(self.text, part.end);
        if !comments {
            return (line_start(self.text, part.start), end);
        }
        let own_column = column(self.text, part.start);
        while part.collection && end < next {
            let content = skip_blanks(self.text, end);
            if !self.text[content..].starts_with('#') || content - end <= own_column {
                break;
            }
            end = next_line(self.text, end);
        }
        (line_start(self.text, lead_start(self.text, part.start, floor)), end)
    }

    fn skip_blank_lines(&self, offset: usize, limit: usize) -> usize {
        let mut line = offset;
        while line < limit && skip_blanks(self.text, line) == line_end(self.text, line) {
            line = next_line(self.text, line);
        }
        line
    }

    /// The begin of a collection whose first part shares its line with what is before it: what is
    /// first afterwards must begin there. `kept` is the first old part that stays.
    fn begun_part(
        &mut self,
        parts: &[Part],
        plan: &Plan<'_>,
        arrivals: &mut Arrivals<'_>,
        kept: usize,
        own_column: usize,
    ) {
        let later = arrivals.split_off(&(kept + 1));
        let new: Vec<_> = std::mem::replace(arrivals, later).into_values().flatten().collect();
        let mut out = Self::buffer();
        for (number, new) in new.iter().enumerate() {
            self.new_part(&mut out, new, own_column, number == 0);
            out.push_str(self.block.line_break);
        }
        if kept == 0 {
            if !new.is_empty() {
                out.spaces(own_column);
                self.splices.insert(parts[0].start, out);
            }
            return;
        }
        // The first line that stays: of a comment, or of the first part that is kept.
        let mut line = next_line(self.text, parts[0].end);
        for number in 1..=kept {
            let (start, end) = match plan.removes(number) {
                Some(comments) => {
                    let next = parts[number + 1].start;
                    self.lines_of(&parts[number], parts[number - 1].end, next, comments)
                }
                None => (line_start(self.text, parts[number].start), 0),
            };
            line = self.skip_blank_lines(line, start);
            if line < start {
                break;
            }
            line = line.max(end);
        }
        if new.is_empty() {
            line = skip_blanks(self.text, line);
        }
        self.splices.replace(parts[0].start, line, out);
        // What of the removed parts stands behind kept comments still has to go.
        for number in 1..kept {
            let comments = plan.removes(number).unwrap_or(false);
            let next = parts[number + 1].start;
            let (start, end) = self.lines_of(&parts[number], parts[number - 1].end, next, comments);
            self.splices.delete(start.max(line), end);
        }
    }

    fn arrive_at_end(&mut self, new: &[New<'_>], end: usize, own_column: usize, last_goes: bool) {
        if new.is_empty() {
            return;
        }
        let at = next_line(self.text, end);
        let complete = self.text[..at].ends_with('\n') && at > end;
        let mut out = Self::buffer();
        for (number, new) in new.iter().enumerate() {
            if !complete && (number > 0 || !last_goes) {
                out.push_str(self.block.line_break);
            }
            self.new_part(&mut out, new, own_column, false);
            if complete {
                out.push_str(self.block.line_break);
            }
        }
        if !complete && new.last().is_some_and(|new| ends_open(new.tree())) {
            out.push_str(self.block.line_break);
        }
        self.splices.insert(at, out);
    }

    fn new_part(&self, out: &mut Buffer, new: &New<'_>, own_column: usize, begun: bool) {
        match new {
            New::Entry(key, value) => {
                let comments = Comments::default();
                write_entry(out, key, value, &comments, own_column, begun, &self.block);
            }
            New::Item(tree) => {
                if !begun {
                    out.spaces(own_column);
                }
                write_item(out, tree, own_column, &self.block);
            }
        }
    }
}

/// Whether the last value of a node is a block scalar that keeps the blank lines at its end.
fn keeps_blanks(text: &str, node: &Node) -> bool {
    match &node.target().content {
        Content::Scalar(Scalar { style: ScalarStyle::Block { header_end }, .. }) => {
            text[node.layout.body..*header_end].contains('+')
        }
        Content::Mapping(mapping) => mapping.entries.last().is_some_and(|entry| keeps_blanks(text, &entry.value)),
        Content::Sequence(sequence) => sequence.items.last().is_some_and(|item| keeps_blanks(text, &item.node)),
        Content::Scalar(_) | Content::Shared(_) => false,
    }
}

/// The end of an entry, also of one without a value.
pub(super) fn entry_end(entry: &Entry) -> usize {
    let site = &entry.site;
    entry.value.layout.end.max(site.after_colon.unwrap_or(0)).max(site.key_end)
}

/// The new entries of a mapping by the number of the entry that they stand before, in their order.
pub(super) fn slots<'p, 'e>(mapping: &Mapping, plan: &'p Plan<'e>) -> BTreeMap<usize, Vec<&'p Insert<'e>>> {
    let entries = &mapping.entries;
    // The greatest key up to each entry: the first entry with a greater key is where this rises
    // above the new key.
    let mut greatest: Vec<&str> = Vec::new();
    if plan.inserts.iter().any(|insert| *insert.at == Position::Sorted) {
        for entry in entries {
            let before = greatest.last().copied().unwrap_or("");
            greatest.push(before.max(&entry.key));
        }
    }
    let mut slots: BTreeMap<usize, Vec<&Insert<'_>>> = BTreeMap::new();
    for insert in &plan.inserts {
        let number = match insert.at {
            Position::End => entries.len(),
            Position::Sorted => greatest.partition_point(|key| *key <= insert.key),
            Position::After(key) => mapping.position(key).map_or(entries.len(), |at| at + 1),
        };
        slots.entry(number).or_default().push(insert);
    }
    for inserts in slots.values_mut() {
        inserts.sort_by(|a, b| rank(a).cmp(&rank(b)));
    }
    slots
}

/// At one place: first what wants to be behind a certain entry, then the sorted, then the last.
fn rank<'e>(insert: &Insert<'e>) -> (u8, &'e str) {
    match insert.at {
        Position::After(_) => (0, ""),
        Position::Sorted => (1, insert.key),
        Position::End => (2, ""),
    }
}
