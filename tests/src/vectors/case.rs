//! One case as a text.

use std::fmt::Write as _;

use kseal_crypto::encode_base64;
use serde_json::Value;

/// What becomes of the object of a case.
#[derive(Clone, Copy)]
pub(super) enum Expect {
    Opens,
    Malformed,
    Unsupported,
    NoKey,
    Open,
}

impl Expect {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Opens => "opens",
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::NoKey => "no-key",
            Self::Open => "open",
        }
    }
}

/// A file to be.
pub(super) struct Case {
    /// Format and what, as the file is named.
    name: String,
    headers: Vec<(&'static str, String)>,
    object: Value,
}

impl Case {
    /// A case named `what`, which `words` describe.
    pub(super) fn new(format: &str, what: &str, words: &str, expect: Expect, object: Value) -> Self {
        let headers =
            vec![("case", words.to_owned()), ("format", format.to_owned()), ("expect", expect.as_str().to_owned())];
        Self { name: format!("{format}-{what}"), headers, object }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn item(self, item: &str, plaintext: &[u8]) -> Self {
        self.header("item", format!("{item} {}", encode_base64(plaintext)))
    }

    pub(super) fn file_name(&self) -> String {
        format!("{}.txt", self.name)
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.headers {
            writeln!(text, "{name}: {value}").expect("a String takes everything");
        }
        writeln!(text, "\n{:#}", self.object).expect("a String takes everything");
        text
    }
}
