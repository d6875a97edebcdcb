//! Secrets that are sealed in place.

use serde_json::{Map, Value, json};

use super::{
    case::{
        Case,
        Expect::{self, Malformed, NoKey, Open, Opens, Unsupported},
    },
    craft::{Key, base64, named},
    good::{Good, PASSWORD, USER},
};

const SEALED: &str = "kseal.dev/sealed";

pub(super) fn cases() -> Vec<Case> {
    [opening(), annotations(), items(), classes()].into_iter().flatten().collect()
}

/// A Secret with `password` in `data` and every other item in `stringData`.
struct Sealed {
    what: &'static str,
    good: Good,
    secret: Value,
}

impl Sealed {
    fn strict(what: &'static str) -> Self {
        Self::of(what, Good::strict(&format!("in-place {what}")))
    }

    fn of(what: &'static str, good: Good) -> Self {
        let spec = &good.object["spec"];
        let sealed = json!({"scope": spec["scope"], "sealedFor": spec["sealedFor"]});
        let mut annotations = Map::new();
        annotations.insert(SEALED.to_owned(), sealed.to_string().into());
        for (handle, entry) in spec["dataKeys"].as_object().expect("is a map") {
            annotations.insert(format!("kseal.dev/data-key.{handle}"), entry.to_string().into());
        }
        let (mut data, mut string_data) = (Map::new(), Map::new());
        for (item, text) in spec["encryptedData"].as_object().expect("is a map") {
            let field = if item == "password" { &mut data } else { &mut string_data };
            field.insert(item.clone(), text.clone());
        }
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "namespace": good.object["metadata"]["namespace"],
                "name": good.object["metadata"]["name"],
                "annotations": annotations,
            },
            "type": "Opaque",
            "data": data,
            "stringData": string_data,
        });
        Self { what, good, secret }
    }

    fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn annotations(&mut self) -> &mut Map<String, Value> {
        self.secret["metadata"]["annotations"].as_object_mut().expect("there are annotations")
    }

    /// The annotation of its data key.
    fn data_key(&self) -> String {
        format!("kseal.dev/data-key.{}", self.good.data_key.handle())
    }

    fn field(&mut self, name: &str) -> &mut Map<String, Value> {
        self.secret[name].as_object_mut().expect("the field is there")
    }

    fn opens(self, words: &str) -> Case {
        let case = self.case(words, Opens);
        self.good.items.iter().fold(case, |case, (item, value)| case.item(item, value))
    }

    fn fails(self, expect: Expect, words: &str) -> Case {
        self.case(words, expect)
    }

    fn case(&self, words: &str, expect: Expect) -> Case {
        let case = Case::new("in-place", self.what, words, expect, self.secret.clone());
        self.good.held.iter().fold(case, |case, key| case.header("key", key.header()))
    }
}

fn opening() -> Vec<Case> {
    let octets = Good::strict("in-place octets").changed(|good| good.add("octets", &[0xff, 0x00]));
    let two = Good::strict("in-place two").changed(|good| {
        let other = good.add_data_key(&[good.key]);
        good.add_under(&other, "token", b"fresh");
    });
    vec![
        Sealed::strict("strict").opens("items in data and in stringData"),
        Sealed::strict("fields-exchanged")
            .changed(|it| {
                let data = it.secret["data"].clone();
                it.secret["data"] = std::mem::replace(&mut it.secret["stringData"], data);
            })
            .opens("the field that a value stands in does not matter"),
        Sealed::of("octets", octets).opens("a value that is not UTF-8, in stringData: the plaintext is the octets"),
        Sealed::of("data-keys-two", two).opens("two data keys, each in its annotation"),
        Sealed::of("namespace-wide", Good::namespace_wide("in-place namespace-wide")).opens("a NamespaceWide Secret"),
        Sealed::of("cluster-wide", Good::cluster_wide("in-place cluster-wide"))
            .changed(|it| {
                it.secret["metadata"].as_object_mut().and_then(|metadata| metadata.shift_remove("namespace"));
            })
            .opens("a ClusterWide Secret without a namespace"),
        Sealed::strict("sealed-for-lies")
            .changed(|it| {
                let text = r#"{"scope":"Strict","sealedFor":{"namespace":"dev","name":"other"}}"#;
                it.annotations().insert(SEALED.to_owned(), text.into());
            })
            .opens("sealedFor is not read"),
        Sealed::strict("null")
            .changed(|it| {
                it.secret["data"] = json!(null);
                it.good.items.retain(|(item, _)| item != "password");
                let text = r#"{"scope":"Strict","sealedFor":null}"#;
                it.annotations().insert(SEALED.to_owned(), text.into());
            })
            .opens("null is the same as missing"),
        Sealed::strict("annotations-foreign")
            .changed(|it| {
                it.annotations().insert("kseal.dev/data-keys".to_owned(), "x".into());
                it.annotations().insert("example.com/data-key.x".to_owned(), "x".into());
            })
            .opens("other annotations are not read"),
    ]
}

fn annotations() -> Vec<Case> {
    let sealed = |what: &'static str, words: &str, text: &str| {
        Sealed::strict(what)
            .changed(|it| drop(it.annotations().insert(SEALED.to_owned(), text.into())))
            .fails(Malformed, words)
    };
    let data_key = |what: &'static str, words: &str, change: fn(&mut Map<String, Value>)| {
        Sealed::strict(what)
            .changed(|it| {
                let name = it.data_key();
                let mut entry: Value = it.good.entry().clone();
                change(entry.as_object_mut().expect("is a map"));
                it.annotations().insert(name, entry.to_string().into());
            })
            .fails(Malformed, words)
    };
    vec![
        Sealed::strict("sealed-missing")
            .changed(|it| drop(it.annotations().shift_remove(SEALED)))
            .fails(Malformed, "the annotation kseal.dev/sealed is missing"),
        sealed("sealed-not-json", "kseal.dev/sealed is no JSON", "Strict"),
        sealed("sealed-not-object", "kseal.dev/sealed is JSON and no object", r#"["Strict"]"#),
        sealed("scope-missing", "the annotation states no scope", r#"{"sealedFor":{"namespace":"prod","name":"db"}}"#),
        sealed("scope-unknown", "the annotation states an unknown scope", r#"{"scope":"Wide","sealedFor":{}}"#),
        Sealed::strict("data-key-not-json")
            .changed(|it| {
                let name = it.data_key();
                it.annotations().insert(name, "AA==".into());
            })
            .fails(Malformed, "a data key's annotation is no JSON"),
        Sealed::strict("data-key-not-json-unreferenced")
            .changed(|it| {
                it.annotations().insert(format!("kseal.dev/data-key.{}", named('d', &[7; 10])), "".into());
            })
            .fails(Malformed, "the annotation of a data key that no value names is no JSON"),
        data_key("commitment-missing", "a data key's annotation without a commitment", |entry| {
            entry.shift_remove("commitment");
        }),
        data_key("wrap-number", "a data key's annotation with a number for a wrap", |entry| {
            entry["recipients"] = json!({"k": 1});
        }),
        Sealed::strict("handle-missing")
            .changed(|it| {
                let name = it.data_key();
                let text = it.annotations().shift_remove(&name).expect("was there");
                it.annotations().insert("kseal.dev/data-key.".to_owned(), text);
            })
            .fails(Malformed, "a data key's annotation without a handle in its name"),
        Sealed::strict("data-key-missing")
            .changed(|it| {
                let name = it.data_key();
                it.annotations().shift_remove(&name);
            })
            .fails(Malformed, "the annotation of the data key is missing"),
    ]
}

fn items() -> Vec<Case> {
    let many = Good::strict("in-place many").changed(|good| {
        good.clear();
        for index in 0..=4_096 {
            good.add(&format!("i{index}"), b"");
        }
    });
    let data = |what: &'static str, words: &str, text: fn(&str) -> Value| {
        Sealed::strict(what)
            .changed(|it| {
                let sealed = it.field("data")["password"].as_str().expect("is a text").to_owned();
                it.field("data").insert("password".to_owned(), text(&sealed));
            })
            .fails(Malformed, words)
    };
    vec![
        Sealed::strict("item-twice")
            .changed(|it| {
                let text = it.field("data")["password"].clone();
                it.field("stringData").insert("password".to_owned(), text);
            })
            .fails(Malformed, "an item stands in both fields, with the same value"),
        data("plaintext-data", "a plaintext in data, as an API server takes it", |_| base64(PASSWORD).into()),
        data("encoded-once-more", "a value's text is not encoded once more in data", |text| {
            base64(text.as_bytes()).into()
        }),
        data("value-number", "a value is a number", |_| 7.into()),
        Sealed::strict("plaintext-string-data")
            .changed(|it| drop(it.field("stringData").insert("user".to_owned(), String::from_utf8_lossy(USER).into())))
            .fails(Malformed, "a plaintext in stringData, among sealed values"),
        Sealed::of("limit-items-over", many)
            .changed(|it| {
                let text = it.field("stringData").shift_remove("i0").expect("was there");
                it.field("data").insert("i0".to_owned(), text);
            })
            .fails(Malformed, "4,097 items in both fields together"),
        Sealed::strict("kind-other")
            .changed(|it| it.secret["kind"] = "ConfigMap".into())
            .fails(Malformed, "another kind"),
        Sealed::strict("name-missing")
            .changed(|it| {
                it.secret["metadata"].as_object_mut().and_then(|metadata| metadata.shift_remove("name"));
            })
            .fails(Malformed, "the name is missing, and sealedFor does not make up for it"),
    ]
}

fn classes() -> Vec<Case> {
    vec![
        Sealed::strict("version-2")
            .changed(|it| drop(it.field("stringData").insert("later".to_owned(), "ks2.x".into())))
            .fails(Unsupported, "a value of version 2"),
        Sealed::strict("key-other")
            .changed(|it| it.good.held = vec![Key::x25519("stage")])
            .fails(NoKey, "a held key that is no recipient"),
        Sealed::strict("recipients-missing")
            .changed(|it| {
                let name = it.data_key();
                let text = json!({"commitment": it.good.entry()["commitment"]}).to_string();
                it.annotations().insert(name, text.into());
            })
            .fails(NoKey, "recipients that are missing in a data key's annotation are none"),
        Sealed::strict("item-renamed")
            .changed(|it| {
                let text = it.field("data").shift_remove("password").expect("was there");
                it.field("data").insert("passwd".to_owned(), text);
            })
            .fails(Open, "an item has another key"),
        Sealed::strict("scope-changed")
            .changed(|it| {
                let text = r#"{"scope":"NamespaceWide","sealedFor":{"namespace":"prod"}}"#;
                it.annotations().insert(SEALED.to_owned(), text.into());
            })
            .fails(Open, "Strict, made NamespaceWide"),
    ]
}
