//! A sealed registry Secret, and the accounts of its namespace.

use anyhow::{Context as _, Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::wait_until,
    site::{Case, SOON},
};
use serde_json::{Value, json};

use super::CREDENTIALS;

/// Where the names stand that were put there by us.
const RECORD: &str = "kseal.dev/image-pull-secrets";

/// What a case is when its Secret is for a registry.
pub(crate) trait Registry {
    /// The sealed object, for these accounts; `*` for all.
    fn registry(&self, accounts: &[&str]) -> Result<Value>;
    async fn ask(&self, accounts: &[&str]) -> Result<()>;
    fn account_path(&self, account: &str) -> String;
    async fn make_account(&self, account: &str, entries: &[&str]) -> Result<Value>;
    /// The entries of an account, in their order.
    async fn entries(&self, account: &str) -> Result<Vec<String>>;
    /// Waits until the account has just these entries, of which these were put there by us.
    async fn account_has(&self, account: &str, entries: &[&str], ours: &[&str]) -> Result<()>;
}

impl Registry for Case<'_> {
    fn registry(&self, accounts: &[&str]) -> Result<Value> {
        let mut object = self.sealed(CREDENTIALS)?;
        object["spec"]["template"] = json!({"type": "kubernetes.io/dockerconfigjson"});
        match self.group {
            Group::Native => {
                let chosen = if accounts == ["*"] { json!({"all": true}) } else { json!({"names": accounts}) };
                object["spec"]["imagePullSecret"] = json!({"serviceAccounts": chosen});
            }
            Group::Upstream => {
                let annotations = json!({"kseal.dev/image-pull-secret-for": accounts.join(",")});
                object["spec"]["template"]["metadata"] = json!({"annotations": annotations});
            }
        }
        Ok(object)
    }

    async fn ask(&self, accounts: &[&str]) -> Result<()> {
        self.site.objects.apply(&self.registry(accounts)?).await.map(drop)
    }

    fn account_path(&self, account: &str) -> String {
        format!("/api/v1/namespaces/{}/serviceaccounts/{account}", self.namespace)
    }

    async fn make_account(&self, account: &str, entries: &[&str]) -> Result<Value> {
        let entries: Vec<Value> = entries.iter().map(|name| json!({"name": name})).collect();
        let metadata = json!({"namespace": self.namespace, "name": account});
        let object =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "imagePullSecrets": entries});
        self.site.objects.create(&object).await
    }

    async fn entries(&self, account: &str) -> Result<Vec<String>> {
        let account = self.site.objects.get(&self.account_path(account)).await?;
        let entries = account["imagePullSecrets"].as_array().into_iter().flatten();
        entries.map(|entry| Ok(entry["name"].as_str().context("a name")?.to_owned())).collect()
    }

    async fn account_has(&self, account: &str, entries: &[&str], ours: &[&str]) -> Result<()> {
        wait_until(&format!("{account} has {entries:?}"), SOON, || async {
            let found = self.entries(account).await?;
            ensure!(found == entries, "{found:?}");
            let account = self.site.objects.get(&self.account_path(account)).await?;
            let record = account["metadata"]["annotations"][RECORD].as_str().unwrap_or_default();
            ensure!(record == ours.join(","), "{record}");
            Ok(())
        })
        .await
    }
}
