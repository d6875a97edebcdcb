//! What a namespace comes to, without what is different every time.

use anyhow::{Context as _, Result, ensure};
use kseal_core::reconcile::{Group, status};
use kseal_tests::{
    cluster::AuditEvent,
    site::{Case, Site},
};
use serde_json::{Value, json};

/// All Secrets and objects of a namespace.
pub(crate) struct State {
    secrets: Vec<Value>,
    objects: Vec<Value>,
}

impl State {
    /// As it is now.
    pub(crate) async fn read(case: &Case<'_>) -> Result<Self> {
        let of = async |path: &str| -> Result<Vec<Value>> {
            let list = case.site.objects.get(path).await?;
            Ok(list["items"].as_array().context("a list")?.clone())
        };
        let namespace = &case.namespace;
        let mut objects = Vec::new();
        for group in Group::ALL {
            objects.extend(of(&status::collection(group, Some(namespace))).await?);
        }
        Ok(Self { secrets: of(&format!("/api/v1/namespaces/{namespace}/secrets")).await?, objects })
    }

    /// What another run of the same would come to, too.
    pub(crate) fn essence(&self) -> Value {
        let secrets: Vec<Value> = self.secrets.iter().map(secret).collect();
        let objects: Vec<Value> = self.objects.iter().map(object).collect();
        json!({"secrets": secrets, "objects": objects})
    }

    /// Names and versions: equal only if nothing was written in between.
    pub(crate) fn versions(&self) -> Vec<String> {
        let all = self.secrets.iter().chain(&self.objects);
        all.map(|it| format!("{} {}", it["metadata"]["name"], it["metadata"]["resourceVersion"])).collect()
    }
}

fn secret(secret: &Value) -> Value {
    let mut annotations = secret["metadata"]["annotations"].clone();
    if let Some(uid) = annotations.get_mut("kseal.dev/owner-uid") {
        *uid = json!("a UID");
    }
    let owners = secret["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
    let owners: Vec<Value> = owners.iter().map(|owner| json!([owner["apiVersion"], owner["name"]])).collect();
    json!({
        "name": secret["metadata"]["name"], "type": secret["type"], "data": secret["data"],
        "labels": secret["metadata"]["labels"], "annotations": annotations, "owners": owners,
    })
}

fn object(object: &Value) -> Value {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let record = |type_: &Value| *type_ == "kseal.dev/record";
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|it| {
            json!([
                it["type"],
                it["status"],
                it["reason"],
                if record(&it["type"]) { &Value::Null } else { &it["message"] }
            ])
        })
        .collect();
    json!({"name": object["metadata"]["name"], "conditions": conditions})
}

/// Lets the controller do something new, and waits until it is done: what came before it was seen by then.
pub(crate) async fn come_by(site: &Site<'_>) -> Result<()> {
    crate::each(&crate::cases(site).await?, async |case| {
        case.apply(crate::ITEMS).await?;
        case.right().await?;
        case.site.objects.delete(&case.secret_path()).await?;
        case.right().await.map(drop)
    })
    .await
}

/// What the controller wrote in the namespace of a case. What was refused is not written.
pub(crate) async fn writes(case: &Case<'_>) -> Result<Vec<AuditEvent>> {
    let mut requests = case.requests().await?;
    requests.retain(|request| !matches!(&*request.verb, "get" | "list") && request.code < 300);
    Ok(requests)
}

/// That nothing is written any more.
pub(crate) async fn is_calm(cases: &[Case<'_>]) -> Result<()> {
    let mut before = Vec::new();
    for case in cases {
        before.push(State::read(case).await?.versions());
    }
    for _ in 0..2 {
        come_by(cases[0].site).await?;
    }
    for (case, before) in cases.iter().zip(before) {
        let after = State::read(case).await?.versions();
        ensure!(before == after, "{before:?} became {after:?}");
    }
    Ok(())
}
