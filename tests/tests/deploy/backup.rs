//! Backup and restore of keys, as `docs/recovery.md` tells.

use std::fs;

use anyhow::{Context as _, ensure};
use kseal_tests::cluster::run;
use serde_json::json;

use super::{create, installed, stored};

#[test]
fn a_key_comes_back_from_what_kubectl_printed() {
    run(async {
        let cluster = installed().await?;
        let (namespace, label) = ("kseal-system", "kseal.dev/sealing-key");
        let key = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kseal.dev/sealing-key", "immutable": true,
            "metadata": {
                "namespace": namespace, "name": "kseal-1-0a1b2c3d", "labels": {label: "active"},
                "annotations": {"kseal.dev/fingerprint": "kaaaaaaaaaaaaaaaaaaaaaaaaaa"},
            },
            "data": {"suite": "WC1XaW5n", "seed": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=", "createdAt": "MjAyNg=="},
        });
        create(cluster, &key).await?;
        let backup = cluster.folder().join("backup.yaml");
        let text = cluster.kubectl(["-n", namespace, "get", "secret", "-l", label, "-o", "yaml"]).run().await?;
        fs::write(&backup, text)?;
        let backup = backup.to_str().context("a path that is no text")?;

        let again = cluster.kubectl(["create", "-f", backup]).output().await?;
        ensure!(String::from_utf8(again.stderr)?.contains("AlreadyExists"));
        let retire = [label, "=retired"].concat();
        cluster.kubectl(["-n", namespace, "label", "secret", "kseal-1-0a1b2c3d", &retire, "--overwrite"]).run().await?;

        cluster.kubectl(["-n", namespace, "delete", "secret", "kseal-1-0a1b2c3d"]).run().await?;
        cluster.kubectl(["create", "-f", backup]).run().await?;
        let restored = stored(cluster, namespace, "secret", "kseal-1-0a1b2c3d").await?;
        for field in ["type", "immutable", "data"] {
            ensure!(restored[field] == key[field], "{field}");
        }
        for field in ["labels", "annotations"] {
            ensure!(restored["metadata"][field] == key["metadata"][field], "{field}");
        }
        Ok(())
    });
}
