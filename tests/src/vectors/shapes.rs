//! Native objects that are malformed as objects: kinds, places, types of fields.

use serde_json::{Value, json};

use super::{
    case::{Case, Expect::Malformed},
    good::Good,
};

pub(super) fn cases() -> Vec<Case> {
    [kinds(), places(), types()].into_iter().flatten().collect()
}

fn kinds() -> Vec<Case> {
    vec![
        Good::strict("kind-other")
            .changed(|good| good.object["kind"] = "SealingKeyBundle".into())
            .fails(Malformed, "another kind"),
        Good::strict("group-other")
            .changed(|good| good.object["apiVersion"] = "bitnami.com/v1alpha1".into())
            .fails(Malformed, "the right kind of another group"),
    ]
}

fn places() -> Vec<Case> {
    vec![
        Good::strict("scope-unknown")
            .changed(|good| good.object["spec"]["scope"] = "strict".into())
            .fails(Malformed, "scopes are written with a capital"),
        Good::strict("scope-missing")
            .changed(|good| drop(good.spec().shift_remove("scope")))
            .fails(Malformed, "there is no default scope"),
        without(Good::strict("strict-namespace-missing"), "namespace", "Strict needs a namespace"),
        without(Good::strict("strict-name-missing"), "name", "Strict needs a name"),
        without(Good::namespace_wide("namespace-wide-namespace-missing"), "namespace", "NamespaceWide needs one, too"),
        without(Good::cluster_object("cluster-object-name-missing"), "name", "a ClusterSealedSecret needs a name"),
        Good::strict("strict-namespace-empty")
            .changed(|good| good.object["metadata"]["namespace"] = "".into())
            .fails(Malformed, "an empty namespace is none"),
        Good::strict("strict-name-empty")
            .changed(|good| good.object["metadata"]["name"] = "".into())
            .fails(Malformed, "an empty name is none"),
        Good::cluster_object("cluster-object-name-empty")
            .changed(|good| good.object["metadata"]["name"] = "".into())
            .fails(Malformed, "nor is it one of a ClusterSealedSecret"),
    ]
}

fn without(good: Good, field: &str, words: &str) -> Case {
    good.changed(|good| drop(good.object["metadata"].as_object_mut().expect("is a map").shift_remove(field)))
        .fails(Malformed, words)
}

fn types() -> Vec<Case> {
    let typed = |what: &str, words: &str, change: fn(&mut Good)| {
        Good::strict(&format!("type-{what}")).changed(change).fails(Malformed, words)
    };
    vec![
        typed("spec", "spec is a text", |good| good.object["spec"] = "x".into()),
        typed("data-keys", "dataKeys is a list", |good| good.object["spec"]["dataKeys"] = json!([])),
        typed("data-key", "a data key is a text", |good| *good.entry() = "x".into()),
        typed("commitment", "a commitment is a number", |good| good.entry()["commitment"] = 7.into()),
        typed("commitment-missing", "a data key without a commitment", |good| {
            good.entry().as_object_mut().expect("is a map").shift_remove("commitment");
        }),
        typed("recipients", "recipients is a list", |good| good.entry()["recipients"] = json!([])),
        typed("wrap", "a wrap is a number", |good| *good.wrap() = 7.into()),
        typed("values", "encryptedData is a text", |good| good.object["spec"]["encryptedData"] = "x".into()),
        typed("value", "a value is a map", |good| *good.value("user") = json!({})),
        typed("scope", "a scope is a number", |good| good.object["spec"]["scope"] = 1.into()),
        typed("name", "a name is a number", |good| good.object["metadata"]["name"] = Value::from(1)),
    ]
}
