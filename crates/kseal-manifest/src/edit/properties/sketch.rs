//! Random trees.

use crate::{Tree, TreeEntry};
use proptest::prelude::*;

/// Characters and words at which presentations differ.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9+/]{1,12}={0,2}",
        "[a-z]{1,4}(\n[a-z #:]{0,6}){1,4}\n{0,3}",
        "[ -~\n\t]{0,12}",
        "[ -~é\u{2028}\u{85}\u{feff}\u{7f}\u{1f600}\u{fffe}\u{0}\r]{0,6}",
        prop::sample::select(vec![
            "",
            " ",
            "y",
            "No",
            "~",
            "null",
            "0o17",
            "1_0",
            ".inf",
            "1:30",
            "2001-01-01",
            "<<",
            "-",
            "- a",
            "a: b",
            "a #b",
            "#",
            "'",
            "\"",
            "{}",
            "[a]",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%a",
            "@",
            "`",
            "---",
            "...",
            "a:",
            "? a",
            "=",
            "0x1F",
            "+1",
            "1e3",
            "a\n\n b\n",
            "\na",
            " a\nb",
            "a\tb",
        ])
        .prop_map(str::to_owned),
    ]
}

fn unique(entries: Vec<(String, Tree)>) -> Tree {
    let mut seen = std::collections::HashSet::new();
    let entries = entries.into_iter().filter(|(key, _)| seen.insert(key.clone()));
    Tree::Map(entries.map(|(key, value)| TreeEntry::new(key, value)).collect())
}

/// Trees cannot be cloned, so proptest makes them from what can be.
#[derive(Clone, Debug)]
pub(super) enum Sketch {
    Scalar(String, u8),
    Map(Vec<(String, Sketch)>),
    Seq(Vec<Sketch>),
}

pub(super) fn sketch() -> impl Strategy<Value = Sketch> {
    let leaf = (text(), any::<u8>()).prop_map(|(text, kind)| Sketch::Scalar(text, kind));
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec((text(), inner.clone()), 0..5).prop_map(Sketch::Map),
            prop::collection::vec(inner, 0..4).prop_map(Sketch::Seq),
        ]
    })
}

impl Sketch {
    pub(super) fn tree(&self) -> Tree {
        match self {
            Self::Scalar(text, kind) => match kind % 12 {
                0 => Tree::Null,
                1 => Tree::Bool(*kind > 100),
                2 => Tree::Int(i64::from(*kind) - 100),
                3 => Tree::Float(f64::from(*kind) / 7.0),
                _ => Tree::str(text),
            },
            Self::Map(entries) => unique(entries.iter().map(|(k, v)| (k.clone(), v.tree())).collect()),
            Self::Seq(items) => Tree::seq(items.iter().map(Self::tree)),
        }
    }
}
