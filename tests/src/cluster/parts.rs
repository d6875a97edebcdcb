//! The processes of a control plane: how each is started, stopped and waited for.

use std::{fs, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use http::Request;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::{Cluster, access::certificate, certificates, etcd, guard::lock, process::Process, wait_until};

/// A cold API server on a busy machine takes long.
const START: Duration = Duration::from_mins(2);
/// The API server first lets requests finish.
const STOP: Duration = Duration::from_secs(90);

/// What the controllers of these tests need, and no more: without nodes there is nothing to schedule.
const CONTROLLERS: &str = "serviceaccount-controller,serviceaccount-token-controller,namespace-controller,\
                           garbage-collector-controller,root-ca-certificate-publisher-controller,\
                           clusterrole-aggregation-controller";

/// One process of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The store.
    Etcd,
    /// kube-apiserver.
    Apiserver,
    /// kube-controller-manager: ServiceAccounts and their token Secrets, namespaces, garbage collection, aggregated roles.
    ControllerManager,
}

/// Those that run.
#[derive(Default)]
pub(super) struct Parts {
    controller_manager: Option<Process>,
    apiserver: Option<Process>,
    etcd: Option<Process>,
}

impl Parts {
    fn of(&mut self, part: Part) -> &mut Option<Process> {
        match part {
            Part::Etcd => &mut self.etcd,
            Part::Apiserver => &mut self.apiserver,
            Part::ControllerManager => &mut self.controller_manager,
        }
    }
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Apiserver => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
        }
    }
}

impl Cluster {
    /// Stops a part in good order (SIGTERM), and waits until it is gone.
    ///
    /// # Errors
    /// It does not run, or does not end.
    pub async fn stop(&self, part: Part) -> Result<()> {
        self.take(part)?.stop(STOP).await?;
        Ok(())
    }

    /// Kills a part (SIGKILL).
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&self, part: Part) -> Result<()> {
        self.take(part)?.kill()
    }

    /// Starts a part that was stopped or killed, and waits until it is ready.
    ///
    /// # Errors
    /// It runs already, or does not get ready.
    pub async fn resume(&self, part: Part) -> Result<()> {
        self.launch(part)?;
        self.wait_for(part).await
    }

    /// Stops a part and starts it again.
    ///
    /// # Errors
    /// As of `stop` and `resume`.
    pub async fn restart(&self, part: Part) -> Result<()> {
        self.stop(part).await?;
        self.resume(part).await
    }

    /// Lets a part stand still (SIGSTOP): connections stay open and nobody answers.
    ///
    /// # Errors
    /// It does not run.
    pub fn freeze(&self, part: Part) -> Result<()> {
        self.signal(part, Signal::SIGSTOP)
    }

    /// Lets a frozen part go on.
    ///
    /// # Errors
    /// It does not run.
    pub fn thaw(&self, part: Part) -> Result<()> {
        self.signal(part, Signal::SIGCONT)
    }

    /// What a part has printed since the cluster was started.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn logs(&self, part: Part) -> Result<String> {
        let path = self.guard.folder().join("logs").join(format!("{}.log", part.name()));
        Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
    }

    /// The number of a part's process.
    ///
    /// # Errors
    /// It does not run.
    pub fn process_id(&self, part: Part) -> Result<u32> {
        Ok(lock(&self.parts).of(part).as_ref().with_context(|| format!("{} does not run", part.name()))?.id())
    }

    /// Starts a part and does not wait for it.
    pub(super) fn launch(&self, part: Part) -> Result<()> {
        let command = match part {
            Part::Etcd => self.etcd(),
            Part::Apiserver => self.apiserver(),
            Part::ControllerManager => self.controller_manager()?,
        };
        let mut parts = lock(&self.parts);
        ensure!(parts.of(part).is_none(), "{} runs already", part.name());
        *parts.of(part) = Some(Process::start(&self.guard, part.name(), command)?);
        Ok(())
    }

    /// Waits until a part does its work, or has ended.
    pub(super) async fn wait_for(&self, part: Part) -> Result<()> {
        wait_until(&format!("{} is ready", part.name()), START, || async {
            let running = lock(&self.parts).of(part).as_mut().context("it does not run").and_then(Process::check);
            if running.is_err() {
                return Ok(running);
            }
            self.look_at(part).await.map(Ok)
        })
        .await?
    }

    async fn look_at(&self, part: Part) -> Result<()> {
        match part {
            Part::Etcd => {
                let health = etcd::get(format!("http://127.0.0.1:{}/health", self.etcd_port)).await?;
                ensure!(health.contains("\"health\":\"true\""), "{health}");
            }
            Part::Apiserver => {
                let request = Request::get("/readyz?verbose").body(Vec::new())?;
                self.admin().await?.request_text(request).await?;
            }
            Part::ControllerManager => {
                let client = self.admin().await?;
                let get = |path: &str| Request::get(path).body(Vec::new());
                let _: Value = client.request(get("/api/v1/namespaces/default/serviceaccounts/default")?).await?;
                let _: Value = client.request(get("/api/v1/namespaces/default/configmaps/kube-root-ca.crt")?).await?;
                let role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/admin";
                let role: Value = client.request(get(role)?).await?;
                ensure!(role["rules"].is_array(), "the role admin has no rules yet");
            }
        }
        Ok(())
    }

    fn take(&self, part: Part) -> Result<Process> {
        lock(&self.parts).of(part).take().with_context(|| format!("{} does not run", part.name()))
    }

    fn signal(&self, part: Part, signal: Signal) -> Result<()> {
        let mut parts = lock(&self.parts);
        parts.of(part).as_ref().with_context(|| format!("{} does not run", part.name()))?.signal(signal)
    }

    fn etcd(&self) -> Command {
        let mut command = self.programs.command("etcd");
        let clients = format!("http://127.0.0.1:{}", self.etcd_port);
        let peers = format!("http://127.0.0.1:{}", self.peer_port);
        let options = [
            ("name", "kseal-tests"),
            ("listen-client-urls", &clients),
            ("advertise-client-urls", &clients),
            ("listen-peer-urls", &peers),
            ("initial-advertise-peer-urls", &peers),
            ("initial-cluster", &format!("kseal-tests={peers}")),
            ("log-level", "warn"),
            // What a killed process wrote is written. Only a machine that loses power would lose it.
            ("unsafe-no-fsync", "true"),
        ];
        command.args(options.map(|(name, value)| format!("--{name}={value}")));
        command.arg("--data-dir").arg(self.etcd_folder());
        if let Some(quota) = self.options.etcd_quota {
            command.arg(format!("--quota-backend-bytes={quota}"));
        }
        command
    }

    fn apiserver(&self) -> Command {
        let file = |name: &str| self.pki(name).display().to_string();
        let mut command = self.programs.command("kube-apiserver");
        let folder = self.guard.folder();
        let options = [
            ("bind-address", "127.0.0.1".to_owned()),
            ("advertise-address", "127.0.0.1".to_owned()),
            ("secure-port", self.port.to_string()),
            ("etcd-servers", format!("http://127.0.0.1:{}", self.etcd_port)),
            ("endpoint-reconciler-type", "none".to_owned()),
            // Watches would hold up a stop for a minute.
            ("shutdown-watch-termination-grace-period", "1s".to_owned()),
            ("service-cluster-ip-range", "10.96.0.0/16".to_owned()),
            ("allow-privileged", "true".to_owned()),
            ("authorization-mode", "RBAC".to_owned()),
            ("client-ca-file", file("ca.crt")),
            ("tls-cert-file", file("server.crt")),
            ("tls-private-key-file", file("server.key")),
            ("service-account-issuer", "https://kubernetes.default.svc".to_owned()),
            ("service-account-key-file", file("tokens.pub")),
            ("service-account-signing-key-file", file("tokens.key")),
            ("feature-gates", format!("WatchList={}", self.options.watch_list)),
        ];
        command.args(options.map(|(name, value)| format!("--{name}={value}")));
        command.arg("--cert-dir").arg(folder.join("apiserver"));
        if self.options.audit {
            command.arg("--audit-policy-file").arg(self.pki("audit-policy.yaml"));
            // In megabytes: never in two files.
            command.arg("--audit-log-path").arg(self.audit_log()).arg("--audit-log-maxsize=1000000");
        }
        command.args(&self.options.apiserver_arguments);
        command
    }

    fn controller_manager(&self) -> Result<Command> {
        let identity = self.authority.client("system:kube-controller-manager", None)?;
        let kubeconfig = self.write_kubeconfig("kube-controller-manager", &certificate(&identity))?;
        let mut command = self.programs.command("kube-controller-manager");
        command.arg("--kubeconfig").arg(kubeconfig);
        command.arg("--root-ca-file").arg(self.pki("ca.crt"));
        command.arg("--service-account-private-key-file").arg(self.pki("tokens.key"));
        command.args(["--use-service-account-credentials", "--leader-elect=false", "--secure-port=0"]);
        command.arg(format!("--controllers={CONTROLLERS}"));
        Ok(command)
    }

    pub(super) fn write_pki(&self) -> Result<()> {
        let server = self.authority.server()?;
        let (private, public) = certificates::token_key()?;
        let files = [
            ("ca.crt", self.authority.certificate.as_str()),
            ("server.crt", &server.certificate),
            ("server.key", &server.key),
            ("tokens.key", &private),
            ("tokens.pub", &public),
            ("audit-policy.yaml", super::audit::POLICY),
        ];
        for (name, text) in files {
            fs::write(self.pki(name), text)?;
        }
        Ok(())
    }

    fn pki(&self, name: &str) -> std::path::PathBuf {
        self.guard.folder().join("pki").join(name)
    }
}
