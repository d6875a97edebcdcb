//! Parts that come to and go from block collections, by whole lines.
//!
//! Only the first part of a collection may share its line with something before it: `- a: 1`.

use crate::buffer::Buffer;
use crate::edit::Position;
use crate::edit::plan::{Insert, Plan};
use crate::edit::writer::{Role, Slot, Writer};
use crate::node::{Content, Entry, Mapping, Node, Scalar, ScalarStyle, Sequence};
use crate::parse::lead_start;
use crate::render::block::{BlockStyle, ends_open, entry as write_entry, item as write_item};
use crate::text::{begins_line, column, line_start, next_line, skip_blanks};
use crate::tree::{Comments, Tree};
use std::collections::BTreeMap;

/// The offsets of one part.
struct Part {
    start: usize,
    end: usize,
    /// If it ends in a block scalar: what that takes of the lines behind it for its own.
    tail: Option<Tail>,
}

/// The lines that a block scalar takes for its own when what stands between is gone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// Comments that are indented deeper.
    Comments,
    /// These and blank lines, because it is `|+` or `>+`.
    CommentsAndBlanks,
}

/// Something new between two parts.
enum New<'e> {
    Entry(&'e str, &'e Tree),
    Item(&'e Tree),
}

impl<'e> New<'e> {
    fn write(&self, out: &mut Buffer, own_column: usize, begun: bool, style: &BlockStyle) {
        match self {
            New::Entry(key, value) => {
                let comments = Comments::default();
                write_entry(out, key, value, &comments, own_column, begun, style);
            }
            New::Item(tree) => {
                if !begun {
                    out.spaces(own_column);
                }
                write_item(out, tree, own_column, style);
            }
        }
    }

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
        let part = |(number, entry): (usize, &Entry)| Part {
            start: entry.site.start,
            end: entry_end(entry),
            tail: tail(self.text, &entry.value, plan.children.get(&number)),
        };
        let parts: Vec<_> = mapping.entries.iter().enumerate().map(part).collect();
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
        let parts = sequence.items.iter().enumerate().map(|(number, item)| Part {
            start: item.start,
            end: item.node.layout.end.max(item.start + 1),
            tail: tail(self.text, &item.node, plan.children.get(&number)),
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
        let mut tail = None;
        for number in from..=parts.len() {
            let new = arrivals.remove(&number).unwrap_or_default();
            let Some(part) = parts.get(number) else {
                let last_goes = last_goes(node, plan);
                self.arrive_at_end(&new, parts[parts.len() - 1].end, own_column, last_goes);
                break;
            };
            if !new.is_empty() {
                let lead = lead_start(self.text, part.start, floor(number));
                let style = self.style_before(line_start(self.text, lead), own_column);
                let mut out = Self::buffer();
                for new in &new {
                    new.write(&mut out, own_column, false, &style);
                    out.push_str(self.block.line_break);
                }
                self.splices.insert(line_start(self.text, lead), out);
            }
            match plan.children.get(&number) {
                Some(Plan { removed: Some(comments), .. }) => {
                    let (start, end) = self.lines_of(part, floor(number), *comments, tail);
                    self.splices.delete(start, end);
                }
                Some(child) => {
                    tail = part.tail;
                    change(self, number, child);
                }
                None => tail = part.tail,
            }
        }
    }

    /// The lines that go with a part, and those that may not stay behind one with this tail.
    fn lines_of(&self, part: &Part, floor: usize, comments: bool, tail: Option<Tail>) -> (usize, usize) {
        let own_column = column(self.text, part.start);
        let mut end = next_line(self.text, part.end);
        while comments && self.is_deep_comment(end, own_column) {
            end = next_line(self.text, end);
        }
        let mut line = end;
        while tail.is_some() && (self.is_blank(line) || self.is_deep(line, own_column)) {
            let taken = tail == Some(Tail::CommentsAndBlanks) || self.is_deep(line, own_column);
            line = next_line(self.text, line);
            end = if taken { line } else { end };
        }
        let start = if comments { lead_start(self.text, part.start, floor) } else { part.start };
        (line_start(self.text, start), end)
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
            new.write(&mut out, own_column, number == 0, &self.block);
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
                Some(comments) => self.lines_of(&parts[number], parts[number - 1].end, comments, None),
                None => (line_start(self.text, parts[number].start), 0),
            };
            while line < start && self.is_blank(line) {
                line = next_line(self.text, line);
            }
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
            let (start, end) = self.lines_of(&parts[number], parts[number - 1].end, comments, None);
            self.splices.delete(start.max(line), end);
        }
    }

    fn arrive_at_end(&mut self, new: &[New<'_>], end: usize, own_column: usize, last_goes: bool) {
        if new.is_empty() {
            return;
        }
        let mut at = next_line(self.text, end);
        while self.is_deep_comment(at, own_column) {
            at = next_line(self.text, at);
        }
        let style = self.style_before(at, own_column);
        let complete = self.text[..at].ends_with('\n') && at > end;
        let mut out = Self::buffer();
        for (number, new) in new.iter().enumerate() {
            if !complete && (number > 0 || !last_goes) {
                out.push_str(self.block.line_break);
            }
            new.write(&mut out, own_column, false, &style);
            if complete {
                out.push_str(self.block.line_break);
            }
        }
        if !complete && new.last().is_some_and(|new| ends_open(new.tree())) {
            out.push_str(self.block.line_break);
        }
        self.splices.insert(at, out);
    }
}

/// What the last value of a node, as it is after the edits, would take of the lines behind it.
fn tail(text: &str, node: &Node, plan: Option<&Plan<'_>>) -> Option<Tail> {
    if node.is_alias() || plan.is_some_and(|plan| ends_anew(node, plan)) {
        return None;
    }
    let kept = |count: usize| (0..count).rev().find(|&number| plan.is_none_or(|plan| plan.removes(number).is_none()));
    let child = |number: usize| plan.and_then(|plan| plan.children.get(&number));
    match &node.target().content {
        Content::Scalar(Scalar { style: ScalarStyle::Block { header_end }, .. }) => {
            let keeps = text[node.layout.body..*header_end].contains('+');
            Some(if keeps { Tail::CommentsAndBlanks } else { Tail::Comments })
        }
        Content::Mapping(mapping) => {
            let last = kept(mapping.entries.len())?;
            tail(text, &mapping.entries[last].value, child(last))
        }
        Content::Sequence(sequence) => {
            let last = kept(sequence.items.len())?;
            tail(text, &sequence.items[last].node, child(last))
        }
        Content::Scalar(_) | Content::Shared(_) => None,
    }
}

/// Whether the last lines of a node become new ones.
fn ends_anew(node: &Node, plan: &Plan<'_>) -> bool {
    let inserts = || match node.mapping() {
        Some(mapping) => slots(mapping, plan).contains_key(&mapping.entries.len()),
        None => true,
    };
    plan.set.is_some() || !plan.appends.is_empty() || (!plan.inserts.is_empty() && inserts())
}

/// Whether the last old line of a collection, of which something stays, goes.
fn last_goes(node: &Node, plan: &Plan<'_>) -> bool {
    let children: Vec<_> = match &node.target().content {
        Content::Mapping(mapping) => mapping.entries.iter().map(|entry| &entry.value).collect(),
        Content::Sequence(sequence) => sequence.items.iter().map(|item| &item.node).collect(),
        Content::Scalar(_) | Content::Shared(_) => return false,
    };
    let Some(last) = children.len().checked_sub(1) else { return false };
    if plan.removes(last).is_some() {
        return (0..last).any(|number| plan.removes(number).is_none());
    }
    let child = plan.children.get(&last).filter(|child| !ends_anew(children[last], child));
    child.is_some_and(|child| children[last].is_block_collection() && last_goes(children[last], child))
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
