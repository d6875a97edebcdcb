//! `deploy/namespaced`: no right in any namespace that is not listed, and no need for one.

use anyhow::ensure;
use kseal_core::reconcile::Group;
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, run, wait_until},
    site::{Case, SOON, Site},
};
use serde_json::json;

use crate::rights;

const ITEMS: &[(&str, &str)] = &[("user", "admin"), ("password", "hunter2")];

#[test]
fn listed_namespaces_are_served_by_their_roles_alone_and_others_are_not_even_looked_at() {
    run(async {
        // In pages, so that every right is used.
        let cluster = Cluster::start(Options { watch_list: false, ..Options::default() }).await?;
        for namespace in ["team-a", "team-b", "team-c"] {
            cluster.kubectl(["create", "namespace", namespace]).run().await?;
        }
        // Who administers the cluster has done this before.
        cluster.kubectl(["apply", "-k", "deploy/crds"]).run().await?;
        let site = Site::of(&cluster, "deploy/namespaced").await?;
        let case = |group, namespace: &str| Case {
            site: &site,
            group,
            namespace: namespace.to_owned(),
            name: format!("db-{}", Group::as_str(group)),
        };
        for group in Group::ALL {
            case(group, "team-c").apply(ITEMS).await?;
        }
        let first = site.start(ControllerOptions::default()).await?;
        for group in Group::ALL {
            for namespace in ["team-a", "team-b"] {
                rights::use_those_of_objects(&case(group, namespace)).await?;
            }
        }
        for group in Group::ALL {
            let other = case(group, "team-c");
            ensure!(other.object().await?["status"].is_null());
            other.gone().await?;
        }
        let second = rights::use_its_own(&site, first).await?;
        // Key Secrets are patched when their state changes, which nothing here brings about.
        let unused = ["patch secrets in kseal-system"];
        let events = rights::are_just_enough(&site.installation, "deploy/namespaced", &unused).await?;
        ensure!(events.iter().all(|event| !event.namespace.is_empty()), "something was asked of all namespaces");
        ensure!(events.iter().all(|event| event.namespace != "team-c"));
        second.stop().await
    });
}

#[test]
fn a_listed_namespace_without_its_role_is_told_and_costs_the_others_nothing() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        for namespace in ["team-a", "team-b", "team-c"] {
            cluster.kubectl(["create", "namespace", namespace]).run().await?;
        }
        cluster.kubectl(["apply", "-k", "deploy/crds"]).run().await?;
        let site = Site::of(&cluster, "deploy/namespaced").await?;
        let options = || ControllerOptions {
            arguments: vec!["--watch-namespaces=team-a,team-b,team-c".to_owned()],
            ..ControllerOptions::default()
        };
        let in_team_a = |group| Case {
            site: &site,
            group,
            namespace: "team-a".to_owned(),
            name: format!("db-{}", Group::as_str(group)),
        };
        let controller = site.start(options()).await?;
        for group in Group::ALL {
            in_team_a(group).apply(ITEMS).await?;
            in_team_a(group).holds(ITEMS).await?;
        }
        wait_until("the refused watches are counted", SOON, || async {
            for resource in ["sealedsecrets.kseal.dev", "sealedsecrets.bitnami.com", "secrets"] {
                let series = format!("kseal_watch_lost_total{{resource=\"{resource}\",category=\"forbidden\"}}");
                ensure!(controller.metric(&series).await? >= 1.0);
            }
            Ok(())
        })
        .await?;
        ensure!(controller.get("/readyz").await? == "ok\n");

        // A restart finds what was changed meanwhile, in the namespaces that it can look at.
        controller.stop().await?;
        for group in Group::ALL {
            let edited = in_team_a(group);
            site.objects.merge(&edited.secret_path(), &json!({"data": {"password": null}})).await?;
        }
        let controller = site.start(options()).await?;
        for group in Group::ALL {
            let edited = in_team_a(group);
            edited.holds(ITEMS).await?;
            site.objects.delete(&edited.secret_path()).await?;
            edited.holds(ITEMS).await?;
        }

        // With its Role it is served, without a restart.
        let tenant = cluster.kubectl(["kustomize", "deploy/namespaced/tenants/team-b"]).run().await?;
        cluster.apply(&tenant.replace("namespace: team-b", "namespace: team-c")).await?;
        let case = Case { site: &site, group: Group::Native, namespace: "team-c".to_owned(), name: "db".to_owned() };
        case.apply(ITEMS).await?;
        case.holds(ITEMS).await?;
        controller.stop().await
    });
}
