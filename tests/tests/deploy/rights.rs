//! Who may do what, by the roles that are shipped.

use anyhow::{Result, ensure};
use http::Request;
use kseal_tests::cluster::{Cluster, run, wait_until};
use serde_json::{Value, json};

use super::{SOON, installed};

/// Whether somebody may do it, as the API server answers.
async fn may(cluster: &Cluster, who: &[&str], what: &[&str]) -> Result<bool> {
    let arguments = ["auth", "can-i", "--quiet"].iter().chain(what).chain(who).copied();
    Ok(cluster.kubectl(arguments).output().await?.status.success())
}

#[test]
fn people_get_the_sealed_kinds_with_kubernetes_own_roles_and_never_their_status() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("people").await?;
        for role in ["view", "edit", "admin"] {
            let (binding, user) = (format!("people-{role}"), format!("--user={role}-person"));
            let role = format!("--clusterrole={role}");
            cluster.kubectl(["-n", &namespace, "create", "rolebinding", &binding, &role, &user]).run().await?;
        }
        wait_until("the roles have gathered their rules", SOON, || async {
            let who = ["--as=edit-person", "-n", &namespace];
            ensure!(may(cluster, &who, &["delete", "sealedsecrets.bitnami.com"]).await?);
            Ok(())
        })
        .await?;
        for group in ["kseal.dev", "bitnami.com"] {
            let resource = format!("sealedsecrets.{group}");
            for (role, writes) in [("view", false), ("edit", true), ("admin", true)] {
                let person = format!("--as={role}-person");
                let who = [person.as_str(), "-n", &namespace];
                for verb in ["get", "list", "watch"] {
                    ensure!(may(cluster, &who, &[verb, &resource]).await?, "{role} may not {verb} {resource}");
                }
                for verb in ["create", "update", "patch", "delete", "deletecollection"] {
                    ensure!(may(cluster, &who, &[verb, &resource]).await? == writes, "{role}: {verb} {resource}");
                }
                for verb in ["get", "update", "patch"] {
                    let what = [verb, &resource, "--subresource=status"];
                    ensure!(!may(cluster, &who, &what).await?, "{role} may {verb} the status of {resource}");
                }
            }
        }
        Ok(())
    });
}

/// The policy asks for more; these are the roles by which it comes to that.
#[test]
fn tokens_are_asked_for_by_who_may_get_them_and_clusters_objects_by_administrators_alone() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("tokens").await?;
        cluster.kubectl(["apply", "-f", "deploy/components/service-account-tokens/users.yaml"]).run().await?;
        for role in ["view", "edit", "admin"] {
            let (binding, user) = (format!("tokens-{role}"), format!("--user={role}-of-tokens"));
            let role = format!("--clusterrole={role}");
            cluster.kubectl(["-n", &namespace, "create", "rolebinding", &binding, &role, &user]).run().await?;
        }
        let tokens = "serviceaccounttokens.kseal.dev";
        wait_until("the roles have gathered their rules", SOON, || async {
            for (role, verb) in [("admin", "delete"), ("edit", "delete"), ("view", "watch")] {
                let person = format!("--as={role}-of-tokens");
                ensure!(may(cluster, &[&person, "-n", &namespace], &[verb, tokens]).await?, "{role}");
            }
            Ok(())
        })
        .await?;
        for (role, writes) in [("view", false), ("edit", true), ("admin", true)] {
            let person = format!("--as={role}-of-tokens");
            let who = [person.as_str(), "-n", &namespace];
            for verb in ["get", "list", "watch"] {
                ensure!(may(cluster, &who, &[verb, tokens]).await?, "{role} may not {verb}");
            }
            for verb in ["create", "update", "patch", "delete", "deletecollection"] {
                ensure!(may(cluster, &who, &[verb, tokens]).await? == writes, "{role}: {verb}");
            }
            ensure!(!may(cluster, &who, &["patch", tokens, "--subresource=status"]).await?, "{role}");
            for verb in ["create", "patch", "delete"] {
                ensure!(!may(cluster, &who, &[verb, "clustersealedsecrets.kseal.dev"]).await?, "{role}: {verb}");
            }
        }
        Ok(())
    });
}

#[test]
fn everyone_may_read_the_public_keys_and_nothing_else_there() {
    run(async {
        let cluster = installed().await?;
        let who = ["--as=anyone", "--as-group=system:authenticated", "-n", "kseal-system"];
        ensure!(may(cluster, &who, &["get", "configmaps/kseal-public-keys"]).await?);
        for what in [
            ["get", "configmaps/other"],
            ["list", "configmaps"],
            ["update", "configmaps/kseal-public-keys"],
            ["get", "secrets/kseal-identity"],
        ] {
            ensure!(!may(cluster, &who, &what).await?, "{what:?}");
        }
        Ok(())
    });
}

#[test]
fn the_controller_may_do_what_it_needs_and_not_more() {
    run(async {
        let cluster = installed().await?;
        let who =
            |namespace: &'static str| ["--as=system:serviceaccount:kseal-system:kseal-controller", "-n", namespace];
        for (namespace, what) in [
            ("default", ["create", "secrets"]),
            ("default", ["patch", "secrets"]),
            ("kseal-system", ["create", "leases.coordination.k8s.io"]),
            ("kseal-system", ["update", "leases.coordination.k8s.io/kseal-controller"]),
            ("kseal-system", ["watch", "configmaps/kseal-public-keys"]),
            ("default", ["create", "events"]),
            ("", ["get", "namespaces/kube-system"]),
        ] {
            ensure!(may(cluster, &who(namespace), &what).await?, "it may not {what:?} in {namespace:?}");
        }
        for (namespace, what) in [
            ("default", ["delete", "secrets"]),
            ("default", ["update", "secrets"]),
            ("default", ["patch", "sealedsecrets.kseal.dev"]),
            ("default", ["patch", "serviceaccounts"]),
            ("default", ["get", "configmaps/kseal-public-keys"]),
            ("default", ["create", "leases.coordination.k8s.io"]),
            ("kseal-system", ["update", "leases.coordination.k8s.io/other"]),
            ("kseal-system", ["get", "configmaps/other"]),
            ("kseal-system", ["patch", "deployments.apps"]),
            ("", ["list", "namespaces"]),
            ("", ["get", "namespaces/default"]),
        ] {
            ensure!(!may(cluster, &who(namespace), &what).await?, "it may {what:?} in {namespace:?}");
        }
        Ok(())
    });
}

/// A namespace is read within itself, which is why `deploy/namespaced` needs no ClusterRole.
#[test]
fn a_role_in_kube_system_lets_its_uid_be_read() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("uid").await?;
        let role =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/namespaced/cluster-uid.yaml"))?;
        let other = role.replace("name: kseal-controller", "name: default").replace("kseal-system", &namespace);
        cluster.apply(&other).await?;
        let account = cluster.kubeconfig_of(&namespace, "default").await?;
        wait_until("the Role is known", SOON, || async {
            let get = ["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"];
            let uid = cluster.kubectl(get).kubeconfig(&account).run().await?;
            ensure!(uid.len() == 36, "{uid}");
            Ok(())
        })
        .await?;
        let others = cluster.kubectl(["get", "namespace", "default"]).kubeconfig(&account).output().await?;
        ensure!(!others.status.success());
        Ok(())
    });
}

/// `patch sealedsecrets/status` must be enough: neither `get` nor `update` of it is granted.
#[test]
fn the_controllers_account_can_patch_a_status_and_nothing_else_of_the_object() {
    run(async {
        let cluster = installed().await?;
        let namespace = cluster.namespace("patches").await?;
        super::create(cluster, &super::native(&namespace, "db", &json!({"scope": "Strict"}))).await?;
        let account = cluster.client(&cluster.kubeconfig_of("kseal-system", "kseal-controller").await?).await?;
        let object = format!("/apis/kseal.dev/v1alpha1/namespaces/{namespace}/sealedsecrets/db");
        let patch = |path: &str| -> Result<Request<Vec<u8>>> {
            let body = json!({"status": {"observedGeneration": 1}}).to_string();
            Ok(Request::patch(path).header("Content-Type", "application/merge-patch+json").body(body.into_bytes())?)
        };
        let refused = account.request::<Value>(patch(&object)?).await;
        ensure!(matches!(&refused, Err(kube::Error::Api(status)) if status.code == 403), "{refused:?}");
        let patched: Value = account.request(patch(&format!("{object}/status"))?).await?;
        ensure!(patched["status"]["observedGeneration"] == 1, "{patched}");
        Ok(())
    });
}
