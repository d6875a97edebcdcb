//! YAML: from the parser's events to nodes with the offsets that edits need.
//!
//! The events say what there is; where indicators (colons, dashes, block scalar headers) stand is
//! found by a cursor that follows them through the text.

mod block_scalar;
mod comments;
mod tag;

pub(crate) use comments::lead_start;

use crate::error::ParseError;
use crate::location::{Location, Locator};
use crate::manifest::Document;
use crate::node::{
    Content, Entry, EntrySite, Item, Layout, Mapping, Node, Scalar, ScalarStyle, Sequence, Shared, can_merge,
};
use crate::parse::{DEPTH_LIMIT, check_characters, problem};
use crate::scalar::{self, Value};
use crate::text::{column, skip_trivia};
use granit_parser::{Event, Parser, ScalarStyle as Style, Span, StrInput, StructureStyle};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use zeroize::Zeroizing;

/// How much aliases may add to a document: nodes, and pieces of 32 bytes of text.
const EXPANSION_LIMIT: usize = 400_000;

pub(super) fn parse(text: &str) -> Result<Vec<Document>, ParseError> {
    check_characters(text)?;
    let options = granit_parser::options! {
        emit_comments: false,
        emit_anchor_events: true,
        flow_nesting_limit: DEPTH_LIMIT,
        block_nesting_limit: DEPTH_LIMIT,
    };
    let mut builder = Builder {
        text,
        parser: Parser::new_from_str_with_options(text, options),
        locator: Locator::new(text),
        cursor: 0,
        depth: 0,
        deepest: 0,
        weight: 0,
        expansion: 0,
        anchors: HashMap::new(),
        aliased: Vec::new(),
    };
    let mut documents = Vec::new();
    loop {
        let (event, span) = builder.next()?;
        match event {
            Event::DocumentStart(explicit, _) => {
                if explicit {
                    builder.cursor = span.end;
                } else {
                    builder.skip_end_markers();
                }
                documents.push(builder.document()?);
            }
            Event::DocumentEnd if span.end > span.start => builder.cursor = span.end,
            Event::StreamEnd => return Ok(documents),
            _ => {}
        }
    }
}

struct Builder<'t> {
    text: &'t str,
    parser: Parser<'t, StrInput<'t>>,
    locator: Locator<'t>,
    /// The end of what was read last.
    cursor: usize,
    depth: usize,
    deepest: usize,
    /// Of all nodes of the document so far, aliases expanded.
    weight: usize,
    expansion: usize,
    anchors: HashMap<usize, Anchored>,
    aliased: Vec<usize>,
}

struct Anchored {
    node: Arc<Node>,
    weight: usize,
    height: usize,
}

/// An event's offsets: those of the node itself, and those of its tag.
struct Offsets {
    start: usize,
    end: usize,
    tag: Option<Range<usize>>,
    indent: Option<usize>,
}

impl From<Span> for Offsets {
    fn from(span: Span) -> Self {
        let range = span.byte_range().unwrap_or_default();
        let tag = span.tag_span().and_then(|tag| tag.byte_range());
        Self { start: range.start, end: range.end, tag, indent: span.indent }
    }
}

/// The content of a collection, and the offset behind its closing bracket.
type Read = Result<(Content, usize), ParseError>;

/// A collection that is being read.
struct Frame {
    location: Location,
    layout: Layout,
    flow: bool,
    /// Flow style without brackets: a single pair in a flow sequence.
    bare: bool,
    /// The depth reached so far outside of it.
    deepest: usize,
}

/// A key that was read.
struct Key {
    text: String,
    location: Location,
    site: EntrySite,
}

/// Tag and anchor of a node: where they begin and end, and what they say.
#[derive(Default)]
struct Properties {
    range: Option<Range<usize>>,
    anchor: usize,
    tag: Option<String>,
}

impl<'t> Builder<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Offsets), ParseError> {
        match self.parser.next() {
            Some(Ok((event, span))) => Ok((event, span.into())),
            Some(Err(error)) => {
                let (line, column) = (error.marker().line(), error.marker().col() + 1);
                let location = Location { line, column };
                Err(match error.kind() {
                    granit_parser::ErrorKind::RecursionLimitExceeded => {
                        ParseError::Depth { location, limit: DEPTH_LIMIT }
                    }
                    kind => ParseError::Syntax { location, problem: problem::describe(kind) },
                })
            }
            None => Ok((Event::StreamEnd, Span::default().into())),
        }
    }

    /// Steps over `...` lines before a document, of which there is no event.
    fn skip_end_markers(&mut self) {
        loop {
            let at = skip_trivia(self.text, self.cursor);
            if !self.text[at..].starts_with("...") || column(self.text, at) != 0 {
                return;
            }
            self.cursor = at + 3;
        }
    }

    fn document(&mut self) -> Result<Document, ParseError> {
        self.anchors.clear();
        self.aliased.clear();
        (self.weight, self.expansion, self.deepest) = (0, 0, 0);
        let root = self.node()?;
        let mut document = Document::new(root);
        document.aliased = self.aliased.drain(..).collect();
        Ok(document)
    }

    /// Reads the next node. This and what it calls for collections is all that recurses, and keeps
    /// little on the stack.
    fn node(&mut self) -> Result<Node, ParseError> {
        let (event, offsets) = self.next()?;
        self.node_of(event, &offsets)
    }

    fn node_of(&mut self, event: Event<'t>, offsets: &Offsets) -> Result<Node, ParseError> {
        let before = self.weight;
        self.weight += 1;
        let (style, anchor, sequence) = match event {
            Event::MappingStart(style, anchor, _) => (style, anchor, false),
            Event::SequenceStart(style, anchor, _) => (style, anchor, true),
            leaf => return self.leaf(leaf, offsets, before),
        };
        let frame = self.begin(offsets, anchor, style == StructureStyle::Flow)?;
        let content = if sequence { self.sequence(frame.flow) } else { self.mapping(frame.flow) };
        Ok(self.end(&frame, content?, before))
    }

    fn leaf(&mut self, event: Event<'t>, offsets: &Offsets, before: usize) -> Result<Node, ParseError> {
        match event {
            Event::Alias(id) => self.alias(id, offsets),
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map(|tag| tag.to_string());
                let properties = self.properties(offsets, anchor, tag)?;
                let node = self.scalar(text, style, offsets, properties)?;
                Ok(self.anchored(node, before))
            }
            _ => {
                let location = self.locator.locate(self.cursor);
                Err(ParseError::Syntax { location, problem: "expected a value" })
            }
        }
    }

    /// Keeps an anchored node for the aliases that may follow.
    fn anchored(&mut self, node: Node, before: usize) -> Node {
        if node.layout.anchor == 0 {
            return node;
        }
        let Node { location, layout, .. } = node;
        let node = Arc::new(node);
        let weight = self.weight - before;
        let height = self.deepest.saturating_sub(self.depth);
        self.anchors.insert(layout.anchor, Anchored { node: Arc::clone(&node), weight, height });
        Node { location, layout, content: Content::Shared(Shared { node, alias: false }) }
    }

    /// Reads the anchor event that follows the event of an anchored node.
    fn properties(&mut self, offsets: &Offsets, anchor: usize, tag: Option<String>) -> Result<Properties, ParseError> {
        let mut range = offsets.tag.clone();
        if anchor != 0 {
            let (_, anchor) = self.next()?;
            range = Some(match range {
                Some(tag) => tag.start.min(anchor.start)..tag.end.max(anchor.end),
                None => anchor.start..anchor.end,
            });
        }
        Ok(Properties { range, anchor, tag })
    }

    fn alias(&mut self, id: usize, offsets: &Offsets) -> Result<Node, ParseError> {
        let location = self.locator.locate(offsets.start);
        let Some(anchored) = self.anchors.get(&id) else {
            return Err(ParseError::Recursion { location });
        };
        self.expansion = self.expansion.saturating_add(anchored.weight);
        self.weight = self.weight.saturating_add(anchored.weight);
        let depth = self.depth + anchored.height;
        let node = Arc::clone(&anchored.node);
        if self.expansion > EXPANSION_LIMIT {
            return Err(ParseError::Expansion { location });
        }
        if depth > DEPTH_LIMIT {
            return Err(ParseError::Depth { location, limit: DEPTH_LIMIT });
        }
        self.deepest = self.deepest.max(depth);
        let head = std::mem::replace(&mut self.cursor, offsets.end);
        let (start, end) = (offsets.start, offsets.end);
        self.aliased.push(id);
        let layout = Layout { head, start, body: start, properties_end: head, end, anchor: 0 };
        Ok(Node { location, layout, content: Content::Shared(Shared { node, alias: true }) })
    }

    fn scalar(
        &mut self,
        text: Cow<'t, str>,
        style: Style,
        offsets: &Offsets,
        properties: Properties,
    ) -> Result<Node, ParseError> {
        let head = self.cursor;
        let after = properties.range.as_ref().map_or(head, |range| range.end);
        let absent = style == Style::Plain && offsets.start == offsets.end;
        let (body, end, style) = match style {
            Style::Plain if absent => (after, after, ScalarStyle::Absent),
            Style::Plain => (offsets.start, offsets.end, ScalarStyle::Plain),
            Style::SingleQuoted => (offsets.start, offsets.end, ScalarStyle::Single),
            Style::DoubleQuoted => (offsets.start, offsets.end, ScalarStyle::Double),
            Style::Literal | Style::Folded => {
                let header = skip_trivia(self.text, after);
                let extent = block_scalar::extent(self.text, header, offsets.end, offsets.indent);
                (header, extent.end, ScalarStyle::Block { header_end: extent.header_end })
            }
        };
        let text = Zeroizing::new(if absent { String::new() } else { text.into_owned() });
        let start = properties.range.as_ref().map_or(body, |range| range.start.min(body));
        let location = self.locator.locate(if absent { start } else { body });
        self.cursor = end;
        self.weight += text.len() / 32;
        let value = match properties.tag {
            Some(tag) => tag::value(&tag, &text, location)?,
            None if matches!(style, ScalarStyle::Plain | ScalarStyle::Absent) => scalar::plain(&text),
            None => Value::Str,
        };
        let anchor = properties.anchor;
        let layout = Layout { head, start, body, properties_end: after, end, anchor };
        Ok(Node { location, layout, content: Content::Scalar(Scalar { text, style, value }) })
    }

    /// Goes into a collection.
    fn begin(&mut self, offsets: &Offsets, anchor: usize, flow: bool) -> Result<Frame, ParseError> {
        let properties = self.properties(offsets, anchor, None)?;
        self.depth += 1;
        let deepest = std::mem::replace(&mut self.deepest, self.depth);
        let head = self.cursor;
        let properties_end = properties.range.as_ref().map_or(head, |range| range.end);
        self.cursor = properties_end;
        let bare = flow && offsets.start == offsets.end;
        let body = if flow { offsets.start } else { skip_trivia(self.text, self.cursor) };
        if flow && !bare {
            self.cursor = offsets.end;
        }
        let location = self.locator.locate(body);
        if self.depth > DEPTH_LIMIT {
            return Err(ParseError::Depth { location, limit: DEPTH_LIMIT });
        }
        let start = properties.range.map_or(body, |range| range.start.min(body));
        let layout = Layout { head, start, body, properties_end, end: body, anchor };
        Ok(Frame { location, layout, flow, bare, deepest })
    }

    /// Comes out of a collection.
    fn end(&mut self, frame: &Frame, (content, end): (Content, usize), before: usize) -> Node {
        if frame.flow && !frame.bare {
            self.cursor = end;
        }
        self.depth -= 1;
        let layout = Layout { end: self.cursor, ..frame.layout };
        let node = self.anchored(Node { location: frame.location, layout, content }, before);
        self.deepest = self.deepest.max(frame.deepest);
        node
    }

    fn mapping(&mut self, flow: bool) -> Read {
        let mut entries = Vec::new();
        loop {
            let floor = self.cursor;
            let (event, offsets) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok((Content::Mapping(Mapping::new(entries, flow)?), offsets.end));
            }
            let key = self.key(event, &offsets, flow)?;
            let value = self.node()?;
            entries.push(self.entry(flow, floor, key, value)?);
        }
    }

    /// Reads a key and the colon behind it.
    fn key(&mut self, event: Event<'t>, offsets: &Offsets, flow: bool) -> Result<Key, ParseError> {
        let mut at = self.part_start(flow);
        let start = at;
        let explicit = self.indicator(at, b'?');
        if explicit {
            self.cursor = at + 1;
            at = skip_trivia(self.text, self.cursor);
        }
        let location = self.locator.locate(at);
        let merge = tag::is_merge(&event);
        if matches!(event, Event::MappingStart(..) | Event::SequenceStart(..)) {
            return Err(ParseError::Key { location });
        }
        let before = self.weight;
        let node = self.leaf(event, offsets, before)?;
        let text = node.scalar().and_then(|scalar| scalar::key(scalar.value, &scalar.text));
        let Some(text) = text else { return Err(ParseError::Key { location }) };
        let quoted = node.scalar().is_some_and(|scalar| scalar.style == ScalarStyle::Double);
        let key_end = self.cursor;
        let colon = skip_trivia(self.text, self.cursor);
        let after_colon = self.text[colon..].starts_with(':').then_some(colon + 1);
        self.cursor = after_colon.unwrap_or(key_end);
        let site = EntrySite { start, after_colon, key_end, explicit, quoted, merge };
        Ok(Key { text, location, site })
    }

    fn entry(&self, flow: bool, floor: usize, key: Key, value: Node) -> Result<Entry, ParseError> {
        let Key { text, location, site } = key;
        if site.merge && !can_merge(&value) {
            return Err(ParseError::Merge { location: value.location });
        }
        let comments = comments::of_entry(self.text, flow, floor, &site, &value);
        Ok(Entry { key: text, key_location: location, value, comments, site })
    }

    fn sequence(&mut self, flow: bool) -> Read {
        let mut items = Vec::new();
        loop {
            let (event, offsets) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok((Content::Sequence(Sequence { items, flow }), offsets.end));
            }
            let start = self.part_start(flow);
            if !flow {
                self.cursor = start + 1;
            }
            items.push(Item { start, node: self.node_of(event, &offsets)? });
        }
    }

    /// Where the next part of a collection begins. In flow style the cursor steps over commas.
    fn part_start(&mut self, flow: bool) -> usize {
        let mut at = skip_trivia(self.text, self.cursor);
        while flow && self.text[at..].starts_with(',') {
            self.cursor = at + 1;
            at = skip_trivia(self.text, self.cursor);
        }
        at
    }

    /// Whether an indicator that must be followed by white space stands here.
    fn indicator(&self, at: usize, indicator: u8) -> bool {
        let bytes = self.text.as_bytes();
        bytes.get(at) == Some(&indicator) && bytes.get(at + 1).is_none_or(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
    }
}
