//! Mappings: lookup, duplicate keys, merge keys.

use crate::error::ParseError;
use crate::node::{Content, Entry, Node};
use std::collections::HashMap;

/// From this size on a mapping has an index, so that many lookups do not become quadratic.
const INDEXED_FROM: usize = 9;

/// The entries of a mapping as written.
pub(crate) struct Mapping {
    pub(crate) entries: Vec<Entry>,
    pub(crate) flow: bool,
    /// The entries' numbers ordered by key; empty for a small mapping.
    index: Vec<usize>,
    merges: bool,
}

impl Mapping {
    /// # Errors
    ///
    /// Of two entries with one key.
    pub(crate) fn new(entries: Vec<Entry>, flow: bool) -> Result<Self, ParseError> {
        let merges = entries.iter().any(|entry| entry.site.merge);
        let mut index = Vec::new();
        if entries.len() >= INDEXED_FROM {
            index = (0..entries.len()).filter(|&n| !entries[n].site.merge).collect();
            index.sort_by(|&a, &b| entries[a].key.cmp(&entries[b].key).then(a.cmp(&b)));
            for pair in index.windows(2) {
                distinct(&entries[pair[0]], &entries[pair[1]])?;
            }
        } else {
            for (number, later) in entries.iter().enumerate() {
                for earlier in &entries[..number] {
                    distinct(earlier, later)?;
                }
            }
        }
        Ok(Self { entries, flow, index, merges })
    }

    /// The number of the entry that is written with this key.
    pub(crate) fn position(&self, key: &str) -> Option<usize> {
        if self.entries.len() >= INDEXED_FROM {
            let found = self.index.binary_search_by(|&n| self.entries[n].key.as_str().cmp(key));
            found.ok().map(|at| self.index[at])
        } else {
            self.entries.iter().position(|entry| entry.key == key && !entry.site.merge)
        }
    }

    /// The entry that counts for this key once merge keys are resolved.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        if self.merges {
            self.effective().into_iter().find(|entry| entry.key == key)
        } else {
            self.position(key).map(|number| &self.entries[number])
        }
    }

    /// The entries once merge keys are resolved.
    pub(crate) fn effective(&self) -> Vec<&Entry> {
        if !self.merges {
            return self.entries.iter().collect();
        }
        let mut merged = Merged::default();
        self.merge_into(&mut merged);
        merged.entries
    }

    /// In `go.yaml.in/yaml/v2` a merge key overrides what stands before it and is overridden by
    /// what stands after it; of several merged mappings the first one wins.
    fn merge_into<'n>(&'n self, merged: &mut Merged<'n>) {
        for entry in &self.entries {
            if !entry.site.merge {
                merged.set(entry);
                continue;
            }
            match &entry.value.target().content {
                Content::Mapping(mapping) => mapping.merge_into(merged),
                Content::Sequence(sequence) => {
                    let mappings = sequence.items.iter().rev().filter_map(|i| i.node.mapping());
                    mappings.for_each(|mapping| mapping.merge_into(merged));
                }
                Content::Scalar(_) | Content::Shared(_) => {}
            }
        }
    }
}

#[derive(Default)]
struct Merged<'n> {
    entries: Vec<&'n Entry>,
    numbers: HashMap<&'n str, usize>,
}

impl<'n> Merged<'n> {
    fn set(&mut self, entry: &'n Entry) {
        let next = self.entries.len();
        let number = *self.numbers.entry(&entry.key).or_insert(next);
        if number == next {
            self.entries.push(entry);
        } else {
            self.entries[number] = entry;
        }
    }
}

/// Whether the value of a merge key is one that can be merged.
pub(crate) fn can_merge(value: &Node) -> bool {
    match &value.target().content {
        Content::Mapping(_) => true,
        Content::Sequence(sequence) => sequence.items.iter().all(|i| i.node.mapping().is_some()),
        Content::Scalar(_) | Content::Shared(_) => false,
    }
}

fn distinct(earlier: &Entry, later: &Entry) -> Result<(), ParseError> {
    if earlier.key != later.key || earlier.site.merge || later.site.merge {
        return Ok(());
    }
    Err(ParseError::DuplicateKey { location: later.key_location, first: earlier.key_location, key: later.key.clone() })
}
