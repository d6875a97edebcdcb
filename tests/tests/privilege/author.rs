//! The author of a file that a GitOps tool applies, which may do everything. Its project lets the author supply kseal's kinds.

use anyhow::{Context as _, Result, ensure};
use kseal_api::names;
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, Options, run, wait_until},
    site::{SOON, condition, path},
};
use serde_json::{Value, json};

use crate::world::World;

/// In another namespace.
fn moved(mut object: Value, namespace: &str) -> Value {
    object["metadata"]["namespace"] = json!(namespace);
    object
}

#[test]
fn the_author_of_a_file_gains_nothing_by_the_rights_of_who_applies_it() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        // Who may do everything applies it: no policy refuses.
        let gitops = &world.site.objects;
        let own = world.site.installation.namespace()?;
        let before = world.treasures(&[]).await?;
        let since = cluster.audit().await?.len();
        let mut supplied = Vec::new();
        let mut supply = async |object: Value, reason: &'static str| -> Result<()> {
            gitops.apply(&object).await.with_context(|| path(&object))?;
            world.waits(&object, reason).await?;
            supplied.push(path(&object));
            Ok(())
        };

        // An account that consents to nothing, to another one, or to another kind.
        supply(world.token("victim", "victim", "Bound"), "ServiceAccountRefuses").await?;
        supply(world.token("victim-secret", "victim", "Secret"), "ServiceAccountRefuses").await?;
        supply(world.token("c", "ci", "Bound"), "ServiceAccountRefuses").await?;
        supply(world.token("ci-2", "ci", "Secret"), "ServiceAccountRefuses").await?;
        supply(moved(world.token("ci", "default", "Bound"), &world.other), "ServiceAccountRefuses").await?;
        supply(moved(world.token("gc", "generic-garbage-collector", "Bound"), "kube-system"), "ServiceAccountRefuses")
            .await?;
        for group in Group::ALL {
            supply(
                world.token_secret(group, &format!("filled-{}", group.as_str()), "victim")?,
                "ServiceAccountRefuses",
            )
            .await?;
        }
        supply(world.token_secret(Group::Native, "ci", "ci")?, "ServiceAccountRefuses").await?;

        // The controller's own place.
        supply(moved(world.token("kseal", "kseal-controller", "Bound"), own), "OwnNamespace").await?;
        let mut key = world.case(Group::Native, "kseal-identity").sealed(&[("a", "b")])?;
        key["spec"]["scope"] = json!("ClusterWide");
        supply(moved(key, own), "OwnNamespace").await?;
        for label in [names::KEY_STATE, names::UPSTREAM_KEY] {
            let name = format!("key-{}", label.len());
            let mut key = world.case(Group::Native, &name).sealed(&[("a", "b")])?;
            key["spec"]["template"] = json!({"metadata": {"labels": {label: "active"}}});
            supply(key, "KeySecret").await?;
        }

        // Everywhere, by a name that the platform did not list.
        supply(world.everywhere("other")?, "SwitchedOff").await?;

        ensure!(world.treasures(&[]).await? == before);
        world.nothing_was_asked_for(since, &[&world.namespace, &world.other, "kube-system"]).await?;
        for path in supplied {
            gitops.delete(&path).await?;
        }

        // By what is consented to, into a Secret of somebody else: it stays as it is.
        let mut thief = world.token("ci", "ci", "Bound");
        thief["spec"]["secretName"] = json!("foreign");
        gitops.apply(&thief).await?;
        world.waits(&thief, "NotOwned").await?;
        thief["spec"]["mode"] = json!("Secret");
        gitops.apply(&thief).await?;
        world.waits(&thief, "NotOwned").await?;
        // By a name that is listed, over Secrets of that name in other namespaces.
        let theirs = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": world.other, "name": "registry"},
            "stringData": {"password": "hunter2"},
        });
        let theirs = gitops.create(&theirs).await?;
        let registry = world.everywhere("registry")?;
        gitops.apply(&registry).await?;
        wait_until("it says that it cannot", SOON, || async {
            let object = gitops.get(&path(&registry)).await?;
            ensure!(condition(&object, "Ready")["status"] == "False", "{}", object["status"]);
            Ok(())
        })
        .await?;
        ensure!(gitops.find(&format!("/api/v1/namespaces/{own}/secrets/registry")).await?.is_none());
        let now = gitops.get(&path(&theirs)).await?;
        ensure!(
            now["data"] == theirs["data"]
                && now["metadata"]["resourceVersion"] == theirs["metadata"]["resourceVersion"]
        );
        for namespace in [&world.namespace, &world.other] {
            let foreign = format!("Secret {namespace}/foreign");
            ensure!(world.treasures(&[]).await?.get(&foreign) == before.get(&foreign), "{foreign}");
        }
        Ok(())
    });
}
