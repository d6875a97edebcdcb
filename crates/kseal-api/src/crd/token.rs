//! `serviceaccounttokens.kseal.dev`. Field by field the schemas of [`crate::ServiceAccountTokenSpec`] and
//! [`crate::ServiceAccountTokenStatus`].

use serde_json::{Value, json};

use super::{
    native::{MAX_NAME, conditions, seen_under},
    object,
};
use crate::{MIN_EXPIRATION_SECONDS, names};

/// As long as the API server lets a token live.
const MAX_SECONDS: i64 = 1 << 32;
/// No token need be followed by another more often.
const MIN_PERIOD_SECONDS: i64 = 600;

pub(super) fn names() -> Value {
    json!({
        "kind": names::SERVICE_ACCOUNT_TOKEN,
        "listKind": "ServiceAccountTokenList",
        "plural": "serviceaccounttokens",
        "singular": "serviceaccounttoken",
        "shortNames": ["sat"],
    })
}

pub(super) fn version() -> Value {
    let description = "A token of a ServiceAccount, kept in a Secret. The ServiceAccount consents by the annotation kseal.dev/allow-token-for.";
    json!({
        "name": "v1alpha1",
        "served": true,
        "storage": true,
        "subresources": { "status": {} },
        "additionalPrinterColumns": columns(),
        "schema": { "openAPIV3Schema": object(names::SERVICE_ACCOUNT_TOKEN, description, &spec(), &status()) },
    })
}

fn columns() -> Value {
    let ready = |field: &str| format!(".status.conditions[?(@.type==\"Ready\")].{field}");
    json!([
        { "name": "Ready", "type": "string", "jsonPath": ready("status"), "description": "Whether the Secret holds a token that is good." },
        { "name": "ServiceAccount", "type": "string", "jsonPath": ".spec.serviceAccountName", "description": "Whose token it is." },
        { "name": "Mode", "type": "string", "jsonPath": ".spec.mode", "description": "How long a token lives." },
        { "name": "Expires", "type": "string", "jsonPath": ".status.expirationTimestamp", "description": "When the present token does." },
        { "name": "Reason", "type": "string", "jsonPath": ready("reason"), "priority": 1 },
        { "name": "Message", "type": "string", "jsonPath": ready("message"), "priority": 1 },
        { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
    ])
}

fn spec() -> Value {
    let seconds = |description: &str, least: i64| json!({ "description": description, "type": "integer", "format": "int64", "minimum": least, "maximum": MAX_SECONDS });
    json!({
        "description": "Whose token, of what kind, and where.",
        "type": "object",
        "required": ["serviceAccountName", "mode"],
        "properties": {
            "serviceAccountName": { "description": "The ServiceAccount, of this namespace.", "type": "string", "minLength": 1, "maxLength": MAX_NAME },
            "mode": {
                "description": "Bound: the token expires, is renewed before that, and dies with its Secret. Secret: it never expires.",
                "type": "string",
                "enum": ["Bound", "Secret"],
            },
            "secretName": { "description": "The Secret to write; that of this object's name unless given.", "type": "string", "minLength": 1, "maxLength": MAX_NAME },
            "audiences": {
                "description": "Whom a Bound token is for; the API server unless given.",
                "type": "array",
                "maxItems": 16,
                "x-kubernetes-list-type": "atomic",
                "items": { "type": "string", "minLength": 1, "maxLength": 1_024 },
            },
            "expirationSeconds": seconds("How long a Bound token shall live; 3600 unless given. The API server may give less.", MIN_EXPIRATION_SECONDS),
            "rotation": {
                "description": "When a token of mode Secret is followed by another; never unless given.",
                "type": "object",
                "nullable": true,
                "required": ["periodSeconds"],
                "properties": {
                    "periodSeconds": seconds("So long after it was made.", MIN_PERIOD_SECONDS),
                    "overlapSeconds": seconds("So long the old one is good after the new one was published; 3600 unless given.", 0),
                },
                "x-kubernetes-validations": [{
                    "rule": "(has(self.overlapSeconds) ? self.overlapSeconds : 3600) < self.periodSeconds",
                    "message": "overlapSeconds must be less than periodSeconds; it is 3600 unless given",
                }],
            },
            "kubeconfig": {
                "description": "That the Secret shall hold a kubeconfig too, as item kubeconfig.",
                "type": "object",
                "nullable": true,
            },
        },
        "x-kubernetes-validations": [
            {
                "rule": "self.mode == 'Bound' || (!has(self.audiences) && !has(self.expirationSeconds))",
                "message": "audiences and expirationSeconds are of mode Bound",
            },
            { "rule": "self.mode == 'Secret' || !has(self.rotation)", "message": "rotation is of mode Secret; Bound tokens are renewed anyway" },
        ],
    })
}

fn status() -> Value {
    let text = |description: &str| json!({ "description": description, "type": "string", "maxLength": 253 });
    let number = |description: &str| json!({ "description": description, "type": "integer", "format": "int64" });
    json!({
        "description": "What the controller last saw and did; never the token. Only the controller writes it.",
        "type": "object",
        "properties": {
            "observedGeneration": number("The generation of this object to which the conditions belong."),
            "conditions": conditions("Ready, Reconciling and Stalled, as kstatus reads them."),
            "secretName": text("The Secret that holds the token."),
            "serviceAccountUID": text("The UID of the ServiceAccount whose token it is."),
            "expirationTimestamp": { "description": "When the token expires.", "type": "string", "format": "date-time" },
            "renewalTimestamp": { "description": "When it is followed by the next one.", "type": "string", "format": "date-time" },
            "policies": seen_under(),
            "honouredGeneration": number("The generation whose request was honoured last: a policy that goes missing later does not stop its renewals."),
            "honouredUID": text("The UID of this object then: a status that was copied with it means nothing."),
        },
    })
}
