//! What must not happen to people's values, tried as it would happen to them.

mod harness;

use harness::Folder;

const SECRET: &str =
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: prod\nstringData:\n  password: hunter2\n";

fn sealed_in_place() -> (Folder, String) {
    let folder = Folder::with_keys();
    folder.write("s.yaml", SECRET);
    folder.kseal(&["encrypt", "-i", "-f", "secret", "--keys", "bundle.yaml", "s.yaml"]).succeeds();
    let sealed = folder.read("s.yaml");
    (folder, sealed)
}

#[test]
fn a_secret_that_lost_its_annotations_is_not_sealed_once_more() {
    let (folder, sealed) = sealed_in_place();
    let without = |wanted: &dyn Fn(&str) -> bool| {
        let lines: Vec<&str> = sealed.lines().filter(|line| !wanted(line)).collect();
        lines.join("\n") + "\n"
    };
    let unquoted = sealed.replace("'{", "{").replace("}'", "}");
    assert_ne!(unquoted, sealed);
    let broken = [
        without(&|line| line.contains("kseal.dev/sealed")),
        without(&|line| line.contains("kseal.dev/") || line.contains("annotations:")),
        unquoted,
    ];
    for text in broken {
        for format in ["kseal", "secret"] {
            folder.write("broken.yaml", &text);
            let run = folder.kseal(&["encrypt", "-i", "-f", format, "--keys", "bundle.yaml", "broken.yaml"]);
            let left = folder.read("broken.yaml");
            assert_eq!(left, text, "{format}: {}", run.stderr);
        }
    }
}

#[test]
fn the_rest_of_a_secret_is_sealed_for_the_place_of_its_other_values_or_not_at_all() {
    let folder = Folder::with_keys();
    folder.write("s.yaml", &SECRET.replace("  namespace: prod\n", ""));
    folder.kseal(&["encrypt", "-i", "-f", "secret", "-n", "prod", "--keys", "bundle.yaml", "s.yaml"]).succeeds();
    let more = folder.read("s.yaml") + "  extra: plain\n";
    folder.write("s.yaml", &more);
    let run = folder.kseal(&["encrypt", "-i", "-f", "secret", "-n", "dev", "--keys", "bundle.yaml", "s.yaml"]);
    run.exits_with(2);
    assert_eq!(folder.read("s.yaml"), more);
    folder.kseal(&["encrypt", "-i", "-f", "secret", "--keys", "bundle.yaml", "s.yaml"]).succeeds();
    let opened = folder.kseal(&["decrypt", "--key", "key.yaml", "s.yaml"]).succeeds().stdout;
    assert!(opened.contains("extra: plain") && opened.contains("password: hunter2"), "{opened}");
}

#[test]
fn nothing_is_written_that_no_reader_opens() {
    let folder = Folder::with_keys();
    let items: String = (0..4_200).map(|item| format!("  item-{item}: x\n")).collect::<Vec<_>>().concat();
    folder.write("many.yaml", &SECRET.replace("  password: hunter2\n", &items));
    let run = folder.kseal(&["encrypt", "--keys", "bundle.yaml", "many.yaml", "-o", "out.yaml"]).exits_with(3);
    assert!(run.stderr.contains("more than 4096 items"), "{}", run.stderr);
    assert!(!folder.join("out.yaml").exists());
}

#[test]
fn values_that_are_kept_run_after_run_never_fill_an_object_with_data_keys() {
    let folder = Folder::with_keys();
    let text = |changed: usize| {
        let items = (0..70).map(|item| format!("  item-{item}: {}\n", if item < changed { "new" } else { "old" }));
        SECRET.replace("  password: hunter2\n", &items.collect::<Vec<_>>().concat())
    };
    for changed in 0..70 {
        folder.write("s.yaml", &text(changed));
        let encrypt = ["encrypt", "--keys", "bundle.yaml", "--key", "key.yaml", "s.yaml", "-o", "out.yaml"];
        folder.kseal(&encrypt).succeeds();
    }
    folder.kseal(&["verify", "--key", "key.yaml", "out.yaml"]).succeeds();
}
