//! Kubeconfigs, clients and namespaces.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context as _, Result};
use http::Request;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use super::{Cluster, certificates::Identity, wait_until};

/// Longer than any test runs, in seconds.
const TOKEN_LIFE: u32 = 8 * 60 * 60;

impl Cluster {
    /// A client that may do everything. Make one for each test: a client belongs to the runtime that it was made in.
    ///
    /// # Errors
    /// The kubeconfig cannot be read.
    pub async fn admin(&self) -> Result<Client> {
        self.client(&self.admin_kubeconfig()).await
    }

    /// The client that a kubeconfig describes.
    ///
    /// # Errors
    /// The kubeconfig cannot be read.
    pub async fn client(&self, kubeconfig: &Path) -> Result<Client> {
        let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Ok(Client::try_from(config)?)
    }

    /// The kubeconfig of a member of `system:masters`.
    #[must_use]
    pub fn admin_kubeconfig(&self) -> PathBuf {
        self.kubeconfig_path("admin")
    }

    /// The kubeconfig of a ServiceAccount, with a token of its own that was asked for by TokenRequest.
    ///
    /// # Errors
    /// There is no such ServiceAccount, or the API server refuses.
    pub async fn kubeconfig_of(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let token = self.token_of(namespace, name).await?;
        self.write_kubeconfig(&numbered(&format!("{namespace}-{name}")), &json!({"token": token}))
    }

    /// The kubeconfig of a person of these groups (`system:authenticated` comes by itself): the admin who impersonates
    /// them, so authorization, admission and audit see the person.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn user(&self, name: &str, groups: &[&str]) -> Result<PathBuf> {
        let mut user = certificate(&self.admin);
        user["as"] = json!(name);
        user["as-groups"] = json!(groups);
        self.write_kubeconfig(&numbered(name), &user)
    }

    /// Makes a namespace whose name begins so, waits until it has its default ServiceAccount, and returns its name.
    ///
    /// # Errors
    /// The API server refuses, or the controller manager does not run.
    pub async fn namespace(&self, beginning: &str) -> Result<String> {
        let client = self.admin().await?;
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": format!("{beginning}-")}});
        let made: Value = client.request(post("/api/v1/namespaces", &namespace)?).await?;
        let name = made["metadata"]["name"].as_str().context("a namespace without a name")?.to_owned();
        let account = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
        wait_until("the namespace has its ServiceAccount", Duration::from_secs(30), || async {
            Ok(client.request::<Value>(Request::get(&account).body(Vec::new())?).await?)
        })
        .await?;
        Ok(name)
    }

    /// A token of a ServiceAccount, by TokenRequest.
    ///
    /// # Errors
    /// There is no such ServiceAccount, or the API server refuses.
    pub async fn token_of(&self, namespace: &str, name: &str) -> Result<String> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let wanted = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": TOKEN_LIFE},
        });
        let answer: Value = self.admin().await?.request(post(&path, &wanted)?).await?;
        Ok(answer["status"]["token"].as_str().context("a TokenRequest without a token")?.to_owned())
    }

    pub(super) fn write_kubeconfig(&self, name: &str, user: &Value) -> Result<PathBuf> {
        let cluster = json!({
            "server": self.address(), "certificate-authority-data": encode(&self.authority.certificate),
        });
        let context = json!({"cluster": "kseal-tests", "user": name});
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": name,
            "clusters": [{"name": "kseal-tests", "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": context}],
        });
        let path = self.kubeconfig_path(name);
        fs::write(&path, kubeconfig.to_string()).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    fn kubeconfig_path(&self, name: &str) -> PathBuf {
        self.guard.folder().join("kubeconfigs").join(name.replace(['/', ':'], "-"))
    }
}

/// A name that no other file has: two tests may ask for the same user at once.
fn numbered(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The user of a kubeconfig who shows a certificate.
pub(super) fn certificate(identity: &Identity) -> Value {
    json!({"client-certificate-data": encode(&identity.certificate), "client-key-data": encode(&identity.key)})
}

fn encode(text: &str) -> String {
    data_encoding::BASE64.encode(text.as_bytes())
}

fn post(path: &str, body: &Value) -> Result<Request<Vec<u8>>> {
    Ok(Request::post(path).header("content-type", "application/json").body(body.to_string().into_bytes())?)
}
