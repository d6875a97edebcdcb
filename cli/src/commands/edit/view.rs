//! The text that is edited: one YAML document for each object.
//!
//! ```text
//! object: SealedSecret prod/db
//! values:
//!   password: hunter2
//!   keystore:
//!     base64: AAEC
//!   token: # no key at hand is among its recipients
//!     sealed: keep
//! ```
//! A value is always a string, and what is not clear text is a mapping, so that no value can be mistaken for a mark.

use kseal_crypto::{Plaintext, decode_data, encode_base64};
use kseal_manifest::{Comments, Entry, Manifest, Node, Style, Tree, TreeEntry, render};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

const OBJECT: &str = "object";
const VALUES: &str = "values";
const BASE64: &str = "base64";
const SEALED: &str = "sealed";
const KEEP: &str = "keep";
/// What begins a line of an error on top.
const ERROR: &str = "#! ";

/// What is shown of a file.
pub(super) struct View {
    pub file: String,
    pub objects: Vec<Shown>,
}

/// One object.
pub(super) struct Shown {
    /// Kind and name, by which it is known.
    pub id: String,
    pub values: Vec<(String, Value)>,
}

/// One value.
pub(super) enum Value {
    /// Octets, shown as text if they are some.
    Clear(Plaintext),
    /// It stays as it is; why it is not shown.
    Keep(String),
}

impl View {
    /// The text with an explanation on top.
    pub(super) fn render(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(header(&self.file, self.has(|value| matches!(value, Value::Keep(_)))));
        let mut room = Zeroizing::new(String::new());
        for (number, object) in self.objects.iter().enumerate() {
            let values = object.values.iter().map(|(key, value)| value.entry(key));
            let tree = Tree::Map(vec![
                TreeEntry::new(OBJECT, Tree::str(&object.id)),
                TreeEntry::new(VALUES, Tree::Map(values.collect())),
            ]);
            let document = render(&tree, Style::Yaml);
            // A string that grows in place leaves copies behind.
            *room = String::with_capacity(text.len() + document.len() + 8);
            room.push_str(&text);
            room.push_str(if number == 0 { "" } else { "---\n" });
            room.push_str(&document);
            std::mem::swap(&mut text, &mut room);
            zeroize::Zeroize::zeroize(&mut *room);
        }
        text
    }

    fn has(&self, is: impl Fn(&Value) -> bool) -> bool {
        self.objects.iter().flat_map(|object| &object.values).any(|(_, value)| is(value))
    }

    /// Reads what the user made of it.
    ///
    /// # Errors
    /// If it has not that shape. No value is in the message.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let manifest = Manifest::parse(text).map_err(|error| Error::input(error.to_string()))?;
        let filled = manifest.documents().iter().filter(|document| !document.is_empty());
        let objects = filled.map(|document| Shown::parse(document.root())).collect::<Result<_>>()?;
        Ok(Self { file: String::new(), objects })
    }
}

impl Shown {
    fn parse(root: &Node) -> Result<Self> {
        if let Some(entry) = root.entries().find(|entry| ![OBJECT, VALUES].contains(&entry.key())) {
            return Err(Error::input(format!(
                "{}: {} stands beside `{VALUES}`, where nothing else belongs",
                entry.key_location(),
                entry.key()
            ))
            .hint("items stand below it, indented"));
        }
        let id = root.get(OBJECT).and_then(Node::as_str).ok_or_else(|| {
            Error::input(format!("{}: `{OBJECT}`, which says whose values these are, is missing", root.location()))
        })?;
        let Some(values) = root.get(VALUES) else {
            return Err(Error::input(format!("{}: `{VALUES}` of {id} is missing", root.location()))
                .hint(format!("to remove all its values, write `{VALUES}: {{}}`")));
        };
        if !values.is_mapping() && !values.is_null() {
            return Err(Error::input(format!("{}: `{VALUES}` is no mapping", values.location())));
        }
        let values = values.entries().map(|entry| Ok((entry.key().to_owned(), Value::parse(entry)?)));
        Ok(Self { id: id.to_owned(), values: values.collect::<Result<_>>()? })
    }
}

impl Value {
    fn entry(&self, key: &str) -> TreeEntry {
        match self {
            Self::Clear(octets) => match std::str::from_utf8(octets).ok().filter(|text| is_text(text)) {
                Some(text) => TreeEntry::new(key, Tree::str(text)),
                None => TreeEntry::new(key, Tree::map([(BASE64, Tree::from(encode_base64(octets)))])),
            },
            Self::Keep(why) => TreeEntry::new(key, Tree::map([(SEALED, Tree::str(KEEP))]))
                .with_comments(Comments { lead: Vec::new(), trail: Some(why.clone()) }),
        }
    }

    fn parse(entry: &Entry) -> Result<Self> {
        let (key, node) = (entry.key(), entry.value());
        let wrong = |what: &str| Err(Error::input(format!("{}: the value of {key} {what}", node.location())));
        if node.is_mapping() {
            let entries: Vec<&Entry> = node.entries().collect();
            return match entries[..] {
                [it] if it.key() == SEALED && it.value().as_str() == Some(KEEP) => Ok(Self::Keep(String::new())),
                [it] if it.key() == BASE64 => match it.value().scalar_text().and_then(decode_data) {
                    Some(octets) => Ok(Self::Clear(octets)),
                    None => wrong("is not base64"),
                },
                _ => wrong("is a mapping: `base64: …` and `sealed: keep` are the only ones"),
            };
        }
        match node.scalar_text() {
            // What somebody types for a value is text, and `5432` no number.
            Some(text) if !node.is_null() || text.is_empty() => {
                Ok(Self::Clear(Plaintext::from(text.as_bytes().to_vec())))
            }
            Some(_) => wrong("is null: quote it if it is meant as text"),
            None => wrong("is a sequence"),
        }
    }
}

/// What YAML can show, with escapes if need be.
fn is_text(text: &str) -> bool {
    !text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\t' | '\r'))
}

fn header(file: &str, keeps: bool) -> String {
    let keep = "#   sealed: keep  no key at hand opens it; it stays as it is unless you replace or remove it\n";
    format!(
        "# The values of {}, in clear text. What you change is sealed when you save and leave\n\
         # the editor. Add, change and remove items below `values`; `object` stays. Instead of a text may stand\n\
         #   base64: …     octets that are no text\n\
         {}\
         # To change nothing, leave without saving, or empty the file.\n",
        file.replace(['\n', '\r'], " "),
        if keeps { keep } else { "" },
    )
}

/// The text with an error on top.
pub(super) fn with_error(body: &str, error: &Error) -> Zeroizing<String> {
    let top: String = lines(error).iter().flat_map(|line| [ERROR, line.as_str(), "\n"]).collect();
    let mut text = Zeroizing::new(String::with_capacity(top.len() + body.len()));
    text.push_str(&top);
    text.push_str(body);
    text
}

/// How many lines an error takes on top.
pub(super) fn error_lines(error: &Error) -> usize {
    lines(error).len()
}

fn lines(error: &Error) -> Vec<String> {
    let mut lines = vec![format!("error: {}", error.message())];
    lines.extend(error.causes().iter().map(|cause| format!("caused by: {cause}")));
    lines.extend(error.advice().map(|hint| format!("hint: {hint}")));
    lines.into_iter().map(|line| line.replace(['\n', '\r'], " ")).collect()
}

/// The text without the errors on top.
pub(super) fn without_errors(text: &str) -> &str {
    let mut rest = text;
    while rest.starts_with(ERROR.trim_end()) {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest
}

/// Whether nothing but comments is left.
pub(super) fn is_empty(text: &str) -> bool {
    text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clear(octets: &[u8]) -> Value {
        Value::Clear(Plaintext::from(octets.to_vec()))
    }

    fn octets(text: &str) -> Option<Vec<u8>> {
        let text = format!("object: Secret a\nvalues:\n  k: {text}\n");
        match View::parse(&text).ok()?.objects.remove(0).values.remove(0).1 {
            Value::Clear(octets) => Some(octets.to_vec()),
            Value::Keep(_) => None,
        }
    }

    #[test]
    fn every_value_reads_back_as_it_was() {
        let all: [&[u8]; 12] = [
            b"",
            b"hunter2",
            b"yes",
            b"0x10",
            b"a: b # c",
            b"one\ntwo\n",
            b"  two\n\n",
            b"\ttab",
            b"cr\r\nlf\r\n",
            b"\xff\x00",
            b"\x1b[0m",
            "ä\u{85}\u{2028}😀".as_bytes(),
        ];
        let values = all.iter().enumerate().map(|(number, value)| (format!("k{number}"), clear(value)));
        let view =
            View { file: "a.yaml".into(), objects: vec![Shown { id: "Secret a".into(), values: values.collect() }] };
        let text = view.render();
        let read = View::parse(&text).unwrap();
        for ((_, value), wanted) in read.objects[0].values.iter().zip(all) {
            let Value::Clear(value) = value else { panic!("{}", *text) };
            assert_eq!(value.as_slice(), wanted, "{}", *text);
        }
        assert!(text.contains("k5: |\n    one\n    two\n"), "{}", *text);
        assert!(text.contains("k9:\n    base64: /wA=\n"), "{}", *text);
    }

    #[test]
    fn what_is_typed_is_text() {
        assert_eq!(octets("5432").unwrap(), b"5432");
        assert_eq!(octets("007").unwrap(), b"007");
        assert_eq!(octets("yes").unwrap(), b"yes");
        assert_eq!(octets("").unwrap(), b"");
        assert_eq!(octets("{base64: AAE=}").unwrap(), [0, 1]);
        for wrong in ["~", "null", "[1]", "{a: b}", "{base64: x}", "{sealed: no}", "{sealed: keep, base64: AA==}"] {
            assert!(octets(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn errors_say_where_and_tell_no_value() {
        let error = |text: &str| View::parse(text).err().unwrap().message().to_owned();
        assert_eq!(
            error("object: a\nvalues:\nhunter2: x\n"),
            "line 3, column 1: hunter2 stands beside `values`, where nothing else belongs"
        );
        assert_eq!(error("object: a\n"), "line 1, column 1: `values` of a is missing");
        assert!(!error("object: a\nvalues:\n  k: {base64: hunter2!}\n").contains("hunter2"));
        assert!(!error("object: a\nvalues:\n  k: [hunter2\n").contains("hunter2"));
    }

    #[test]
    fn errors_come_and_go_on_top() {
        let error = Error::input("wrong\nthing").hint("mend it");
        let text = with_error("a: 1\n", &error);
        assert_eq!(&*text, "#! error: wrong thing\n#! hint: mend it\na: 1\n");
        assert_eq!((without_errors(&text), error_lines(&error)), ("a: 1\n", 2));
        assert!(is_empty("# a\n\n  # b") && !is_empty("a"));
    }
}
