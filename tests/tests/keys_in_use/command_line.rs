//! A key's whole life by the command line, in a repository without a private key: rotate, fetch, re-encrypt through the cluster,
//! apply, see that nothing needs the old key, and retire it. And what happens when any of its calls fails.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use kseal_api::{KeyState, names};
use kseal_core::{policy::Policy, reconcile::Group};
use kseal_tests::{
    cluster::{Cluster, ControllerOptions, Options, Said, Treatment, run, wait_until},
    site::{Case, SOON, Site},
};
use serde_json::{Value, json};

use crate::{FOLDER, ITEMS};

async fn said(case: &Case<'_>, folder: &Path, script: &str) -> Result<Said> {
    case.site.cluster.script(folder, script)?.said().await
}

/// A file without the recipients of its data keys.
fn without_recipients(text: &str) -> Vec<&str> {
    let is_recipient = |line: &&str| line.trim_start().starts_with('k') && line.len() > 100;
    text.lines().filter(|line| !is_recipient(line)).collect()
}

/// A repository in which `db.yaml` is sealed for the cluster, and applied.
async fn repository(case: &Case<'_>, here: &Path) -> Result<()> {
    wait_until("the keys are published", SOON, || async {
        said(case, here, "kseal keys fetch --context $(kubectl config current-context) -o prod.yaml").await?.ends(0)
    })
    .await?;
    fs::write(here.join(".kseal.yaml"), "clusters: {prod: {bundle: prod.yaml}}\n")?;
    fs::write(
        here.join("db.yaml"),
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: {}\nstringData:\n  user: admin\n  # long\n  \
             password: hunter2\n",
            case.namespace
        ),
    )?;
    said(case, here, "git init -q; kseal encrypt -i db.yaml; kubectl apply -f db.yaml").await?.ends(0)?;
    case.holds(ITEMS).await.map(drop)
}

async fn state_of(site: &Site<'_>, key: &str) -> Result<KeyState> {
    let bundle = site.published().await?;
    Ok(bundle.get(key.parse()?).context("it is not listed")?.state)
}

#[test]
fn a_key_is_rotated_and_retired_from_a_repository_without_a_private_key() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, FOLDER).await?;
        let arguments = vec!["--rewrap-objects=false".to_owned(), "--cluster-name=prod".to_owned()];
        let options = ControllerOptions { arguments, ..ControllerOptions::default() };
        let _controller = site.start(options).await?;
        site.until_old_enough(Policy::RewrapRequests).await?;
        let case = site.case(Group::Native).await?;
        let folder = tempfile::tempdir()?;
        let here = folder.path();
        repository(&case, here).await?;
        let old = site.sealing_key().await?.fingerprint().to_string();
        let version = case.secret().await?["metadata"]["resourceVersion"].clone();
        let before = fs::read_to_string(here.join("db.yaml"))?;

        let new = said(&case, here, "kseal keys rotate").await?.ends(0)?.stdout.trim().to_owned();
        ensure!(new == site.sealing_key().await?.fingerprint().to_string() && new != old, "{new}");
        said(&case, here, "kseal reencrypt --check .").await?.ends(0)?;
        let fetch = "kseal keys fetch --context $(kubectl config current-context) -i";
        said(&case, here, fetch).await?.ends(0)?;
        said(&case, here, "kseal reencrypt --check .").await?.ends(1)?.says(&["db.yaml"])?;
        said(&case, here, "kseal reencrypt .").await?.ends(4)?;

        // Who may read the Secrets of the namespace needs no key.
        let user = ["-n", &*case.namespace, "create", "rolebinding", "ann", "--clusterrole=edit", "--user=ann"];
        cluster.kubectl(user).run().await?;
        let ann = cluster.user("ann", &["system:authenticated"])?;
        let through = format!("kseal reencrypt --through-cluster --kubeconfig {} .", ann.display());
        let eve = cluster.user("eve", &["system:authenticated"])?;
        let refused = format!("kseal reencrypt --through-cluster --kubeconfig {} .", eve.display());
        said(&case, here, &refused).await?.ends(8)?;
        ensure!(fs::read_to_string(here.join("db.yaml"))? == before, "what is refused changes nothing");
        said(&case, here, &through).await?.ends(0)?.says(&["1 file changed"])?;
        let after = fs::read_to_string(here.join("db.yaml"))?;
        ensure!(without_recipients(&before) == without_recipients(&after), "{after}");
        ensure!(after.contains(&new) && !after.contains(&old), "{after}");
        let left = cluster.kubectl(["get", "rewraprequests.kseal.dev", "-A", "-o", "name"]).run().await?;
        ensure!(left.is_empty(), "{left}");

        // Not before it is applied.
        let retire = format!("kseal keys retire {old}");
        said(&case, here, &retire).await?.ends(6)?.says(&[&format!("{}/db", case.namespace)])?;
        ensure!(state_of(&site, &old).await? == KeyState::Active);
        said(&case, here, &format!("kseal keys usage --all {old}"))
            .await?
            .ends(0)?
            .says(&[&format!("{}  db", case.namespace)])?;
        said(&case, here, "kubectl apply -f db.yaml").await?.ends(0)?;
        wait_until("it is opened by the new key", SOON, || async {
            let keys = case.object().await?["status"]["observed"]["keys"].clone();
            ensure!(keys == json!([new]), "{keys}");
            Ok(())
        })
        .await?;
        ensure!(case.secret().await?["metadata"]["resourceVersion"] == version, "the Secret is not written");
        said(&case, here, &retire).await?.ends(0)?;
        wait_until("it is retired", SOON, || async {
            ensure!(state_of(&site, &old).await? == KeyState::Retired);
            let usage = site.usage().await?;
            ensure!(usage.keys[&old].state == "retired" && usage.keys[&old].objects == 0, "{usage:?}");
            Ok(())
        })
        .await?;
        let list = said(&case, here, "kseal keys list --cluster --wide -o json").await?.ends(0)?.stdout;
        let list: Value = serde_json::from_str(&list)?;
        let rows = list.as_array().context("keys")?;
        let row = |key: &str| rows.iter().find(|row| row["fingerprint"] == key).context("a row");
        ensure!(
            row(&old)?["state"] == "retired" && row(&new)?["state"] == "active" && row(&new)?["objects"] == 1,
            "{list:#}"
        );
        // It comes back.
        said(&case, here, &format!("kseal keys retire {old} --as retiring")).await?.ends(0)?;
        wait_until("it is back", SOON, || async {
            ensure!(state_of(&site, &old).await? == KeyState::Retiring);
            Ok(())
        })
        .await
    });
}

#[test]
fn any_call_of_the_command_line_may_fail_and_repeating_it_comes_to_the_same_end() {
    run(async {
        let cluster = Cluster::start(Options::default()).await?;
        let site = Site::bare(&cluster, FOLDER).await?;
        let arguments = vec!["--rewrap-objects=false".to_owned(), "--cluster-name=prod".to_owned()];
        let _controller = site.start(ControllerOptions { arguments, ..ControllerOptions::default() }).await?;
        site.until_old_enough(Policy::RewrapRequests).await?;
        let treatments = [
            Treatment::refuse(500, "InternalError"),
            Treatment::refuse(409, "Conflict"),
            Treatment::DropBefore,
            Treatment::DropAfter,
        ];
        for (round, treatment) in treatments.into_iter().enumerate() {
            let case = site.case(Group::Native).await?;
            let folder = tempfile::tempdir()?;
            let here = folder.path();
            repository(&case, here).await?;
            let old = site.sealing_key().await?.fingerprint().to_string();
            let keys = site.published().await?.keys.len();
            let proxy = cluster.proxy(treatment.at_first(|_| true)).await?;
            // By a token: what stands between has no certificate of the admin's. Nor has it one of the server's, so what has
            // to be sure of the server does not go this way.
            let account = cluster.kubeconfig_of(&case.namespace, "default").await?;
            let admin = format!("--serviceaccount={}:default", case.namespace);
            let bind = ["create", "clusterrolebinding", &case.namespace, "--clusterrole=cluster-admin", &admin];
            cluster.kubectl(bind).run().await?;
            let mut config: Value = serde_json::from_str(&fs::read_to_string(account)?)?;
            config["clusters"][0]["cluster"] = json!({"server": proxy.address()});
            fs::write(here.join("kubeconfig"), config.to_string())?;
            let repeat = async |command: &str| -> Result<Said> {
                let command = format!("{command} --kubeconfig kubeconfig");
                let mut last = None;
                for _ in 0..12 {
                    let now = said(&case, here, &command).await?;
                    if now.code == 0 {
                        return Ok(now);
                    }
                    ensure!(now.code == 8 || now.code == 6, "{command}: {} {}", now.code, now.stderr);
                    last = Some(now);
                }
                last.context("it ran")?.ends(0)
            };
            repeat("kseal keys rotate").await?;
            let new = site.sealing_key().await?.fingerprint().to_string();
            let now = site.published().await?.keys.len();
            ensure!(new != old && now == keys + 1, "round {round}: {now} keys after {keys}");
            let follow = "here=$(kubectl config current-context)
                kseal keys fetch --context $here -i
                kseal reencrypt --through-cluster --context $here db.yaml
                kseal reencrypt --check .
                kubectl apply -f db.yaml";
            said(&case, here, follow).await?.ends(0)?;
            wait_until("it is opened by the new key", SOON, || async {
                let keys = case.object().await?["status"]["observed"]["keys"].clone();
                ensure!(keys == json!([new]), "{keys}");
                Ok(())
            })
            .await?;
            case.holds(ITEMS).await?;
            repeat(&format!("kseal keys retire {old}")).await?;
            wait_until("it is retired", SOON, || async {
                ensure!(state_of(&site, &old).await? == KeyState::Retired);
                Ok(())
            })
            .await?;
            // Or it would need the key that the next round retires.
            site.objects.delete(&case.path()).await?;
            case.gone().await?;
            let label = names::KEY_STATE;
            let get = ["-n", site.installation.namespace()?, "get", "secrets", "-l", label, "-o", "name"];
            ensure!(cluster.kubectl(get).run().await?.lines().count() == keys + 1);
        }
        Ok(())
    });
}
