//! Objects of sealed-secrets. RSA-OAEP is that of the crate `rsa`, whose generator can be seeded, unlike aws-lc's.

use aes_gcm::{
    Aes128Gcm, Aes256Gcm, AesGcm, KeyInit,
    aead::{AeadInOut, consts::U12},
    aes::Aes192,
};
use rsa::{PrivateKey, oaep::EncryptingKey, pkcs8::DecodePrivateKey as _, traits::RandomizedEncryptor as _};
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};

use super::{
    case::{
        Case,
        Expect::{self, Malformed, NoKey, Open, Opens, Unsupported},
    },
    craft::{Key, base64, unbase64},
    generator::Generator,
};

const A: &str = include_str!("../../fixtures/rsa-2048-a.pem");
const B: &str = include_str!("../../fixtures/rsa-2048-b.pem");
const LONG: &str = include_str!("../../fixtures/rsa-4096.pem");

const NAMESPACE_WIDE: &str = "sealedsecrets.bitnami.com/namespace-wide";
const CLUSTER_WIDE: &str = "sealedsecrets.bitnami.com/cluster-wide";

pub(super) fn cases() -> Vec<Case> {
    [opening(), keys(), malformed(), changed(), labels()].into_iter().flatten().collect()
}

/// PKCS#8 DER of a fixture.
fn der(pem: &str) -> Vec<u8> {
    der::SecretDocument::from_pem(pem).expect("a fixture is PEM").1.as_bytes().to_vec()
}

/// An object with the one item `password`, and the keys at hand.
struct Sealed {
    what: &'static str,
    rng: Generator,
    object: Value,
    held: Vec<&'static str>,
    items: Vec<(&'static str, &'static [u8])>,
}

impl Sealed {
    fn strict(what: &'static str) -> Self {
        let mut object = json!({
            "apiVersion": "bitnami.com/v1alpha1",
            "kind": "SealedSecret",
            "metadata": {"namespace": "prod", "name": "db"},
            "spec": {"encryptedData": {}},
        });
        let mut rng = Generator::new(&format!("sealed-secrets {what}"));
        object["spec"]["encryptedData"]["password"] = seal(A, b"prod/db", 32, b"hunter2", &mut rng).into();
        Self { what, rng, object, held: vec![A], items: vec![("password", b"hunter2")] }
    }

    /// With these annotations, sealed with this label.
    fn annotated(what: &'static str, annotations: Value, label: &[u8]) -> Self {
        Self::strict(what).changed(|it| {
            it.object["metadata"]["annotations"] = annotations;
            it.seal(A, label, 32);
        })
    }

    fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Seals `password` anew.
    fn seal(&mut self, key: &str, label: &[u8], session: usize) {
        *self.text("password") = seal(key, label, session, b"hunter2", &mut Generator::new(self.what)).into();
    }

    fn add(&mut self, item: &'static str, key: &str, value: &'static [u8]) {
        *self.text(item) = seal(key, b"prod/db", 32, value, &mut self.rng).into();
        self.items.push((item, value));
    }

    fn text(&mut self, item: &str) -> &mut Value {
        &mut self.object["spec"]["encryptedData"][item]
    }

    fn edit(&mut self, edit: impl FnOnce(&mut Vec<u8>)) {
        let text = self.text("password");
        let mut octets = unbase64(text);
        edit(&mut octets);
        *text = base64(&octets).into();
    }

    fn opens(self, words: &str) -> Case {
        let case = self.case(words, Opens);
        self.items.iter().fold(case, |case, (item, value)| case.item(item, value))
    }

    fn fails(self, expect: Expect, words: &str) -> Case {
        self.case(words, expect)
    }

    fn case(&self, words: &str, expect: Expect) -> Case {
        let case = Case::new("sealed-secrets", self.what, words, expect, self.object.clone());
        self.held.iter().fold(case, |case, pem| case.header("key", format!("RSA {}", base64(&der(pem)))))
    }
}

/// `u16 length ‖ RSA-OAEP ciphertext ‖ AES-GCM ciphertext and tag`, in base64.
fn seal(key: &str, label: &[u8], session: usize, value: &[u8], rng: &mut Generator) -> String {
    let session = &rng.octets::<32>()[..session];
    let key = PrivateKey::from_pkcs8_der(&der(key)).expect("a fixture is a key");
    let oaep = EncryptingKey::<Sha256, Sha256>::new_with_label(key.to_public_key(), label);
    let wrapped = oaep.encrypt_with_rng(rng, session).expect("a session key is short");
    base64(&envelope(&wrapped, session, value))
}

fn envelope(wrapped: &[u8], session: &[u8], value: &[u8]) -> Vec<u8> {
    let sealed = match session.len() {
        16 => gcm::<Aes128Gcm>(session, value),
        24 => gcm::<AesGcm<Aes192, U12>>(session, value),
        32 => gcm::<Aes256Gcm>(session, value),
        // AES has no such key: what stands there does not matter.
        _ => vec![0; value.len() + 16],
    };
    let len = u16::try_from(wrapped.len()).expect("RSA ciphertexts are short").to_be_bytes();
    [&len[..], wrapped, &sealed].concat()
}

fn gcm<C: AeadInOut + KeyInit>(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut sealed = value.to_vec();
    let cipher = C::new_from_slice(key).expect("is of the cipher's length");
    cipher.encrypt_in_place(&aes_gcm::Nonce::default(), &[], &mut sealed).expect("values are short");
    sealed
}

fn opening() -> Vec<Case> {
    vec![
        Sealed::strict("strict").opens("the label is namespace/name"),
        Sealed::annotated("namespace-wide", json!({NAMESPACE_WIDE: "true"}), b"prod").opens("the label is namespace"),
        Sealed::annotated("cluster-wide", json!({CLUSTER_WIDE: "true"}), b"").opens("the label is empty"),
        Sealed::annotated("both-wide", json!({NAMESPACE_WIDE: "true", CLUSTER_WIDE: "true"}), b"")
            .opens("cluster-wide wins"),
        Sealed::annotated("wide-upper-case", json!({CLUSTER_WIDE: "True"}), b"prod/db")
            .opens("an annotation that is not \"true\" does not count"),
        Sealed::annotated("cluster-wide-nameless", json!({CLUSTER_WIDE: "true"}), b"")
            .changed(|it| {
                let metadata = it.object["metadata"].as_object_mut().expect("is a map");
                metadata.retain(|field, _| field == "annotations");
            })
            .opens("cluster-wide needs neither namespace nor name"),
        Sealed::strict("session-128").changed(|it| it.seal(A, b"prod/db", 16)).opens("a session key of 128 bits"),
        Sealed::strict("session-192").changed(|it| it.seal(A, b"prod/db", 24)).opens("a session key of 192 bits"),
        Sealed::strict("value-empty")
            .changed(|it| {
                it.items.clear();
                it.add("password", A, b"");
            })
            .opens("an empty value"),
        Sealed::strict("item-renamed")
            .changed(|it| {
                let text = it.text("password").clone();
                it.object["spec"]["encryptedData"] = json!({"passwd": text});
                it.items = vec![("passwd", b"hunter2")];
            })
            .opens("the item key is not bound"),
    ]
}

fn keys() -> Vec<Case> {
    vec![
        Sealed::strict("sizes-two")
            .changed(|it| {
                it.add("token", LONG, b"long");
                it.held = vec![A, LONG];
            })
            .opens("items for keys of 2,048 and of 4,096 bits"),
        Sealed::strict("keys-tried").changed(|it| it.held = vec![B, A]).opens("the second key of the size opens"),
        Sealed::strict("key-other").changed(|it| it.held = vec![B]).fails(Open, "another key of the same size"),
        Sealed::strict("key-size-other")
            .changed(|it| it.held = vec![LONG])
            .fails(NoKey, "a key of another size and no other"),
        Sealed::strict("key-of-one-item")
            .changed(|it| it.add("token", LONG, b"long"))
            .fails(NoKey, "a key of one item's size, none of the other's"),
        Sealed::strict("key-none").changed(|it| it.held.clear()).fails(NoKey, "no key at all"),
        Sealed::strict("key-native")
            .changed(|it| it.held.clear())
            .fails(NoKey, "a native key and no other")
            .header("key", Key::x25519("prod").header()),
    ]
}

fn malformed() -> Vec<Case> {
    let octets = |what: &'static str, words: &str, edit: fn(&mut Vec<u8>)| {
        Sealed::strict(what).changed(|it| it.edit(edit)).fails(Malformed, words)
    };
    let base64_of = |what: &'static str, words: &str, edit: fn(&str) -> String| {
        Sealed::strict(what)
            .changed(|it| {
                let text = it.text("password");
                *text = edit(text.as_str().expect("is a text")).into();
            })
            .fails(Malformed, words)
    };
    let without = |what: &'static str, field: &str, words: &str| {
        Sealed::strict(what)
            .changed(|it| drop(it.object["metadata"].as_object_mut().and_then(|metadata| metadata.shift_remove(field))))
            .fails(Malformed, words)
    };
    vec![
        octets("octets-none", "no octets", Vec::clear),
        octets("octets-one", "half a length", |octets| octets.truncate(1)),
        octets("octets-two", "a length and nothing behind it", |octets| octets.truncate(2)),
        octets("truncated-rsa", "the RSA ciphertext lacks an octet", |octets| octets.truncate(257)),
        base64_of("base64-unpadded", "base64 without its padding", |text| text.trim_end_matches('=').to_owned()),
        base64_of("base64-line-end", "base64 with a line end behind it", |text| format!("{text}\n")),
        without("namespace-missing", "namespace", "the label lacks its namespace"),
        without("name-missing", "name", "the label lacks its name"),
        Sealed::strict("value-number")
            .changed(|it| *it.text("token") = 7.into())
            .fails(Malformed, "a value is a number"),
        Sealed::strict("group-other")
            .changed(|it| it.object["apiVersion"] = "kseal.dev/v1alpha1".into())
            .fails(Malformed, "the right kind of another group"),
        Sealed::strict("deprecated-data")
            .changed(|it| {
                let text = it.text("password").clone();
                it.object["spec"]["data"] = text;
            })
            .fails(Unsupported, "the deprecated field data, a whole Secret in one value"),
    ]
}

fn changed() -> Vec<Case> {
    let flipped = |what: &'static str, words: &str, index: usize| {
        Sealed::strict(what).changed(|it| it.edit(|octets| octets[index] ^= 1)).fails(Open, words)
    };
    let prefix = |what: &'static str, words: &str, len: u16| {
        Sealed::strict(what)
            .changed(|it| it.edit(|octets| octets[..2].copy_from_slice(&len.to_be_bytes())))
            .fails(NoKey, words)
    };
    vec![
        flipped("flipped-rsa", "a bit of the RSA ciphertext is changed", 200),
        flipped("flipped-aes", "a bit of the AES ciphertext is changed", 258),
        flipped("flipped-tag", "a bit of the tag is changed", 280),
        prefix("length-short", "a length that is too small by one is no key's size", 255),
        prefix("length-long", "a length that is too great by one is no key's size", 257),
        Sealed::strict("truncated-aes")
            .changed(|it| it.edit(|octets| octets.truncate(258)))
            .fails(Open, "nothing behind the RSA ciphertext: the envelope is whole, AES-GCM has no tag"),
        Sealed::strict("session-160")
            .changed(|it| it.seal(A, b"prod/db", 20))
            .fails(Open, "a session key of 160 bits, which AES does not have"),
        Sealed::strict("oaep-mgf-other")
            .changed(|it| {
                let key = PrivateKey::from_pkcs8_der(&der(A)).expect("a fixture is a key");
                let oaep = EncryptingKey::<Sha256, Sha512>::new_with_label(key.to_public_key(), *b"prod/db");
                let wrapped = oaep.encrypt_with_rng(&mut it.rng, &[7; 32]).expect("a session key is short");
                *it.text("password") = base64(&envelope(&wrapped, &[7; 32], b"hunter2")).into();
            })
            .fails(Open, "OAEP with another hash in MGF1"),
        Sealed::strict("order-malformed-open")
            .changed(|it| {
                it.edit(|octets| octets[280] ^= 1);
                *it.text("token") = "x".into();
            })
            .fails(Malformed, "one item is malformed, another one does not open"),
        nine("order-nine-malformed", "x").fails(Malformed, "eight items do not open, and the ninth is malformed"),
        nine("order-nine-no-key", &base64(&[&[2, 0][..], &[7; 600]].concat()))
            .fails(NoKey, "eight items do not open, and for the ninth there is no key"),
    ]
}

/// Eight items that do not open, and a ninth.
fn nine(what: &'static str, ninth: &str) -> Sealed {
    Sealed::strict(what).changed(|it| {
        it.edit(|octets| octets[280] ^= 1);
        let text = it.text("password").clone();
        it.object["spec"]["encryptedData"] = json!({});
        for index in 1..=8 {
            *it.text(&format!("i{index}")) = text.clone();
        }
        *it.text("i9") = ninth.into();
    })
}

fn labels() -> Vec<Case> {
    let metadata = |good: Sealed, namespace: &str, name: &str, words: &str| {
        good.changed(|it| {
            it.object["metadata"]["namespace"] = namespace.into();
            it.object["metadata"]["name"] = name.into();
        })
        .fails(Open, words)
    };
    let annotated = |what: &'static str, annotations: Value, words: &str| {
        Sealed::strict(what).changed(|it| it.object["metadata"]["annotations"] = annotations).fails(Open, words)
    };
    vec![
        metadata(Sealed::strict("namespace-other"), "dev", "db", "Strict, in another namespace"),
        metadata(Sealed::strict("name-other"), "prod", "web", "Strict, under another name"),
        metadata(
            Sealed::annotated("namespace-wide-other", json!({NAMESPACE_WIDE: "true"}), b"prod"),
            "dev",
            "db",
            "NamespaceWide, in another namespace",
        ),
        annotated("strict-as-namespace-wide", json!({NAMESPACE_WIDE: "true"}), "Strict, made NamespaceWide"),
        annotated("strict-as-cluster-wide", json!({CLUSTER_WIDE: "true"}), "Strict, made ClusterWide"),
    ]
}
