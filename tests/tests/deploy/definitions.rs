//! What the definition of the native kind admits, keeps and shows.

use anyhow::{Result, ensure};
use kseal_tests::cluster::{Cluster, run};
use serde_json::{Map, Value, json};

use super::{create, installed, native, refusal, stored};

/// As in the vectors: 16 characters after the letter, counted up.
fn handle(number: usize) -> String {
    let letter = |index: u32| char::from(b"abcdefghijklmnopqrstuvwxyz234567"[(number >> (5 * index)) & 31]);
    format!("d{}{}{}", "a".repeat(14), letter(1), letter(0))
}

fn fingerprint(number: usize) -> String {
    format!("k{}{}", "a".repeat(10), &handle(number)[1..])
}

fn data_key(wraps: usize) -> Value {
    let recipients: Map<String, Value> = (0..wraps).map(|wrap| (fingerprint(wrap), json!("AAAA"))).collect();
    json!({"commitment": format!("{}=", "A".repeat(43)), "recipients": recipients})
}

fn data_keys(wraps: &[usize]) -> Value {
    wraps.iter().enumerate().map(|(number, wraps)| (handle(number), data_key(*wraps))).collect::<Map<_, _>>().into()
}

fn items(count: usize) -> Value {
    let value = format!("ks1.{}.AAAA", handle(0));
    (0..count).map(|item| (format!("item{item}"), json!(value))).collect::<Map<_, _>>().into()
}

/// As little as an object can have.
fn spec() -> Value {
    json!({"scope": "Strict", "dataKeys": data_keys(&[1]), "encryptedData": items(1)})
}

/// The least spec with one field more or another.
fn with(field: &str, value: Value) -> Value {
    let mut spec = spec();
    spec[field] = value;
    spec
}

async fn refused(cluster: &Cluster, namespace: &str, spec: Value, why: &str) -> Result<()> {
    let refusal = refusal(cluster, &native(namespace, "refused", &spec)).await?;
    ensure!(refusal.contains(why), "no {why:?} in: {refusal}");
    Ok(())
}

#[test]
fn what_reaches_the_limits_is_admitted_and_what_passes_them_is_not() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("limits").await?;
        for (name, spec) in [
            ("items", with("encryptedData", items(4_096))),
            ("data-keys", with("dataKeys", data_keys(&[4; 64]))),
            ("wraps", with("dataKeys", data_keys(&[256]))),
        ] {
            create(cluster, &native(&namespace, name, &spec)).await?;
        }
        let too_many = [
            (with("encryptedData", items(4_097)), "spec.encryptedData: Too many: 4097"),
            (with("dataKeys", data_keys(&[1; 65])), "spec.dataKeys: Too many: 65"),
            (with("dataKeys", data_keys(&[128, 129])), "more than 256 wraps over all data keys"),
            (with("dataKeys", data_keys(&[257])), "recipients: Too many: 257"),
        ];
        for (spec, why) in too_many {
            refused(cluster, &namespace, spec, why).await?;
        }
        Ok(())
    });
}

#[test]
fn wrong_shapes_are_refused_with_a_reason() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("shapes").await?;
        let chosen = |value: Value| with("imagePullSecret", json!({"serviceAccounts": value}));
        let long = json!({"a".repeat(254): format!("ks1.{}.AAAA", handle(0))});
        let mut wrong_wrap = data_keys(&[1]);
        wrong_wrap[handle(0)]["recipients"][fingerprint(0)] = json!("no base64");
        let mut wrong_commitment = data_keys(&[1]);
        wrong_commitment[handle(0)]["commitment"] = json!("AAAA");
        let one_of = "exactly one of names, selector, and all: true";
        let wrong = [
            (json!({"encryptedData": items(1)}), "spec.scope: Required value"),
            (with("scope", json!("strict")), "spec.scope: Unsupported value: \"strict\""),
            (with("dataKeys", json!({"d2": data_key(1)})), "a key is not a handle"),
            (with("dataKeys", json!({handle(0): {"recipients": {}}})), "commitment: Required value"),
            (with("dataKeys", json!({handle(0): {"commitment": null}})), "commitment"),
            (with("dataKeys", wrong_commitment), "should match '^[A-Za-z0-9+/]{43}=$'"),
            (with("dataKeys", wrong_wrap), "should match '^[A-Za-z0-9+/]+={0,2}$'"),
            (with("encryptedData", long), "longer than 253 characters"),
            (with("encryptedData", json!({"a": 1})), "must be of type string"),
            (with("template", json!({"type": 1})), "must be of type string"),
            (with("target", json!({"creationPolicy": "None"})), "Unsupported value: \"None\""),
            (with("imagePullSecret", json!({})), "serviceAccounts: Required value"),
            (chosen(json!({})), one_of),
            (chosen(json!({"names": ["a"], "selector": {}})), one_of),
            (chosen(json!({"names": ["a"], "all": true})), one_of),
            (chosen(json!({"names": ["a"], "all": false})), one_of),
            (chosen(json!({"all": false})), one_of),
            (chosen(json!({"names": []})), "should have at least 1 items"),
            (chosen(json!({"names": ["a", "a"]})), "Duplicate value"),
        ];
        for (spec, why) in wrong {
            refused(cluster, &namespace, spec, why).await?;
        }
        for (index, right) in
            [json!({"names": ["a", "b"]}), json!({"selector": {"matchLabels": {"a": "b"}}}), json!({"all": true})]
                .into_iter()
                .enumerate()
        {
            create(cluster, &native(&namespace, &format!("right-{index}"), &chosen(right))).await?;
        }
        Ok(())
    });
}

/// Tools print what an API server says, and keep it in logs.
#[test]
fn a_value_that_is_not_sealed_is_refused_and_not_repeated() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("plaintext").await?;
        let plain = native(&namespace, "plain", &with("encryptedData", json!({"password": "hunter2"})));
        let said = refusal(cluster, &plain).await?;
        ensure!(said.contains("a value is not sealed (ks1.…)") && !said.contains("hunter2"), "{said}");
        let long = "hunter2".repeat(200_001);
        let plain = native(&namespace, "plain", &with("encryptedData", json!({"password": long})));
        let said = refusal(cluster, &plain).await?;
        ensure!(said.contains("Too long") && !said.contains("hunter2"), "{}", said.len());
        Ok(())
    });
}

#[test]
fn null_is_a_missing_field() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("null").await?;
        let empty = json!({
            "scope": "ClusterWide", "sealedFor": null, "dataKeys": null, "encryptedData": null, "target": null,
            "template": {"metadata": {"labels": null, "annotations": null}}, "imagePullSecret": null,
        });
        create(cluster, &native(&namespace, "empty", &empty)).await?;
        let recipients =
            with("dataKeys", json!({handle(0): {"commitment": data_key(0)["commitment"], "recipients": null}}));
        create(cluster, &native(&namespace, "recipients", &recipients)).await?;
        Ok(())
    });
}

#[test]
fn a_signature_is_kept_as_it_is_and_nothing_is_filled_in() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("kept").await?;
        for (name, signature) in [("text", json!("AAAA")), ("object", json!({"by": [{"any": "thing"}], "n": 1}))] {
            let spec = with("signature", signature);
            create(cluster, &native(&namespace, name, &spec)).await?;
            let stored = stored(cluster, &namespace, "kss", name).await?;
            ensure!(stored["spec"] == spec, "{stored}");
        }
        Ok(())
    });
}

#[test]
fn a_field_that_nobody_knows_is_told_to_who_applies_it() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("unknown").await?;
        refused(cluster, &namespace, with("targets", json!({})), "unknown field \"spec.targets\"").await
    });
}

#[test]
fn the_status_is_a_resource_of_its_own_with_all_that_the_controller_writes() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("status").await?;
        create(cluster, &native(&namespace, "db", &spec())).await?;
        let condition = |kind: &str, status: &str| {
            json!({
                "type": kind, "status": status, "reason": "Opened", "message": "3 items", "observedGeneration": 1,
                "lastTransitionTime": "2026-11-22T05:00:00Z",
            })
        };
        let status = json!({
            "observedGeneration": 1,
            "conditions": [condition("Ready", "True"), condition("Reconciling", "False"), condition("Stalled", "False")],
            "observed": {
                "uid": "6f0c6f0c-0000-0000-0000-000000000000", "secretUID": "7f0c6f0c-0000-0000-0000-000000000000",
                "secretResourceVersion": "12345", "hash": "AAAA", "version": 1, "keys": [fingerprint(0)],
            },
        });
        let patch = json!({"status": status, "spec": {"scope": "ClusterWide"}}).to_string();
        let arguments = ["-n", &namespace, "patch", "kss", "db", "--type=merge", "--subresource=status", "-p", &patch];
        cluster.kubectl(arguments).run().await?;
        let stored = stored(cluster, &namespace, "kss", "db").await?;
        ensure!(stored["status"] == status, "{stored}");
        ensure!(stored["spec"]["scope"] == "Strict" && stored["metadata"]["generation"] == 1, "{stored}");

        let table = cluster.kubectl(["-n", &namespace, "get", "kss"]).run().await?;
        ensure!(words(&table, 0) == ["NAME", "READY", "SCOPE", "AGE"], "{table}");
        ensure!(words(&table, 1)[..3] == ["db", "True", "Strict"], "{table}");
        let wide = cluster.kubectl(["-n", &namespace, "get", "kss", "-o", "wide"]).run().await?;
        ensure!(words(&wide, 0) == ["NAME", "READY", "SCOPE", "REASON", "MESSAGE", "AGE"], "{wide}");
        ensure!(wide.contains("Opened") && wide.contains("3 items"), "{wide}");
        Ok(())
    });
}

fn words(table: &str, line: usize) -> Vec<&str> {
    table.lines().nth(line).unwrap_or_default().split_whitespace().collect()
}
