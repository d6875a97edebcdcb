//! A cluster that sealed-secrets has looked after: the controller takes over, and nobody's Secret is written.

use anyhow::{Context as _, Result, ensure};
use kseal_api::{Scope, names};
use kseal_core::reconcile::{Group, status};
use kseal_tests::{
    cluster::{AuditEvent, Cluster, ControllerOptions, Options, run, wait_until},
    site::{Case, SOON, Site, condition, record},
};
use serde_json::{Value, json};

pub(crate) const ITEMS: &[(&str, &str)] = &[("user", "admin"), ("password", "hunter2")];

/// An object with what else is in its Secret, which upstream made.
pub(crate) struct Old<'s> {
    pub(crate) case: Case<'s>,
    scope: Scope,
    /// `spec.template`.
    template: Value,
    /// Whether the Secret has an ownerReference.
    pub(crate) owned: bool,
    /// Of the Secret, beside what the template says.
    annotations: Value,
}

/// Every sort of object that upstream distinguishes.
pub(crate) fn old<'s>(site: &'s Site<'s>, namespace: &str) -> Vec<Old<'s>> {
    let of = |name: &str, scope, template: Value| Old {
        case: Case { site, group: Group::Upstream, namespace: namespace.to_owned(), name: name.to_owned() },
        scope,
        template,
        owned: true,
        annotations: json!({}),
    };
    let with = |annotations: Value| json!({"metadata": {"annotations": annotations}});
    let (managed, patch) = (names::UPSTREAM_MANAGED, names::UPSTREAM_PATCH);
    // As kubeseal writes it: name and namespace stand in the template too.
    let kubeseals = json!({"metadata": {
        "name": "templated", "namespace": namespace, "creationTimestamp": null,
        "labels": {"app": "db"}, "annotations": {"team": "a", "note": "b"},
    }, "type": "kubernetes.io/basic-auth"});
    vec![
        of("plain", Scope::Strict, Value::Null),
        of("templated", Scope::Strict, kubeseals),
        of("namespace-wide", Scope::NamespaceWide, with(json!({names::UPSTREAM_NAMESPACE_WIDE: "true"}))),
        of("cluster-wide", Scope::ClusterWide, with(json!({names::UPSTREAM_CLUSTER_WIDE: "true"}))),
        of("immutable", Scope::Strict, json!({"immutable": true})),
        of("managed", Scope::Strict, with(json!({managed: "true"}))),
        Old {
            owned: false,
            ..of("skipped", Scope::Strict, with(json!({names::UPSTREAM_SKIP_OWNER: "true", managed: "true"})))
        },
        // Somebody else's Secret, into which upstream merged.
        Old { owned: false, annotations: json!({patch: "true"}), ..of("patched", Scope::Strict, Value::Null) },
    ]
}

/// The object as it is in git.
fn sealed(old: &Old<'_>) -> Result<Value> {
    let Old { case, scope, template, .. } = old;
    let place = (case.namespace.as_str(), case.name.as_str());
    let mut object = case.site.keys.seal(Group::Upstream, *scope, place, ITEMS)?;
    if !template.is_null() {
        object["spec"]["template"] = template.clone();
    }
    Ok(object)
}

/// What upstream's controller would have done with it: its writes, by its name. Returns the object as it is in git.
pub(crate) async fn make(old: &Old<'_>, finished: &str) -> Result<Value> {
    let Old { case, template, .. } = old;
    let site = case.site;
    let object = sealed(old)?;
    let made = site.objects.apply(&object).await?;

    let mut secret = case.foreign(ITEMS);
    let metadata = &template["metadata"];
    secret["metadata"]["labels"] = metadata["labels"].clone();
    let mut annotations = metadata["annotations"].as_object().cloned().unwrap_or_default();
    annotations.extend(old.annotations.as_object().cloned().unwrap_or_default());
    secret["metadata"]["annotations"] = Value::Object(annotations);
    for field in ["type", "immutable"] {
        secret[field] = template[field].clone();
    }
    if old.owned {
        secret["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "name": case.name,
            "uid": made["metadata"]["uid"], "controller": true,
        }]);
    }
    site.objects.create_as("controller", &secret).await?;

    let status = json!({"observedGeneration": made["metadata"]["generation"], "conditions": [{
        "type": "Synced", "status": "True", "lastUpdateTime": finished, "lastTransitionTime": finished,
    }]});
    site.objects.merge(&format!("{}/status", case.path()), &json!({"status": status})).await?;
    Ok(object)
}

#[test]
fn an_installation_of_upstreams_is_taken_over_without_a_write_to_a_secret() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::after_upstream(&cluster).await?;
        let namespace = cluster.namespace("prod").await?;
        let all = old(&site, &namespace);
        let finished = "2026-03-01T05:00:00Z";
        for old in &all {
            make(old, finished).await?;
        }
        let secrets = format!("/api/v1/namespaces/{namespace}/secrets");
        let before = site.objects.get(&secrets).await?["items"].take();
        ensure!(before.as_array().map(Vec::len) == Some(all.len()));

        let controller = site.start(ControllerOptions::default()).await?;
        let is_known = async |old: &Old<'_>| -> Result<Value> {
            let object = old.case.object().await?;
            let (secret, record) = (old.case.secret().await?, record(Group::Upstream, &object));
            ensure!(!record.is_null(), "{}: {}", old.case.name, object["status"]);
            let version = &secret["metadata"]["resourceVersion"];
            ensure!(record["secretResourceVersion"] == *version, "{}: {version}, not {record}", old.case.name);
            Ok(object)
        };
        for old in &all {
            let object = wait_until("it is known", SOON, || is_known(old)).await?;
            // Whoever waits on upstream's condition sees no difference.
            let synced = condition(&object, "Synced");
            let upstreams = json!({
                "type": "Synced", "status": "True", "lastUpdateTime": finished, "lastTransitionTime": finished,
            });
            ensure!(*synced == upstreams, "{synced}");
            ensure!(object["status"]["conditions"][0] == *synced, "upstream's columns show the first condition");
        }
        let after = site.objects.get(&secrets).await?["items"].take();
        for (before, after) in before.as_array().into_iter().flatten().zip(after.as_array().into_iter().flatten()) {
            ensure!(before == after, "a Secret was written: {before:#}\n{after:#}");
        }
        let events = site.objects.get(&format!("/api/v1/namespaces/{namespace}/events")).await?;
        ensure!(events["items"].as_array().is_some_and(Vec::is_empty), "{events}");

        // The next start costs nothing at all.
        let user = site.installation.user()?;
        let requests = async || -> Result<Vec<AuditEvent>> {
            let mut events = cluster.audit().await?;
            let objects = status::collection(Group::Upstream, Some(&namespace));
            events.retain(|event| {
                let is_about = event.uri.starts_with(&objects) || event.resource == "secrets";
                event.user == user && event.namespace == namespace && is_about
            });
            Ok(events)
        };
        let asked = requests().await?;
        controller.stop().await?;
        let controller = site.start(ControllerOptions::default()).await?;
        wait_until("all are right", SOON, || async {
            let ready = controller.metric("kseal_objects{group=\"bitnami.com\",state=\"ready\"}").await?;
            ensure!(ready >= 8.0, "{ready}");
            Ok(())
        })
        .await?;
        let more: Vec<_> = requests().await?.into_iter().filter(|event| !asked.contains(event)).collect();
        ensure!(more.is_empty(), "{more:#?}");

        // And it is looked after: a change is carried out, where upstream would have done so.
        for old in &all {
            let case = &old.case;
            let changed = [("user", "admin"), ("password", "changed")];
            let object = site.keys.seal(Group::Upstream, old.scope, (&case.namespace, &case.name), &changed)?;
            let patch = json!({"spec": {"encryptedData": object["spec"]["encryptedData"]}});
            site.objects.merge(&case.path(), &patch).await?;
            if case.name == "immutable" {
                case.wrong("Immutable").await?;
            } else {
                case.holds(&changed).await.with_context(|| case.name.clone())?;
            }
        }
        controller.stop().await
    });
}
