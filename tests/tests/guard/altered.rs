//! Policies that are missing, altered, weakened and put back, or young.

use anyhow::{Context as _, Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, Controller, ControllerOptions, Options, Part, run},
    site::{Case, POLICY_COLLECTIONS, Site, policy_path, wait_for_policy},
};
use serde_json::{Value, json};

use crate::{
    FOLDER, POLICY,
    question::{ask, is_answered, waits},
};

const POLICIES: &str = POLICY_COLLECTIONS[0];
const BINDINGS: &str = POLICY_COLLECTIONS[1];

/// A policy, or a binding, as `deploy/` has it.
async fn original(site: &Site<'_>, collection: &str) -> Result<Value> {
    let found = site.objects.get(&policy_path(collection, POLICY)).await?;
    let kind = if collection == POLICIES { "ValidatingAdmissionPolicy" } else { "ValidatingAdmissionPolicyBinding" };
    let metadata = json!({"name": POLICY.name()});
    Ok(json!({"apiVersion": found["apiVersion"], "kind": kind, "metadata": metadata, "spec": found["spec"]}))
}

/// Changes it, or takes it away where the change is null.
async fn alter(site: &Site<'_>, collection: &str, change: &Value) -> Result<()> {
    let path = policy_path(collection, POLICY);
    if change.is_null() { site.objects.delete(&path).await } else { site.objects.merge(&path, change).await.map(drop) }
}

/// Makes it what it was, by the way that it was lost.
async fn put_back(site: &Site<'_>, collection: &str, original: &Value) -> Result<()> {
    let path = policy_path(collection, POLICY);
    let Some(found) = site.objects.find(&path).await? else {
        return site.objects.create_at(&path, original).await.map(drop);
    };
    let mut whole = original.clone();
    whole["metadata"] = found["metadata"].clone();
    site.objects.replace_at(&path, &whole).await.map(drop)
}

/// What weakens a policy: all of these let somebody through whom the policy refuses.
fn alterations() -> Vec<(&'static str, Value)> {
    let nowhere = json!({"matchLabels": {"no": "namespace"}});
    let rule = json!({
        "apiGroups": ["kseal.dev"], "apiVersions": ["v1alpha1"], "operations": ["UPDATE"], "resources": ["rewraprequests"],
        "scope": "*",
    });
    let policy = |spec: Value| (POLICIES, json!({"spec": spec}));
    let binding = |spec: Value| (BINDINGS, json!({"spec": spec}));
    vec![
        policy(json!({"validations": [{"expression": "true"}]})),
        policy(json!({"failurePolicy": "Ignore"})),
        policy(json!({"matchConditions": [{"name": "never", "expression": "false"}]})),
        policy(json!({"matchConstraints": {"namespaceSelector": nowhere}})),
        policy(json!({"matchConstraints": {"resourceRules": [rule]}})),
        binding(json!({"validationActions": ["Warn"]})),
        binding(json!({"validationActions": ["Audit"]})),
        binding(json!({"matchResources": {"namespaceSelector": nowhere}})),
        binding(json!({"policyName": "other"})),
        // Last, since what is made again is young in any case.
        (POLICIES, Value::Null),
        (BINDINGS, Value::Null),
    ]
}

async fn controller(site: &Site<'_>, arguments: &[&str]) -> Result<Controller> {
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    site.start(ControllerOptions { arguments, ..ControllerOptions::default() }).await
}

/// Runs a test in a namespace of a cluster of its own, which a controller looks after.
fn guarded(test: impl AsyncFnOnce(&Case<'_>, Controller) -> Result<()>) {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, FOLDER).await?;
        let controller = controller(&site, &[]).await?;
        test(&site.case(Group::Native).await?, controller).await
    });
}

#[test]
fn what_came_while_the_policy_was_not_in_force_waits_and_is_never_honoured() {
    guarded(async |case, controller| {
        let site = case.site;
        wait_for_policy(&controller, POLICY, true).await?;
        site.until_old_enough(POLICY).await?;
        for (number, (collection, change)) in alterations().into_iter().enumerate() {
            let original = original(site, collection).await?;
            alter(site, collection, &change).await?;
            wait_for_policy(&controller, POLICY, false).await?;
            let request = ask(case, &format!("asked-{number}")).await?;
            waits(case, &request, &format!("other-{number}")).await?;
            put_back(site, collection, &original).await?;
            wait_for_policy(&controller, POLICY, true).await?;
            is_answered(case, &request, "OlderThanPolicy").await?;
        }
        let log = controller.logs()?;
        for words in ["the admission policy is in force", "is not in force", "is not that of this release"] {
            ensure!(log.contains(words), "{words} is not in\n{log}");
        }
        // What is asked of a policy that has been there for a while is answered.
        site.until_old_enough(POLICY).await?;
        let request = ask(case, "checked").await?;
        is_answered(case, &request, "Answered").await
    });
}

/// Asks while the policy looks nowhere, by what was added to it and is taken out again: of that `managedFields` know nothing.
async fn ask_unchecked(case: &Case<'_>, name: &str) -> Result<String> {
    let excluded = json!([{
        "apiGroups": ["kseal.dev"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"], "scope": "*",
    }]);
    let nowhere = json!({"namespaceSelector": {"matchLabels": {"no": "namespace"}}});
    alter(case.site, POLICIES, &json!({"spec": {"matchConstraints": {"excludeResourceRules": excluded}}})).await?;
    alter(case.site, BINDINGS, &json!({"spec": {"matchResources": nowhere}})).await?;
    let request = ask(case, name).await?;
    alter(case.site, POLICIES, &json!({"spec": {"matchConstraints": {"excludeResourceRules": null}}})).await?;
    alter(case.site, BINDINGS, &json!({"spec": {"matchResources": null}})).await?;
    Ok(request)
}

#[test]
fn what_was_weakened_by_an_addition_is_young_when_that_is_taken_out() {
    guarded(async |case, controller| {
        let site = case.site;
        site.until_old_enough(POLICY).await?;
        let request = ask_unchecked(case, "watched").await?;
        is_answered(case, &request, "OlderThanPolicy").await?;
        site.until_old_enough(POLICY).await?;
        controller.stop().await?;
        let request = ask_unchecked(case, "unwatched").await?;
        let controller = self::controller(site, &[]).await?;
        is_answered(case, &request, "OlderThanPolicy").await?;
        site.until_old_enough(POLICY).await?;
        let request = ask(case, "checked").await?;
        is_answered(case, &request, "Answered").await?;
        controller.stop().await
    });
}

/// It reaches the API servers by a watch, so that of a young one nobody knows whether it was asked.
#[test]
fn what_is_asked_of_a_young_policy_is_refused_with_what_to_do() {
    guarded(async |case, controller| {
        let site = case.site;
        site.until_old_enough(POLICY).await?;
        let request = ask(case, "old-enough").await?;
        is_answered(case, &request, "Answered").await?;
        for (collection, field, value) in [(POLICIES, "failurePolicy", "Ignore"), (BINDINGS, "policyName", "other")] {
            // A label is no change, and makes nothing younger.
            alter(site, collection, &json!({"metadata": {"labels": {"touched": "once"}}})).await?;
            site.until_old_enough(POLICY).await?;
            let original = original(site, collection).await?;
            alter(site, collection, &json!({"spec": {field: value}})).await?;
            put_back(site, collection, &original).await?;
            let request = ask(case, &format!("after-{collection}")).await?;
            is_answered(case, &request, "OlderThanPolicy").await?;
            let answer = site.objects.get(&request).await?;
            let message = answer["status"]["conditions"][0]["message"].as_str().context("a message")?;
            ensure!(message.contains("delete it and create it again"), "{message}");
        }
        // A replica that starts later knows it from the record: what was asked while nobody led is answered.
        site.until_old_enough(POLICY).await?;
        controller.stop().await?;
        let request = ask(case, "while-nobody-led").await?;
        let controller = self::controller(site, &[]).await?;
        is_answered(case, &request, "Answered").await?;
        controller.stop().await
    });
}

#[test]
fn where_something_else_decides_no_policy_is_looked_for() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, FOLDER).await?;
        alter(&site, POLICIES, &Value::Null).await?;
        alter(&site, BINDINGS, &Value::Null).await?;
        let controller = controller(&site, &["--policies=elsewhere"]).await?;
        let case = site.case(Group::Native).await?;
        let request = ask(&case, "anything").await?;
        is_answered(&case, &request, "Answered").await?;
        ensure!(!controller.metrics().await?.contains("kseal_policy_in_force{"));
        let user = site.installation.user()?;
        let asked = cluster.audit().await?;
        ensure!(!asked.iter().any(|it| it.user == user && POLICY_COLLECTIONS.contains(&it.resource.as_str())));
        Ok(())
    });
}

/// Without the right to look, nothing is known, and so nothing is done; and it goes on by itself.
#[test]
fn what_may_not_be_looked_at_is_not_in_force() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, FOLDER).await?;
        let role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/kseal-controller-rewrap-requests";
        let rules = site.objects.get(role).await?["rules"].take();
        let is_guards = |rule: &&Value| rule["apiGroups"][0] == "admissionregistration.k8s.io";
        let less: Vec<&Value> = rules.as_array().context("rules")?.iter().filter(|rule| !is_guards(rule)).collect();
        site.objects.merge(role, &json!({"rules": less})).await?;
        let controller = controller(&site, &[]).await?;
        let case = site.case(Group::Native).await?;
        site.until_old_enough(POLICY).await?;
        wait_for_policy(&controller, POLICY, false).await?;
        let request = ask(&case, "unseen").await?;
        waits(&case, &request, "other").await?;
        ensure!(controller.logs()?.contains("the admission policy cannot be looked at"));
        site.objects.merge(role, &json!({"rules": rules})).await?;
        is_answered(&case, &request, "Answered").await?;
        // An API server that was away is no reason to doubt the policy.
        cluster.restart(Part::Apiserver).await?;
        wait_for_policy(&controller, POLICY, true).await?;
        let request = ask(&case, "after-the-restart").await?;
        is_answered(&case, &request, "Answered").await
    });
}
