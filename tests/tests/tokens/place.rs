//! A cluster in which tokens are kept, and one object in it.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, Result, bail, ensure};
use kseal_api::names;
use kseal_tests::{
    cluster::{Cluster, Controller, ControllerOptions, wait_until},
    site::{SOON, Site, condition, items},
};
use serde_json::{Value, json};

/// `deploy/` with all components that concern ServiceAccounts.
const FOLDER: &str = "tests/fixtures/accounts";

pub(crate) async fn site(cluster: &Cluster) -> Result<Site<'_>> {
    Site::bare(cluster, FOLDER).await
}

/// A controller that honours who asks without looking who that is, with these further arguments.
pub(crate) fn options(arguments: &[&str]) -> ControllerOptions {
    let all = ["--policies=elsewhere", "--retry-period=200ms"];
    let others = all.iter().filter(|_| !arguments.iter().any(|argument| argument.starts_with("--policies=")));
    let arguments = others.chain(arguments).map(|argument| (*argument).to_owned()).collect();
    let environment = vec![("KSEAL_LOG_LEVEL".into(), "trace".into())];
    ControllerOptions { arguments, environment, ..ControllerOptions::default() }
}

pub(crate) async fn start(site: &Site<'_>) -> Result<Controller> {
    site.start(options(&[])).await
}

/// One object, and what becomes of it. Its Secret is called `ci-token`.
pub(crate) struct Place<'s> {
    pub(crate) site: &'s Site<'s>,
    pub(crate) namespace: String,
}

pub(crate) const OBJECT: &str = "ci";
pub(crate) const SECRET: &str = "ci-token";
pub(crate) const ACCOUNT: &str = "bot";

/// What the last token of an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) secret_uid: String,
}

impl<'s> Place<'s> {
    /// A namespace with an account that consents.
    pub(crate) async fn new(site: &'s Site<'s>) -> Result<Self> {
        let place = Self { site, namespace: site.cluster.namespace("team").await? };
        place.add_account(json!({names::ALLOW_TOKEN_FOR: OBJECT})).await?;
        Ok(place)
    }

    pub(crate) fn path(&self, plural: &str, name: &str) -> String {
        format!("/api/v1/namespaces/{}/{plural}/{name}", self.namespace)
    }

    pub(crate) fn object_path(&self) -> String {
        format!("/apis/kseal.dev/v1alpha1/namespaces/{}/serviceaccounttokens/{OBJECT}", self.namespace)
    }

    pub(crate) async fn add_account(&self, annotations: Value) -> Result<()> {
        let metadata = json!({"namespace": self.namespace, "name": ACCOUNT, "annotations": annotations});
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata});
        self.site.objects.create(&account).await.map(drop)
    }

    pub(crate) async fn consent(&self, annotations: Value) -> Result<()> {
        let change = json!({"metadata": {"annotations": annotations}});
        self.site.objects.merge(&self.path("serviceaccounts", ACCOUNT), &change).await.map(drop)
    }

    /// Asks for a token: the spec, without its names.
    pub(crate) async fn ask(&self, spec: Value) -> Result<()> {
        let mut spec = spec;
        spec["serviceAccountName"] = json!(ACCOUNT);
        spec["secretName"] = json!(SECRET);
        let metadata = json!({"namespace": self.namespace, "name": OBJECT});
        let object = json!({
            "apiVersion": "kseal.dev/v1alpha1", "kind": "ServiceAccountToken", "metadata": metadata, "spec": spec,
        });
        self.site.objects.apply(&object).await.map(drop)
    }

    pub(crate) async fn object(&self) -> Result<Value> {
        self.site.objects.get(&self.object_path()).await
    }

    pub(crate) async fn annotate(&self, annotations: Value) -> Result<()> {
        let change = json!({"metadata": {"annotations": annotations}});
        self.site.objects.merge(&self.object_path(), &change).await.map(drop)
    }

    pub(crate) async fn secret(&self) -> Result<Value> {
        self.site.objects.get(&self.path("secrets", SECRET)).await
    }

    /// The token Secrets of the object, in the order of their names.
    pub(crate) async fn token_secrets(&self) -> Result<Vec<Value>> {
        let list = self.site.objects.get(self.path("secrets", "").trim_end_matches('/')).await?;
        let all = list["items"].as_array().cloned().unwrap_or_default();
        Ok(all.into_iter().filter(|secret| secret["type"] == names::SERVICE_ACCOUNT_TOKEN_TYPE).collect())
    }

    /// What is noted beside the token.
    pub(crate) async fn record(&self) -> Result<Value> {
        let secret = self.secret().await?;
        let text = secret["metadata"]["annotations"][names::TOKEN].as_str().context("no record")?;
        Ok(serde_json::from_str(text)?)
    }

    /// Makes the token so many seconds older, as far as its record goes.
    pub(crate) async fn age(&self, seconds: i64) -> Result<()> {
        let mut record = self.record().await?;
        for field in ["issued", "published", "expires", "renew"] {
            if let Some(time) = record[field].as_i64() {
                record[field] = json!(time - seconds);
            }
        }
        for (_, since) in record.get_mut("retired").and_then(Value::as_object_mut).into_iter().flatten() {
            *since = json!(since.as_i64().context("a time")? - seconds);
        }
        let annotations = json!({names::TOKEN: record.to_string()});
        let change = json!({"metadata": {"annotations": annotations}});
        self.site.objects.merge(&self.path("secrets", SECRET), &change).await.map(drop)
    }

    /// The published token; it is good and the object says so.
    pub(crate) async fn holds(&self) -> Result<Token> {
        wait_until("the Secret holds a good token", SOON, || async {
            let object = self.object().await?;
            let ready = condition(&object, "Ready");
            ensure!(ready["status"] == "True", "{}", object["status"]);
            ensure!(object["status"]["observedGeneration"] == object["metadata"]["generation"]);
            let token = self.token().await?;
            self.is_good(&token.text).await?;
            Ok(token)
        })
        .await
    }

    /// Another token than this.
    pub(crate) async fn follows(&self, before: &Token) -> Result<Token> {
        wait_until("there is another token", SOON, || async {
            let token = self.token().await?;
            ensure!(token.text != before.text, "it is still the same");
            Ok(())
        })
        .await?;
        self.holds().await
    }

    /// What the Secret holds, good or not.
    pub(crate) async fn token(&self) -> Result<Token> {
        let secret = self.secret().await?;
        let secret_uid = secret["metadata"]["uid"].as_str().context("a UID")?.to_owned();
        let text = items(&secret)?.remove("token").context("no token")?;
        Ok(Token { text, secret_uid })
    }

    pub(crate) async fn items(&self) -> Result<BTreeMap<String, String>> {
        items(&self.secret().await?)
    }

    /// Waits until the object says so.
    pub(crate) async fn says(&self, status: &str, reason: &str) -> Result<Value> {
        wait_until(&format!("it is {status} because of {reason}"), SOON, || async {
            let object = self.object().await?;
            let ready = condition(&object, "Ready");
            ensure!(ready["status"] == status && ready["reason"] == reason, "{}", object["status"]);
            Ok(object)
        })
        .await
    }

    /// What TokenReview says of whose token it is.
    pub(crate) async fn review(&self, token: &str) -> Result<Option<String>> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // What was found good is kept in mind for ten seconds, for these audiences.
        let other = format!("review-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let review = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
            "metadata": {"name": ""}, "spec": {"token": token, "audiences": [SERVER, other]},
        });
        let answer = self.site.objects.create_in("/apis/authentication.k8s.io/v1/tokenreviews", &review).await?;
        let status = &answer["status"];
        Ok(status["user"]["username"].as_str().filter(|_| status["authenticated"] == true).map(ToOwned::to_owned))
    }

    pub(crate) async fn is_good(&self, token: &str) -> Result<()> {
        let expected = format!("system:serviceaccount:{}:{ACCOUNT}", self.namespace);
        match self.review(token).await? {
            Some(user) if user == expected => Ok(()),
            other => bail!("TokenReview says {other:?}"),
        }
    }

    /// Waits until it is good no more.
    pub(crate) async fn dies(&self, token: &str) -> Result<()> {
        wait_until("the token is good no more", SOON, || async {
            ensure!(self.review(token).await?.is_none(), "it is still good");
            Ok(())
        })
        .await
    }

    pub(crate) async fn events(&self) -> Result<Vec<(String, String)>> {
        let list = self.site.objects.get(self.path("events", "").trim_end_matches('/')).await?;
        let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let all = list["items"].as_array().into_iter().flatten();
        Ok(all
            .filter(|event| event["involvedObject"]["kind"] == names::SERVICE_ACCOUNT_TOKEN)
            .map(|event| (text(event, "type"), text(event, "reason")))
            .collect())
    }
}

/// Whom tokens are for that name nobody else.
const SERVER: &str = "https://kubernetes.default.svc";

/// What a token says of itself.
pub(crate) fn claims(token: &str) -> Result<Value> {
    let claims = token.split('.').nth(1).context("no JWT")?;
    Ok(serde_json::from_slice(&data_encoding::BASE64URL_NOPAD.decode(claims.as_bytes())?)?)
}
