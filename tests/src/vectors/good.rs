//! Good native objects, and the ways to change them.

use serde_json::{Value, json};

use super::{
    case::{Case, Expect},
    craft::{DataKey, Key, base64, place, unbase64},
    generator::Generator,
};

pub(super) const PASSWORD: &[u8] = b"hunter2";
pub(super) const USER: &[u8] = b"admin";

/// A native object that opens, with what it was made of.
pub(super) struct Good {
    what: String,
    pub(super) object: Value,
    /// The recipient of its data key.
    pub(super) key: Key,
    pub(super) data_key: DataKey,
    pub(super) place: Vec<u8>,
    pub(super) rng: Generator,
    /// The keys at hand.
    pub(super) held: Vec<Key>,
    /// The items that the object holds.
    pub(super) items: Vec<(String, Vec<u8>)>,
}

impl Good {
    /// Namespace `prod`, name `db`, items `password` and `user`, one data key for one X25519 recipient.
    pub(super) fn strict(what: &str) -> Self {
        Self::new(what, "Strict", place(1, &["prod", "db"]), Key::x25519("prod"))
    }

    pub(super) fn namespace_wide(what: &str) -> Self {
        let mut good = Self::new(what, "NamespaceWide", place(2, &["prod"]), Key::x25519("prod"));
        good.object["spec"]["sealedFor"] = json!({"namespace": "prod"});
        good
    }

    pub(super) fn cluster_wide(what: &str) -> Self {
        let mut good = Self::new(what, "ClusterWide", place(3, &[]), Key::x25519("prod"));
        good.object["spec"]["sealedFor"] = json!({});
        good
    }

    /// A ClusterSealedSecret.
    pub(super) fn cluster_object(what: &str) -> Self {
        let mut good = Self::new(what, "", place(4, &["db"]), Key::x25519("prod"));
        good.object["kind"] = "ClusterSealedSecret".into();
        good.object["metadata"] = json!({"name": "db"});
        good.spec().shift_remove("scope");
        good.object["spec"]["sealedFor"] = json!({"name": "db"});
        good
    }

    /// Strict, for an X-Wing recipient.
    pub(super) fn x_wing(what: &str) -> Self {
        Self::new(what, "Strict", place(1, &["prod", "db"]), Key::x_wing("prod"))
    }

    /// Strict, for these recipients, of which the first is held.
    pub(super) fn with_recipients(what: &str, recipients: &[Key]) -> Self {
        let mut good = Self::new(what, "Strict", place(1, &["prod", "db"]), recipients[0]);
        let handle = good.data_key.handle();
        good.object["spec"]["dataKeys"][handle] = good.data_key.entry(recipients, &good.place, &mut good.rng);
        good
    }

    fn new(what: &str, scope: &str, place: Vec<u8>, key: Key) -> Self {
        let mut rng = Generator::new(what);
        let data_key = DataKey::draw(&mut rng);
        let entry = data_key.entry(&[key], &place, &mut rng);
        let object = json!({
            "apiVersion": "kseal.dev/v1alpha1",
            "kind": "SealedSecret",
            "metadata": {"namespace": "prod", "name": "db"},
            "spec": {
                "scope": scope,
                "sealedFor": {"namespace": "prod", "name": "db"},
                "dataKeys": {data_key.handle(): entry},
                "encryptedData": {},
            },
        });
        let mut good =
            Self { what: what.to_owned(), object, key, data_key, place, rng, held: vec![key], items: Vec::new() };
        good.add("password", PASSWORD);
        good.add("user", USER);
        good
    }

    /// Changes it in one respect.
    pub(super) fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(super) fn opens(self, words: &str) -> Case {
        let case = self.case(words, Expect::Opens);
        self.items.iter().fold(case, |case, (item, value)| case.item(item, value))
    }

    pub(super) fn fails(self, expect: Expect, words: &str) -> Case {
        self.case(words, expect)
    }

    fn case(&self, words: &str, expect: Expect) -> Case {
        let case = Case::new("native", &self.what, words, expect, self.object.clone());
        self.held.iter().fold(case, |case, key| case.header("key", key.header()))
    }

    pub(super) fn spec(&mut self) -> &mut serde_json::Map<String, Value> {
        self.object["spec"].as_object_mut().expect("a good object has a spec")
    }

    /// Seals one more item.
    pub(super) fn add(&mut self, item: &str, value: &[u8]) {
        let octets = self.data_key.seal(item, value, &self.place, &mut self.rng);
        *self.value(item) = self.data_key.text(&octets).into();
        self.items.push((item.to_owned(), value.to_vec()));
    }

    /// Takes all items out.
    pub(super) fn clear(&mut self) {
        self.items.clear();
        self.object["spec"]["encryptedData"] = json!({});
    }

    /// Adds a data key for these recipients; returns it.
    pub(super) fn add_data_key(&mut self, recipients: &[Key]) -> DataKey {
        let data_key = DataKey::draw(&mut self.rng);
        let entry = data_key.entry(recipients, &self.place, &mut self.rng);
        self.object["spec"]["dataKeys"][data_key.handle()] = entry;
        data_key
    }

    /// Seals one more item under another data key.
    pub(super) fn add_under(&mut self, data_key: &DataKey, item: &str, value: &[u8]) {
        let octets = data_key.seal(item, value, &self.place, &mut self.rng);
        *self.value(item) = data_key.text(&octets).into();
        self.items.push((item.to_owned(), value.to_vec()));
    }

    /// The text of a value.
    pub(super) fn value(&mut self, item: &str) -> &mut Value {
        &mut self.object["spec"]["encryptedData"][item]
    }

    /// Changes the octets of a value.
    pub(super) fn edit_value(&mut self, item: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let data_key = self.data_key.clone();
        let text = self.value(item);
        let (_, encoded) = text.as_str().and_then(|text| text.rsplit_once('.')).expect("is a value's text");
        let mut octets = unbase64(&encoded.into());
        edit(&mut octets);
        *text = data_key.text(&octets).into();
    }

    /// Changes the text behind the last dot of a value.
    pub(super) fn edit_base64(&mut self, item: &str, edit: impl FnOnce(&str) -> String) {
        let text = self.value(item);
        let (head, encoded) = text.as_str().and_then(|text| text.rsplit_once('.')).expect("is a value's text");
        *text = format!("{head}.{}", edit(encoded)).into();
    }

    /// The entry of its data key.
    pub(super) fn entry(&mut self) -> &mut Value {
        let handle = self.data_key.handle();
        &mut self.object["spec"]["dataKeys"][handle]
    }

    /// The text of its recipient's wrap.
    pub(super) fn wrap(&mut self) -> &mut Value {
        let fingerprint = self.key.fingerprint();
        &mut self.entry()["recipients"][fingerprint]
    }

    /// Changes the octets of its recipient's wrap.
    pub(super) fn edit_wrap(&mut self, edit: impl FnOnce(&mut Vec<u8>)) {
        edit_octets(self.wrap(), edit);
    }

    /// Changes the octets of the commitment.
    pub(super) fn edit_commitment(&mut self, edit: impl FnOnce(&mut Vec<u8>)) {
        edit_octets(&mut self.entry()["commitment"], edit);
    }

    /// Writes another handle, in `dataKeys` and in every value.
    pub(super) fn rename_handle(&mut self, handle: &str) {
        let entry = self.entry().clone();
        self.object["spec"]["dataKeys"] = json!({handle: entry});
        let old = self.data_key.handle();
        for text in self.object["spec"]["encryptedData"].as_object_mut().expect("is a map").values_mut() {
            *text = text.as_str().expect("is a text").replace(&old, handle).into();
        }
    }

    /// Writes another fingerprint for its recipient.
    pub(super) fn rename_recipient(&mut self, fingerprint: &str) {
        let wrap = self.wrap().clone();
        self.entry()["recipients"] = json!({fingerprint: wrap});
    }
}

fn edit_octets(text: &mut Value, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut octets = unbase64(text);
    edit(&mut octets);
    *text = base64(&octets).into();
}
