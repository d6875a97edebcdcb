//! One sealed object of a test, of either kind, and its Secret.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use kseal_api::Scope;
use kseal_core::reconcile::{Group, status};
use serde_json::{Value, json};

use super::{SOON, Site, condition, items, main_condition, record};
use crate::cluster::{AuditEvent, wait_until};

/// The name of a sealed object and of its Secret.
#[derive(Clone)]
pub struct Case<'s> {
    /// Where the controller runs.
    pub site: &'s Site<'s>,
    /// Of which kind the object is.
    pub group: Group,
    /// Its namespace, which nothing else uses.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Case<'_> {
    /// The same for another name.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// The same for the other kind.
    #[must_use]
    pub fn of(&self, group: Group) -> Self {
        Self { group, ..self.clone() }
    }

    /// The path of the object.
    #[must_use]
    pub fn path(&self) -> String {
        status::path(self.group, &self.namespace, &self.name, "")
    }

    /// How many objects of the namespace say `status` of themselves.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn how_many(&self, status: &str) -> Result<usize> {
        let all = self.site.objects.get(&status::collection(self.group, Some(&self.namespace))).await?;
        let all = all["items"].as_array().context("a list")?;
        Ok(all.iter().filter(|it| condition(it, main_condition(self.group))["status"] == status).count())
    }

    /// The path of the Secret.
    #[must_use]
    pub fn secret_path(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets/{}", self.namespace, self.name)
    }

    /// The object with these items, sealed for just this place.
    ///
    /// # Errors
    /// It cannot be sealed.
    pub fn sealed(&self, items: &[(&str, &str)]) -> Result<Value> {
        self.site.keys.seal(self.group, Scope::Strict, (&self.namespace, &self.name), items)
    }

    /// Applies the object with these items.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn apply(&self, items: &[(&str, &str)]) -> Result<()> {
        self.site.objects.apply(&self.sealed(items)?).await?;
        Ok(())
    }

    /// The Secret with these items, as somebody else would make it.
    #[must_use]
    pub fn foreign(&self, items: &[(&str, &str)]) -> Value {
        let items: BTreeMap<&str, &str> = items.iter().copied().collect();
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": self.namespace, "name": self.name},
            "stringData": items,
        })
    }

    /// The object as it is.
    ///
    /// # Errors
    /// It is not there.
    pub async fn object(&self) -> Result<Value> {
        self.site.objects.get(&self.path()).await
    }

    /// The Secret as it is.
    ///
    /// # Errors
    /// It is not there.
    pub async fn secret(&self) -> Result<Value> {
        self.site.objects.get(&self.secret_path()).await
    }

    /// Annotates the object; null takes an annotation away.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn annotate(&self, name: &str, value: impl Into<Value>) -> Result<()> {
        let patch = json!({"metadata": {"annotations": {name: value.into()}}});
        self.site.objects.merge(&self.path(), &patch).await?;
        Ok(())
    }

    /// Annotates the Secret; null takes an annotation away.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn annotate_secret(&self, name: &str, value: impl Into<Value>) -> Result<()> {
        let patch = json!({"metadata": {"annotations": {name: value.into()}}});
        self.site.objects.merge(&self.secret_path(), &patch).await?;
        Ok(())
    }

    /// Waits until the object says that its Secret is right, of the object and the Secret as they are now, and returns
    /// the Secret.
    ///
    /// # Errors
    /// It does not come to that.
    pub async fn right(&self) -> Result<Value> {
        wait_until(&format!("{} is right", self.path()), SOON, || self.is_right()).await
    }

    /// The Secret, if the object says that it is right.
    ///
    /// # Errors
    /// It does not say that.
    pub async fn is_right(&self) -> Result<Value> {
        let object = self.object().await?;
        ensure!(condition(&object, main_condition(self.group))["status"] == "True", "{}", object["status"]);
        ensure!(object["status"]["observedGeneration"] == object["metadata"]["generation"], "of an old generation");
        let (secret, record) = (self.secret().await?, record(self.group, &object));
        let [is, known] = [&secret["metadata"]["resourceVersion"], &record["secretResourceVersion"]];
        ensure!(is == known, "the Secret is of version {is}, and the object knows {record}");
        ensure!(
            record["secretUID"] == secret["metadata"]["uid"] && record["uid"] == object["metadata"]["uid"],
            "{record}"
        );
        Ok(secret)
    }

    /// Waits until all is right and the Secret has just these items.
    ///
    /// # Errors
    /// It does not come to that.
    pub async fn holds(&self, wanted: &[(&str, &str)]) -> Result<Value> {
        wait_until(&format!("{} holds {wanted:?}", self.secret_path()), SOON, || async {
            let secret = self.is_right().await?;
            self.ensure_items(&secret, wanted)?;
            Ok(secret)
        })
        .await
    }

    /// Whether the Secret has just these items.
    ///
    /// # Errors
    /// It has others.
    pub fn ensure_items(&self, secret: &Value, wanted: &[(&str, &str)]) -> Result<()> {
        let wanted: BTreeMap<String, String> =
            wanted.iter().map(|(item, value)| ((*item).to_owned(), (*value).to_owned())).collect();
        let items = items(secret)?;
        ensure!(items == wanted, "{} holds {items:?}", self.secret_path());
        Ok(())
    }

    /// Waits until the object, as it is now, says that its Secret is not right for this reason, and returns the message.
    ///
    /// # Errors
    /// It does not come to that.
    pub async fn wrong(&self, reason: &str) -> Result<String> {
        wait_until(&format!("{} says {reason}", self.path()), SOON, || async {
            let object = self.object().await?;
            let main = condition(&object, main_condition(self.group));
            ensure!(main["status"] == "False" && main["reason"] == reason, "{}", object["status"]);
            ensure!(object["status"]["observedGeneration"] == object["metadata"]["generation"], "of an old generation");
            Ok(main["message"].as_str().unwrap_or_default().to_owned())
        })
        .await
    }

    /// Waits until there is no Secret.
    ///
    /// # Errors
    /// It stays.
    pub async fn gone(&self) -> Result<()> {
        wait_until(&format!("{} is gone", self.secret_path()), SOON, || async {
            ensure!(self.site.objects.find(&self.secret_path()).await?.is_none(), "it is there");
            Ok(())
        })
        .await
    }

    /// What the events about the object say, as `reason: message`, in the order of their making.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn events(&self) -> Result<Vec<String>> {
        let events = self.site.objects.get(&format!("/api/v1/namespaces/{}/events", self.namespace)).await?;
        let mut events = events["items"].as_array().cloned().unwrap_or_default();
        events.retain(|event| {
            let about = &event["involvedObject"];
            about["name"] == *self.name && about["apiVersion"] == self.group.api_version()
        });
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        // They are never changed.
        events.sort_by_key(|event| text(&event["metadata"]["resourceVersion"]).parse::<u64>().ok());
        Ok(events.iter().map(|event| format!("{}: {}", text(&event["reason"]), text(&event["message"]))).collect())
    }

    /// Waits until the events about the object say just this.
    ///
    /// # Errors
    /// They say something else.
    pub async fn told(&self, wanted: &[&str]) -> Result<()> {
        wait_until(&format!("{} has the events {wanted:#?}", self.path()), SOON, || async {
            let events = self.events().await?;
            ensure!(events == wanted, "{events:#?}");
            Ok(())
        })
        .await
    }

    /// What the controller asked for in the namespace of this case, watches apart.
    ///
    /// # Errors
    /// There is no audit log.
    pub async fn requests(&self) -> Result<Vec<AuditEvent>> {
        let (user, mut events) = (self.site.installation.user()?, self.site.cluster.audit().await?);
        events.retain(|event| event.user == user && event.namespace == self.namespace && event.verb != "watch");
        Ok(events)
    }
}
