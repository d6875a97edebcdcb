//! A real control plane for tests: etcd, kube-apiserver and kube-controller-manager on the loopback interface, with
//! RBAC, default admission, API priority and fairness, and an audit log. No nodes: nothing that is a Pod runs.
//!
//! ```no_run
//! use kseal_tests::cluster::{Cluster, run};
//!
//! #[test]
//! fn a_namespace_has_a_name() {
//!     run(async {
//!         let cluster = Cluster::shared().await?;
//!         let namespace = cluster.namespace("shop").await?;
//!         anyhow::ensure!(namespace.starts_with("shop-"));
//!         Ok(())
//!     });
//! }
//! ```
//!
//! What a cluster writes lies in one folder that goes when the cluster is dropped or the process ends. After a failure
//! it stays, and its path is said.

mod access;
mod audit;
mod certificates;
mod controller;
mod deployment;
mod etcd;
mod guard;
mod kubectl;
mod parts;
mod port;
mod process;
mod programs;
mod proxy;
mod settings;
mod snapshot;
mod wait;

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use http::Request;
use serde_json::Value;
use tokio::{
    runtime::{Builder, Runtime},
    sync::OnceCell,
    task::spawn_blocking,
};

use self::{
    access::certificate,
    certificates::{Authority, Identity},
    guard::{Guard, Held},
    parts::Parts,
    programs::Programs,
};
pub use self::{
    audit::AuditEvent,
    controller::Controller,
    deployment::{ControllerOptions, Installation},
    kubectl::{Kubectl, Said},
    parts::Part,
    programs::controller as controller_program,
    proxy::{Asked, Proxy, Treatment},
    snapshot::Snapshot,
    wait::wait_until,
};

/// One runtime for all tests of a process: what a test leaves running for the others goes on when it ends.
#[expect(clippy::expect_used, reason = "without threads there is no test")]
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().enable_all().build().expect("a runtime can be made"));
static SHARED: OnceCell<Cluster> = OnceCell::const_new();

/// How a control plane differs from the default.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether the API server streams lists (feature gate WatchList). True, as by default in Kubernetes.
    pub watch_list: bool,
    /// How many bytes etcd may hold, if not its default of 2 GiB.
    pub etcd_quota: Option<u64>,
    /// Whether the API server keeps an audit log. True; it costs some time on each request.
    pub audit: bool,
    /// Further arguments of kube-apiserver. They stand last, so they win.
    pub apiserver_arguments: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { watch_list: true, etcd_quota: None, audit: true, apiserver_arguments: Vec::new() }
    }
}

/// A control plane that runs. It is stopped, and its data removed, when it is dropped.
pub struct Cluster {
    // Dropped in this order: the processes, then the folder that they write to.
    parts: Mutex<Parts>,
    guard: Arc<Guard>,
    programs: Programs,
    options: Options,
    authority: Authority,
    admin: Identity,
    port: u16,
    etcd_port: u16,
    peer_port: u16,
}

impl Cluster {
    /// The control plane that all tests of this process share; each should keep to namespaces of its own.
    ///
    /// # Errors
    /// As of `start`.
    pub async fn shared() -> Result<&'static Self> {
        SHARED.get_or_try_init(|| Self::start(Options::default())).await
    }

    /// Starts a control plane of one's own, and waits until all of it is ready. Builds its programs the first time.
    ///
    /// # Errors
    /// A program cannot be built, does not start, or does not get ready; the error has the end of its log.
    pub async fn start(options: Options) -> Result<Self> {
        let programs = spawn_blocking(Programs::find).await??;
        let guard = Guard::new()?;
        for folder in ["pki", "kubeconfigs", "logs"] {
            let folder = guard.folder().join(folder);
            fs::create_dir(&folder)?;
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        }
        let authority = Authority::new()?;
        let admin = authority.client("admin", Some("system:masters"))?;
        let cluster = Self {
            parts: Mutex::default(),
            guard,
            programs,
            options,
            authority,
            admin,
            port: port::free()?,
            etcd_port: port::free()?,
            peer_port: port::free()?,
        };
        cluster.write_pki()?;
        cluster.write_kubeconfig("admin", &certificate(&cluster.admin))?;
        cluster.launch(Part::Etcd)?;
        cluster.launch(Part::Apiserver)?;
        cluster.wait_for(Part::Etcd).await?;
        cluster.wait_for(Part::Apiserver).await?;
        cluster.resume(Part::ControllerManager).await?;
        Ok(cluster)
    }

    /// Where the API server listens.
    #[must_use]
    pub fn address(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Where everything lies that this control plane writes: `logs/`, `audit.log`, `kubeconfigs/`, `etcd/`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.guard.folder()
    }

    /// Every request that was answered before this call, and the watches that run, in the order of their arrival.
    ///
    /// # Errors
    /// The API server does not run, or without an audit log.
    pub async fn audit(&self) -> Result<Vec<AuditEvent>> {
        ensure!(self.options.audit, "this cluster has no audit log");
        let log = self.audit_log();
        // The log lags a little. A request of our own is sought in it: what came before it is written by then.
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        let mark = format!("/version?mark={}", data_encoding::HEXLOWER.encode(&random));
        let request = Request::get(&mark).body(Vec::new())?;
        let _: Value = self.admin().await?.request(request).await?;
        wait_until("the audit log has the request that marks its end", Duration::from_secs(30), || async {
            let mut events = audit::read(&log)?;
            let end = events.iter().position(|event| event.uri == mark).context("it is not there")?;
            events.truncate(end);
            events.retain(|event| !event.uri.starts_with("/version?mark="));
            Ok(events)
        })
        .await
    }

    /// All that stands in etcd: keys with their values as they are stored.
    ///
    /// # Errors
    /// etcd does not run.
    pub async fn etcd_dump(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        etcd::dump(self.etcd_port).await
    }

    /// Forgets all revisions but the newest in etcd, so that no list can be continued from an old one.
    ///
    /// # Errors
    /// etcd does not run.
    pub async fn compact(&self) -> Result<()> {
        etcd::compact(self.etcd_port).await
    }

    /// Lets every watch from an older resourceVersion fail with 410: the API server is restarted after a compaction, so
    /// that neither etcd nor its own cache has what was before.
    ///
    /// # Errors
    /// As of `compact` and `restart`.
    pub async fn expire_watches(&self) -> Result<()> {
        self.compact().await?;
        self.restart(Part::Apiserver).await
    }

    fn audit_log(&self) -> PathBuf {
        self.guard.folder().join("audit.log")
    }

    fn etcd_folder(&self) -> PathBuf {
        self.guard.folder().join("etcd")
    }
}

/// Runs a test to its end.
///
/// # Panics
/// The test failed. The data of all control planes of this process is kept then.
pub fn run(test: impl Future<Output = Result<()>>) {
    let _held = Held::new();
    if let Err(error) = RUNTIME.block_on(test) {
        fail(&error);
    }
}

#[expect(clippy::panic, reason = "so a test fails")]
fn fail(error: &anyhow::Error) {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    panic!("{}", causes.join("\n  caused by: "));
}

/// Speaks past the capture of test output: a build takes minutes.
fn say(message: &str) {
    // Nobody reads it if stderr is closed.
    let _ = writeln!(std::io::stderr(), "{message}");
}
