//! serde on the read tree, and what its errors say.

use kseal_manifest::{Manifest, ReadError, from_str};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Rule {
    name: String,
    #[serde(default)]
    count: Option<u8>,
    #[serde(default)]
    scope: Scope,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    parts: Vec<i64>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
enum Scope {
    #[default]
    Strict,
    Wide,
    Named(String),
}

fn error(text: &str) -> String {
    from_str::<Rule>(text).expect_err("must not fit").to_string()
}

#[test]
fn a_type_is_read_through_aliases_and_merge_keys() {
    let text = "\
<<: {name: x, count: 2}
labels: &l {a: b}
scope: !x Wide
parts: [1, 0x10, 2.0]
";
    let rule: Rule = from_str(text).unwrap();
    assert_eq!(rule.name, "x");
    assert_eq!((rule.count, rule.scope), (Some(2), Scope::Wide));
    assert_eq!(rule.parts, [1, 16, 2]);
    let rule: Rule = from_str("{\"name\": \"x\", \"count\": null, \"scope\": {\"Named\": \"y\"}}").unwrap();
    assert_eq!((rule.count, rule.scope), (None, Scope::Named("y".into())));
}

#[test]
fn errors_say_where_and_what() {
    assert_eq!(
        error("name: x\nlabels:\n  a: b\nnmae: y\n"),
        "line 4, column 1: unknown field `nmae`, expected one of `name`, `count`, `scope`, `labels`, `parts`"
    );
    assert_eq!(error("# c\n\ncount: 1\n"), "line 3, column 1: missing field `name`");
    assert_eq!(error("name:\n  x: 1\n"), "line 2, column 3: invalid type: mapping, expected a string");
    assert_eq!(error("name: yes\n"), "line 1, column 7: invalid type: boolean, expected a string");
    assert_eq!(error("name: a\nlabels:\n  a: 1\n"), "line 3, column 6: invalid type: integer, expected a string");
}

#[test]
fn errors_never_echo_a_value() {
    assert_eq!(error("name: a\ncount: hunter2\n"), "line 2, column 8: invalid type: string, expected u8");
    assert_eq!(error("name: a\ncount: 4711\n"), "line 2, column 8: invalid value: integer, expected u8");
    assert_eq!(
        error("name: a\nscope: hunter2\n"),
        "line 2, column 8: unknown value, expected one of `Strict`, `Wide`, `Named`"
    );
}

#[test]
fn words_of_a_type_that_repeat_the_value_are_replaced() {
    #[derive(Debug)]
    struct Loud(#[expect(dead_code, reason = "never made")] u8);
    impl<'de> Deserialize<'de> for Loud {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format!("cannot read {text:?}, sorry")))
        }
    }
    let decoded = from_str::<BTreeMap<String, Loud>>("a: hunter2\n").unwrap_err();
    assert_eq!(decoded.to_string(), "line 1, column 4: invalid value");
    let decoded = from_str::<Vec<Loud>>("- \"hunter\\n2\"\n").unwrap_err();
    assert_eq!(decoded.to_string(), "line 1, column 3: invalid value");
}

#[test]
fn exactly_one_document_is_wanted() {
    assert!(from_str::<Rule>("---\nname: x\n---\n").is_ok());
    assert!(matches!(from_str::<Rule>("# nothing\n"), Err(ReadError::Documents { count: 0 })));
    let two = from_str::<Rule>("name: x\n---\nname: y\n").unwrap_err();
    assert_eq!(two.to_string(), "2 documents where exactly one is expected");
}

#[test]
fn a_part_of_a_document_can_be_read() {
    let manifest = Manifest::parse("spec:\n  rule: {name: x}\n").unwrap();
    let rule = manifest.documents()[0].root().get("spec").unwrap().get("rule").unwrap();
    assert_eq!(rule.deserialize::<Rule>().unwrap().name, "x");
}
