//! The items of a JSON list while it arrives: one item is in memory at a time, not the page.

use serde::Deserialize;
use zeroize::Zeroizing;

/// Splits a list `{"metadata": {…}, "items": [{…}, …]}` that comes in chunks.
#[derive(Default)]
pub(super) struct Items {
    depth: u32,
    string: Text,
    /// The list's member that is being read.
    key: Vec<u8>,
    /// What was read of the value that is wanted whole, from its brace on.
    value: Option<Zeroizing<Vec<u8>>>,
    metadata: Option<ListMetadata>,
}

/// Where in a string we are.
#[derive(Default, PartialEq, Eq)]
enum Text {
    #[default]
    Outside,
    Inside,
    Escaped,
}

/// The list's own metadata.
#[derive(Debug, Deserialize)]
pub(super) struct ListMetadata {
    #[serde(rename = "resourceVersion")]
    pub(super) resource_version: String,
    #[serde(default, rename = "continue")]
    pub(super) continue_token: String,
}

impl Items {
    /// Hands out every item that `chunk` completes.
    pub(super) fn feed(&mut self, chunk: &[u8], mut item: impl FnMut(&[u8])) {
        for byte in chunk {
            self.step(*byte, &mut item);
        }
    }

    /// The list's metadata; none where what came was no whole list.
    pub(super) fn finish(self) -> Option<ListMetadata> {
        self.metadata.filter(|_| self.depth == 0)
    }

    fn step(&mut self, byte: u8, item: &mut impl FnMut(&[u8])) {
        let opens = self.string == Text::Outside && matches!(byte, b'{' | b'[');
        let closes = self.string == Text::Outside && matches!(byte, b'}' | b']');
        if opens {
            self.depth += 1;
            if self.depth == self.wanted_depth() {
                self.value = Some(Zeroizing::default());
            }
        }
        if let Some(value) = &mut self.value {
            value.push(byte);
        } else if self.depth == 1 {
            self.name(byte);
        }
        if closes {
            if self.depth == self.wanted_depth() {
                self.complete(item);
            }
            self.depth = self.depth.saturating_sub(1);
        }
        self.string = match (&self.string, byte) {
            (Text::Inside, b'\\') => Text::Escaped,
            (Text::Outside, b'"') | (Text::Escaped, _) => Text::Inside,
            (Text::Inside, byte) if byte != b'"' => Text::Inside,
            (Text::Inside | Text::Outside, _) => Text::Outside,
        };
    }

    /// How deep the values stand that are wanted of the present member: 0 where none is.
    fn wanted_depth(&self) -> u32 {
        match self.key.as_slice() {
            b"metadata" => 2,
            b"items" => 3,
            _ => 0,
        }
    }

    /// Keeps the last string among the list's own members: the name of what comes next, or a value that names nothing.
    fn name(&mut self, byte: u8) {
        match (&self.string, byte) {
            (Text::Outside, b'"') => self.key.clear(),
            (Text::Inside, byte) if byte != b'"' => self.key.push(byte),
            _ => {}
        }
    }

    fn complete(&mut self, item: &mut impl FnMut(&[u8])) {
        let Some(value) = self.value.take() else { return };
        if self.key == b"items" {
            item(&value);
        } else {
            self.metadata = serde_json::from_slice(&value).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn split(text: &[u8], chunk: usize) -> (Vec<Value>, Option<ListMetadata>) {
        let (mut items, mut found) = (Items::default(), Vec::new());
        for chunk in text.chunks(chunk) {
            items.feed(chunk, |item| found.push(serde_json::from_slice(item).unwrap()));
        }
        (found, items.finish())
    }

    #[test]
    fn items_and_metadata_are_found_wherever_the_text_is_cut() {
        let list = json!({
            "kind": "items", "apiVersion": "v1",
            "metadata": {"resourceVersion": "12", "continue": "x\"}"},
            "items": [{"a": {"items": [{}]}, "s": "]}\\\""}, {"metadata": {"name": "}"}}, {}],
        });
        let text = list.to_string();
        for chunk in 1..text.len() {
            let (items, metadata) = split(text.as_bytes(), chunk);
            assert_eq!(Value::from(items), list["items"]);
            let metadata = metadata.unwrap();
            assert_eq!((metadata.resource_version.as_str(), metadata.continue_token.as_str()), ("12", "x\"}"));
        }
    }

    #[test]
    fn a_list_that_was_cut_off_is_none() {
        let (items, metadata) = split(br#"{"metadata":{"resourceVersion":"1"},"items":[{"a":1},{"b""#, 4);
        assert_eq!(items, [json!({"a": 1})]);
        assert!(metadata.is_none());
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text: Vec<u8>, chunk in 1_usize..9) {
            let mut items = Items::default();
            for chunk in text.chunks(chunk) {
                items.feed(chunk, |_| ());
            }
        }
    }
}
