//! One replica of the controller.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use super::{
    deployment::{ControllerOptions, Installation, launch},
    etcd::get,
    guard::lock,
    port,
    process::Process,
    wait_until,
};

/// Until it has read everything that it needs to be ready.
const START: Duration = Duration::from_mins(1);

/// Each replica has a name of its own, as Pods have.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A controller that runs. It is killed when it is dropped.
pub struct Controller {
    process: Mutex<Process>,
    pod: String,
    port: u16,
    metrics_port: u16,
    grace: Duration,
}

impl Controller {
    pub(super) async fn start(installation: &Installation<'_>, options: &ControllerOptions) -> Result<Self> {
        let cluster = installation.cluster;
        let pod = format!("{}-{}", installation.service_account(), COUNT.fetch_add(1, Ordering::Relaxed));
        let (port, metrics_port) = (port::free()?, port::free()?);
        let mut launch = block_in_place(|| launch(installation, options.program.as_deref(), &pod))?;

        let account = cluster.kubeconfig_of(installation.namespace()?, installation.service_account()).await?;
        let kubeconfig = own_kubeconfig(&account, options.server.as_deref(), cluster.folder(), &pod)?;
        if let Some((user, group)) = launch.owner {
            chown(&kubeconfig, Some(user), Some(group))?;
        }

        // No variable of the tests' own environment but the path by which programs are found.
        let path = super::settings::search_path();
        let command = &mut launch.command;
        command
            .env_clear()
            .env("PATH", path)
            .current_dir("/")
            .args(installation.deployment.arguments(&options.arguments)?);
        command.envs(installation.deployment.environment(&pod)?);
        command.env("KSEAL_KUBECONFIG", kubeconfig);
        command.env("KSEAL_LISTEN", format!("127.0.0.1:{port}"));
        command.env("KSEAL_LISTEN_METRICS", format!("127.0.0.1:{metrics_port}"));
        command.envs(options.environment.iter().map(|(name, value)| (name, value)));
        let process = Process::start(&cluster.guard, &pod, launch.command)?;
        Ok(Self { process: Mutex::new(process), pod, port, metrics_port, grace: installation.deployment.grace() })
    }

    /// Waits until it says that it is ready.
    ///
    /// # Errors
    /// It ended, with the end of its log, or is not ready in time, with what it answered.
    pub async fn wait_ready(&self) -> Result<()> {
        let what = format!("{} is ready", self.pod);
        wait_until(&what, START, || async {
            let running = lock(&self.process).check();
            if running.is_err() {
                return Ok(running);
            }
            self.get("/readyz").await.map(|_| Ok(()))
        })
        .await?
    }

    /// Where probes and people ask it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it answers to a GET of this path, where probes and people ask.
    ///
    /// # Errors
    /// It does not answer, or not with success.
    pub async fn get(&self, path: &str) -> Result<String> {
        get(self.address() + path).await
    }

    /// Its metrics, in the OpenMetrics text format.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn metrics(&self) -> Result<String> {
        get(format!("http://127.0.0.1:{}/metrics", self.metrics_port)).await
    }

    /// The number of one series, named as it stands in the text: `kseal_leader`, `kseal_x_total{kind="y"}`.
    ///
    /// # Errors
    /// It does not answer, or has no such series.
    pub async fn metric(&self, series: &str) -> Result<f64> {
        let text = self.metrics().await?;
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let value = lines.next_back().with_context(|| format!("no series {series} in\n{text}"))?;
        // An exemplar or a timestamp may follow.
        Ok(value.split(' ').next().unwrap_or_default().parse()?)
    }

    /// All that it printed.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn logs(&self) -> Result<String> {
        lock(&self.process).log()
    }

    /// What its Pod would be called.
    #[must_use]
    pub fn pod(&self) -> &str {
        &self.pod
    }

    /// The number of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        lock(&self.process).id()
    }

    /// The memory that it has now, in bytes.
    ///
    /// # Errors
    /// It has ended.
    pub fn rss(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most memory that it ever had, in bytes.
    ///
    /// # Errors
    /// It has ended.
    pub fn peak_rss(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    /// Lets it stand still (SIGSTOP).
    ///
    /// # Errors
    /// It has ended.
    pub fn freeze(&self) -> Result<()> {
        lock(&self.process).signal(Signal::SIGSTOP)
    }

    /// Lets it go on after `freeze`.
    ///
    /// # Errors
    /// It has ended.
    pub fn thaw(&self) -> Result<()> {
        lock(&self.process).signal(Signal::SIGCONT)
    }

    /// Tells it to stop (SIGTERM), and waits as long as its Pod gives it.
    ///
    /// # Errors
    /// It does not end in time, or with an error, or had ended before.
    pub async fn stop(self) -> Result<()> {
        let process = self.process.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let log = process.log_path().to_owned();
        let status: ExitStatus = process.stop(self.grace).await?;
        ensure!(status.success(), "{} ended with {status}\n{}", self.pod, fs::read_to_string(log)?);
        Ok(())
    }

    /// Kills it (SIGKILL).
    ///
    /// # Errors
    /// It had ended already.
    pub fn kill(self) -> Result<()> {
        self.process.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).kill()
    }

    fn memory(&self, name: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("it has no memory any more")?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes * 1024)
    }
}

/// A copy of a kubeconfig for this replica alone, in a folder that others may pass through.
fn own_kubeconfig(kubeconfig: &Path, server: Option<&str>, folder: &Path, pod: &str) -> Result<PathBuf> {
    let mut text: Value = serde_json::from_slice(&fs::read(kubeconfig)?)?;
    if let Some(server) = server {
        text["clusters"][0]["cluster"]["server"] = json!(server);
    }
    let path = folder.join(format!("{pod}.kubeconfig"));
    fs::write(&path, text.to_string())?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(path)
}
