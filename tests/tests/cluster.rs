//! The control plane that the other tests stand on.

use std::{
    borrow::Borrow,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kseal_tests::cluster::{Cluster, Options, Part, run, wait_until};
use kube::{
    Api, Client,
    api::{ListParams, ObjectMeta, PostParams},
};

const SOON: Duration = Duration::from_secs(30);
/// By this variable a process that another test runs knows where to write what it has.
const REPORT: &str = "KSEAL_TESTS_REPORT";

fn secret(name: &str) -> Secret {
    Secret { metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }, ..Secret::default() }
}

#[test]
fn kubectl_talks_to_the_version_that_go_mod_names() {
    run(async {
        let cluster = Cluster::shared().await?;
        let version: serde_json::Value =
            serde_json::from_str(&cluster.kubectl(["version", "-o", "json"]).run().await?)?;
        let required = include_str!("../controlplane/go.mod");
        let server = version["serverVersion"]["gitVersion"].as_str().context("no version")?;
        ensure!(required.contains(&format!("\tk8s.io/kubernetes {server}\n")), "{version}");
        ensure!(version["clientVersion"]["gitVersion"] == version["serverVersion"]["gitVersion"], "{version}");
        Ok(())
    });
}

#[test]
fn a_namespace_gets_its_service_account_and_goes_with_what_is_in_it() {
    run(async {
        let cluster = Cluster::shared().await?;
        let name = cluster.namespace("goes").await?;
        let client = cluster.admin().await?;
        Api::<Secret>::namespaced(client.clone(), &name).create(&PostParams::default(), &secret("inside")).await?;
        cluster.kubectl(["delete", "namespace", &name, "--wait=false"]).run().await?;
        wait_until("the namespace is gone", SOON, || async {
            let found = Api::<Namespace>::all(client.clone()).get_opt(&name).await?;
            ensure!(found.is_none(), "{found:?}");
            Ok(())
        })
        .await
    });
}

#[test]
fn who_has_no_role_may_do_nothing() {
    run(async {
        let cluster = Cluster::shared().await?;
        let namespace = cluster.namespace("roles").await?;
        let nobody = cluster.client(&cluster.kubeconfig_of(&namespace, "default").await?).await?;
        ensure!(code(Api::<Secret>::namespaced(nobody.clone(), &namespace).list(&ListParams::default()).await) == 403);

        cluster
            .kubectl(["-n", &namespace, "create", "role", "reader", "--verb=list", "--resource=secrets"])
            .run()
            .await?;
        let binding = format!("--serviceaccount={namespace}:default");
        cluster.kubectl(["-n", &namespace, "create", "rolebinding", "r", "--role=reader", &binding]).run().await?;
        wait_until("the role is known", SOON, || async {
            Ok(Api::<Secret>::namespaced(nobody.clone(), &namespace).list(&ListParams::default()).await?)
        })
        .await?;

        let kubectl = cluster.kubectl(["auth", "whoami", "-o", "jsonpath={.status.userInfo}"]);
        let person = kubectl.kubeconfig(&cluster.user("alice", &["shop", "night"])?).run().await?;
        ensure!(person.contains("alice") && person.contains("shop") && person.contains("night"), "{person}");
        Ok(())
    });
}

#[test]
fn a_pod_that_the_namespace_does_not_allow_is_refused() {
    run(async {
        let cluster = Cluster::shared().await?;
        let namespace = cluster.namespace("restricted").await?;
        let label = "pod-security.kubernetes.io/enforce=restricted";
        cluster.kubectl(["label", "namespace", &namespace, label]).run().await?;
        let run_pod = ["-n", &namespace, "run", "pod", "--image=registry.invalid/pod", "--dry-run=server"];
        let output = cluster.kubectl(run_pod).output().await?;
        let errors = String::from_utf8(output.stderr)?;
        ensure!(!output.status.success() && errors.contains("violates PodSecurity"), "{errors}");
        Ok(())
    });
}

#[test]
fn the_audit_log_says_who_asked_for_what() {
    run(async {
        let cluster = Cluster::shared().await?;
        let namespace = cluster.namespace("audit").await?;
        let alice = cluster.client(&cluster.user("alice", &[])?).await?;
        let refused = Api::<ConfigMap>::namespaced(alice, &namespace).get("settings").await;
        ensure!(code(refused) == 403);
        let events = cluster.audit().await?;
        let found = events.iter().find(|event| event.namespace == namespace && event.user == "alice");
        let event = found.context("it is not in the log")?;
        ensure!(
            (event.verb.as_str(), event.resource.as_str(), event.name.as_str()) == ("get", "configmaps", "settings")
        );
        ensure!(event.code == 403 && event.is_complete && event.group.is_empty() && event.subresource.is_empty());
        let watches = events.iter().filter(|event| event.verb == "watch" && !event.is_complete).count();
        ensure!(watches > 0, "the watches of the controller manager are not in it");
        Ok(())
    });
}

#[test]
fn the_audit_log_has_no_bodies_and_etcd_has_what_was_written() {
    run(async {
        let cluster = Cluster::shared().await?;
        let namespace = cluster.namespace("canary").await?;
        let canary = "canary-of-the-harness";
        let literal = format!("--from-literal=item={canary}");
        cluster.kubectl(["-n", &namespace, "create", "secret", "generic", "canary", &literal]).run().await?;
        cluster.audit().await?;
        let log = std::fs::read(cluster.folder().join("audit.log"))?;
        ensure!(!has(&log, canary.as_bytes()) && !has(&log, b"Y2FuYXJ5LW9mLXRoZS1oYXJuZXNz"));
        let dump = cluster.etcd_dump().await?;
        let stored = dump.get(&format!("/registry/secrets/{namespace}/canary")).context("it is not in etcd")?;
        ensure!(has(stored, canary.as_bytes()));
        Ok(())
    });
}

#[test]
fn every_part_restarts() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let namespace = cluster.namespace("restart").await?;
        for part in [Part::Apiserver, Part::Etcd, Part::ControllerManager] {
            let before = cluster.process_id(part)?;
            cluster.restart(part).await?;
            cluster.kill(part)?;
            cluster.resume(part).await?;
            ensure!(cluster.process_id(part)? != before);
        }
        cluster.freeze(Part::Apiserver)?;
        cluster.thaw(Part::Apiserver)?;
        let secrets: Api<Secret> = Api::namespaced(cluster.admin().await?, &namespace);
        wait_until("a write goes through", SOON, || async {
            Ok(secrets.create(&PostParams::default(), &secret("after")).await?)
        })
        .await?;
        cluster.namespace("afterwards").await?;
        Ok(())
    });
}

#[test]
fn a_restored_snapshot_forgets_what_came_after_it() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let namespace = cluster.namespace("snapshot").await?;
        let client = cluster.admin().await?;
        let secrets: Api<Secret> = Api::namespaced(client, &namespace);
        let before = secrets.create(&PostParams::default(), &secret("before")).await?;
        let snapshot = cluster.snapshot().await?;
        secrets.create(&PostParams::default(), &secret("after")).await?;
        cluster.restore(&snapshot).await?;
        ensure!(secrets.get_opt("after").await?.is_none());
        ensure!(secrets.get("before").await?.metadata.resource_version == before.metadata.resource_version);
        cluster.namespace("goes-on").await?;
        Ok(())
    });
}

#[test]
fn lists_are_streamed_unless_it_is_switched_off() {
    run(async {
        let with = Cluster::shared().await?;
        ensure!(code(streamed(&with.admin().await?).await) == 200);
        let without = Cluster::start(Options { watch_list: false, ..Options::default() }).await?;
        let refused = streamed(&without.admin().await?).await;
        ensure!(code(refused) == 422);
        Ok(())
    });
}

#[test]
fn a_watch_from_before_a_compaction_is_expired() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let namespace = cluster.namespace("expired").await?;
        let secrets: Api<Secret> = Api::namespaced(cluster.admin().await?, &namespace);
        let made = secrets.create(&PostParams::default(), &secret("made")).await?;
        secrets.create(&PostParams::default(), &secret("later")).await?;
        cluster.expire_watches().await?;
        let version = made.metadata.resource_version.context("no version")?;
        let path =
            format!("/api/v1/namespaces/{namespace}/secrets?watch=true&timeoutSeconds=5&resourceVersion={version}");
        let answer = cluster.kubectl(["get", "--raw", &path]).output().await?;
        let said = String::from_utf8([answer.stdout, answer.stderr].concat())?;
        ensure!(said.contains("too old resource version"), "{said}");
        Ok(())
    });
}

#[test]
fn a_full_etcd_refuses_writes() {
    run(async {
        let cluster = Cluster::start(Options { etcd_quota: Some(4 << 20), ..Options::default() }).await?;
        let namespace = cluster.namespace("quota").await?;
        let secrets: Api<Secret> = Api::namespaced(cluster.admin().await?, &namespace);
        for index in 0..20 {
            let mut large = secret(&format!("large-{index}"));
            large.string_data = Some([("a".to_owned(), "x".repeat(900_000))].into());
            if let Err(error) = secrets.create(&PostParams::default(), &large).await {
                ensure!(error.to_string().contains("database space exceeded"), "{error}");
                return Ok(());
            }
        }
        Err(anyhow::anyhow!("20 MB went into 4 MiB"))
    });
}

#[test]
fn nothing_is_left_of_a_process_that_ends_or_is_killed() {
    run(async {
        for name in ["child_ends", "child_is_killed", "child_fails", "child_with_its_own_fails"] {
            let report = report(name, None)?;
            wait_until("its processes are gone", SOON, || async {
                for (process, _) in &report.processes {
                    ensure!(!command_line(process).contains(&report.folder), "{process} runs");
                }
                Ok(())
            })
            .await?;
            let folder = Path::new(&report.folder);
            if name.ends_with("fails") {
                ensure!(folder.join("logs/kube-apiserver.log").exists());
                std::fs::remove_dir_all(folder)?;
            }
            wait_until("its folder is gone", SOON, || async {
                ensure!(!folder.exists(), "{} is there", report.folder);
                Ok(())
            })
            .await?;
        }
        Ok(())
    });
}

#[test]
fn programs_come_from_where_other_kubernetes_tools_look_for_them() {
    run(async {
        let cluster = Cluster::shared().await?;
        let program = std::fs::read_link(format!("/proc/{}/exe", cluster.process_id(Part::Etcd)?))?;
        let assets = tempfile::tempdir()?;
        for name in ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"] {
            std::os::unix::fs::symlink(&program, assets.path().join(name))?;
        }
        let report = report("child_ends", Some(assets.path()))?;
        for (_, command_line) in &report.processes {
            ensure!(Path::new(command_line).starts_with(assets.path()), "{command_line}");
        }
        Ok(())
    });
}

/// What a process of its own said about its control plane.
struct Report {
    folder: String,
    /// The number of each, and how it was called.
    processes: Vec<(String, String)>,
}

/// Runs one of the tests below as a process of its own. Without this they do nothing.
fn report(name: &str, assets: Option<&Path>) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report");
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--ignored", "--exact", name]).env(REPORT, &report);
    if let Some(assets) = assets {
        command.env("KUBEBUILDER_ASSETS", assets);
    }
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    ensure!(status.success() == (name == "child_ends"), "{name}: {status}");
    let text = std::fs::read_to_string(&report)?;
    let mut lines = text.lines().map(str::to_owned);
    let folder = lines.next().context("no folder")?;
    let processes = lines.map(|line| line.split_once(' ').map(|(id, line)| (id.to_owned(), line.to_owned())));
    let processes: Vec<_> = processes.collect::<Option<_>>().context("no command line")?;
    ensure!(processes.len() == 3);
    Ok(Report { folder, processes })
}

#[test]
#[ignore = "a part of another test, which runs it as a process of its own"]
fn child_ends() {
    child(Cluster::shared(), || Ok(()));
}

#[test]
#[ignore = "a part of another test, which runs it as a process of its own"]
fn child_is_killed() {
    child(Cluster::shared(), || {
        let own = i32::try_from(std::process::id())?;
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(own), nix::sys::signal::Signal::SIGKILL)?;
        Ok(())
    });
}

#[test]
#[ignore = "a part of another test, which runs it as a process of its own"]
fn child_fails() {
    child(Cluster::shared(), || Err(anyhow::anyhow!("as it should")));
}

#[test]
#[ignore = "a part of another test, which runs it as a process of its own"]
fn child_with_its_own_fails() {
    child(Cluster::start(Options::default()), || Err(anyhow::anyhow!("as it should")));
}

#[expect(clippy::disallowed_methods, reason = "by the environment one process of this program tells another")]
fn child<C: Borrow<Cluster>>(cluster: impl Future<Output = Result<C>>, then: impl FnOnce() -> Result<()>) {
    let Some(report) = std::env::var_os(REPORT) else { return };
    run(async {
        let cluster = cluster.await?;
        let cluster = cluster.borrow();
        let mut lines = vec![cluster.folder().display().to_string()];
        for part in [Part::Etcd, Part::Apiserver, Part::ControllerManager] {
            let process = cluster.process_id(part)?.to_string();
            lines.push(format!("{process} {}", command_line(&process)));
        }
        std::fs::write(report, lines.join("\n"))?;
        then()
    });
}

/// How a process was called, and with what; empty if there is none.
fn command_line(process: &str) -> String {
    let line = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

fn has(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

async fn streamed(client: &Client) -> Result<(), kube::Error> {
    let path = "/api/v1/secrets?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1\
                &allowWatchBookmarks=true";
    let request = http::Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    client.request_text(request).await.map(drop)
}

/// The HTTP status of an answer.
fn code<T>(answer: Result<T, kube::Error>) -> u16 {
    match answer {
        Ok(_) => 200,
        Err(kube::Error::Api(status)) => status.code,
        Err(_) => 0,
    }
}
