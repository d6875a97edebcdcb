//! `sealedsecrets.kseal.dev`. Field by field the schema of [`crate::SealedSecretSpec`]; `null` is a missing field, as it is
//! for Kubernetes' own kinds.

use serde_json::{Value, json};

use super::{MAX_DATA_KEYS, MAX_ITEMS, MAX_TEXT, MAX_WRAPS, object};
use crate::names;

/// Standard alphabet, padded. How many octets it must be is the reader's affair.
pub(super) const BASE64: &str = "^[A-Za-z0-9+/]+={0,2}$";
/// Longer than the wrap of any suite to come is likely to be; X-Wing's are 1,560.
pub(super) const MAX_WRAP_TEXT: usize = 8_192;
/// Kubernetes' own limit for the name of an object, the prefix of a label, the key of an item.
pub(super) const MAX_NAME: usize = 253;
/// Kubernetes' own limit for the name of a namespace and the value of a label.
pub(super) const MAX_LABEL: usize = 63;
/// Kubernetes' own limit for all annotations of one object.
const MAX_ANNOTATION: usize = 262_144;
/// Far more labels, annotations, or terms of a selector than anybody sets.
const MANY: usize = 1_024;

pub(super) fn version() -> Value {
    json!({
        "name": "v1alpha1",
        "served": true,
        "storage": true,
        "subresources": { "status": {} },
        "additionalPrinterColumns": columns(),
        "schema": { "openAPIV3Schema": object(names::SEALED_SECRET, "A Secret whose values are sealed, fit for git.", &spec(), &status()) },
    })
}

/// Reason and message are for `kubectl get -o wide`.
fn columns() -> Value {
    let ready = |field: &str| format!(".status.conditions[?(@.type==\"Ready\")].{field}");
    json!([
        { "name": "Ready", "type": "string", "jsonPath": ready("status"), "description": "Whether the Secret is what this object says." },
        { "name": "Scope", "type": "string", "jsonPath": ".spec.scope", "description": "Where the values may be opened." },
        { "name": "Reason", "type": "string", "jsonPath": ready("reason"), "priority": 1 },
        { "name": "Message", "type": "string", "jsonPath": ready("message"), "priority": 1 },
        { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
    ])
}

fn spec() -> Value {
    json!({
        "description": "The desired Secret with its values sealed.",
        "type": "object",
        "required": ["scope"],
        "properties": {
            "scope": {
                "description": "Where the values may be opened: in this object, under any name of this namespace, or anywhere in the cluster.",
                "type": "string",
                "enum": ["Strict", "NamespaceWide", "ClusterWide"],
            },
            "sealedFor": {
                "description": "What the scope bound when the values were sealed. Only for messages, never for opening.",
                "type": "object",
                "nullable": true,
                "properties": {
                    "namespace": { "description": "Bound by Strict and NamespaceWide.", "type": "string", "maxLength": MAX_NAME },
                    "name": { "description": "Bound by Strict.", "type": "string", "maxLength": MAX_NAME },
                },
            },
            "dataKeys": data_keys(),
            "encryptedData": encrypted_data(),
            "template": template(),
            "target": {
                "description": "How the Secret is owned.",
                "type": "object",
                "nullable": true,
                "properties": {
                    "creationPolicy": {
                        "description": "Owner (unless given): the Secret goes with this object. Orphan: it outlives it. Merge: items are merged into a Secret of someone else, who consents.",
                        "type": "string",
                        "enum": ["Owner", "Merge", "Orphan"],
                    },
                },
            },
            "imagePullSecret": image_pull_secret(),
            "signature": signature(),
        },
    })
}

pub(super) fn signature() -> Value {
    json!({ "description": "Reserved: kept as it is, and not read.", "x-kubernetes-preserve-unknown-fields": true })
}

/// Keys of a map have no schema of their own, and a rule's estimated cost grows with the length that a key might have;
/// so their length is all that is asked here.
pub(super) fn data_keys() -> Value {
    json!({
        "description": "Data keys by handle.",
        "type": "object",
        "nullable": true,
        "maxProperties": MAX_DATA_KEYS,
        "x-kubernetes-validations": [
            {
                "rule": "self.all(handle, handle.size() == 17 && handle.startsWith('d'))",
                "message": "a key is not a handle: d and 16 characters of lower-case base32",
            },
            {
                "rule": format!(
                    "self.map(handle, has(self[handle].recipients) ? self[handle].recipients.size() : 0).sum() <= {MAX_WRAPS}"
                ),
                "message": format!(
                    "more than {MAX_WRAPS} wraps over all data keys; `kseal reencrypt --compact` gathers all values under one data key"
                ),
            },
        ],
        "additionalProperties": {
            "type": "object",
            "required": ["commitment"],
            "properties": {
                "commitment": {
                    "description": "Base64 of 32 bytes that no other data key has; the handle is its beginning.",
                    "type": "string",
                    "maxLength": 44,
                    "pattern": "^[A-Za-z0-9+/]{43}=$",
                },
                "recipients": {
                    "description": "The data key wrapped for each sealing key, by the sealing key's fingerprint.",
                    "type": "object",
                    "nullable": true,
                    "maxProperties": MAX_WRAPS,
                    "x-kubernetes-validations": [{
                        "rule": "self.all(fingerprint, fingerprint.size() == 27 && fingerprint.startsWith('k'))",
                        "message": "a key is not a fingerprint: k and 26 characters of lower-case base32",
                    }],
                    "additionalProperties": { "type": "string", "maxLength": MAX_WRAP_TEXT, "pattern": BASE64 },
                },
            },
        },
    })
}

/// A `pattern` would repeat in its message what it refused, and that may be plaintext; a rule does not.
pub(super) fn encrypted_data() -> Value {
    json!({
        "description": "Sealed values by item key.",
        "type": "object",
        "nullable": true,
        "maxProperties": MAX_ITEMS,
        "x-kubernetes-validations": [
            {
                "rule": "self.all(item, self[item].startsWith('ks1.d'))",
                "message": "a value is not sealed (ks1.…): seal it with `kseal encrypt` or `kseal set`",
            },
            {
                "rule": format!("self.all(item, item.size() > 0 && item.size() <= {MAX_NAME})"),
                "message": format!("a key is empty or longer than {MAX_NAME} characters, which no Secret can hold"),
            },
        ],
        "additionalProperties": { "type": "string", "maxLength": MAX_TEXT },
    })
}

pub(super) fn template() -> Value {
    let strings = |description: &str, length: usize| {
        json!({
            "description": description,
            "type": "object",
            "nullable": true,
            "maxProperties": MANY,
            "additionalProperties": { "type": "string", "maxLength": length },
        })
    };
    json!({
        "description": "What the Secret shall be besides its values. Not authenticated.",
        "type": "object",
        "nullable": true,
        "properties": {
            "type": { "description": "The Secret's type; Opaque unless given.", "type": "string", "maxLength": MAX_NAME },
            "immutable": { "description": "Whether the Secret can never change.", "type": "boolean" },
            "metadata": {
                "description": "The part of the metadata that is copied to the Secret.",
                "type": "object",
                "nullable": true,
                "properties": {
                    "labels": strings("Labels of the Secret.", MAX_LABEL),
                    "annotations": strings("Annotations of the Secret.", MAX_ANNOTATION),
                },
            },
        },
    })
}

pub(super) fn image_pull_secret() -> Value {
    json!({
        "description": "Which ServiceAccounts of this namespace shall pull images with the Secret.",
        "type": "object",
        "nullable": true,
        "required": ["serviceAccounts"],
        "properties": {
            "serviceAccounts": {
                "description": "Exactly one of names, selector, and all: true.",
                "type": "object",
                "properties": {
                    "names": {
                        "description": "ServiceAccounts by name.",
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 256,
                        "x-kubernetes-list-type": "set",
                        "items": { "type": "string", "minLength": 1, "maxLength": MAX_NAME },
                    },
                    "selector": selector("ServiceAccounts by label."),
                    "all": { "description": "All of the namespace.", "type": "boolean" },
                },
                "x-kubernetes-validations": [{
                    "rule": "[has(self.names), has(self.selector), has(self.all) && self.all].filter(chosen, chosen).size() == 1 && (!has(self.all) || self.all)",
                    "message": "exactly one of names, selector, and all: true",
                }],
            },
        },
    })
}

/// Kubernetes' `LabelSelector`.
pub(super) fn selector(description: &str) -> Value {
    json!({
        "description": description,
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {
                "type": "object",
                "maxProperties": MANY,
                "additionalProperties": { "type": "string", "maxLength": MAX_LABEL },
            },
            "matchExpressions": {
                "type": "array",
                "maxItems": MANY,
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": { "type": "string", "maxLength": MAX_NAME + 1 + MAX_LABEL },
                        "operator": { "type": "string", "enum": ["In", "NotIn", "Exists", "DoesNotExist"] },
                        "values": {
                            "type": "array",
                            "maxItems": MANY,
                            "items": { "type": "string", "maxLength": MAX_LABEL },
                        },
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
            "conditions": conditions("Ready, Reconciling and Stalled, as kstatus reads them."),
            "neededKeys": fingerprints("Fingerprints of the sealing keys that opened the values when they last opened, where the Secret is not right for another reason."),
            "policies": seen_under(),
            "observed": {
                "description": "The controller's record of the last success: while all of it holds, nothing is opened and nothing is written. Only a hint.",
                "type": "object",
                "properties": {
                    "uid": { "description": "UID of this object.", "type": "string", "maxLength": 64 },
                    "secretUID": { "description": "UID of the Secret.", "type": "string", "maxLength": 64 },
                    "secretResourceVersion": { "description": "resourceVersion of the Secret.", "type": "string", "maxLength": 64 },
                    "hash": { "description": "Over the spec and the metadata that the controller honours.", "type": "string", "maxLength": 128 },
                    "version": { "description": "Of the controller's logic.", "type": "integer", "format": "int64" },
                    "keys": fingerprints("Fingerprints of the sealing keys that opened the values."),
                    "attached": { "description": "Whether ServiceAccounts pull images with the Secret, as this object asks.", "type": "boolean" },
                },
            },
        },
    })
}

pub(super) fn seen_under() -> Value {
    json!({
        "description": "Under which admission policies this object was seen last, where it asks for what they look at. What it changes into under the same policies was looked at, however old it is.",
        "type": "object",
        "properties": {
            "uid": { "description": "UID of this object.", "type": "string", "maxLength": 64 },
            "generation": { "description": "The generation of this object then.", "type": "integer", "format": "int64" },
            "hash": { "description": "Over the spec and the metadata that the controller honours, then.", "type": "string", "maxLength": 128 },
            "version": { "description": "How the hash is computed.", "type": "integer", "format": "int32" },
            "since": { "description": "Since when they are as they are, in seconds since 1970.", "type": "integer", "format": "int64" },
        },
    })
}

pub(super) fn fingerprints(description: &str) -> Value {
    json!({
        "description": description,
        "type": "array",
        "maxItems": MAX_WRAPS,
        "x-kubernetes-list-type": "atomic",
        "items": { "type": "string", "maxLength": 64 },
    })
}

/// Kubernetes' `Condition`.
pub(super) fn conditions(description: &str) -> Value {
    json!({
        "description": description,
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": { "type": "string", "maxLength": 316 },
                "status": { "type": "string", "enum": ["True", "False", "Unknown"] },
                "observedGeneration": { "type": "integer", "format": "int64", "minimum": 0 },
                "lastTransitionTime": { "type": "string", "format": "date-time" },
                "reason": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1_024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "message": { "type": "string", "maxLength": 32_768 },
            },
        },
    })
}
