use std::collections::BTreeMap;

use kseal_api::{SealedSecretSpec, UpstreamSpec, names};
use kseal_crypto::{
    FailureClass, Suite, encode_base64,
    sealed_secrets::{RsaPrivateKey, RsaSize},
};

use super::*;
use crate::{
    sealed_annotation,
    testing::{key, object, ring, sealed, spec, strict},
};

fn reasons(object: &SealedObject) -> Vec<Reason> {
    object.failures().into_iter().map(|failure| failure.reason).collect()
}

fn class(object: &SealedObject, ring: &KeyRing) -> FailureClass {
    object.open(ring).map(drop).unwrap_err().class()
}

#[test]
fn a_sealed_object_opens_in_its_place() {
    let key = key(Suite::X25519);
    let object = sealed(key.public());
    assert_eq!(object.format, Format::Native);
    assert_eq!(object.place(), Ok(strict()));
    assert_eq!(object.items(), ["password"]);
    assert_eq!(object.upstream_items().count(), 0);
    assert_eq!(object.envelope().unwrap().values().len(), 1);
    assert!(object.failures().is_empty());
    assert!(object.moved().is_none());
    let ring = ring([key]);
    assert_eq!(object.open(&ring).unwrap()["password"].as_slice(), b"hunter2");
    assert_eq!(object.open_each(&ring)["password"].as_ref().unwrap().as_slice(), b"hunter2");
}

#[test]
fn an_object_elsewhere_does_not_open_and_says_where_it_was_sealed() {
    let key = key(Suite::X25519);
    let spec = spec(key.public());
    let at = |namespace, name| SealedObject::native(object(namespace, name), &spec, 0);
    let ring = ring([key]);
    for (namespace, name) in [("dev", "db"), ("prod", "web"), ("dev", "web")] {
        let object = at(namespace, name);
        assert_eq!(class(&object, &ring), FailureClass::Open);
        let moved = object.moved().unwrap();
        assert_eq!(moved.to_string(), format!("sealed for prod/db, found in {namespace}/{name}"));
        assert!(matches!(object.open_each(&ring)["password"], Err(Reason::Open)));
    }
    assert!(at("prod", "db").moved().is_none());
}

#[test]
fn only_what_the_scope_binds_can_have_moved() {
    let sealed = |scope, sealed_for: SealedFor| {
        let spec = SealedSecretSpec { scope: Some(scope), sealed_for, ..SealedSecretSpec::default() };
        SealedObject::native(object("dev", "web"), &spec, 0).moved().is_some()
    };
    let namespace = || SealedFor { namespace: Some("prod".into()), name: None };
    assert!(sealed(Scope::NamespaceWide, namespace()));
    assert!(!sealed(Scope::NamespaceWide, SealedFor { namespace: Some("dev".into()), name: None }));
    assert!(!sealed(Scope::Strict, SealedFor::default()), "it does not say");
    assert!(sealed(Scope::Strict, SealedFor { namespace: None, name: Some("db".into()) }));
}

#[test]
fn a_place_is_needed_to_open() {
    let key = key(Suite::X25519);
    let spec = spec(key.public());
    let object = SealedObject::native(object("", "db"), &spec, 0);
    let ring = ring([key]);
    assert_eq!(object.place(), Err(PlaceError::NoNamespace(Scope::Strict)));
    let failures = object.open(&ring).map(drop).unwrap_err();
    assert_eq!(failures.iter().map(|failure| failure.reason).collect::<Vec<_>>(), [Reason::NoPlace]);
    assert!(matches!(object.open_each(&ring)["password"], Err(Reason::NoPlace)));
}

#[test]
fn a_cluster_scoped_object_is_its_name() {
    let spec = SealedSecretSpec::default();
    let at = |name: Option<&str>| SealedObject::cluster(name.map(ToOwned::to_owned), &spec, 0);
    assert_eq!(at(Some("db")).place(), Ok(Place::ClusterSealedSecret { name: "db".into() }));
    assert_eq!(at(Some("")).place(), Err(PlaceError::NoName));
    assert_eq!(at(None).place(), Err(PlaceError::NoName));
    assert!(at(Some("db")).failures().is_empty(), "there is no scope to be missing");
    assert_eq!(at(Some("db")).or_in(Some("prod")).object.namespace, None);
}

#[test]
fn there_is_no_default_scope() {
    let key = key(Suite::X25519);
    let spec = SealedSecretSpec { scope: None, ..spec(key.public()) };
    let object = SealedObject::native(object("prod", "db"), &spec, 0);
    assert_eq!(reasons(&object), [Reason::NoScope]);
    assert_eq!(class(&object, &ring([key])), FailureClass::Malformed);
}

#[test]
fn a_namespace_from_elsewhere_fills_in_for_a_missing_one() {
    let key = key(Suite::X25519);
    let at = |namespace: &str, change: fn(&mut SealedSecretSpec)| {
        let mut spec = spec(key.public());
        change(&mut spec);
        SealedObject::native(object(namespace, "db"), &spec, 0)
    };
    let namespace = |object: SealedObject| object.object.namespace;
    assert_eq!(namespace(at("", |_| {}).or_in(Some("given"))).as_deref(), Some("given"));
    assert_eq!(namespace(at("", |_| {}).or_in(None)).as_deref(), Some("prod"), "sealedFor says it");
    assert_eq!(namespace(at("own", |_| {}).or_in(Some("given"))).as_deref(), Some("own"));
    assert_eq!(namespace(at("", |spec| spec.sealed_for = SealedFor::default()).or_in(None)), None);
    assert_eq!(namespace(at("", |spec| spec.scope = Some(Scope::ClusterWide)).or_in(Some("given"))), None);
}

#[test]
fn an_object_has_a_size_and_not_more() {
    assert_eq!(MAX_OBJECT_BYTES, 1_400_000);
    assert_eq!(WARN_OBJECT_BYTES, 262_144);
    let key = key(Suite::X25519);
    let spec = spec(key.public());
    let of = |bytes| reasons(&SealedObject::native(object("prod", "db"), &spec, bytes));
    assert_eq!(of(MAX_OBJECT_BYTES), []);
    assert_eq!(of(MAX_OBJECT_BYTES + 1), [Reason::ObjectTooLarge]);
}

#[test]
fn failures_of_shape_are_known_without_a_key() {
    let key = key(Suite::X25519);
    let mut spec = spec(key.public());
    spec.encrypted_data.insert("user".into(), "admin".into());
    let object = SealedObject::native(object("prod", "db"), &spec, MAX_OBJECT_BYTES + 1);
    assert_eq!(reasons(&object), [Reason::ObjectTooLarge, Reason::NotAValue]);
    let ring = ring([key]);
    assert_eq!(class(&object, &ring), FailureClass::Malformed);
    assert!(object.open_each(&ring)["password"].is_ok(), "an editor opens what opens");
}

/// The annotations and texts of a Secret that is sealed in place.
fn in_place(spec: &SealedSecretSpec) -> (BTreeMap<String, String>, Vec<(&str, &str)>) {
    let mut annotations = BTreeMap::new();
    annotations.insert(names::SEALED.to_owned(), sealed_annotation::write(spec.scope.unwrap(), &spec.sealed_for));
    for (handle, data_key) in &spec.data_keys {
        let name = format!("{}{handle}", names::DATA_KEY_PREFIX);
        annotations.insert(name, sealed_annotation::write_data_key(data_key));
    }
    (annotations, spec.encrypted_data.iter().map(|(item, text)| (item.as_str(), text.as_str())).collect())
}

fn secret<'t>(annotations: &'t BTreeMap<String, String>, items: &[(&'t str, &'t str)]) -> SealedObject {
    let annotations = annotations.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    SealedObject::in_place(object("prod", "db"), annotations, items.iter().copied(), 0)
}

#[test]
fn a_secret_that_is_sealed_in_place_opens() {
    let key = key(Suite::X25519);
    let spec = spec(key.public());
    let (mut annotations, items) = in_place(&spec);
    annotations.insert("example.com/note".into(), "{}".into());
    let object = secret(&annotations, &items);
    assert_eq!(object.format, Format::InPlace);
    assert_eq!((object.scope, &object.sealed_for), (Scope::Strict, &spec.sealed_for));
    assert_eq!(object.open(&ring([key])).unwrap()["password"].as_slice(), b"hunter2");
}

#[test]
fn each_fault_of_a_secret_that_is_sealed_in_place_is_named() {
    let key = key(Suite::X25519);
    let spec = spec(key.public());
    let (good, items) = in_place(&spec);
    let mut annotations = good.clone();
    annotations.remove(names::SEALED);
    assert_eq!(reasons(&secret(&annotations, &items)), [Reason::NotASealedAnnotation]);
    let mut annotations = good.clone();
    annotations.insert(names::SEALED.into(), "{}".into());
    assert_eq!(reasons(&secret(&annotations, &items)), [Reason::NotASealedAnnotation]);
    let mut annotations = good.clone();
    annotations.insert(format!("{}x", names::DATA_KEY_PREFIX), "{}".into());
    let failures = secret(&annotations, &items).failures();
    assert_eq!(failures[0].to_string(), "data key x: the annotation is not JSON with commitment and recipients");
    let twice: Vec<_> = items.iter().chain(&items).copied().collect();
    let failures = secret(&good, &twice).failures();
    assert_eq!(failures[0].to_string(), "item password: stands in `data` and in `stringData`");
    assert_eq!(failures.len(), 1);
    let large = SealedObject::in_place(object("prod", "db"), [], [], MAX_OBJECT_BYTES + 1);
    assert_eq!(reasons(&large), [Reason::ObjectTooLarge, Reason::NotASealedAnnotation]);
}

fn upstream(spec: &UpstreamSpec, annotation: &'static str) -> SealedObject {
    SealedObject::upstream(object("prod", "db"), |name| (name == annotation).then_some("true"), spec)
}

#[test]
fn an_object_of_upstreams_kind_opens_in_the_scope_of_its_annotations() {
    let key = RsaPrivateKey::generate(RsaSize::Bits2048).unwrap();
    let text =
        |label: &[u8]| sealed_secrets::seal(key.public(), label, b"hunter2", &mut crate::testing::rng()).unwrap();
    let spec = |label: &[u8]| UpstreamSpec {
        encrypted_data: [("password".to_owned(), text(label))].into(),
        ..UpstreamSpec::default()
    };
    let (strict, wide) = (spec(b"prod/db"), spec(b"prod"));
    let mut ring = KeyRing::default();
    ring.add_rsa(key);
    let object = upstream(&strict, "");
    assert_eq!((object.format, object.scope), (Format::Upstream, Scope::Strict));
    assert!(object.envelope().is_none());
    assert_eq!(object.items(), ["password"]);
    let items: Vec<_> = object.upstream_items().collect();
    assert_eq!(items, [("password", strict.encrypted_data["password"].as_str())]);
    assert!(object.failures().is_empty());
    assert_eq!(object.open(&ring).unwrap()["password"].as_slice(), b"hunter2");
    assert_eq!(class(&upstream(&wide, ""), &ring), FailureClass::Open);
    let wide = upstream(&wide, names::UPSTREAM_NAMESPACE_WIDE);
    assert_eq!(wide.scope, Scope::NamespaceWide);
    assert!(wide.open(&ring).is_ok());
}

#[test]
fn each_fault_of_upstreams_kind_is_named() {
    let spec = UpstreamSpec {
        encrypted_data: [("a".to_owned(), "!".to_owned()), ("b".to_owned(), encode_base64(&[0, 1]))].into(),
        data: Some(String::new()),
        ..UpstreamSpec::default()
    };
    let object = upstream(&spec, "");
    let told: Vec<String> = object.failures().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "the object: the deprecated field `data` of sealed-secrets is not supported",
            "item a: not canonical base64",
            "item b: SealedSecret data is too short",
        ]
    );
    assert_eq!(class(&object, &KeyRing::default()), FailureClass::Malformed);
    let deprecated = UpstreamSpec { encrypted_data: BTreeMap::new(), ..spec };
    assert_eq!(class(&upstream(&deprecated, ""), &KeyRing::default()), FailureClass::Unsupported);
}
