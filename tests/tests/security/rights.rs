//! The rules that `deploy/` grants, held against what the audit log says was asked for.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use kseal_api::Scope;
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{AuditEvent, Controller, ControllerOptions, Installation, wait_until},
    site::{Case, Keys, SOON, Site},
};
use serde_json::{Value, json};

const ITEMS: &[(&str, &str)] = &[("user", "admin"), ("password", "hunter2")];

/// Makes the controller ask for everything that it may in the namespace of a sealed object.
pub(crate) async fn use_those_of_objects(case: &Case<'_>) -> Result<()> {
    case.apply(ITEMS).await?;
    case.holds(ITEMS).await?;
    // A repair, and its event.
    case.site.objects.merge(&case.secret_path(), &json!({"data": {"password": null}})).await?;
    case.holds(ITEMS).await?;
    // What is somebody else's.
    let foreign = case.named(&format!("foreign-{}", case.group.as_str()));
    case.site.objects.apply(&foreign.foreign(ITEMS)).await?;
    foreign.apply(ITEMS).await?;
    foreign.wrong("NotOwned").await?;
    // What waits for a key, and is read again when it comes.
    let (waits, theirs) = (case.named(&format!("waits-{}", case.group.as_str())), Keys::new()?);
    let place = (waits.namespace.as_str(), waits.name.as_str());
    case.site.objects.apply(&theirs.seal(case.group, Scope::Strict, place, ITEMS)?).await?;
    waits.wrong(if case.group == Group::Native { "NoKey" } else { "CannotOpen" }).await?;
    case.site.add_keys(&theirs).await?;
    waits.holds(ITEMS).await?;
    Ok(())
}

/// Makes the controller ask for everything that it may in its own namespace. Another replica leads then.
pub(crate) async fn use_its_own(site: &Site<'_>, first: Controller) -> Result<Controller> {
    let published = "/api/v1/namespaces/kseal-system/configmaps/kseal-public-keys";
    site.objects.merge(published, &json!({"data": {"bundle.json": "{}"}})).await?;
    wait_until("what is published is right again", SOON, || async {
        ensure!(site.objects.get(published).await?["data"]["bundle.json"] != "{}");
        Ok(())
    })
    .await?;
    // Seconds after it leads: objects that came and went meanwhile are told together.
    wait_until("what needs which key is told", SOON, || site.usage()).await?;
    let second = site.start(ControllerOptions::default()).await?;
    first.stop().await?;
    wait_until("the second leads", SOON, || async {
        ensure!((second.metric("kseal_leader").await? - 1.0).abs() < f64::EPSILON);
        Ok(())
    })
    .await?;
    let more = Keys::new()?;
    site.add_keys(&more).await?;
    wait_until("the second tells of another key", SOON, || async {
        let usage = site.usage().await?;
        ensure!(usage.keys.contains_key(&more.fingerprint()), "{usage:?}");
        Ok(())
    })
    .await?;
    Ok(second)
}

/// One verb on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    /// None: in all of them.
    namespace: Option<String>,
    group: String,
    /// With its subresource.
    resource: String,
    verb: String,
    /// None: of any name.
    name: Option<String>,
}

impl Right {
    fn covers(&self, event: &AuditEvent) -> bool {
        let resource = match event.subresource.as_str() {
            "" => event.resource.clone(),
            subresource => format!("{}/{subresource}", event.resource),
        };
        self.namespace.as_ref().is_none_or(|namespace| *namespace == event.namespace)
            && (&self.group, &self.resource, &self.verb) == (&event.group, &resource, &event.verb)
            && self.name.as_ref().is_none_or(|name| *name == event.name)
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(ToOwned::to_owned)).collect()
}

/// Every right that the objects of a folder give the controller.
async fn granted(kseal: &Installation<'_>, folder: &str) -> Result<BTreeSet<Right>> {
    let all = kseal.cluster().kubectl(["get", "-k", folder, "-o", "json"]).run().await?;
    let all: Value = serde_json::from_str(&all)?;
    let all = all["items"].as_array().context("no list")?;
    let mut rights = BTreeSet::new();
    for binding in all {
        let is_binding = ["RoleBinding", "ClusterRoleBinding"].iter().any(|kind| binding["kind"] == *kind);
        let mut subjects = binding["subjects"].as_array().into_iter().flatten();
        let is_ours = subjects.any(|subject| {
            subject["kind"] == "ServiceAccount"
                && subject["name"] == kseal.service_account()
                && subject["namespace"].as_str() == kseal.namespace().ok()
        });
        if !is_binding || !is_ours {
            continue;
        }
        let (reference, namespace) = (&binding["roleRef"], &binding["metadata"]["namespace"]);
        let is_role = |role: &&Value| {
            role["kind"] == reference["kind"]
                && role["metadata"]["name"] == reference["name"]
                && (role["kind"] == "ClusterRole" || role["metadata"]["namespace"] == *namespace)
        };
        let role = all.iter().find(is_role).with_context(|| format!("no {reference}"))?;
        for rule in role["rules"].as_array().into_iter().flatten() {
            let names = texts(&rule["resourceNames"]);
            let names = if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() };
            for group in texts(&rule["apiGroups"]) {
                for (resource, verb) in texts(&rule["resources"])
                    .iter()
                    .flat_map(|it| texts(&rule["verbs"]).into_iter().map(move |verb| (it, verb)))
                {
                    rights.extend(names.iter().map(|name| Right {
                        namespace: namespace.as_str().map(ToOwned::to_owned),
                        group: group.clone(),
                        resource: resource.clone(),
                        verb: verb.clone(),
                        name: name.clone(),
                    }));
                }
            }
        }
    }
    ensure!(!rights.is_empty(), "{folder} grants nothing");
    Ok(rights)
}

/// Everything that the controller asked for in this run is granted, nothing was refused, and all that is granted was
/// asked for. `unused` are the rights, as `VERB RESOURCE in NAMESPACE`, that this run has no use for.
pub(crate) async fn are_just_enough(
    kseal: &Installation<'_>,
    folder: &str,
    unused: &[&str],
) -> Result<Vec<AuditEvent>> {
    let (user, rights) = (kseal.user()?, granted(kseal, folder).await?);
    let mut events = kseal.cluster().audit().await?;
    events.retain(|event| event.user == user);
    for event in &events {
        ensure!(!event.resource.is_empty(), "not about a resource: {event:?}");
        ensure!(![401, 403].contains(&event.code), "refused: {event:?}");
        ensure!(rights.iter().any(|right| right.covers(event)), "granted by somebody else: {event:?}");
    }
    let is_used = |right: &Right| events.iter().any(|event| right.covers(event));
    let is_excused = |right: &Right| {
        let namespace = right.namespace.as_deref().unwrap_or("all");
        unused.contains(&format!("{} {} in {namespace}", right.verb, right.resource).as_str())
    };
    let idle: Vec<&Right> = rights.iter().filter(|right| !is_used(right) && !is_excused(right)).collect();
    ensure!(idle.is_empty(), "granted and never used: {idle:#?}");
    Ok(events)
}
