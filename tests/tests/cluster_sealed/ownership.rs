//! What is somebody else's.

use anyhow::ensure;
use kseal_api::Scope;
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, Options, run, wait_until},
    site::{Case, SOON, condition},
};
use serde_json::json;

use crate::{
    ITEMS, OTHERS,
    world::{NAME, World, secret},
};

#[test]
fn a_secret_of_somebody_else_is_not_touched_until_it_consents_or_goes() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let _controller = world.start(NAME).await?;
        for name in ["consents", "deleted", "free"] {
            world.namespace(name, &json!({"team": "a"})).await?;
        }
        for name in ["consents", "deleted"] {
            let foreign = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": name, "name": NAME},
                "stringData": {"mine": "x"}});
            world.objects().create(&foreign).await?;
        }
        let before = world.secret("consents").await?;
        world.apply(ITEMS).await?;
        world.holds("free", ITEMS).await?;
        let object = world.wrong("NotOwned").await?;
        ensure!(object["status"]["namespaces"] == json!({"selected": 3, "ready": 1, "failing": 2}));
        let failures = object["status"]["failures"].as_array().cloned().unwrap_or_default();
        let names: Vec<_> = failures.iter().map(|failure| failure["namespace"].clone()).collect();
        ensure!(names == ["consents", "deleted"], "{failures:?}");
        ensure!(condition(&object, "Stalled")["status"] == "True", "{}", object["status"]);
        ensure!(world.secret("consents").await? == before, "it was touched");

        let consent = json!({"metadata": {"annotations": {"kseal.dev/managed": "true"}}});
        world.objects().merge(&secret("consents"), &consent).await?;
        world.objects().delete(&secret("deleted")).await?;
        for name in ["consents", "deleted"] {
            world.holds(name, ITEMS).await?;
        }
        world.ready(3).await?;
        let events = "/api/v1/namespaces/default/events";
        let uid = &object["metadata"]["uid"];
        wait_until("it was told when it began and when it ended", SOON, || async {
            let found = world.objects().get(events).await?;
            let found = found["items"].as_array().cloned().unwrap_or_default();
            let found = found.iter().filter(|event| event["involvedObject"]["uid"] == *uid);
            let mut told: Vec<_> = found.map(|event| json!([event["type"], event["reason"]])).collect();
            told.sort_by_key(ToString::to_string);
            ensure!(told == [json!(["Normal", "Opened"]), json!(["Warning", "NotOwned"])], "{told:?}");
            Ok(())
        })
        .await
    });
}

#[test]
fn an_object_of_a_namespace_and_one_of_the_cluster_leave_each_others_secret_alone() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let _controller = world.start(NAME).await?;
        for name in ["first", "second"] {
            world.namespace(name, &json!({"team": "a"})).await?;
        }
        let case = |namespace: &str| Case {
            site: &world.site,
            group: Group::Native,
            namespace: namespace.to_owned(),
            name: NAME.to_owned(),
        };
        // Who comes first has it.
        case("first").apply(OTHERS).await?;
        case("first").holds(OTHERS).await?;
        world.apply(ITEMS).await?;
        world.holds("second", ITEMS).await?;
        world.wrong("NotOwned").await?;
        case("second").apply(OTHERS).await?;
        case("second").wrong("NotOwned").await?;
        case("first").holds(OTHERS).await?;
        world.holds("second", ITEMS).await?;
        // What the one leaves, the other takes.
        world.objects().delete(&case("first").path()).await?;
        world.holds("first", ITEMS).await?;
        world.ready(2).await?;
        world.label("second", &json!({"team": "b"})).await?;
        wait_until("the object of the namespace has it", SOON, || async {
            let secret = case("second").is_right().await?;
            case("second").ensure_items(&secret, OTHERS)
        })
        .await?;
        // A value of the one does not open as the other.
        let mut moved = world.sealed(NAME, ITEMS)?;
        moved["kind"] = json!("SealedSecret");
        moved["metadata"] = json!({"namespace": "default", "name": NAME});
        moved["spec"]["scope"] = json!(Scope::ClusterWide);
        moved["spec"].as_object_mut().expect("a map").remove("namespaceSelector");
        world.objects().apply(&moved).await?;
        case("default").wrong("CannotOpen").await?;
        Ok(())
    });
}

#[test]
fn only_secrets_that_say_so_twice_are_taken_away() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let world = World::new(&cluster).await?;
        let _controller = world.start(NAME).await?;
        for name in ["in", "out"] {
            world.namespace(name, &json!({"team": if name == "in" { "a" } else { "b" }})).await?;
        }
        world.apply(ITEMS).await?;
        let object = world.ready(1).await?;
        let uid = &object["metadata"]["uid"];
        // It has the label, and not the reference.
        let labels = json!({"kseal.dev/cluster-sealed-secret": uid});
        let marked = json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"namespace": "out", "name": NAME, "labels": labels}});
        world.objects().create(&marked).await?;
        // What is no longer said is no longer so, even if it is said too late: the label goes, and the namespace is not
        // selected any more.
        let keeps = json!({"metadata": {"ownerReferences": []}});
        world.objects().merge(&secret("in"), &keeps).await?;
        world.label("in", &json!({"team": "b"})).await?;
        world.ready(0).await?;
        world.namespace("last", &json!({"team": "a"})).await?;
        world.ready(1).await?;
        world.secret("out").await?;
        let deleted: Vec<_> = world.writes().await?.into_iter().filter(|event| event.verb == "delete").collect();
        ensure!(deleted.iter().all(|event| event.namespace == "in"), "{deleted:?}");
        Ok(())
    });
}
