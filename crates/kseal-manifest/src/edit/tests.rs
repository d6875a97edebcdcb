use crate::{Edit, EditError, Manifest, Path, Position, Tree};

fn apply(text: &str, edits: Vec<Edit>) -> String {
    let manifest = Manifest::parse(text).unwrap();
    match manifest.apply(edits) {
        Ok(text) => text.to_string(),
        Err(error) => panic!("{error}"),
    }
}

fn path(keys: &str) -> Path {
    let steps = keys.split('.').filter(|key| !key.is_empty());
    steps.fold(Path::document(0), |path, step| match step.parse() {
        Ok(index) => path.index(index),
        Err(_) => path.key(step),
    })
}

fn set(keys: &str, value: impl Into<Tree>) -> Edit {
    Edit::Set { path: path(keys), value: value.into() }
}

fn insert(keys: &str, key: &str, value: impl Into<Tree>) -> Edit {
    Edit::Insert { path: path(keys), key: key.into(), value: value.into(), at: Position::End }
}

fn sorted(keys: &str, key: &str) -> Edit {
    let value = Tree::str("new");
    Edit::Insert { path: path(keys), key: key.into(), value, at: Position::Sorted }
}

fn remove(keys: &str) -> Edit {
    Edit::Remove { path: path(keys), comments: true }
}

const SECRET: &str = "\
# head

apiVersion: v1  # c1
kind: Secret
metadata:
  name: db
  # about namespace
  namespace: \"prod\"
  labels: {a: b}
type: Opaque
data:
  # the user
  user: YWRtaW4=   # base64
  password: |-
    aGVs
    bG8=

  empty:
# tail
";

#[test]
fn a_secret_becomes_a_sealed_secret_and_back() {
    let spec = Tree::map([("encryptedData", Tree::map([("user", Tree::str("ks1.x.AAAA"))]))]);
    let sealed = apply(
        SECRET,
        vec![
            set("apiVersion", "kseal.dev/v1alpha1"),
            set("kind", "SealedSecret"),
            remove("metadata.labels"),
            remove("type"),
            remove("data"),
            insert("", "spec", spec),
        ],
    );
    assert_eq!(
        sealed,
        "\
# head

apiVersion: kseal.dev/v1alpha1  # c1
kind: SealedSecret
metadata:
  name: db
  # about namespace
  namespace: \"prod\"
spec:
  encryptedData:
    user: ks1.x.AAAA
# tail
"
    );
    let data = Tree::map([("user", Tree::str("YWRtaW4="))]);
    let opened =
        apply(&sealed, vec![set("apiVersion", "v1"), set("kind", "Secret"), remove("spec"), insert("", "data", data)]);
    assert!(opened.ends_with("data:\n  user: YWRtaW4=\n# tail\n"));
}

#[test]
fn a_scalar_keeps_its_quotes_and_the_comment_behind_it() {
    let text = "a: x # c\nb: 'y'  # d\nc: \"z\"\nd: |\n  q\n  r\ne: >- # f\n  s\nf:\ng: 1\n";
    let edits = ["a", "b", "c", "d", "e", "f", "g"].map(|key| set(key, "it's")).into();
    assert_eq!(
        apply(text, edits),
        "a: \"it's\" # c\nb: 'it''s'  # d\nc: \"it's\"\nd: \"it's\"\ne: \"it's\" # f\nf: \"it's\"\ng: \"it's\"\n"
    );
}

#[test]
fn several_lines_become_a_literal_block() {
    let text = "a: x # c\r\nb:\r\n- y\r\n- |\r\n  z\r\n";
    let edits = vec![set("a", "1\n2\n"), set("b.0", "3\n4"), set("b.1", "5\n6\n\n7\n")];
    let expected = "a: | # c\r\n  1\r\n  2\r\nb:\r\n- |-\r\n  3\r\n  4\r\n- |\r\n  5\r\n  6\r\n\r\n  7\r\n";
    assert_eq!(apply(text, edits), expected);
}

#[test]
fn an_empty_mapping_takes_an_entry_however_it_is_written() {
    for empty in ["data: {}\n", "data:\n", "data: null\n", "data: ~ \n", "data:"] {
        let text = apply(empty, vec![insert("data", "a", "b")]);
        let newline = if empty.ends_with('\n') { "\n" } else { "" };
        assert_eq!(text.replace(" \n", "\n"), format!("data:\n  a: b{newline}"), "{empty:?}");
    }
    let text = apply("data: # c\nx: 1\n", vec![insert("data", "a", "b")]);
    assert_eq!(text, "data: # c\n  a: b\nx: 1\n");
}

#[test]
fn the_last_entry_leaves_braces() {
    assert_eq!(apply("data:\n  a: b # c\nx: 1\n", vec![remove("data.a")]), "data: {}\nx: 1\n");
    assert_eq!(apply("{\"a\": {\"b\": 1}}", vec![remove("a.b")]), "{\"a\": {}}");
    assert_eq!(apply("a:\n- x\n", vec![remove("a.0")]), "a: []\n");
}

#[test]
fn a_document_may_end_without_a_line_break() {
    assert_eq!(apply("a: 1\nb:\n  c: 2", vec![insert("", "d", "x")]), "a: 1\nb:\n  c: 2\nd: x");
    assert_eq!(apply("a: 1\nb:\n  c: 2", vec![insert("b", "d", "x")]), "a: 1\nb:\n  c: 2\n  d: x");
    let both = vec![insert("", "e", "w"), insert("b", "d", "x")];
    assert_eq!(apply("a: 1\nb:\n  c: 2", both), "a: 1\nb:\n  c: 2\n  d: x\ne: w");
    let replace = vec![remove("b"), insert("", "e", "w")];
    assert_eq!(apply("a: 1\nb:\n  c: 2", replace), "a: 1\ne: w");
}

#[test]
fn an_entry_goes_in_before_the_document_ends() {
    let text = "---\na: 1\n...\n---\n# c\nb: 2\n---\nc: 3\n";
    let edits = vec![
        insert("", "x", "1st"),
        Edit::Insert { path: Path::document(1), key: "w".into(), value: Tree::str("z"), at: Position::End },
    ];
    assert_eq!(apply(text, edits), "---\na: 1\nx: 1st\n...\n---\n# c\nb: 2\nw: z\n---\nc: 3\n");
}

#[test]
fn items_lose_and_gain_first_entries() {
    let text = "l:\n  - a: 1\n    # two\n    b: 2\n    c: 3\n  - d: 4\n";
    assert_eq!(apply(text, vec![remove("l.0.a")]), "l:\n  - # two\n    b: 2\n    c: 3\n  - d: 4\n");
    assert_eq!(apply(text, vec![remove("l.0.a"), remove("l.0.b")]), "l:\n  - c: 3\n  - d: 4\n");
    assert_eq!(
        apply(text, vec![sorted("l.0", "A"), sorted("l.1", "x")]),
        "l:\n  - A: new\n    a: 1\n    # two\n    b: 2\n    c: 3\n  - d: 4\n    x: new\n"
    );
    assert_eq!(
        apply(text, vec![remove("l.0.a"), sorted("l.0", "A"), remove("l.0.b")]),
        "l:\n  - A: new\n    c: 3\n  - d: 4\n"
    );
    assert_eq!(apply(text, vec![remove("l.0")]), "l:\n  - d: 4\n");
    let append = Edit::Append { path: path("l"), value: Tree::map([("x", Tree::Int(1)), ("w", Tree::Int(2))]) };
    assert_eq!(apply(text, vec![append]), format!("{text}  - x: 1\n    w: 2\n"));
}

#[test]
fn entries_go_in_sorted() {
    let text = "m:\n  # b\n  b: 1\n  d: 2\n";
    assert_eq!(
        apply(text, vec![sorted("m", "e"), sorted("m", "a"), sorted("m", "c2"), sorted("m", "c1")]),
        "m:\n  a: new\n  # b\n  b: 1\n  c1: new\n  c2: new\n  d: 2\n  e: new\n"
    );
}

#[test]
fn json_keeps_its_layout() {
    let compact = r#"{"a":{"x":1},"b":[1,2]}"#;
    assert_eq!(
        apply(compact, vec![insert("a", "y", Tree::map([("z", Tree::Null)])), set("b.1", "s")]),
        r#"{"a":{"x":1,"y":{"z":null}},"b":[1,"s"]}"#
    );
    let pretty = "{\n\t\"a\": {\n\t\t\"x\": 1\n\t},\n\t\"b\": {}\n}\n";
    assert_eq!(
        apply(pretty, vec![insert("a", "y", Tree::map([("z", Tree::seq([Tree::Int(1)]))])), insert("b", "c", "\n"),]),
        "{\n\t\"a\": {\n\t\t\"x\": 1,\n\t\t\"y\": {\n\t\t\t\"z\": [\n\t\t\t\t1\n\t\t\t]\n\t\t}\n\t},\n\t\"b\": {\n\t\t\"c\": \"\\n\"\n\t}\n}\n"
    );
    assert_eq!(apply(pretty, vec![remove("a")]), "{\n\t\"b\": {}\n}\n");
    assert_eq!(apply(pretty, vec![remove("b")]), "{\n\t\"a\": {\n\t\t\"x\": 1\n\t}\n}\n");
}

#[test]
fn flow_mappings_stay_flow() {
    let text = "metadata: {name: db, namespace: prod} # c\n";
    let annotations = Tree::map([("kseal.dev/sealed", Tree::str("{\"a\": 1}"))]);
    assert_eq!(
        apply(text, vec![insert("metadata", "annotations", annotations), remove("metadata.name")]),
        "metadata: {namespace: prod, annotations: {kseal.dev/sealed: '{\"a\": 1}'}} # c\n"
    );
}

#[test]
fn aliases_and_used_anchors_are_left_alone() {
    let text = "a: &x\n  b: 1\nc: *x\nd:\n  <<: *x\n  e: 2\nf: &unused 3\n";
    let manifest = Manifest::parse(text).unwrap();
    let error = |edit| manifest.apply(vec![edit]).err();
    assert!(matches!(error(set("c", "y")), Some(EditError::Alias { .. })));
    assert!(matches!(error(set("c.b", "y")), Some(EditError::Alias { .. })));
    assert!(matches!(error(set("d.b", "y")), Some(EditError::Alias { .. })));
    assert!(matches!(error(remove("d")), Some(EditError::Alias { .. })));
    assert!(matches!(error(set("a.b", "y")), Some(EditError::Anchor { .. })));
    assert!(matches!(error(remove("a")), Some(EditError::Anchor { .. })));
    assert_eq!(
        apply(text, vec![set("f", "w"), set("d.e", Tree::Int(3))]),
        text.replace("&unused 3", "w").replace("e: 2", "e: 3")
    );
}

#[test]
fn a_block_scalar_takes_nothing_of_what_followed_a_removed_entry() {
    let text = "a:\n  k: |+\n    x\n  b: 1\nc: 2\n\n# no more\nd: 3\n";
    let expected = "a:\n  k: |+\n    x\n# no more\nd: 3\n";
    assert_eq!(apply(text, vec![remove("a.b"), remove("c")]), expected);
    let text = "a: |\n  x\nb:\n  # was: here\n\n  # and here\nc: 1\n";
    assert_eq!(apply(text, vec![remove("b")]), "a: |\n  x\nc: 1\n");
}

#[test]
fn a_literal_block_is_not_begun_where_comments_would_fall_into_it() {
    let text = "a: x\n  # deep\nb: 1\n";
    assert_eq!(apply(text, vec![set("a", "1\n2\n")]), "a: \"1\\n2\\n\"\n  # deep\nb: 1\n");
    assert_eq!(apply(text, vec![set("b", "1\n2\n")]), "a: x\n  # deep\nb: |\n  1\n  2\n");
}

#[test]
fn commented_out_items_go_with_their_mapping() {
    let text = "data:\n  a: YQ==\n  # b: aHVudGVyMg==\n# tail\ntype: x\n";
    assert_eq!(apply(text, vec![remove("data")]), "# tail\ntype: x\n");
    assert_eq!(apply(text, vec![remove("data.a")]), "data: {}\n  # b: aHVudGVyMg==\n# tail\ntype: x\n");
}

#[test]
fn a_byte_order_mark_stays_first() {
    assert_eq!(apply("\u{feff}b: 1\n", vec![sorted("", "a")]), "\u{feff}a: new\nb: 1\n");
    assert_eq!(apply("\u{feff}b: 1\nc: 2\n", vec![remove("b")]), "\u{feff}c: 2\n");
}

#[test]
fn a_whole_document_may_be_set() {
    let tree = || Tree::map([("x", Tree::seq([Tree::Int(1)]))]);
    for (text, expected) in [
        ("# c\na: 1 # d\n---\nb: 2\n", "# c\nx:\n- 1\n---\nb: 2\n"),
        ("--- # c\n---\nb: 2\n", "--- # c\nx:\n- 1\n---\nb: 2\n"),
        ("--- text # c\n", "--- # c\nx:\n- 1\n"),
        ("{\"a\":1}", "{\"x\":[1]}"),
        ("{\n  \"a\": 1\n}\n", "{\n  \"x\": [\n    1\n  ]\n}\n"),
    ] {
        assert_eq!(apply(text, vec![set("", tree())]), expected, "{text:?}");
    }
}

#[test]
fn comments_come_along_into_a_new_tree() {
    let manifest = Manifest::parse(SECRET).unwrap();
    let data = Tree::from(manifest.documents()[0].root().get("data").unwrap());
    let spec = Tree::map([("encryptedData", data)]);
    let text = apply(SECRET, vec![remove("data"), insert("", "spec", spec)]);
    assert!(text.ends_with(
        "spec:\n  encryptedData:\n    # the user\n    user: YWRtaW4= # base64\n    password: |-\n      aGVs\n      bG8=\n    empty: null\n# tail\n"
    ), "{text}");
}

#[test]
fn what_cannot_be_done_is_said() {
    let text = "a: {b: 1}\nl: [x, c: 1]\n? e\n: 1\n";
    let manifest = Manifest::parse(text).unwrap();
    let error = |edits| match manifest.apply(edits) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    assert_eq!(error(vec![set("a.x", "y")]), "document 1, a.x: not found");
    assert_eq!(
        error(vec![set("a.b.c", "y")]),
        "document 1, a.b (line 1, column 8): a number where a mapping is wanted"
    );
    assert_eq!(error(vec![set("l.2", "y")]), "document 1, l[2]: not found");
    assert_eq!(
        error(vec![insert("l", "k", "y")]),
        "document 1, l (line 2, column 4): a sequence where a mapping is wanted"
    );
    assert_eq!(error(vec![insert("a", "b", "y")]), "document 1, a.b (line 1, column 5): already set");
    assert_eq!(error(vec![set("a", "x"), set("a.b", "y")]), "document 1, a: changed by two edits at once");
    assert_eq!(error(vec![set("a", "x"), set("a", "y")]), "document 1, a: changed by two edits at once");
    assert_eq!(
        error(vec![insert("a", "c", "x"), insert("a", "c", "y")]),
        "document 1, a.c (line 1, column 4): already set"
    );
    assert_eq!(
        error(vec![set("e", "x")]),
        "document 1, e (line 3, column 3): an entry written with `?` cannot be edited"
    );
    assert_eq!(
        error(vec![insert("l.1", "d", "x")]),
        "document 1, l[1] (line 2, column 8): a pair without braces cannot be edited"
    );
    assert_eq!(error(vec![remove("")]), "document 1 (line 1, column 1): a whole document cannot be removed");
    let second = Edit::Set { path: Path::document(1), value: Tree::Null };
    assert_eq!(error(vec![second]), "document 2: not found");
    let aliased = Manifest::parse("a: &x 1\nb: *x\n").unwrap();
    let message = |edit| aliased.apply(vec![edit]).err().map(|error| error.to_string());
    assert_eq!(
        message(set("b", "y")).as_deref(),
        Some("document 1, b (line 2, column 4): an alias or merge key stands here, write the value out first")
    );
    assert_eq!(
        message(set("a", "y")).as_deref(),
        Some(
            "document 1, a (line 1, column 7): an anchor that is used elsewhere stands here, write the value out there first"
        )
    );
}
