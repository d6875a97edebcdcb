//! What is not done, and what is said then.

use anyhow::{Result, ensure};
use kseal_core::policy::Policy;
use kseal_tests::{
    cluster::{AuditEvent, Cluster, ControllerOptions, Options, run, wait_until},
    site::{Keys, SOON, Site, condition},
};
use serde_json::{Value, json};

use crate::{
    ITEMS,
    world::{FOLDER, NAME, World, path, sealed_for},
};

async fn message(world: &World<'_>, reason: &str) -> Result<String> {
    let object = world.wrong(reason).await?;
    Ok(condition(&object, "Ready")["message"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn what_may_not_be_is_not_done_and_the_object_says_why() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        world.namespace("one", &json!({"team": "a"})).await?;

        // Names are listed by who runs the controller.
        let controller = world.start("another,more").await?;
        world.apply(ITEMS).await?;
        let said = message(&world, "SwitchedOff").await?;
        ensure!(said.contains("--cluster-sealed-secrets"), "{said}");
        world.gone("one").await?;
        controller.stop().await?;
        let _controller = world.start(NAME).await?;
        world.holds("one", ITEMS).await?;

        let of_type = |type_: &str| {
            let mut object = world.sealed(NAME, ITEMS)?;
            object["spec"]["template"] = json!({"type": type_});
            Ok::<Value, anyhow::Error>(object)
        };
        // Rights and keys are no texts. Nor does the controller make them where no policy refuses them first.
        let unguarded = ["delete", "validatingadmissionpolicybinding", "kseal-forbidden-types"];
        cluster.kubectl(unguarded).run().await?;
        let version = world.secret("one").await?["metadata"]["resourceVersion"].clone();
        for type_ in ["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token", "kseal.dev/sealing-key"] {
            let object = of_type(type_)?;
            wait_until("nothing refuses it", SOON, || world.objects().apply(&object)).await?;
            let said = message(&world, "ForbiddenType").await?;
            ensure!(said.contains(type_), "{said}");
        }
        let mut pulls = world.sealed(NAME, ITEMS)?;
        pulls["spec"]["imagePullSecret"] = json!({"serviceAccounts": {"all": true}});
        world.objects().apply(&pulls).await?;
        message(&world, "NotForPulling").await?;
        ensure!(world.secret("one").await?["metadata"]["resourceVersion"] == version, "what was right stays");

        // Values open under their name alone.
        let mut moved = world.sealed("another", ITEMS)?;
        moved["metadata"]["name"] = json!(NAME);
        world.objects().apply(&moved).await?;
        let said = message(&world, "Moved").await?;
        ensure!(said.contains("another"), "{said}");
        ensure!(world.secret("one").await?["metadata"]["resourceVersion"] == version, "what was right stays");
        world.apply(ITEMS).await?;
        world.ready(1).await?;

        // The example is one that the API server takes.
        let example = ["apply", "--dry-run=server", "-f", "examples/cluster-sealed-secret.yaml"];
        cluster.kubectl(example).run().await?;
        Ok(())
    });
}

#[test]
fn a_paused_object_is_left_alone() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let controller = world.start(NAME).await?;
        world.namespace("one", &json!({"team": "a"})).await?;
        world.apply(ITEMS).await?;
        world.ready(1).await?;
        world.change(&json!({"metadata": {"annotations": {"kseal.dev/paused": "true"}}})).await?;
        world.namespace("two", &json!({"team": "a"})).await?;
        world.label("one", &json!({"team": "b"})).await?;
        // Another object shows that the controller is beyond that.
        world.objects().merge(&path(NAME), &json!({"metadata": {"labels": {"x": "y"}}})).await?;
        wait_until("it is counted as idle", SOON, || async {
            let idle = controller.metric("kseal_cluster_sealed_secrets{state=\"idle\"}").await?;
            ensure!(idle > 0.5);
            Ok(())
        })
        .await?;
        world.gone("two").await?;
        world.secret("one").await?;
        world.change(&json!({"metadata": {"annotations": {"kseal.dev/paused": null}}})).await?;
        world.holds("two", ITEMS).await?;
        world.gone("one").await?;
        Ok(())
    });
}

#[test]
fn a_key_that_comes_later_opens_what_waits_and_is_counted_as_needed() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let _controller = world.start(NAME).await?;
        world.namespace("one", &json!({"team": "a"})).await?;
        let theirs = Keys::new()?;
        world.objects().apply(&sealed_for(&theirs, NAME, ITEMS)?).await?;
        world.wrong("NoKey").await?;
        world.site.add_keys(&theirs).await?;
        world.holds("one", ITEMS).await?;
        let object = world.ready(1).await?;
        ensure!(object["status"]["observed"]["keys"] == json!([theirs.fingerprint()]), "{}", object["status"]);
        wait_until("the key is counted as needed", SOON, || async {
            let usage = world.site.usage().await?;
            let key = usage.keys.get(&theirs.fingerprint()).cloned().unwrap_or_default();
            ensure!((key.objects, key.claimed) == (1, 0), "{key:?}");
            ensure!(key.first == [format!("clustersealedsecrets/{NAME}")], "{key:?}");
            Ok(())
        })
        .await?;
        // A key that is found to be compromised is told by what it opened.
        let secret = format!("/api/v1/namespaces/kseal-system/secrets/kseal-{}", &theirs.fingerprint()[..13]);
        let compromised = json!({"metadata": {"labels": {"kseal.dev/sealing-key": "compromised"}}});
        world.objects().merge(&secret, &compromised).await?;
        wait_until("it says so", SOON, || async {
            let object = world.object().await?;
            let ready = condition(&object, "Ready");
            ensure!(ready["status"] == "True" && ready["reason"] == "KeyCompromised", "{ready}");
            Ok(())
        })
        .await
    });
}

#[test]
fn without_the_policy_nothing_new_is_honoured_and_what_was_goes_on() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let weaken = ["delete", "validatingadmissionpolicybinding", Policy::ClusterSealedSecrets.name()];
        cluster.kubectl(weaken).run().await?;
        world.namespace("one", &json!({"team": "a"})).await?;
        world.apply(ITEMS).await?;
        let _controller = world.start_guarded(NAME).await?;
        let said = message(&world, "PolicyMissing").await?;
        ensure!(said.contains("kseal-cluster-sealed-secrets"), "{said}");
        world.gone("one").await?;

        // It is put back, and nobody looked at who made the object.
        cluster.kubectl(["apply", "-k", FOLDER]).run().await?;
        message(&world, "OlderThanPolicy").await?;
        world.gone("one").await?;
        world.site.until_old_enough(Policy::ClusterSealedSecrets).await?;
        world.objects().delete(&path(NAME)).await?;
        world.apply(ITEMS).await?;
        world.holds("one", ITEMS).await?;
        world.ready(1).await?;

        // It goes again.
        cluster.kubectl(weaken).run().await?;
        world.namespace("two", &json!({"team": "a"})).await?;
        world.holds("two", ITEMS).await?;
        world.ready(2).await?;
        world.change(&json!({"spec": {"excludedNamespaces": ["two"]}})).await?;
        message(&world, "PolicyMissing").await?;
        world.holds("two", ITEMS).await?;
        Ok(())
    });
}

/// The rules of a role that the controller was asked for nothing by.
async fn unused(world: &World<'_>, role: &str) -> Result<Vec<String>> {
    let user = world.site.installation.user()?;
    let mut events = world.site.cluster.audit().await?;
    events.retain(|event| event.user == user);
    ensure!(events.iter().all(|event| ![401, 403].contains(&event.code)), "something was refused");
    let role = world.objects().get(&format!("/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}")).await?;
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|it| it.as_str().map(ToOwned::to_owned)).collect()
    };
    let mut unused = Vec::new();
    // Those by which policies are looked at are every component's.
    let is_own = |rule: &&Value| rule["apiGroups"] != json!(["admissionregistration.k8s.io"]);
    for rule in role["rules"].as_array().into_iter().flatten().filter(is_own) {
        for (resource, verb) in texts(&rule["resources"])
            .iter()
            .flat_map(|it| texts(&rule["verbs"]).into_iter().map(move |verb| (it, verb)))
        {
            let (plural, subresource) = resource.split_once('/').unwrap_or((resource, ""));
            let is_it = |event: &AuditEvent| {
                (event.resource == plural && event.subresource == subresource && event.verb == verb)
                    // The name of a namespace counts as its namespace.
                    && event.name != "kube-system"
            };
            if !events.iter().any(is_it) {
                unused.push(format!("{verb} {resource}"));
            }
        }
    }
    Ok(unused)
}

#[test]
fn the_component_grants_what_is_used_and_no_more() {
    run(async {
        // In pages, so that every right is used.
        let cluster = Cluster::start(Options { watch_list: false, ..Options::default() }).await?;
        let world = World::new(&cluster).await?;
        world.site.until_old_enough(Policy::ClusterSealedSecrets).await?;
        let _controller = world.start_guarded(NAME).await?;
        world.namespace("one", &json!({"team": "a"})).await?;
        world.apply(ITEMS).await?;
        world.ready(1).await?;
        world.label("one", &json!({"team": "b"})).await?;
        world.gone("one").await?;
        world.ready(0).await?;
        let unused = unused(&world, "kseal-controller-cluster-sealed-secrets").await?;
        ensure!(unused.is_empty(), "granted and never used: {unused:?}");
        Ok(())
    });
}

#[test]
fn a_controller_of_some_namespaces_leaves_them_alone() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        for namespace in ["team-a", "team-b"] {
            cluster.kubectl(["create", "namespace", namespace]).run().await?;
        }
        cluster.kubectl(["apply", "-k", "deploy/crds"]).run().await?;
        let site = Site::of(&cluster, "deploy/namespaced").await?;
        let mut object = sealed_for(&site.keys, NAME, ITEMS)?;
        object["spec"]["namespaceSelector"] = json!({});
        site.objects.apply(&object).await?;
        let arguments = vec!["--cluster-sealed-secrets=*".to_owned()];
        let controller = site.start(ControllerOptions { arguments, ..ControllerOptions::default() }).await?;
        wait_until("it leads", SOON, || async {
            ensure!(controller.metric("kseal_leader").await? > 0.5);
            Ok(())
        })
        .await?;
        wait_until("what needs which key is told", SOON, || site.usage()).await?;
        ensure!(site.objects.get(&path(NAME)).await?["status"].is_null());
        ensure!(controller.logs()?.contains("ClusterSealedSecrets are left alone"));
        let user = site.installation.user()?;
        let asked = cluster.audit().await?.into_iter().filter(|event| event.user == user);
        ensure!(asked.into_iter().all(|event| event.resource != "clustersealedsecrets"));
        controller.stop().await
    });
}
