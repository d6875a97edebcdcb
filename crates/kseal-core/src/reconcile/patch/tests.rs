use serde_json::{Value, json};

use super::*;
use crate::reconcile::{Group, Policy, Uid, body::create, ownership};

fn request(policy: &str, template: &Value) -> Request {
    let metadata = json!({"name": "db", "namespace": "prod", "uid": "u1", "resourceVersion": "1"});
    let spec = json!({"scope": "Strict", "template": template, "target": {"creationPolicy": policy}});
    Request::read(Group::Native, json!({"metadata": metadata, "spec": spec}).to_string().as_bytes()).unwrap()
}

fn values(items: &[(&str, &str)]) -> BTreeMap<String, Plaintext> {
    items.iter().map(|(item, value)| ((*item).to_owned(), Plaintext::from(value.as_bytes().to_vec()))).collect()
}

/// A Secret as the API server keeps it.
fn stored(body: &[u8]) -> Value {
    let mut secret: Value = serde_json::from_slice(body).unwrap();
    secret["metadata"]["uid"] = json!("s1");
    secret["metadata"]["resourceVersion"] = json!("40");
    secret
}

fn live(secret: &Value) -> LiveSecret {
    LiveSecret::read(json!({"metadata": secret["metadata"]}).to_string().as_bytes()).unwrap()
}

/// What the patch makes of a Secret, by the rules of RFC 6902.
fn patched(
    secret: &Value,
    request: &Request,
    values: &BTreeMap<String, Plaintext>,
    without_data: bool,
) -> Result<Value, String> {
    let live = live(secret);
    let take = ownership(request, &live, Some(Uid::of("old"))).map_err(|trouble| trouble.reason().to_owned())?;
    let operations: json_patch::Patch =
        serde_json::from_slice(&patch(request, &live, take, values, without_data)).unwrap();
    let mut after = secret.clone();
    json_patch::patch(&mut after, &operations).map_err(|error| error.to_string())?;
    Ok(after)
}

#[test]
fn a_secret_that_is_right_is_left_as_it_is() {
    let template = json!({"metadata": {"labels": {"a/b": "1"}, "annotations": {"c~d": "2"}}, "type": "x/y"});
    for policy in ["Owner", "Orphan"] {
        let request = request(policy, &template);
        let values = values(&[("user", "admin"), ("empty", "")]);
        let secret = stored(&create(&request, &values));
        assert_eq!(secret["data"], json!({"user": "YWRtaW4=", "empty": ""}));
        assert_eq!(secret["metadata"].get("ownerReferences").is_some(), policy == "Owner");
        assert_eq!(patched(&secret, &request, &values, false).unwrap(), secret);
    }
}

#[test]
fn the_create_body_has_no_room_to_grow() {
    let values = values(&[("a", &"x".repeat(10_000))]);
    let body = create(&request("Owner", &json!({})), &values);
    assert_eq!(body.len(), body.capacity());
}

#[test]
fn what_left_the_template_goes_and_what_others_set_stays() {
    let before = request("Owner", &json!({"metadata": {"labels": {"a": "1", "b": "1"}, "annotations": {"c": "1"}}}));
    let mut secret = stored(&create(&before, &values(&[("user", "admin"), ("old", "x")])));
    secret["metadata"]["labels"]["theirs"] = json!("1");
    secret["metadata"]["annotations"]["theirs"] = json!("1");
    secret["data"]["planted"] = json!("eA==");
    let after = request("Owner", &json!({"metadata": {"labels": {"a": "2"}}}));
    let secret = patched(&secret, &after, &values(&[("user", "admin")]), false).unwrap();
    assert_eq!(secret["metadata"]["labels"], json!({"a": "2", "theirs": "1"}));
    let applied = json!({"labels": ["a"]}).to_string();
    assert_eq!(secret["metadata"]["annotations"], json!({"theirs": "1", "kseal.dev/applied": applied}));
    assert_eq!(secret["data"], json!({"user": "YWRtaW4="}));
}

#[test]
fn another_type_fails_the_whole_patch() {
    let secret = stored(&create(&request("Owner", &json!({"type": "x/y"})), &values(&[])));
    assert!(patched(&secret, &request("Owner", &json!({})), &values(&[]), false).unwrap_err().contains("/type"));
}

#[test]
fn merging_touches_only_its_own_items() {
    let mut secret = json!({"metadata": {"name": "db", "uid": "s1", "resourceVersion": "7",
        "annotations": {"kseal.dev/managed": "true"}}, "type": "Opaque", "data": {"theirs": "eA=="}});
    let merging = request("Merge", &json!({"metadata": {"labels": {"a": "1"}}}));
    assert_eq!(merging.policy, Policy::Merge);
    secret = patched(&secret, &merging, &values(&[("a/b", "1"), ("c", "2")]), false).unwrap();
    assert_eq!(secret["data"], json!({"theirs": "eA==", "a/b": "MQ==", "c": "Mg=="}));
    assert_eq!(secret["metadata"]["annotations"]["kseal.dev/owner-uid"], "u1");
    secret = patched(&secret, &merging, &values(&[("c", "3")]), false).unwrap();
    assert_eq!(secret["data"], json!({"theirs": "eA==", "c": "Mw=="}));
    assert_eq!(secret["metadata"]["labels"], json!({"a": "1"}));
}

#[test]
fn merging_takes_nothing_back_from_who_has_the_name_of_upstreams_controller() {
    let metadata = json!({"name": "db", "namespace": "prod", "uid": "u1", "resourceVersion": "1"});
    let upstreams = json!({"metadata": metadata, "spec": {"encryptedData": {}}}).to_string();
    let upstreams = Request::read(Group::Upstream, upstreams.as_bytes()).unwrap();
    for (request, consent) in
        [(request("Merge", &json!({})), "kseal.dev/managed"), (upstreams, "sealedsecrets.bitnami.com/patch")]
    {
        let set = json!({"f:metadata": {"f:labels": {"f:app": {}}, "f:annotations": {format!("f:{consent}"): {}}}});
        let secret = json!({"metadata": {"name": "db", "uid": "s1", "resourceVersion": "7",
            "labels": {"app": "theirs"}, "annotations": {consent: "true"},
            "managedFields": [{"manager": "controller", "operation": "Update", "fieldsV1": set}],
        }, "type": "Opaque", "data": {"theirs": "eA=="}});
        let after = patched(&secret, &request, &values(&[("a", "1")]), false).unwrap();
        assert_eq!(after["data"], json!({"theirs": "eA==", "a": "MQ=="}));
        assert_eq!(after["metadata"]["labels"], secret["metadata"]["labels"]);
        assert_eq!(after["metadata"]["annotations"][consent], "true");
    }
}

#[test]
fn a_secret_without_data_takes_items_on_the_second_try() {
    let secret = json!({"metadata": {"name": "db", "uid": "s1", "resourceVersion": "7",
        "annotations": {"kseal.dev/managed": "true"}}, "type": "Opaque"});
    let merging = request("Merge", &json!({}));
    let values = values(&[("a", "1")]);
    assert!(patched(&secret, &merging, &values, false).is_err());
    assert_eq!(patched(&secret, &merging, &values, true).unwrap()["data"], json!({"a": "MQ=="}));
}

#[test]
fn the_reference_is_switched_in_the_same_patch() {
    let reference = |group: &str, uid: &str| json!({"apiVersion": format!("{group}/v1alpha1"), "kind": "SealedSecret", "name": "db", "uid": uid, "controller": true});
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "c1"});
    let secret = json!({"metadata": {"name": "db", "uid": "s1", "resourceVersion": "7",
        "ownerReferences": [other, reference("bitnami.com", "old")]}, "type": "Opaque"});
    let after = patched(&secret, &request("Owner", &json!({})), &values(&[]), false).unwrap();
    assert_eq!(after["metadata"]["ownerReferences"], json!([other, reference("kseal.dev", "u1")]));
    let orphaned = patched(&after, &request("Orphan", &json!({})), &values(&[]), false).unwrap();
    assert_eq!(orphaned["metadata"]["ownerReferences"], json!([other]));
    assert_eq!(orphaned["metadata"]["annotations"]["kseal.dev/owner-uid"], "u1");
    let owned = patched(&orphaned, &request("Owner", &json!({})), &values(&[]), false).unwrap();
    assert_eq!(owned["metadata"]["ownerReferences"], json!([other, reference("kseal.dev", "u1")]));
    assert!(owned["metadata"]["annotations"].get("kseal.dev/owner-uid").is_none());
}
