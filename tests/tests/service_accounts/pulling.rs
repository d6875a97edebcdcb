//! Registry Secrets in the accounts that they are for, whoever comes first, and not a moment longer than somebody asks.

use anyhow::ensure;
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, Options, run, wait_until},
    site::{SOON, Site},
};
use serde_json::json;

use crate::{CREDENTIALS, FOLDER, launch, launch_with, registry::Registry as _};

#[test]
fn accounts_pull_with_the_secrets_that_are_for_them() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, FOLDER).await?;
        let _controller = launch(&site).await?;
        for group in Group::ALL {
            let case = site.case(group).await?;
            case.make_account("builder", &["theirs"]).await?;
            case.ask(&["builder", "later"]).await?;
            case.holds(CREDENTIALS).await?;
            case.account_has("builder", &["theirs", "db"], &["db"]).await?;
            ensure!(case.entries("default").await?.is_empty(), "{group:?}: nobody asked for it");
            case.make_account("later", &[]).await?;
            case.account_has("later", &["db"], &["db"]).await?;

            // What was there already is somebody else's, and stays when nobody asks any more.
            let second = case.named("second");
            case.make_account("has-it", &["second"]).await?;
            second.ask(&["*"]).await?;
            second.holds(CREDENTIALS).await?;
            second.account_has("has-it", &["second"], &[]).await?;
            second.account_has("builder", &["theirs", "db", "second"], &["db", "second"]).await?;
            case.ask(&["later"]).await?;
            case.account_has("builder", &["theirs", "second"], &["second"]).await?;
            site.objects.delete(&second.path()).await?;
            case.account_has("builder", &["theirs"], &[]).await?;
            case.account_has("has-it", &["second"], &[]).await?;
            case.account_has("later", &["db"], &["db"]).await?;
            case.right().await?;

            // Another one of its name gets it, too.
            site.objects.delete(&case.account_path("later")).await?;
            case.make_account("later", &["x"]).await?;
            case.account_has("later", &["x", "db"], &["db"]).await?;
        }
        Ok(())
    });
}

#[test]
fn a_selector_goes_by_the_labels_that_accounts_have_now() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, FOLDER).await?;
        let _controller = launch(&site).await?;
        let case = site.case(Group::Native).await?;
        let mut object = case.registry(&["*"])?;
        let expression = json!({"key": "pulls", "operator": "In", "values": ["yes", "often"]});
        object["spec"]["imagePullSecret"]["serviceAccounts"] = json!({"selector": {"matchExpressions": [expression]}});
        site.objects.apply(&object).await?;
        case.right().await?;
        case.account_has("default", &[], &[]).await?;
        let label = |value: serde_json::Value| json!({"metadata": {"labels": {"pulls": value}}});
        site.objects.merge(&case.account_path("default"), &label(json!("often"))).await?;
        case.account_has("default", &["db"], &["db"]).await?;
        site.objects.merge(&case.account_path("default"), &label(json!(null))).await?;
        case.account_has("default", &[], &[]).await
    });
}

#[test]
fn what_happened_while_the_controller_was_away_is_made_up_for() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, FOLDER).await?;
        let controller = launch(&site).await?;
        let case = site.case(Group::Native).await?;
        let goes = case.named("goes");
        case.ask(&["*"]).await?;
        goes.ask(&["*"]).await?;
        case.right().await?;
        goes.right().await?;
        case.account_has("default", &["db", "goes"], &["db", "goes"]).await?;
        controller.stop().await?;

        site.objects.delete(&goes.path()).await?;
        case.make_account("new", &["theirs"]).await?;
        site.objects
            .merge(&case.account_path("default"), &json!({"imagePullSecrets": [{"name": "goes"}, {"name": "more"}]}))
            .await?;
        let controller = launch(&site).await?;
        case.account_has("default", &["more", "db"], &["db"]).await?;
        case.account_has("new", &["theirs", "db"], &["db"]).await?;

        // And where nothing happened, nothing is done.
        controller.stop().await?;
        let before = case.requests().await?.len();
        let controller = launch(&site).await?;
        wait_until("all is known to be right", SOON, || async {
            let ready = controller.metric(r#"kseal_objects{group="kseal.dev",state="ready"}"#).await?;
            ensure!(ready >= 1.0, "{ready}");
            Ok(())
        })
        .await?;
        ensure!(controller.metric("kseal_service_account_writes_total").await? < 0.5);
        ensure!(case.requests().await?.len() == before, "{:#?}", &case.requests().await?[before..]);
        Ok(())
    });
}

#[test]
fn what_cannot_be_done_is_said_and_the_secret_is_right_all_the_same() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, FOLDER).await?;
        let controller = launch(&site).await?;
        for group in Group::ALL {
            let case = site.case(group).await?;
            let mut opaque = case.registry(&["default"])?;
            opaque["spec"]["template"]["type"] = json!("Opaque");
            site.objects.apply(&opaque).await?;
            let message = case.wrong("NotForPulling").await?;
            ensure!(message.contains("kubernetes.io/dockerconfigjson"), "{message}");
            case.ensure_items(&case.secret().await?, CREDENTIALS)?;
            ensure!(case.entries("default").await?.is_empty());
        }
        controller.stop().await?;
        let controller = launch_with(&site, &["--image-pull-secrets=false"]).await?;
        let mut cases = Vec::new();
        for group in Group::ALL {
            let case = site.case(group).await?;
            case.ask(&["default"]).await?;
            let message = case.wrong("SwitchedOff").await?;
            ensure!(message.contains("--image-pull-secrets"), "{message}");
            case.ensure_items(&case.secret().await?, CREDENTIALS)?;
            ensure!(case.entries("default").await?.is_empty());
            cases.push(case);
        }
        controller.stop().await?;
        let _controller = launch(&site).await?;
        for case in cases {
            case.account_has("default", &["db"], &["db"]).await?;
            case.right().await?;
        }
        Ok(())
    });
}

#[test]
fn a_pod_that_comes_after_its_account_pulls_with_the_secret() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::of(&cluster, FOLDER).await?;
        let _controller = launch(&site).await?;
        let case = site.case(Group::Native).await?;
        case.ask(&["*"]).await?;
        case.right().await?;
        case.make_account("app", &[]).await?;
        case.account_has("app", &["db"], &["db"]).await?;
        let containers = json!([{"name": "app", "image": "registry.example.com/app"}]);
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": case.namespace, "name": "app"},
            "spec": {"serviceAccountName": "app", "containers": containers},
        });
        let pod = site.objects.create(&pod).await?;
        ensure!(pod["spec"]["imagePullSecrets"] == json!([{"name": "db"}]), "{}", pod["spec"]);
        Ok(())
    });
}
