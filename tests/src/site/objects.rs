//! Objects as JSON, by their paths.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use http::{Method, Request};
use kseal_core::reconcile::{Group, status};
use kube::Client;
use serde_json::{Value, json};

/// Reads and writes objects of any kind.
#[derive(Clone)]
pub struct Objects {
    client: Client,
}

impl Objects {
    /// As whoever the client is.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// The object, or the list, at a path.
    ///
    /// # Errors
    /// There is none, or the API server refuses.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, "", &Value::Null).await
    }

    /// The object at a path, if there is one.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn find(&self, path: &str) -> Result<Option<Value>> {
        match self.get(path).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every event of a collection since that resourceVersion, as a watch shows it.
    ///
    /// # Errors
    /// The API server refuses, or does not know that version any more.
    pub async fn events_since(&self, collection: &str, version: &str) -> Result<Vec<Value>> {
        let path = format!("{collection}?watch=true&resourceVersion={version}&timeoutSeconds=1");
        let request = Request::get(&path).body(Vec::new())?;
        let text = self.client.request_text(request).await.with_context(|| path.clone())?;
        let events: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        ensure!(events.iter().all(|event| event["type"] != "ERROR"), "{path}: {events:?}");
        Ok(events)
    }

    /// Makes the object as it stands, or changes it to that: server-side apply, so what was applied before and is no more
    /// goes.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn apply(&self, object: &Value) -> Result<Value> {
        let path = format!("{}?fieldManager=gitops&force=true", path(object));
        self.send(Method::PATCH, &path, "application/apply-patch+yaml", object).await
    }

    /// Makes the object, by this name.
    ///
    /// # Errors
    /// The API server refuses: there is one, for example.
    pub async fn create_as(&self, manager: &str, object: &Value) -> Result<Value> {
        let path = path(object);
        let (collection, _) = path.rsplit_once('/').context("a path has slashes")?;
        self.send(Method::POST, &format!("{collection}?fieldManager={manager}"), "application/json", object).await
    }

    /// Makes the object.
    ///
    /// # Errors
    /// The API server refuses: there is one, for example.
    pub async fn create(&self, object: &Value) -> Result<Value> {
        let path = path(object);
        let (collection, _) = path.rsplit_once('/').context("a path has slashes")?;
        self.send(Method::POST, collection, "application/json", object).await
    }

    /// Makes the object, whose kind is not called as its collection.
    ///
    /// # Errors
    /// The API server refuses: there is one, for example.
    pub async fn create_at(&self, path: &str, object: &Value) -> Result<Value> {
        let (collection, _) = path.rsplit_once('/').context("a path has slashes")?;
        self.send(Method::POST, collection, "application/json", object).await
    }

    /// What would become of the object, if it were made.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn try_out(&self, object: &Value) -> Result<Value> {
        let path = path(object);
        let (collection, _) = path.rsplit_once('/').context("a path has slashes")?;
        self.send(Method::POST, &format!("{collection}?dryRun=All"), "application/json", object).await
    }

    /// Makes the object in a collection whose name does not follow from its kind.
    ///
    /// # Errors
    /// The API server refuses: there is one, for example.
    pub async fn create_in(&self, collection: &str, object: &Value) -> Result<Value> {
        self.send(Method::POST, collection, "application/json", object).await
    }

    /// Changes what a merge patch names.
    ///
    /// # Errors
    /// There is no such object, or the API server refuses.
    pub async fn merge(&self, path: &str, change: &Value) -> Result<Value> {
        let path = format!("{path}?fieldManager=kubectl-edit");
        self.send(Method::PATCH, &path, "application/merge-patch+json", change).await
    }

    /// Puts the object in the place of the one that is there.
    ///
    /// # Errors
    /// There is no such object, it is another version than this says, or the API server refuses.
    pub async fn replace(&self, object: &Value) -> Result<Value> {
        self.replace_at(&path(object), object).await
    }

    /// The same for one whose kind is not called as its collection.
    ///
    /// # Errors
    /// As of `replace`.
    pub async fn replace_at(&self, path: &str, object: &Value) -> Result<Value> {
        self.send(Method::PUT, path, "application/json", object).await
    }

    /// Deletes the object, in the background as kubectl does.
    ///
    /// # Errors
    /// There is no such object, or the API server refuses.
    pub async fn delete(&self, path: &str) -> Result<()> {
        self.send(Method::DELETE, path, "application/json", &json!({"propagationPolicy": "Background"})).await?;
        Ok(())
    }

    async fn send(&self, method: Method, path: &str, content_type: &str, body: &Value) -> Result<Value> {
        let shown = format!("{method} {path}");
        let octets = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = Request::builder().method(method).uri(path).header("content-type", content_type).body(octets)?;
        self.client.request(request).await.context(shown)
    }
}

fn is_not_found(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(kube::Error::Api(status)) if status.code == 404)
}

/// Where an object is.
#[must_use]
pub fn path(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = text(&object["apiVersion"]);
    let root = if version == "v1" { "/api/v1".to_owned() } else { format!("/apis/{version}") };
    let namespace = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("/namespaces/{namespace}"),
        None => String::new(),
    };
    let plural = text(&object["kind"]).to_lowercase() + "s";
    format!("{root}{namespace}/{plural}/{}", text(&object["metadata"]["name"]))
}

/// What a Secret holds.
///
/// # Errors
/// It holds no text.
pub fn items(secret: &Value) -> Result<BTreeMap<String, String>> {
    let data = secret["data"].as_object().into_iter().flatten();
    data.map(|(item, value)| {
        let octets = data_encoding::BASE64.decode(value.as_str().context("no text")?.as_bytes())?;
        Ok((item.clone(), String::from_utf8(octets)?))
    })
    .collect()
}

/// One condition of an object; null if there is none.
#[must_use]
pub fn condition<'o>(object: &'o Value, type_: &str) -> &'o Value {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().find(|condition| condition["type"] == type_).unwrap_or(&Value::Null)
}

/// The condition that says whether all is well.
#[must_use]
pub const fn main_condition(group: Group) -> &'static str {
    match group {
        Group::Native => "Ready",
        Group::Upstream => "Synced",
    }
}

/// What the status of an object keeps of what was done; null if there is nothing.
#[must_use]
pub fn record(group: Group, object: &Value) -> Value {
    match group {
        Group::Native => object["status"]["observed"].clone(),
        Group::Upstream => {
            let text = condition(object, status::RECORD)["message"].as_str().unwrap_or_default();
            serde_json::from_str(text).unwrap_or_default()
        }
    }
}
