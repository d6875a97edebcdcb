//! Types of Secrets that are refused where they are asked for.

use kseal_tests::{
    cluster::run,
    site::{Objects, path},
};
use serde_json::json;

use crate::{everywhere, installed, native, refused, typed, upstream};

/// Nobody makes them, the cluster's administrator neither.
#[test]
fn private_keys_and_bootstrap_tokens_are_refused_whoever_asks() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("types").await?;
        let admin = Objects::new(cluster.admin().await?);
        let words = "Secrets of this type (spec.template.type) are not made from sealed objects";
        for type_ in ["bootstrap.kubernetes.io/token", "kseal.dev/sealing-key", "kseal.dev/identity-key"] {
            let template = json!({"template": {"type": type_}});
            refused(admin.create(&native(&namespace, "a", &typed(type_))).await, words)?;
            refused(admin.create(&upstream(&namespace, "a", &json!({"type": type_}))).await, words)?;
            refused(admin.create(&everywhere("a", &template)).await, words)?;
        }
        let tokens = json!({"template": {"type": "kubernetes.io/service-account-token"}});
        let words = "tokens of ServiceAccounts are not made from ClusterSealedSecrets";
        refused(admin.create(&everywhere("a", &tokens)).await, words)?;

        let harmless = native(&namespace, "b", &typed("kubernetes.io/tls"));
        admin.create(&harmless).await?;
        admin.create(&native(&namespace, "c", &typed("kubernetes.io/service-account-token"))).await?;
        admin.create(&everywhere("types", &json!({"template": null}))).await?;
        let change = json!({"spec": typed("kseal.dev/sealing-key")});
        refused(admin.merge(&path(&harmless), &change).await, "are not made from sealed objects")
    });
}
