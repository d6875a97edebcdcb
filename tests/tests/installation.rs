//! The controller where and as `deploy/` puts it: which Pods may stand beside it, and how its process is begun.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use kseal_tests::cluster::{Cluster, ControllerOptions, Options, run, wait_until};
use serde_json::{Value, json};

/// The answer of a server that was asked to make it, and did not.
async fn dry_run(cluster: &Cluster, object: &Value) -> Result<(bool, String)> {
    let create = ["create", "--dry-run=server", "--warnings-as-errors", "-f", "-"];
    let output = cluster.kubectl(create).stdin(&object.to_string()).output().await?;
    Ok((output.status.success(), String::from_utf8([output.stdout, output.stderr].concat())?))
}

#[test]
fn only_a_pod_as_the_deployment_has_it_runs_where_the_controller_does() {
    run(async {
        let cluster = Cluster::shared().await?;
        let kseal = cluster.install("deploy").await?;
        let namespace = cluster.kubectl(["get", "namespace", kseal.namespace()?, "-o", "json"]).run().await?;
        let namespace: Value = serde_json::from_str(&namespace)?;
        ensure!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted", "{namespace}");

        let (is_admitted, said) = dry_run(cluster, &kseal.pod()).await?;
        ensure!(is_admitted, "{said}");

        let changes = [
            ("/spec/containers/0/securityContext", "privileged", json!(true)),
            ("/spec/containers/0/securityContext", "allowPrivilegeEscalation", json!(true)),
            ("/spec/containers/0/securityContext", "capabilities", json!({"drop": []})),
            ("/spec/securityContext", "runAsUser", json!(0)),
            ("/spec/securityContext", "seccompProfile", json!({"type": "Unconfined"})),
            ("/spec", "hostNetwork", json!(true)),
            ("/spec", "hostPID", json!(true)),
            ("/spec", "volumes", json!([{"name": "host", "hostPath": {"path": "/"}}])),
        ];
        for (place, field, value) in changes {
            let mut pod = kseal.pod();
            pod.pointer_mut(place).context("the Pod has no such field")?[field] = value;
            if field == "privileged" {
                // Else the two contradict each other, and the Pod is refused before anybody asks for its standard.
                pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
            }
            let (is_admitted, said) = dry_run(cluster, &pod).await?;
            ensure!(!is_admitted && said.contains("violates PodSecurity"), "{field}: {said}");
        }
        Ok(())
    });
}

#[test]
fn every_other_way_to_install_it_is_taken_and_can_be_repeated() {
    run(async {
        for folder in ["deploy/sealed-secrets", "deploy/namespaced"] {
            let cluster = Cluster::start(Options::default()).await?;
            if folder == "deploy/namespaced" {
                for namespace in ["team-a", "team-b"] {
                    cluster.kubectl(["create", "namespace", namespace]).run().await?;
                }
                cluster.kubectl(["apply", "-k", "deploy/crds"]).run().await?;
            }
            let kseal = cluster.install(folder).await?;
            let (is_admitted, said) = dry_run(&cluster, &kseal.pod()).await?;
            ensure!(is_admitted, "{folder}: {said}");
            // What kubectl calls configured may be as it was; the version of an object tells.
            let versions = ["get", "-k", folder, "-o", "jsonpath={range .items[*]}{.kind} {.metadata}{\"\\n\"}{end}"];
            let before = cluster.kubectl(versions).run().await?;
            cluster.kubectl(["apply", "-k", folder]).run().await?;
            let after = cluster.kubectl(versions).run().await?;
            let changed: Vec<(&str, &str)> =
                before.lines().zip(after.lines()).filter(|(old, new)| old != new).collect();
            ensure!(changed.is_empty() && !before.is_empty(), "{folder}: {changed:#?}");
        }
        Ok(())
    });
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whether it runs as in a container is asked of the environment")]
fn a_controller_begins_as_the_manifests_say_and_stops_when_it_is_told() {
    let is_sandboxed = std::env::var("KSEAL_TESTS_SANDBOX").is_ok_and(|value| value == "1");
    run(async {
        let cluster = Cluster::shared().await?;
        let kseal = cluster.install("deploy").await?;
        let folder = tempfile::tempdir()?;
        let options = ControllerOptions {
            arguments: vec!["--sealed-secrets=existing".to_owned()],
            environment: vec![
                ("KSEAL_LOG_LEVEL".to_owned(), "debug".to_owned()),
                ("FOLDER".to_owned(), folder.path().display().to_string()),
            ],
            program: Some(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/controller-stand-in").into()),
            server: Some("https://127.0.0.1:1".to_owned()),
        };
        let [controller, other] = [kseal.start(&options).await?, kseal.start(&options).await?];
        ensure!(controller.pod() != other.pod());
        for controller in [&controller, &other] {
            wait_until("it has begun", Duration::from_secs(30), || async {
                let said = controller.logs()?;
                ensure!(said.ends_with("begun\n"), "{said}");
                Ok(())
            })
            .await?;
        }

        let said = controller.logs()?;
        let expected = [
            "arguments --sealed-secrets=existing".to_owned(),
            format!("pod kseal-system/{}, log debug, home none", controller.pod()),
            r#""server":"https://127.0.0.1:1""#.to_owned(),
        ];
        for line in expected {
            ensure!(said.lines().any(|said| said == line), "no {line} in\n{said}");
        }
        for line in ["user 65532:65532 65532", "capabilities 0000000000000000", "no new privileges 1"] {
            ensure!(!is_sandboxed || said.lines().any(|said| said == line), "no {line} in\n{said}");
        }
        ensure!(said.contains("writes") != is_sandboxed, "{said}");
        ensure!(controller.rss()? > 0 && controller.peak_rss()? >= controller.rss()?);
        ensure!(kseal.user()? == "system:serviceaccount:kseal-system:kseal-controller");

        let process = format!("/proc/{}", controller.pid());
        controller.stop().await?;
        ensure!(!fs::exists(process)?);
        let process = format!("/proc/{}", other.pid());
        other.kill()?;
        ensure!(!fs::exists(process)?);
        Ok(())
    });
}

#[test]
fn two_replicas_get_ready_and_none_asks_for_what_it_may_not_have() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let kseal = cluster.install("deploy").await?;
        let options = ControllerOptions::default();
        let replicas = [kseal.start(&options).await?, kseal.start(&options).await?];
        for replica in &replicas {
            replica.wait_ready().await?;
        }
        wait_until("one leads", Duration::from_secs(30), || async {
            let mut leading = 0.0;
            for replica in &replicas {
                leading += replica.metric("kseal_leader").await?;
            }
            ensure!((leading - 1.0_f64).abs() < f64::EPSILON, "{leading} lead");
            Ok(())
        })
        .await?;
        for replica in replicas {
            replica.stop().await?;
        }
        let user = kseal.user()?;
        let events = cluster.audit().await?;
        let ours: Vec<_> = events.iter().filter(|event| event.user == user).collect();
        ensure!(!ours.is_empty() && ours.iter().all(|event| event.code != 403), "{ours:#?}");
        Ok(())
    });
}
