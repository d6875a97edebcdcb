//! The cluster that commands ask: one that tells more than it is asked for.

use std::{fs, os::unix::fs::PermissionsExt as _};

use kseal_api::KeyState;
use serde_json::json;

use crate::{
    TEXT, TOKEN,
    harness::Folder,
    published::{PATH, Published, fingerprint, listed},
    server::{self, Server},
    used::{self, SECRETS, USAGE},
};

/// A cluster that is the current one, and kubeconfigs by which nobody gets in.
pub(crate) fn cluster(folder: &Folder) -> Server {
    let server = Server::start();
    server.has(PATH, Published::new(1).config_map());
    let none = r#"{"metadata": {}, "items": []}"#;
    keys_of_cluster(folder, &server);
    what_is_migrated(&server);
    what_rotated(&server);
    for group in ["kseal.dev", "bitnami.com"] {
        for namespace in ["", "namespaces/shop/"] {
            server.has(&format!("/apis/{group}/v1alpha1/{namespace}sealedsecrets?limit=500"), none);
        }
        // What is no API server may say what it was sent.
        let path = format!("/apis/{group}/v1alpha1/namespaces/echo/sealedsecrets?limit=500");
        server.says(&path, 500, format!("authorization: Bearer {TOKEN}"));
    }
    let plugin = |name: &str, text: &str| {
        folder.write(&format!("kube/{name}.sh"), &format!("#!/bin/sh\n{text}\n"));
        let path = folder.join(&format!("kube/{name}.sh"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).expect("the mode can be set");
        folder.write(&format!("kube/{name}"), &server.kubeconfig(&format!("exec: {{command: ./{name}.sh}}")));
    };
    plugin("plugin", &format!("echo '{{\"status\": {{\"token\": \"{TOKEN}\"}}}}'"));
    plugin("failing", &format!("echo {TOKEN}; exit 1"));
    plugin("talking", &format!("echo 'token: {TOKEN}: {TOKEN}'"));
    folder.write(".kube/config", &server.kubeconfig(&format!("token: {TOKEN}")));
    folder.write("kube/broken", &server.kubeconfig(&format!("token: {TOKEN}, {TOKEN}: [")));
    folder.write("kube/twice", &server.kubeconfig(&format!("token: {TOKEN}, token: {TOKEN}")));
    folder.write("kube/line-end", &server.kubeconfig(&format!("token: \"{TOKEN}\\n\"")));
    let oidc = format!("auth-provider: {{name: oidc, config: {{id-token: x.{TOKEN}.y, refresh-token: {TOKEN}}}}}");
    folder.write("kube/oidc", &server.kubeconfig(&oidc));
    let proxy = format!(", proxy-url: \"http://ada:{TOKEN}@127.0.0.1:1\"");
    folder.write("kube/away", &server::kubeconfig("https://127.0.0.1:1", &proxy, &format!("token: {TOKEN}")));
    server
}

/// The Secrets of the cluster's keys. Whatever is asked for, this server answers with all that they hold.
fn keys_of_cluster(folder: &Folder, server: &Server) {
    let manifest = kseal_manifest::Manifest::parse(folder.read("key.yaml")).expect("a manifest");
    let mut secret = manifest.objects()[0].node.to_json();
    secret["metadata"]["name"] = "key".into();
    secret["metadata"]["uid"] = "uid".into();
    secret["metadata"]["resourceVersion"] = "7".into();
    secret["metadata"]["namespace"] = "kseal-system".into();
    for label in ["kseal.dev%2Fsealing-key", "sealedsecrets.bitnami.com%2Fsealed-secrets-key"] {
        let list = serde_json::json!({"kind": "SecretList", "apiVersion": "v1", "items": [secret]});
        server.has(&format!("{SECRETS}?labelSelector={label}&limit=500"), &list);
        let path = format!("{SECRETS}?labelSelector={label}&limit=500").replace("kseal-system", "echo");
        server.says(&path, 500, format!("authorization: Bearer {TOKEN}"));
    }
    let used = used::used("X25519", "active", "key", &[("shop", 2)]);
    server.has(USAGE, used::usage(&[(&fingerprint(1), used)]));
    secret["metadata"]["annotations"]["kseal.dev/fingerprint"] = fingerprint(1).into();
    server.has(&format!("{SECRETS}/key"), &secret).has(&format!("PATCH {SECRETS}/key"), &secret);
    for path in [PATH, USAGE] {
        server.says(&path.replace("kseal-system", "echo"), 500, format!("authorization: Bearer {TOKEN}"));
    }
}

/// What clients and people leave where values do not belong.
fn what_is_migrated(server: &Server) {
    let applied = json!({"kubectl.kubernetes.io/last-applied-configuration": format!("{{\"text\": \"{TEXT}\"}}")});
    let metadata =
        json!({"name": "db", "namespace": "prod", "uid": "u", "resourceVersion": "1", "annotations": applied});
    server.has("/api/v1/secrets?limit=500", json!({"metadata": {}, "items": [{ "metadata": metadata }]}));
    let container = json!({"args": ["--token", TOKEN], "env": [{"name": "VALUE", "value": TEXT}]});
    let spec = json!({"template": {"spec": {"containers": [container]}}});
    let deployment =
        json!({"metadata": {"name": "sealed-secrets-controller", "namespace": "kube-system"}, "spec": spec});
    let deployments = |namespace: &str| format!("/apis/apps/v1/namespaces/{namespace}/deployments?limit=500");
    server.has(&deployments("kube-system"), json!({"metadata": {}, "items": [deployment]}));
    server.says(&deployments("echo"), 500, format!("authorization: Bearer {TOKEN}"));
}

/// The same cluster after a rotation, so that there is something to ask it for.
fn what_rotated(server: &Server) {
    let keys = vec![listed(1, 1, KeyState::Retiring), listed(2, 2, KeyState::Active)];
    let rotated = Published { keys, ..Published::new(1) };
    server.has(&PATH.replace("kseal-system", "rotated"), rotated.config_map());
    let requests = "/apis/kseal.dev/v1alpha1/namespaces/prod/rewraprequests";
    server.says(requests, 500, format!("authorization: Bearer {TOKEN}"));
}
