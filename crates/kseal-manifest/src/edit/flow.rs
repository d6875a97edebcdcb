//! Parts that come to and go from collections between brackets: JSON, and YAML's flow style.

use crate::buffer::Buffer;
use crate::edit::block::{entry_end, slots};
use crate::edit::plan::Plan;
use crate::edit::writer::{Role, Slot, Writer};
use crate::node::{Mapping, Node, ScalarStyle, Sequence};
use crate::render::flow::{self, FlowStyle};
use std::collections::BTreeMap;

/// Texts of new parts by the number of the old part that they stand before.
type Arrivals = BTreeMap<usize, Vec<Buffer>>;

impl Writer<'_> {
    pub(super) fn flow_mapping(&mut self, node: &Node, mapping: &Mapping, plan: &Plan<'_>, slot: Slot<'_>) {
        let entries = &mapping.entries;
        let quoted = entries.iter().all(|entry| entry.site.quoted);
        let style = self.style_within(node, entries[0].site.start, quoted, slot);
        let parts: Vec<_> = entries.iter().map(|e| (e.site.start, entry_end(e))).collect();
        let indent = self.indent_for(&style, parts[0].0);
        let mut arrivals = Arrivals::new();
        for (number, inserts) in slots(mapping, plan) {
            let written = inserts.iter().map(|insert| {
                let mut out = Self::buffer();
                flow::part(&mut out, insert.key, insert.value, &style, indent);
                out
            });
            arrivals.insert(number, written.collect());
        }
        self.flow_parts(node, &parts, plan, arrivals, &style, |writer, number, child| {
            let entry = &entries[number];
            let role = Role::Entry { colon: entry.site.after_colon.is_some() };
            let slot = Slot { role, column: 0, start: entry.site.start, flow: Some(&style) };
            writer.node(&entry.value, child, slot);
        });
    }

    pub(super) fn flow_sequence(&mut self, node: &Node, sequence: &Sequence, plan: &Plan<'_>, slot: Slot<'_>) {
        let items = &sequence.items;
        let double = |node: &Node| node.scalar().is_some_and(|scalar| scalar.style == ScalarStyle::Double);
        let quoted = items.iter().all(|item| double(&item.node));
        let style = self.style_within(node, items[0].start, quoted, slot);
        let parts: Vec<_> = items.iter().map(|item| (item.start, item.node.layout.end)).collect();
        let indent = self.indent_for(&style, parts[0].0);
        let mut arrivals = Arrivals::new();
        if !plan.appends.is_empty() {
            let written = plan.appends.iter().map(|tree| {
                let mut out = Self::buffer();
                flow::write(&mut out, tree, &style, indent);
                out
            });
            arrivals.insert(parts.len(), written.collect());
        }
        self.flow_parts(node, &parts, plan, arrivals, &style, |writer, number, child| {
            let item = &items[number];
            let slot = Slot { role: Role::Item, column: 0, start: item.start, flow: Some(&style) };
            writer.node(&item.node, child, slot);
        });
    }

    fn flow_parts(
        &mut self,
        node: &Node,
        parts: &[(usize, usize)],
        plan: &Plan<'_>,
        mut arrivals: Arrivals,
        style: &FlowStyle,
        mut change: impl FnMut(&mut Self, usize, &Plan<'_>),
    ) {
        let last_kept = (0..parts.len()).rfind(|&n| plan.removes(n).is_none()).unwrap_or(0);
        let separate = |out: &mut Buffer, writer: &Self| {
            if writer.has_lines(node, parts[0].0) {
                out.push(',');
                out.push_str(writer.block.line_break);
                out.push_str(writer.indentation(parts[0].0));
            } else {
                out.push_str(style.comma);
            }
        };
        for number in 0..=last_kept {
            let mut out = Self::buffer();
            for new in arrivals.remove(&number).unwrap_or_default() {
                out.push_str(&new);
                separate(&mut out, self);
            }
            if !out.is_empty() {
                self.splices.insert(parts[number].0, out);
            }
            match plan.children.get(&number) {
                Some(Plan { removed: Some(_), .. }) => {
                    self.splices.delete(parts[number].0, parts[number + 1].0);
                }
                Some(child) => change(self, number, child),
                None => {}
            }
        }
        let mut out = Self::buffer();
        for new in arrivals.into_values().flatten() {
            separate(&mut out, self);
            out.push_str(&new);
        }
        let (at, end) = (parts[last_kept].1, parts[parts.len() - 1].1);
        if !out.is_empty() || at < end {
            self.splices.replace(at, end, out);
        }
    }

    /// How new parts of this collection are written.
    fn style_within(&self, node: &Node, first: usize, quoted: bool, slot: Slot<'_>) -> FlowStyle {
        let mut style = match slot.flow {
            Some(style) => style.clone(),
            None => FlowStyle::yaml(),
        };
        style.json = self.json || quoted;
        if !self.has_lines(node, first) {
            style.lines = None;
        }
        style
    }

    fn has_lines(&self, node: &Node, first: usize) -> bool {
        self.text[node.layout.body..first].contains('\n')
    }

    /// The indentation at an offset, where it matters; in a text of one long line it does not.
    pub(super) fn indent_for(&self, style: &FlowStyle, offset: usize) -> &str {
        if style.lines.is_some() { self.indentation(offset) } else { "" }
    }
}
