//! `rewraprequests.kseal.dev`. Field by field the schemas of [`crate::RewrapRequestSpec`] and [`crate::RewrapRequestStatus`].

use serde_json::{Value, json};

use super::{
    MAX_DATA_KEYS,
    native::{BASE64, MAX_NAME, MAX_WRAP_TEXT, conditions},
    object,
};
use crate::{MAX_REWRAP_OBJECTS, MAX_REWRAP_RECIPIENTS, names};

pub(super) fn names() -> Value {
    json!({
        "kind": names::REWRAP_REQUEST,
        "listKind": "RewrapRequestList",
        "plural": "rewraprequests",
        "singular": "rewraprequest",
    })
}

pub(super) fn version() -> Value {
    let description = "Data keys to be wrapped for the cluster's current sealing key. What is asked never changes: another question is another request.";
    json!({
        "name": "v1alpha1",
        "served": true,
        "storage": true,
        "subresources": { "status": {} },
        "additionalPrinterColumns": [
            {
                "name": "Complete", "type": "string",
                "jsonPath": ".status.conditions[?(@.type==\"Complete\")].status", "description": "Whether it was answered.",
            },
            { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
        ],
        "schema": { "openAPIV3Schema": object(names::REWRAP_REQUEST, description, &spec(), &status()) },
    })
}

fn spec() -> Value {
    json!({
        "description": "What shall be wrapped.",
        "type": "object",
        "required": ["objects"],
        "properties": {
            "objects": {
                "description": "The sealed objects whose data keys these are; all of the namespace of this request.",
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_REWRAP_OBJECTS,
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["scope", "dataKeys"],
                    "properties": {
                        "scope": {
                            "description": "Where the values may be opened. A data key that was sealed with another scope does not open.",
                            "type": "string",
                            "enum": ["Strict", "NamespaceWide", "ClusterWide"],
                        },
                        "name": { "description": "The name of the object; bound by Strict.", "type": "string", "maxLength": MAX_NAME },
                        "dataKeys": {
                            "description": "By handle: the commitment, and the wraps for this cluster's keys.",
                            "type": "object",
                            "maxProperties": MAX_DATA_KEYS,
                            "x-kubernetes-validations": [{
                                "rule": "self.all(handle, handle.size() == 17)",
                                "message": "a key is not a handle: d and 16 characters of lower-case base32",
                            }],
                            "additionalProperties": {
                                "type": "object",
                                "required": ["commitment"],
                                "properties": {
                                    "commitment": { "type": "string", "maxLength": 44 },
                                    "recipients": wraps(MAX_REWRAP_RECIPIENTS),
                                },
                            },
                        },
                    },
                    "x-kubernetes-validations": [{
                        "rule": "self.scope != 'Strict' || has(self.name)",
                        "message": "scope Strict binds the name of the object, so it has to be said",
                    }],
                },
            },
        },
    })
}

fn wraps(most: usize) -> Value {
    json!({
        "type": "object",
        "nullable": true,
        "maxProperties": most,
        "additionalProperties": { "type": "string", "maxLength": MAX_WRAP_TEXT, "pattern": BASE64 },
    })
}

fn status() -> Value {
    json!({
        "description": "The answer. Only the controller writes it.",
        "type": "object",
        "properties": {
            "observedGeneration": {
                "description": "The generation of this request that was answered.",
                "type": "integer",
                "format": "int64",
            },
            "objects": {
                "description": "One for each of the request's objects, in its order.",
                "type": "array",
                "maxItems": MAX_REWRAP_OBJECTS,
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "properties": {
                        "dataKeys": {
                            "description": "By handle: the wrap for the current sealing key, under that key's fingerprint.",
                            "type": "object",
                            "maxProperties": MAX_DATA_KEYS,
                            "additionalProperties": wraps(1),
                        },
                        "failures": {
                            "description": "By handle: why not.",
                            "type": "object",
                            "maxProperties": MAX_DATA_KEYS,
                            "additionalProperties": {
                                "type": "string",
                                "enum": ["malformed", "unsupported", "no-key", "open", "compromised"],
                            },
                        },
                    },
                },
            },
            "conditions": conditions("Complete, once it is answered."),
        },
    })
}
