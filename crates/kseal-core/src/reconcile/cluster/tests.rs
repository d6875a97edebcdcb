use kseal_crypto::{Place, PrivateKey, Suite};
use serde_json::{Value, json};

use super::*;
use crate::reconcile::{LiveSecret, body, ownership, patch};
use crate::{seal_native, testing};

fn read(spec: &Value) -> ClusterRequest {
    let metadata = json!({"name": "regcred", "uid": "u1", "resourceVersion": "17", "generation": 3,
        "creationTimestamp": "2026-11-27T00:00:00Z"});
    ClusterRequest::read(json!({"metadata": metadata, "spec": spec}).to_string().as_bytes()).unwrap()
}

fn sealed(key: &PrivateKey, name: &str) -> Value {
    let place = Place::ClusterSealedSecret { name: name.into() };
    let sealed = seal_native(&place, &[key.public()], [("token", &b"hunter2"[..])], &mut testing::rng()).unwrap();
    let data_keys: BTreeMap<_, _> = sealed.data_key.into_iter().collect();
    json!({"namespaceSelector": {}, "dataKeys": data_keys, "encryptedData": sealed.values})
}

fn own() -> Own {
    Own { namespace: "kseal-system".into(), upstream_key_prefix: "sealed-secrets-key".into(), makes_tokens: true }
}

fn problem(spec: &Value) -> Option<&'static str> {
    read(spec).problem(&own()).map(|trouble| trouble.reason())
}

#[test]
fn it_opens_under_its_name_alone() {
    let key = testing::key(Suite::X25519);
    let [right, other] = ["regcred", "other"].map(|name| read(&sealed(&key, name)));
    assert_eq!(right.recipients(), BTreeSet::from([key.fingerprint().to_string()]));
    let ring = testing::ring([key]);
    assert_eq!(right.open(&ring, &mut Work::default()).unwrap()["token"].as_slice(), b"hunter2");
    assert_eq!(other.open(&ring, &mut Work::default()).err().map(|trouble| trouble.reason()), Some("CannotOpen"));
}

#[test]
fn namespaces_are_selected_by_label_and_excluded_by_name() {
    let selects = |spec: Value, namespace: &str, labels: &[(&'static str, &'static str)]| {
        let find = |key: &str| labels.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        read(&spec).selects(namespace, find)
    };
    let team = json!({"namespaceSelector": {"matchLabels": {"team": "a"}}, "excludedNamespaces": ["not-here"]});
    assert!(selects(team.clone(), "shop", &[("team", "a")]));
    assert!(!selects(team.clone(), "not-here", &[("team", "a")]));
    assert!(!selects(team, "shop", &[("team", "b")]));
    assert!(selects(json!({"namespaceSelector": {}}), "shop", &[]));
    assert!(!selects(json!({}), "shop", &[]), "no selector selects nothing");
    assert!(!selects(json!({"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "X"}]}}), "shop", &[]));
}

#[test]
fn what_stands_in_its_way_is_known_without_a_key() {
    assert_eq!(problem(&json!({"namespaceSelector": {}})), None);
    for spec in [json!(null), json!([]), json!({}), json!({"namespaceSelector": {}, "encryptedData": {"a": {}}})] {
        assert_eq!(problem(&spec), Some("Malformed"), "{spec}");
    }
    assert_eq!(problem(&json!({"namespaceSelector": {"matchLabels": 7}})), Some("Malformed"));
    let of_type = |type_: &str| problem(&json!({"namespaceSelector": {}, "template": {"type": type_}}));
    for type_ in ["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token", "kseal.dev/sealing-key"] {
        assert_eq!(of_type(type_), Some("ForbiddenType"));
    }
    let labelled =
        |label: &str| problem(&json!({"namespaceSelector": {}, "template": {"metadata": {"labels": {label: "x"}}}}));
    assert_eq!(labelled("kseal.dev/sealing-key"), Some("KeySecret"));
    assert_eq!(labelled("kseal.dev/cluster-sealed-secret"), Some("ReservedName"));
    let pulls = |type_: &str, accounts: Value| {
        let spec = json!({"namespaceSelector": {}, "template": {"type": type_}, "imagePullSecret": {"serviceAccounts": accounts}});
        problem(&spec)
    };
    assert_eq!(pulls("Opaque", json!({"all": true})), Some("NotForPulling"));
    assert_eq!(pulls("kubernetes.io/dockerconfigjson", json!({"all": true})), None);
    assert_eq!(pulls("kubernetes.io/dockerconfigjson", json!({"all": false})), Some("Malformed"));
}

#[test]
fn the_secret_of_a_namespace_goes_with_the_object_and_says_so() {
    let key = testing::key(Suite::X25519);
    let mut spec = sealed(&key, "regcred");
    spec["template"] = json!({"metadata": {"labels": {"app": "x"}}});
    let object = read(&spec);
    let values = object.open(&testing::ring([key]), &mut Work::default()).unwrap();
    let request = object.in_namespace("shop");
    let made: Value = serde_json::from_slice(&body::create(&request, &values)).unwrap();
    assert_eq!((&made["metadata"]["namespace"], &made["metadata"]["name"]), (&json!("shop"), &json!("regcred")));
    assert_eq!(made["metadata"]["labels"], json!({"app": "x", "kseal.dev/cluster-sealed-secret": "u1"}));
    let reference = json!({"apiVersion": "kseal.dev/v1alpha1", "kind": "ClusterSealedSecret", "name": "regcred",
        "uid": "u1", "controller": true});
    assert_eq!(made["metadata"]["ownerReferences"], json!([reference]));
    let mut live = made["metadata"].clone();
    live["uid"] = json!("s1");
    live["resourceVersion"] = json!("2");
    let text = json!({"metadata": live}).to_string();
    let live = LiveSecret::read(text.as_bytes()).unwrap();
    let take = ownership(&request, &live, None).unwrap();
    let patch = patch::patch(&request, &live, take, &values, false);
    assert!(!String::from_utf8_lossy(&patch).contains("ownerReferences"), "it has it already");
    let (namespace, _, mark) = ClusterMark::read(text.as_bytes()).unwrap();
    assert_eq!((namespace.as_str(), mark.owner.as_deref()), ("shop", Some("u1")));
}

#[test]
fn an_object_of_one_namespace_and_one_of_the_cluster_do_not_take_each_others_secret() {
    let cluster = read(&json!({"namespaceSelector": {}})).in_namespace("shop");
    let metadata = json!({"name": "regcred", "namespace": "shop", "uid": "n1", "resourceVersion": "1"});
    let native = json!({"metadata": metadata, "spec": {"scope": "Strict"}}).to_string();
    let native = Request::read(Group::Native, native.as_bytes()).unwrap();
    let live = |request: &Request| {
        let made: Value = serde_json::from_slice(&body::create(request, &BTreeMap::new())).unwrap();
        let mut metadata = made["metadata"].clone();
        metadata["uid"] = json!("s1");
        metadata["resourceVersion"] = json!("2");
        LiveSecret::read(json!({"metadata": metadata}).to_string().as_bytes()).unwrap()
    };
    for (one, other) in [(&cluster, &native), (&native, &cluster)] {
        assert!(ownership(one, &live(one), None).is_ok());
        assert_eq!(ownership(one, &live(other), None).map_err(|trouble| trouble.reason()), Err("NotOwned"));
    }
}

#[test]
fn where_the_secret_goes_is_not_what_it_is() {
    let base = json!({"namespaceSelector": {}, "encryptedData": {"a": "b"}});
    let with = |name: &str, value: Value| {
        let mut spec = base.clone();
        spec[name] = value;
        let (one, other) = (read(&base), read(&spec));
        assert_ne!(one.digest, other.digest, "{name}");
        one.content == other.content
    };
    assert!(with("namespaceSelector", json!({"matchLabels": {"a": "b"}})));
    assert!(with("excludedNamespaces", json!(["a"])));
    assert!(with("imagePullSecret", json!({"serviceAccounts": {"all": true}})));
    assert!(!with("encryptedData", json!({"a": "c"})));
    assert!(!with("template", json!({"type": "x"})));
}
