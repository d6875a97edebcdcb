//! Our definition of bitnami.com's SealedSecret beside upstream's own.

use std::fs;

use anyhow::{Context as _, ensure};
use kseal_tests::cluster::run;
use serde_json::{Value, json};

use super::{create, installed, stored};

const OURS: &str = "bitnami.com";
/// A group in which upstream's definition can stand beside ours.
const THEIRS: &str = "upstream.example";

/// The structure of upstream's definition, release 0.38, in [`THEIRS`].
fn definition() -> Value {
    let string = json!({"type": "string"});
    let strings = json!({"type": "object", "nullable": true, "additionalProperties": string});
    let time = json!({"type": "string", "format": "date-time"});
    let spec = json!({
        "type": "object", "required": ["encryptedData"],
        "properties": {
            "data": {"type": "string", "format": "byte"},
            "encryptedData": {
                "type": "object", "additionalProperties": string, "x-kubernetes-preserve-unknown-fields": true,
            },
            "template": {"type": "object", "properties": {
                "data": strings,
                "immutable": {"type": "boolean"},
                "metadata": {
                    "type": "object", "nullable": true, "x-kubernetes-preserve-unknown-fields": true,
                    "properties": {
                        "annotations": {"type": "object", "additionalProperties": string},
                        "labels": {"type": "object", "additionalProperties": string},
                        "finalizers": {"type": "array", "items": string},
                        "name": string, "namespace": string,
                    },
                },
                "type": string,
            }},
        },
    });
    let condition = json!({
        "type": "object", "required": ["status", "type"],
        "properties": {
            "type": string, "status": string, "reason": string, "message": string,
            "lastTransitionTime": time, "lastUpdateTime": time,
        },
    });
    let status = json!({"type": "object", "properties": {
        "conditions": {"type": "array", "items": condition},
        "observedGeneration": {"type": "integer", "format": "int64"},
    }});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("sealedsecrets.{THEIRS}")},
        "spec": {
            "group": THEIRS, "scope": "Namespaced",
            "names": {
                "kind": "SealedSecret", "listKind": "SealedSecretList", "plural": "sealedsecrets", "singular": "sealedsecret",
            },
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {
                    "type": "object", "required": ["spec"],
                    "properties": {
                        "apiVersion": string, "kind": string, "metadata": {"type": "object"},
                        "spec": spec, "status": status,
                    },
                }},
            }],
        },
    })
}

fn object(group: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": format!("{group}/v1alpha1"), "kind": "SealedSecret",
        "metadata": {"namespace": namespace, "name": name}, "spec": spec,
    })
}

/// What upstream's definition admits, with every field and every oddity.
fn admitted() -> Vec<Value> {
    vec![
        json!({"encryptedData": {}}),
        json!({"encryptedData": {"a": "no base64"}, "data": "bm8gcGFydA=="}),
        json!({
            "encryptedData": {"a": "AgA="},
            "template": {
                "type": "kubernetes.io/tls", "immutable": true,
                "data": {"config": "{{ .a }}"},
                "metadata": {
                    "name": "n", "namespace": "s", "labels": {"a": "b"}, "annotations": {"a": "b"},
                    "finalizers": ["a.example/b"], "creationTimestamp": null, "generateName": "x", "unknown": {"a": [1]},
                },
            },
        }),
        json!({"encryptedData": {"a": "AgA="}, "template": {"data": null, "metadata": null}}),
    ]
}

#[test]
fn what_upstreams_definition_admits_ours_admits_and_keeps_as_it_is() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("superset").await?;
        create(cluster, &definition()).await?;
        let name = format!("customresourcedefinition/sealedsecrets.{THEIRS}");
        cluster.kubectl(["wait", "--for=condition=Established", "--timeout=30s", &name]).run().await?;
        for (index, spec) in admitted().iter().enumerate() {
            let name = format!("object-{index}");
            let mut kept = Vec::new();
            for group in [THEIRS, OURS] {
                create(cluster, &object(group, &namespace, &name, spec)).await?;
                let kind = format!("sealedsecrets.{group}");
                let status = json!({"status": {"observedGeneration": 1, "conditions": [
                    {"type": "Synced", "status": "True", "message": "", "lastUpdateTime": "2026-11-22T05:00:00Z",
                     "lastTransitionTime": "2026-11-22T05:00:00Z"},
                    {"type": "Recorded", "status": "True", "reason": "AAAA"},
                ]}})
                .to_string();
                let patch =
                    ["-n", &namespace, "patch", &kind, &name, "--type=merge", "--subresource=status", "-p", &status];
                cluster.kubectl(patch).run().await?;
                let stored = stored(cluster, &namespace, &kind, &name).await?;
                kept.push((stored["spec"].clone(), stored["status"].clone()));
            }
            ensure!(kept[0] == kept[1], "{kept:?}");
        }
        Ok(())
    });
}

/// Later releases of upstream admit `null` for a template; whatever stands in encryptedData must not be refused.
#[test]
fn ours_admits_what_later_releases_do_and_any_encrypted_data() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("lenient").await?;
        let spec = json!({
            "encryptedData": {"nested": {"a": {"b": "c"}}, "number": 1, "list": [1, null]},
            "template": {"data": {"left-out": null}},
        });
        create(cluster, &object(OURS, &namespace, "odd", &spec)).await?;
        let stored = stored(cluster, &namespace, "sealedsecrets.bitnami.com", "odd").await?;
        ensure!(stored["spec"] == spec, "{stored}");
        Ok(())
    });
}

#[test]
fn where_the_definition_exists_creating_it_again_is_refused() {
    run(async {
        let cluster = installed().await?;
        let create = ["create", "-f", "deploy/crds/bitnami.com_sealedsecrets.yaml"];
        let output = cluster.kubectl(create).output().await?;
        ensure!(String::from_utf8(output.stderr)?.contains("AlreadyExists"));
        Ok(())
    });
}

/// What upstream's kubeseal writes, from the corpus of the second reader.
#[test]
fn what_kubeseal_writes_is_admitted() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("kubeseal").await?;
        let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/tests/cmd/fixtures/sealed/bitnami.yaml");
        let manifest = kseal_manifest::Manifest::parse(fs::read_to_string(fixture)?).ok().context("it is no YAML")?;
        let mut object = manifest.documents()[0].root().to_json();
        object["metadata"]["namespace"] = json!(namespace);
        create(cluster, &object).await?;
        Ok(())
    });
}
