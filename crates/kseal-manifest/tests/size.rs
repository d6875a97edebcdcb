//! Large texts: everything is linear.

use kseal_manifest::{Edit, Manifest, Path, Position, Tree};
use std::time::Duration;

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n  # c\n  a: YQ==\n---\n";

fn set(path: Path) -> Edit {
    Edit::Set { path, value: Tree::str("new") }
}

/// Twice the size may take about twice the time, never four times; measured over a few
/// milliseconds, which a busy machine disturbs, so with room to spare and another try.
#[expect(clippy::disallowed_methods, reason = "the test measures time")]
fn assert_linear(work: impl Fn(usize)) {
    let time = |size| {
        let start = std::time::Instant::now();
        work(size);
        start.elapsed().max(Duration::from_millis(2))
    };
    let steep = || time(10_000) > time(1_250) * 32;
    assert!(!(steep() && steep() && steep()), "more than linear");
}

#[test]
fn ten_thousand_documents_are_read_and_edited() {
    assert_linear(|count| {
        let text = SECRET.repeat(count);
        let manifest = Manifest::parse(text).unwrap();
        assert_eq!(manifest.objects().len(), count);
        let edits = (0..count).map(|n| set(Path::document(n).key("data").key("a"))).collect();
        let new = manifest.apply(edits).unwrap();
        assert_eq!(new.matches("  a: new\n").count(), count);
    });
}

#[test]
fn ten_thousand_entries_are_read_and_edited() {
    assert_linear(|count| {
        let entries: Vec<_> = (0..count).map(|n| format!("  k{n:05}: YQ==  # c\n")).collect();
        let entries = entries.concat();
        let manifest = Manifest::parse(format!("data:\n{entries}")).unwrap();
        let data = Path::document(0).key("data");
        let edits = (0..count).flat_map(|n| {
            let insert = Edit::Insert {
                path: data.clone(),
                key: format!("k{n:05}x"),
                value: Tree::str("new"),
                at: if n % 2 == 0 { Position::Sorted } else { Position::After(format!("k{n:05}")) },
            };
            let old = data.clone().key(format!("k{n:05}"));
            let change = if n % 3 == 0 { Edit::Remove { path: old, comments: true } } else { set(old) };
            [insert, change]
        });
        manifest.apply(edits.collect()).unwrap();
    });
}

#[test]
fn json_on_one_line_is_read_and_edited() {
    assert_linear(|count| {
        let entries: Vec<String> = (0..count).map(|n| format!("\"k{n:05}\":{{\"a\":[1]}}")).collect();
        let manifest = Manifest::parse(format!("{{\"data\":{{{}}}}}", entries.join(","))).unwrap();
        let data = Path::document(0).key("data");
        let path = |n| data.clone().key(format!("k{n:05}")).key("a").index(0);
        manifest.apply((0..count).map(|n| set(path(n))).collect()).unwrap();
    });
}

#[test]
fn comments_and_blank_lines_do_not_add_up() {
    assert_linear(|count| {
        let text = format!("a: 1\n{}b: 2\n{}c: 3\n", "# comment\n".repeat(count), "\n".repeat(count));
        let manifest = Manifest::parse(text).unwrap();
        manifest.apply(vec![Edit::Remove { path: Path::document(0).key("b"), comments: true }]).unwrap();
    });
}

#[test]
fn a_value_of_a_mebibyte_is_read_and_replaced() {
    let value = "QUJD".repeat(1 << 18);
    for text in [format!("data:\n  a: {value}\n  b: 1\n"), format!("data:\n  a: |\n    {value}\n  b: 1\n")] {
        let manifest = Manifest::parse(text).unwrap();
        let value = Tree::str("x".repeat(1 << 20));
        let new = manifest.apply(vec![Edit::Set { path: Path::document(0).key("data").key("a"), value }]);
        assert_eq!(new.unwrap().len(), (1 << 20) + "data:\n  a: \n  b: 1\n".len());
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test measures time")]
fn a_small_secret_is_read_in_less_than_a_millisecond() {
    let best = (0..50).map(|_| {
        let start = std::time::Instant::now();
        Manifest::parse(SECRET).unwrap();
        start.elapsed()
    });
    assert!(best.min().unwrap() < Duration::from_millis(1));
}
