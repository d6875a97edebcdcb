//! A control plane with kseal installed, and namespaces to fill.

use std::{ops::Range, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, anyhow, ensure};
use kseal_api::{SealingKeyBundle, names};
use kseal_core::Bundle;
use kseal_tests::{
    bare::{self, Part, Write},
    cluster::{Cluster, Controller, ControllerOptions, Installation, Part as Process, wait_until},
};
use kube::Client;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{
    parallel::each,
    recipe::{ITEMS, OCTETS, Recipe, foreign},
    usage::{Cpu, settle},
    witness::Witness,
};

/// What the names of the namespaces begin with.
pub(super) const PREFIX: &str = "bench-";
/// Whose writes those of the bench are.
const MANAGER: &str = "bench";
/// As long as the controller may take for anything.
const PATIENCE: Duration = Duration::from_mins(20);
/// Seconds of a core that an idle controller takes in one second, at most.
const IDLE: f64 = 0.03;

pub(super) struct Field<'c> {
    pub(super) cluster: &'c Cluster,
    pub(super) kseal: &'c Installation<'c>,
    /// May everything, and no priority level holds it up.
    pub(super) admin: Client,
    namespaces: Vec<String>,
    /// Whether a quiet machine is waited for.
    judges: bool,
}

impl<'c> Field<'c> {
    /// Makes so many namespaces.
    pub(super) async fn new(
        cluster: &'c Cluster,
        kseal: &'c Installation<'c>,
        namespaces: usize,
        judges: bool,
    ) -> Result<Self> {
        let admin = bare::connect(&cluster.admin_kubeconfig(), "bench").await?;
        let namespaces: Vec<String> = (0..namespaces).map(|number| format!("{PREFIX}{number}")).collect();
        for name in &namespaces {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            bare::write(&admin, Write::Create, "/api/v1/namespaces", MANAGER, namespace.to_string()).await?;
        }
        Ok(Self { cluster, kseal, admin, namespaces, judges })
    }

    /// Where an object of this number stands: neighbours are in different namespaces.
    pub(super) fn place(&self, number: usize) -> (String, String) {
        place(&self.namespaces, number)
    }

    /// Makes sealed objects of these numbers, as fast as the API server takes them.
    pub(super) async fn create(&self, recipe: &Arc<Recipe>, numbers: Range<usize>) -> Result<()> {
        let (client, namespaces, recipe) = (self.admin.clone(), self.namespaces.clone(), Arc::clone(recipe));
        each(numbers, move |number| {
            let (client, recipe, (namespace, name)) = (client.clone(), Arc::clone(&recipe), place(&namespaces, number));
            async move {
                let object = recipe.object(&namespace, &name)?.to_string();
                bare::write(&client, Write::Create, &recipe.collection(&namespace), MANAGER, object).await.map(drop)
            }
        })
        .await
    }

    /// Makes Secrets of others, each of so many octets, and as many again in the annotation of client-side apply.
    pub(super) async fn create_foreign(&self, count: usize, octets: usize) -> Result<()> {
        let (client, namespaces) = (self.admin.clone(), self.namespaces.clone());
        each(0..count, move |number| {
            let (client, (namespace, _)) = (client.clone(), place(&namespaces, number));
            async move {
                let secret = foreign(&namespace, &format!("foreign-{number}"), octets).to_string();
                let path = format!("/api/v1/namespaces/{namespace}/secrets");
                bare::write(&client, Write::Create, &path, "kubectl-client-side-apply", secret).await.map(drop)
            }
        })
        .await
    }

    /// Makes so many ServiceAccounts, in turn in each namespace.
    pub(super) async fn create_accounts(&self, count: usize) -> Result<()> {
        let (client, namespaces) = (self.admin.clone(), self.namespaces.clone());
        each(0..count, move |number| {
            let (client, (namespace, _)) = (client.clone(), place(&namespaces, number));
            async move {
                let metadata = json!({"namespace": namespace, "name": format!("account-{number}")});
                let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}).to_string();
                let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
                bare::write(&client, Write::Create, &path, MANAGER, account).await.map(drop)
            }
        })
        .await
    }

    /// Makes what the records say of these objects untrue: another version of the logic wrote them.
    pub(super) async fn invalidate(&self, recipe: &Recipe, numbers: Range<usize>) -> Result<()> {
        let (client, namespaces, api_version) = (self.admin.clone(), self.namespaces.clone(), recipe.api_version());
        each(numbers, move |number| {
            let (client, (namespace, name)) = (client.clone(), place(&namespaces, number));
            let path = format!("/apis/{api_version}/namespaces/{namespace}/sealedsecrets/{name}/status");
            async move {
                let untrue = json!({"status": {"observed": {"version": 0}}}).to_string();
                bare::write(&client, Write::Merge, &path, MANAGER, untrue).await.map(drop)
            }
        })
        .await
    }

    /// The keys that the controller publishes, once there is one that seals, and an RSA one where that is wanted.
    pub(super) async fn published(&self, with_certificate: bool) -> Result<Bundle> {
        let path = format!("/api/v1/namespaces/{}/configmaps/{}", self.kseal.namespace()?, names::PUBLIC_KEYS);
        wait_until("the keys are published", Duration::from_mins(1), || async {
            let map: Value = serde_json::from_slice(&bare::read(&self.admin, &path, Part::Whole).await?)?;
            let bundle = map["data"][names::PUBLIC_KEYS_ITEM].as_str().context("no bundle in it")?;
            let bundle: SealingKeyBundle = serde_json::from_str(bundle)?;
            let bundle = Bundle::read(&bundle).map_err(|error| anyhow!("{error}"))?;
            ensure!(bundle.sealing_key().is_some(), "no key seals");
            ensure!(bundle.certificate.is_some() || !with_certificate, "no certificate in it");
            Ok(bundle)
        })
        .await
    }

    pub(super) async fn witness(&self, recipe: &Recipe) -> Result<Witness> {
        Witness::of(&self.admin, recipe.api_version()).await
    }

    /// Starts the controller and waits until it leads.
    pub(super) async fn start(&self, arguments: &[&str]) -> Result<Controller> {
        let controller = self.kseal.start(&options(arguments)).await?;
        controller.wait_ready().await?;
        wait_until("the controller leads", Duration::from_mins(1), || async {
            ensure!(is(controller.metric("kseal_leader").await?, 1), "it does not");
            Ok(())
        })
        .await?;
        Ok(controller)
    }

    /// Lets the controller make its keys, and makes a recipe of the one that seals.
    pub(super) async fn native(&self, arguments: &[&str]) -> Result<Arc<Recipe>> {
        let controller = self.start(arguments).await?;
        let bundle = self.published(false).await?;
        controller.stop().await?;
        Ok(Arc::new(Recipe::Native(bundle.sealing_key().context("no key seals")?.public.clone())))
    }

    /// Waits until all of `count` objects are in sync and the controller has had nothing to do for seconds.
    pub(super) async fn in_sync(&self, controller: &Controller, recipe: &Recipe, count: usize) -> Result<()> {
        let (mut before, mut calm) = (Cpu::of(controller.pid())?, 0);
        let look = async {
            loop {
                sleep(Duration::from_secs(1)).await;
                let now = Cpu::of(controller.pid())?;
                calm = if now.since(before).total() < IDLE { calm + 1 } else { 0 };
                before = now;
                if calm >= 3 && is_in_sync(controller, recipe, count).await? {
                    return Ok(());
                }
            }
        };
        timeout(PATIENCE, look).await.context("the objects do not get in sync")?
    }

    /// Ends the controller manager, whose work on garbage and namespaces comes when it likes, and waits for a quiet machine.
    pub(super) async fn calm(&self) -> Result<()> {
        if self.cluster.process_id(Process::ControllerManager).is_ok() {
            settle(self.judges).await?;
            self.cluster.stop(Process::ControllerManager).await?;
        }
        settle(self.judges).await
    }

    /// What the control plane took of the cores so far.
    pub(super) fn control_plane(&self) -> Result<(Cpu, Cpu)> {
        let of = |part| Cpu::of(self.cluster.process_id(part)?);
        Ok((of(Process::Apiserver)?, of(Process::Etcd)?))
    }
}

/// What its gauges say, which are renewed every 5 s.
async fn is_in_sync(controller: &Controller, recipe: &Recipe, count: usize) -> Result<bool> {
    let ready = format!("kseal_objects{{group=\"{}\",state=\"ready\"}}", recipe.group());
    let mut is_so = is(controller.metric(&ready).await?, count);
    for class in ["live", "backlog", "retry"] {
        is_so &= is(controller.metric(&format!("kseal_queue_depth{{class=\"{class}\"}}")).await?, 0);
    }
    Ok(is_so)
}

fn place(namespaces: &[String], number: usize) -> (String, String) {
    (namespaces[number % namespaces.len()].clone(), format!("object-{number}"))
}

/// The controller with these arguments.
pub(super) fn options(arguments: &[&str]) -> ControllerOptions {
    ControllerOptions {
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        ..Default::default()
    }
}

/// The bare client in the controller's place, with as many workers as the controller has by default.
pub(super) fn bare_client(recipe: &Recipe) -> Result<ControllerOptions> {
    let program: PathBuf = std::env::current_exe()?.with_file_name("bare-client");
    ensure!(program.exists(), "no {}: cargo xtask bench builds it", program.display());
    let mut options =
        options(&[&format!("--group={}", recipe.group()), &format!("--items={ITEMS}"), &format!("--bytes={OCTETS}")]);
    options.program = Some(program);
    Ok(options)
}

/// Whether a metric is this whole number.
#[expect(clippy::cast_precision_loss, reason = "counts of a bench are small")]
pub(super) fn is(metric: f64, number: usize) -> bool {
    (metric - number as f64).abs() < 0.5
}
