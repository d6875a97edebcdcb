//! `clustersealedsecrets.kseal.dev`. Field by field the schema of [`crate::ClusterSealedSecretSpec`].

use serde_json::{Value, json};

use super::{
    MAX_FAILURES,
    native::{
        MAX_LABEL, MAX_NAME, conditions, data_keys, encrypted_data, fingerprints, image_pull_secret, seen_under,
        selector, signature, template,
    },
    object,
};
use crate::names;

pub(super) fn names() -> Value {
    json!({
        "kind": names::CLUSTER_SEALED_SECRET,
        "listKind": "ClusterSealedSecretList",
        "plural": "clustersealedsecrets",
        "singular": "clustersealedsecret",
        "shortNames": ["css"],
    })
}

pub(super) fn version() -> Value {
    let description = "A Secret whose values are sealed, for many namespaces.";
    json!({
        "name": "v1alpha1",
        "served": true,
        "storage": true,
        "subresources": { "status": {} },
        "additionalPrinterColumns": columns(),
        "schema": { "openAPIV3Schema": object(names::CLUSTER_SEALED_SECRET, description, &spec(), &status()) },
    })
}

fn columns() -> Value {
    let ready = |field: &str| format!(".status.conditions[?(@.type==\"Ready\")].{field}");
    json!([
        { "name": "Ready", "type": "string", "jsonPath": ready("status"), "description": "Whether every selected namespace has the Secret." },
        { "name": "Namespaces", "type": "integer", "jsonPath": ".status.namespaces.selected", "description": "How many are selected." },
        { "name": "Failing", "type": "integer", "jsonPath": ".status.namespaces.failing", "description": "In how many of them the Secret is not right." },
        { "name": "Reason", "type": "string", "jsonPath": ready("reason"), "priority": 1 },
        { "name": "Message", "type": "string", "jsonPath": ready("message"), "priority": 1 },
        { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
    ])
}

fn spec() -> Value {
    json!({
        "description": "The desired Secret with its values sealed, and the namespaces that get it.",
        "type": "object",
        "required": ["namespaceSelector"],
        "properties": {
            "namespaceSelector": selector("The namespaces that get the Secret; {} for all."),
            "excludedNamespaces": {
                "description": "Namespaces that do not get it, although they are selected.",
                "type": "array",
                "maxItems": 256,
                "x-kubernetes-list-type": "set",
                "items": { "type": "string", "minLength": 1, "maxLength": MAX_LABEL },
            },
            "sealedFor": {
                "description": "The name for which the values were sealed. Only for messages, never for opening.",
                "type": "object",
                "nullable": true,
                "properties": {
                    "name": { "description": "The name of the object.", "type": "string", "maxLength": MAX_NAME },
                },
            },
            "dataKeys": data_keys(),
            "encryptedData": encrypted_data(),
            "template": template(),
            "imagePullSecret": image_pull_secret(),
            "signature": signature(),
        },
    })
}

fn status() -> Value {
    let count = |description: &str| json!({ "description": description, "type": "integer", "format": "int64" });
    json!({
        "description": "What the controller last saw and did. Only the controller writes it.",
        "type": "object",
        "properties": {
            "observedGeneration": count("The generation of this object to which the conditions belong."),
            "conditions": conditions("Ready, Reconciling and Stalled, as kstatus reads them."),
            "namespaces": {
                "description": "How many namespaces stand how.",
                "type": "object",
                "properties": {
                    "selected": count("They shall have the Secret."),
                    "ready": count("They have it, and it is right."),
                    "failing": count("It is not right there."),
                },
            },
            "failures": {
                "description": "The first of the namespaces in which the Secret is not right, and why.",
                "type": "array",
                "maxItems": MAX_FAILURES,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["namespace"],
                "items": {
                    "type": "object",
                    "required": ["namespace"],
                    "properties": {
                        "namespace": { "type": "string", "maxLength": MAX_LABEL },
                        "reason": { "type": "string", "maxLength": 1_024 },
                        "message": { "type": "string", "maxLength": 1_024 },
                    },
                },
            },
            "neededKeys": fingerprints("Fingerprints of the sealing keys that opened the values when they last opened, where they do not open now."),
            "policies": seen_under(),
            "observed": {
                "description": "The controller's record of the last success: while all of it holds, nothing is opened and nothing is written. Only a hint.",
                "type": "object",
                "properties": {
                    "uid": { "description": "UID of this object.", "type": "string", "maxLength": 64 },
                    "secrets": { "description": "Over UID and resourceVersion of all its Secrets.", "type": "string", "maxLength": 128 },
                    "hash": { "description": "Over the spec and the metadata that the controller honours.", "type": "string", "maxLength": 128 },
                    "version": { "description": "Of the controller's logic.", "type": "integer", "format": "int64" },
                    "keys": fingerprints("Fingerprints of the sealing keys that opened the values."),
                },
            },
        },
    })
}
