//! `sealedsecrets.bitnami.com`, accepting all that sealed-secrets' own definition accepts, of any release.
//!
//! No limits and no rules beyond upstream's: an object that was stored under upstream's definition must stay writable.

use serde_json::{Value, json};

use super::object;
use crate::names;

pub(super) fn version() -> Value {
    json!({
        "name": "v1alpha1",
        "served": true,
        "storage": true,
        "subresources": { "status": {} },
        "additionalPrinterColumns": [
            { "name": "Status", "type": "string", "jsonPath": ".status.conditions[0].message" },
            { "name": "Synced", "type": "string", "jsonPath": ".status.conditions[0].status" },
            { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
        ],
        "schema": {
            "openAPIV3Schema": object(names::SEALED_SECRET, "A Secret whose values are sealed in the format of sealed-secrets.", &spec(), &status()),
        },
    })
}

fn spec() -> Value {
    let strings = |description: &str| json!({ "description": description, "type": "object", "nullable": true, "additionalProperties": { "type": "string" } });
    json!({
        "description": "The desired Secret with its values sealed.",
        "type": "object",
        "required": ["encryptedData"],
        "properties": {
            // Whatever stands in it, one object must not be refused that upstream's definition took: no schema for values.
            "encryptedData": {
                "description": "Sealed values by item key.",
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": true,
            },
            "data": {
                "description": "Deprecated: a whole Secret in one value. Use encryptedData.",
                "type": "string",
                "format": "byte",
            },
            "template": {
                "description": "What the Secret shall be besides its values. Not authenticated.",
                "type": "object",
                "properties": {
                    "type": { "description": "The Secret's type; Opaque unless given.", "type": "string" },
                    "immutable": { "description": "Whether the Secret can never change.", "type": "boolean", "nullable": true },
                    "metadata": {
                        "description": "Metadata of the Secret.",
                        "type": "object",
                        "nullable": true,
                        "x-kubernetes-preserve-unknown-fields": true,
                        "properties": {
                            "name": { "description": "Ignored: the Secret has the name of this object.", "type": "string" },
                            "namespace": { "description": "Ignored: the Secret stands beside this object.", "type": "string" },
                            "labels": strings("Labels of the Secret."),
                            "annotations": strings("Annotations of the Secret."),
                            "finalizers": {
                                "description": "Not copied to the Secret.",
                                "type": "array",
                                "nullable": true,
                                "items": { "type": "string" },
                            },
                        },
                    },
                    "data": {
                        "description": "Templates by item key, with the opened values at hand; null leaves an item out of the Secret.",
                        "type": "object",
                        "nullable": true,
                        "additionalProperties": { "type": "string", "nullable": true },
                    },
                },
            },
        },
    })
}

fn status() -> Value {
    json!({
        "description": "What the controller last saw and did. Only the controller writes it.",
        "type": "object",
        "properties": {
            "observedGeneration": {
                "description": "The generation of this object to which the conditions belong.",
                "type": "integer",
                "format": "int64",
            },
            "conditions": {
                "description": "Synced, and the controller's record.",
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["status", "type"],
                    "properties": {
                        "type": { "type": "string" },
                        "status": { "type": "string" },
                        "lastUpdateTime": { "type": "string", "format": "date-time" },
                        "lastTransitionTime": { "type": "string", "format": "date-time" },
                        "reason": { "type": "string" },
                        "message": { "type": "string" },
                    },
                },
            },
        },
    })
}
