//! What a text reads as: values, positions, objects, and the errors of texts that cannot be read.

use kseal_manifest::{Manifest, ParseError, Path, ValueKind};
use serde_json::json;

fn parse(text: &str) -> Manifest {
    let parsed = Manifest::parse(text).map_err(|error| format!("{error}\n{text}"));
    parsed.map_err(std::io::Error::other).expect("must be readable")
}

fn read(text: &str) -> serde_json::Value {
    parse(text).documents()[0].root().to_json()
}

fn error(text: &str) -> String {
    Manifest::parse(text).err().expect("must not be readable").to_string()
}

#[test]
fn plain_scalars_are_typed_as_kubectl_types_them() {
    let cases = [
        ("yes", json!(true)),
        ("Off", json!(false)),
        ("y", json!(true)),
        ("yEs", json!("yEs")),
        ("~", json!(null)),
        ("", json!(null)),
        ("Null", json!(null)),
        ("nULL", json!("nULL")),
        ("0o17", json!(15)),
        ("017", json!(15)),
        ("08", json!(8)),
        ("0x1F", json!(31)),
        ("-0b11", json!(-3)),
        ("0b-1", json!(-1)),
        ("1_000", json!(1000)),
        ("_1", json!("_1")),
        ("1e3", json!(1000)),
        ("1e400", json!("1e400")),
        (".5_0", json!(0.5)),
        ("18446744073709551615", json!(u64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("2001-01-01", json!("2001-01-01")),
        ("1:30", json!("1:30")),
        ("<<", json!("<<")),
        ("=", json!("=")),
        ("! 12", json!("12")),
        ("!!str 12", json!("12")),
        ("!!float 1", json!(1)),
        ("!!bool 'yes'", json!(true)),
        ("!other 12", json!("12")),
    ];
    for (text, value) in cases {
        assert_eq!(read(&format!("k: {text}\n"))["k"], value, "{text}");
    }
}

#[test]
fn keys_become_strings_as_kubectl_makes_them() {
    let text = "yes: 1\n0x10: 2\n1.0: 3\n1e6: 4\n1234567.5: 5\n.inf: 6\n2001-01-01: 7\n";
    let keys = ["true", "16", "1", "1e+06", "1.2345675e+06", ".inf", "2001-01-01"];
    let manifest = Manifest::parse(text).unwrap();
    let found: Vec<_> = manifest.documents()[0].root().entries().map(|e| e.key().to_owned()).collect();
    assert_eq!(found, keys);
    assert_eq!(error("~: 1"), "line 1, column 1: this key is no string");
    assert_eq!(error("a: 1\n? [b]\n: 1"), "line 2, column 3: this key is no string");
}

#[test]
fn block_scalars_keep_strip_and_fold() {
    let text = "a: |\n  x\n\n   y\n\nb: |-\n  x\n\nc: |+\n  x\n\nd: >\n  x\n  y\n\n  z\ne: >-\n  x\nf: |2\n    x\ng: |1-\n  x\nh: |\ni: 1";
    assert_eq!(
        read(text),
        json!({
            "a": "x\n\n y\n", "b": "x", "c": "x\n\n", "d": "x y\nz\n", "e": "x", "f": "  x\n",
            "g": " x", "h": "", "i": 1,
        })
    );
}

#[test]
fn base64_over_several_lines_reads_with_its_breaks() {
    let text = "a: |\n  QUJD\n  REVG\nb: >\n  QUJD\n  REVG\nc: \"QUJD\n  REVG\"\nd: QUJD\n  REVG\n";
    assert_eq!(read(text), json!({"a": "QUJD\nREVG\n", "b": "QUJD REVG\n", "c": "QUJD REVG", "d": "QUJD REVG"}));
}

#[test]
fn json_is_read_as_json() {
    let text = "\u{feff}{\n\t\"a\":\"\\uD83D\\uDE00\\/\u{7f}\u{2028}\",\"b\":1e2,\"y\":\"y\"}\n[1]{}\n";
    let manifest = Manifest::parse(text).unwrap();
    assert_eq!(manifest.documents().len(), 3);
    assert_eq!(read(text), json!({"a": "😀/\u{7f}\u{2028}", "b": 100, "y": "y"}));
    let b = manifest.node(&Path::document(0).key("b")).unwrap();
    assert_eq!(b.location().to_string(), "line 2, column 29");
    assert_eq!(
        read("{\"a\": 58296204019594800000000000000000000000000000000000000000000000000.5}"),
        json!({"a": 5.829_620_401_959_48e64})
    );
    assert_eq!(error("{\"a\": \"\\uD83D\"}"), "line 1, column 7: unknown or broken escape");
    assert_eq!(error("{\"a\": 1, \"a\": 2}"), "line 1, column 10: key `a` is already set at line 1, column 2");
    assert_eq!(error("{\"a\": @}"), "line 1, column 7: expected a JSON value");
}

#[test]
fn yaml_may_begin_with_a_bracket() {
    assert_eq!(read("{a: [b, c]}\n---\nd: 1\n"), json!({"a": ["b", "c"]}));
    assert_eq!(read("--- {\"a\": \"\\ud83d\\ude00\"}\n"), json!({"a": "😀"}));
}

#[test]
fn aliases_and_merge_keys_are_resolved() {
    let text = "a: &a {x: 1, w: 2}\nb: *a\nc:\n  w: 0\n  <<: *a\n  x: 3\nd:\n  <<: [{z: 1}, *a, {z: 2}]\n";
    let expected = json!({
        "a": {"x": 1, "w": 2}, "b": {"x": 1, "w": 2},
        // What stands before a merge key gives way, as in go.yaml.in/yaml/v2.
        "c": {"w": 2, "x": 3}, "d": {"z": 1, "x": 1, "w": 2},
    });
    assert_eq!(read(text), expected);
    assert_eq!(error("<<: 1"), "line 1, column 5: the merge key `<<` wants a mapping or a sequence of mappings");
    assert_eq!(read("\"<<\": 1\n"), json!({"<<": 1}));
    assert_eq!(error("a: *b"), "line 1, column 4: no anchor of this name stands before this alias");
    assert_eq!(error("a: &a [*a]"), "line 1, column 8: this alias contains itself");
}

#[test]
fn a_billion_laughs_are_refused() {
    let ten = |n: usize| [format!("*a{}", n - 1).as_str(); 10].join(", ");
    let mut lines = vec!["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned()];
    lines.extend((1..12).map(|n| format!("a{n}: &a{n} [{}]\n", ten(n))));
    assert!(matches!(Manifest::parse(lines.concat()), Err(ParseError::Expansion { .. })));
    let mut chain = vec!["a0: &a0 [x]\n".to_owned()];
    chain.extend((1..400).map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1)));
    assert!(matches!(Manifest::parse(chain.concat()), Err(ParseError::Depth { .. })));
}

#[test]
fn depth_is_limited_in_both_languages() {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(Manifest::parse(deep(128)).is_ok());
    assert!(matches!(Manifest::parse(deep(129)), Err(ParseError::Depth { .. })));
    assert!(matches!(Manifest::parse(deep(1_000_000)), Err(ParseError::Depth { .. })));
    let block = |n: usize| (0..n).map(|n| format!("{:n$}a:\n", "")).collect::<Vec<_>>().concat();
    assert!(Manifest::parse(block(128)).is_ok());
    assert!(matches!(Manifest::parse(block(400)), Err(ParseError::Depth { .. })));
    assert!(matches!(Manifest::parse("- ".repeat(400)), Err(ParseError::Depth { .. })));
    let mixed = format!("{}{}", "- ".repeat(100), deep(50));
    assert!(matches!(Manifest::parse(mixed), Err(ParseError::Depth { .. })));
}

#[test]
fn a_key_that_is_there_twice_is_named_with_both_places() {
    let text = "metadata:\n  name: a\n  labels:\n    x: 1\n    y: hunter2\n    \"x\": hunter3\n";
    assert_eq!(error(text), "line 6, column 5: key `x` is already set at line 4, column 5");
    let many = (0..20).map(|n| format!("k{}: 1\n", n % 19)).collect::<Vec<_>>().concat();
    assert_eq!(error(&many), "line 20, column 1: key `k0` is already set at line 1, column 1");
    assert_eq!(error("yes: 1\n'true': 2\n"), "line 2, column 1: key `true` is already set at line 1, column 1");
}

#[test]
fn characters_that_readers_differ_about_are_refused() {
    assert_eq!(error("a: b\nc: \u{0}\n"), "line 2, column 4: character U+0000 is not allowed here unescaped");
    for c in ['\u{1}', '\u{7f}', '\u{85}', '\u{2028}', '\u{2029}', '\u{fffe}'] {
        assert!(matches!(Manifest::parse(format!("a: x{c}y\n")), Err(ParseError::Character { .. })), "{c:?}");
        let escaped = format!("a: \"x\\u{:04x}y\"\n", u32::from(c));
        assert_eq!(read(&escaped)["a"], format!("x{c}y"));
    }
    assert!(matches!(Manifest::parse("a: x\ry: 1"), Err(ParseError::Character { .. })));
}

#[test]
fn tags_that_lie_are_refused() {
    assert_eq!(error("a: !!int x"), "line 1, column 10: the tag `!!int` does not fit the value");
    assert_eq!(
        error("a: !!binary aGk="),
        "line 1, column 13: the tag `!!binary` is not supported, Kubernetes would decode the value twice"
    );
}

#[test]
fn no_error_repeats_a_value() {
    let texts = [
        "a: \"hunter2\n",
        "a: [hunter2\n",
        "a: hunter2: x\n",
        "a: 'hunter2' hunter2\n",
        "a: !!int hunter2\n",
        "a: \"\\hunter2\"\n",
        "a: *hunter2\n",
        "hunter2\na: b\n",
        "{\"a\": hunter2 hunter2: x: y}",
        "{\"a\": \"\\hunter2\"}",
        "a: |hunter2\n",
        "a: @hunter2\n",
        "a: !hunter2!x y\n",
        "a:\n  hunter2\nb\n",
        "a: !<hunter2 x\n",
        "a: &\u{1}hunter2 x\n",
        "a: 1\n  hunter2\n\thunter2: b\n",
    ];
    for text in texts {
        let Err(error) = Manifest::parse(text) else { panic!("{text:?}") };
        let message = error.to_string();
        assert!(!message.contains("hunter2"), "{text:?}: {message}");
        assert!(message.starts_with("line "), "{text:?}: {message}");
    }
}

#[test]
fn a_null_item_does_not_hide_the_others_of_a_list() {
    let manifest = Manifest::parse("kind: List\nitems:\n-\n- {kind: Secret, metadata: {name: a}}\n").unwrap();
    assert_eq!(manifest.objects().iter().map(kseal_manifest::Object::name).collect::<Vec<_>>(), [Some("a")]);
}

#[test]
fn objects_are_found_also_in_lists() {
    let text = "\
kind: List
apiVersion: v1
items:
- {apiVersion: v1, kind: Secret, metadata: {name: a, namespace: prod}}
- kind: SecretList
  apiVersion: v1
  items:
  - metadata: {name: b}
- not: an object
---
---
apiVersion: example.com/v1
kind: AllowList
metadata: {name: c}
items: [{x: 1}]
---
apiVersion: v1
kind: SecretList
items: []
---
- kind: Secret
";
    let manifest = Manifest::parse(text).unwrap();
    assert_eq!(manifest.documents().len(), 5);
    assert!(manifest.documents()[1].is_empty());
    let found: Vec<_> = manifest
        .objects()
        .iter()
        .map(|o| (o.path.to_string(), o.api_version, o.kind, o.name().unwrap_or(""), o.namespace()))
        .collect();
    assert_eq!(
        found,
        [
            ("document 1, items[0]".to_owned(), "v1", "Secret", "a", Some("prod")),
            ("document 1, items[1].items[0]".to_owned(), "v1", "Secret", "b", None),
            ("document 3".to_owned(), "example.com/v1", "AllowList", "c", None),
        ]
    );
}

#[test]
fn entries_know_their_places_and_comments() {
    let text = "# far\n\n# lead\n# more\na: 1  # trail\nb:  # of b\n    # deep\n  # lead c\n  c: | # header\n    # text\n  d: {e: 1} # d\n";
    let manifest = Manifest::parse(text).unwrap();
    let root = manifest.documents()[0].root();
    let a = root.entry("a").unwrap();
    assert_eq!(a.comments().lead, ["# lead", "# more"]);
    assert_eq!(a.comments().trail.as_deref(), Some("# trail"));
    assert_eq!(a.key_location().to_string(), "line 5, column 1");
    assert_eq!(root.entry("b").unwrap().comments().trail.as_deref(), Some("# of b"));
    let c = root.get("b").unwrap().entry("c").unwrap();
    assert_eq!(c.comments().lead, ["# lead c"]);
    assert_eq!(c.comments().trail.as_deref(), Some("# header"));
    assert_eq!(c.value().as_str(), Some("# text\n"));
    assert_eq!(c.value().location().to_string(), "line 9, column 6");
    assert_eq!(root.get("b").unwrap().value_kind(), ValueKind::Mapping);
}

#[test]
fn empty_texts_have_no_documents() {
    for text in ["", "\n", "# only a comment\n", "\u{feff}"] {
        assert_eq!(Manifest::parse(text).unwrap().documents().len(), 0, "{text:?}");
    }
    assert_eq!(Manifest::parse("---\n---\n").unwrap().documents().len(), 2);
}
