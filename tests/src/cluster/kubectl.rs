//! kubectl, kseal and scripts that call them, as a person would run them.

use std::{
    env,
    fmt::Write as _,
    fs,
    io::Write as _,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::task::spawn_blocking;

use super::Cluster;

/// A run of kubectl, of kseal, or of a shell, that has not begun.
#[must_use = "it runs by `run` or `output`"]
pub struct Kubectl {
    command: Command,
    stdin: Vec<u8>,
}

impl Cluster {
    /// kubectl with these arguments, as the admin.
    pub fn kubectl<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Kubectl {
        let mut command = self.programs.command("kubectl");
        command.args(arguments).env("KUBECONFIG", self.admin_kubeconfig());
        command.env("KUBECACHEDIR", self.guard.folder().join("kubectl-cache")).env("HOME", self.guard.folder());
        command.current_dir(super::settings::root());
        Kubectl { command, stdin: Vec::new() }
    }

    /// kseal with these arguments, as the admin, in a folder. Builds it unless that is done.
    ///
    /// # Errors
    /// It cannot be built.
    pub fn kseal<'a>(&self, folder: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Result<Kubectl> {
        let mut command = Command::new(super::programs::kseal()?);
        command.args(arguments).current_dir(folder).env_clear();
        command.env("KUBECONFIG", self.admin_kubeconfig()).env("HOME", folder);
        Ok(Kubectl { command, stdin: Vec::new() })
    }

    /// bash with this script, as the admin, in a folder; the first command that fails ends it. It finds `kubectl` and
    /// `kseal`, which is built unless that is done.
    ///
    /// # Errors
    /// It cannot be built.
    pub fn script(&self, folder: &Path, text: &str) -> Result<Kubectl> {
        let programs = self.guard.folder().join("bin");
        if !programs.exists() {
            fs::create_dir(&programs)?;
            let kubectl = self.programs.command("kubectl");
            // The program of all programs is kubectl if that is its name.
            if Path::new(kubectl.get_program()).is_absolute() {
                symlink(kubectl.get_program(), programs.join("kubectl"))?;
            }
            symlink(super::programs::kseal()?, programs.join("kseal"))?;
        }
        let rest = super::settings::search_path();
        let path = env::join_paths([programs].into_iter().chain(env::split_paths(&rest)))?;
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", text]).current_dir(folder).env_clear().env("PATH", path);
        command.env("KUBECONFIG", self.admin_kubeconfig()).env("HOME", folder);
        command.env("KUBECACHEDIR", self.guard.folder().join("kubectl-cache"));
        Ok(Kubectl { command, stdin: Vec::new() })
    }

    /// `kubectl apply` of a YAML text, as the admin, and what it printed.
    ///
    /// # Errors
    /// kubectl fails; its stderr is in the error.
    pub async fn apply(&self, manifests: &str) -> Result<String> {
        self.kubectl(["apply", "-f", "-"]).stdin(manifests).run().await
    }
}

impl Kubectl {
    /// What it reads.
    pub fn stdin(mut self, text: &str) -> Self {
        text.as_bytes().clone_into(&mut self.stdin);
        self
    }

    /// As whom it runs, if not as the admin.
    pub fn kubeconfig(mut self, path: &Path) -> Self {
        self.command.env("KUBECONFIG", path);
        self
    }

    /// A variable of its environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it and returns its stdout.
    ///
    /// # Errors
    /// It fails; its stderr is in the error.
    pub async fn run(self) -> Result<String> {
        let shown = format!("{:?}", self.command);
        let output = self.output().await?;
        if !output.status.success() {
            let mut message = format!("{shown}: {}", output.status);
            write!(message, "\n{}", String::from_utf8_lossy(&output.stderr))?;
            bail!(message);
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs it, whether it fails or not, and takes what it said for text.
    ///
    /// # Errors
    /// It cannot be run at all, a signal ended it, or what it said is no text.
    pub async fn said(self) -> Result<Said> {
        let output = self.output().await?;
        let (stdout, stderr) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        Ok(Said { code: output.status.code().context("a signal ended it")?, stdout, stderr })
    }

    /// Runs it, whether it fails or not.
    ///
    /// # Errors
    /// It cannot be run at all.
    pub async fn output(mut self) -> Result<Output> {
        spawn_blocking(move || {
            self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = self.command.spawn().context("it cannot be run")?;
            let mut stdin = child.stdin.take().context("it has no stdin")?;
            let text = self.stdin;
            let writer = std::thread::spawn(move || stdin.write_all(&text));
            let output = child.wait_with_output()?;
            // One that failed may not have read all of it.
            let _ = writer.join();
            Ok(output)
        })
        .await?
    }
}

/// What a run said, and its exit code.
pub struct Said {
    /// How it ended.
    pub code: i32,
    /// What it gave.
    pub stdout: String,
    /// What it told beside that.
    pub stderr: String,
}

impl Said {
    /// # Errors
    /// It ended with another code.
    pub fn ends(self, code: i32) -> Result<Self> {
        let Self { code: found, stdout, stderr } = &self;
        ensure!(*found == code, "exit code {found}, not {code}\nstdout: {stdout}\nstderr: {stderr}");
        Ok(self)
    }

    /// # Errors
    /// One of these words stands on neither output.
    pub fn says(self, words: &[&str]) -> Result<Self> {
        for words in words {
            let is_said = self.stdout.contains(words) || self.stderr.contains(words);
            ensure!(is_said, "nothing of `{words}`\nstdout: {}\nstderr: {}", self.stdout, self.stderr);
        }
        Ok(self)
    }
}
