//! Upstream's own definition of its kind, which stays in a cluster that moves over.

use anyhow::{Result, ensure};
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run},
    site::{Case, Keys, Site, condition},
};
use serde_json::json;

use crate::{
    ITEMS, OTHERS,
    states::{State, come_by, writes},
};

const UPSTREAMS: &str = "tests/fixtures/upstream-crd.yaml";

/// All that upstream's kind can do, but for what the other tests show with our definition.
async fn works(case: &Case<'_>) -> Result<()> {
    let mut object = case.sealed(ITEMS)?;
    object["spec"]["template"] = json!({
        "type": "kubernetes.io/basic-auth",
        "metadata": {
            "name": "ignored", "labels": {"app": "db"}, "annotations": {"a.example/b": "c"},
            "creationTimestamp": null, "finalizers": ["example.com/not-copied"],
        },
    });
    let object = case.site.objects.create(&object).await?;
    let secret = case.right().await?;
    ensure!(
        secret["type"] == "kubernetes.io/basic-auth" && secret["metadata"]["labels"] == json!({"app": "db"}),
        "{secret}"
    );
    ensure!(secret["metadata"].get("finalizers").is_none(), "{secret}");
    ensure!(secret["metadata"]["ownerReferences"][0]["uid"] == object["metadata"]["uid"], "{secret}");
    let object = case.object().await?;
    let types: Vec<_> = object["status"]["conditions"].as_array().into_iter().flatten().map(|it| &it["type"]).collect();
    ensure!(types == ["Synced", "kseal.dev/record"], "{object}");

    let theirs = Keys::new()?.seal(case.group, kseal_api::Scope::Strict, (&case.namespace, &case.name), ITEMS)?;
    case.site.objects.merge(&case.path(), &json!({"spec": theirs["spec"]})).await?;
    ensure!(case.wrong("CannotOpen").await? == "no key could decrypt secret (password, user)");
    ensure!(condition(&case.object().await?, "kseal.dev/record").is_null(), "it is not right any more");
    case.site.objects.merge(&case.path(), &json!({"spec": case.sealed(OTHERS)?["spec"]})).await?;
    case.holds(OTHERS).await.map(drop)
}

#[test]
fn upstreams_kind_works_on_upstreams_own_definition() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        cluster.kubectl(["delete", "customresourcedefinition", "sealedsecrets.bitnami.com"]).run().await?;
        cluster.kubectl(["create", "-f", UPSTREAMS]).run().await?;
        let controller = site.start(ControllerOptions::default()).await?;
        let case = site.case(Group::Upstream).await?;
        works(&case).await?;

        // Applied once more, as by an upgrade of sealed-secrets' chart, and by a restart.
        case.named("calm").apply(ITEMS).await?;
        case.named("calm").holds(ITEMS).await?;
        let (before, count) = (State::read(&case).await?.versions(), writes(&case).await?.len());
        cluster.kubectl(["replace", "-f", UPSTREAMS]).run().await?;
        come_by(&site).await?;
        controller.stop().await?;
        let _controller = site.start(ControllerOptions::default()).await?;
        come_by(&site).await?;
        let after = State::read(&case).await?.versions();
        ensure!(before == after, "{before:?} became {after:?}");
        let writes = writes(&case).await?;
        ensure!(writes.len() == count, "{:#?}", &writes[count..]);
        Ok(())
    });
}

#[test]
fn upstreams_definition_in_the_place_of_ours_costs_no_write() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::new(&cluster).await?;
        let _controller = site.start(ControllerOptions::default()).await?;
        let case = site.case(Group::Upstream).await?;
        for number in 0..20 {
            case.named(&format!("db-{number}")).apply(ITEMS).await?;
        }
        for number in 0..20 {
            case.named(&format!("db-{number}")).holds(ITEMS).await?;
        }
        let (before, count) = (State::read(&case).await?.versions(), writes(&case).await?.len());
        let apply = ["apply", "--server-side", "--force-conflicts", "-f", UPSTREAMS];
        cluster.kubectl(apply).run().await?;
        come_by(&site).await?;
        let after = State::read(&case).await?.versions();
        ensure!(before == after, "{before:?} became {after:?}");
        let written = writes(&case).await?;
        ensure!(written.len() == count, "{:#?}", &written[count..]);
        works(&case).await
    });
}
