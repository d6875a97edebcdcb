//! From trees to text: the presentation of what is new.

pub(crate) mod block;
pub(crate) mod flow;
pub(crate) mod string;

use crate::buffer::Buffer;
use crate::tree::Tree;
use block::BlockStyle;
use flow::FlowStyle;
use zeroize::Zeroizing;

/// The language of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// YAML, in block style.
    Yaml,
    /// JSON, indented by two spaces.
    Json,
}

/// One new document, ending in a line break.
///
/// A string is written without quotes only where YAML 1.1 and 1.2 both read it as that string.
/// JSON has neither comments nor infinities: the first are left out, the second become null.
#[must_use]
pub fn render(tree: &Tree, style: Style) -> Zeroizing<String> {
    let mut out = Buffer::with_capacity(4096);
    match style {
        Style::Yaml => block::document(&mut out, tree, &BlockStyle::default()),
        Style::Json => flow::write(&mut out, tree, &FlowStyle::pretty_json(), ""),
    }
    out.push('\n');
    out.into_inner()
}
