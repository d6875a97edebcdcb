//! Where the programs of a control plane come from: built once from `tests/controlplane`, or from `KUBEBUILDER_ASSETS`.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{guard::lock, say, settings};

/// What `kubectl version` and the API server say they are: the version that `tests/controlplane/go.mod` requires.
const VERSION: &str = "v1.36.3";
/// Progress is told after as many packages.
const STEP: usize = 100;

/// The programs.
pub(super) struct Programs {
    assets: Option<PathBuf>,
    built: Option<PathBuf>,
}

impl Programs {
    /// Builds what `KUBEBUILDER_ASSETS` lacks.
    pub(super) fn find() -> Result<Self> {
        let assets = settings::assets();
        let has_all = assets.as_ref().is_some_and(|folder| {
            let programs = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];
            programs.iter().all(|program| folder.join(program).exists())
        });
        let built = if has_all { None } else { Some(build()?) };
        Ok(Self { assets, built })
    }

    /// One of `etcd`, `kube-apiserver`, `kube-controller-manager` and `kubectl`.
    pub(super) fn command(&self, name: &str) -> Command {
        let asset = self.assets.as_ref().map(|folder| folder.join(name)).filter(|program| program.exists());
        match (asset, &self.built) {
            (None, Some(built)) => {
                let mut command = Command::new(built);
                command.arg(name);
                command
            }
            (asset, _) => Command::new(asset.unwrap_or_else(|| name.into())),
        }
    }
}

/// Builds the Go program unless it is there, while other processes wait.
fn build() -> Result<PathBuf> {
    let module = settings::root().join("tests/controlplane");
    let folder = settings::target()?.join("controlplane");
    let program = folder.join("controlplane");
    let linker = format!("-s -w {}", flags());
    let inputs = inputs(&module, &linker)?;
    let made_from = folder.join("made-from");
    let is_made = || program.exists() && fs::read(&made_from).is_ok_and(|previous| previous == inputs);
    if is_made() {
        return Ok(program);
    }
    let _lock = Lock::new(&folder, "the control plane is being built by another process")?;
    if is_made() {
        return Ok(program);
    }
    say("building etcd and Kubernetes for the tests: minutes the first time");
    let mut command = Command::new("go");
    command.args(["build", "-v", "-buildvcs=false", "-mod=readonly", "-ldflags", &linker, "-o"]);
    command.arg(&program).arg(".").env("CGO_ENABLED", "0").current_dir(&module);
    run_with_progress(&mut command)?;
    fs::write(&made_from, &inputs)?;
    Ok(program)
}

fn flags() -> String {
    let numbers: Vec<&str> = VERSION.trim_start_matches('v').split('.').collect();
    let variables = [("gitVersion", VERSION), ("gitMajor", numbers[0]), ("gitMinor", numbers[1])];
    let flags = variables.map(|(name, value)| format!("-X k8s.io/component-base/version.{name}={value}"));
    flags.join(" ")
}

/// Everything that the program is made from.
fn inputs(module: &Path, linker: &str) -> Result<Vec<u8>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(module).with_context(|| format!("cannot list {}", module.display()))? {
        files.push(entry?.path());
    }
    files.sort();
    let mut inputs = linker.as_bytes().to_owned();
    for file in files.iter().filter(|file| file.is_file()) {
        inputs.extend(fs::read(file)?);
    }
    Ok(inputs)
}

/// `go build -v` names each package that it compiled: they are counted, and whatever else it says is shown if it fails.
fn run_with_progress(command: &mut Command) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run go, which the tests with a control plane want (Go 1.26)")?;
    let mut said = Vec::new();
    let stderr = child.stderr.take().context("go has no stderr")?;
    for line in BufReader::new(stderr).lines() {
        said.push(line?);
        if said.len() % STEP == 0 {
            say(&format!("  {} packages", said.len()));
        }
    }
    let status = child.wait()?;
    if !status.success() {
        let tail = said.len().saturating_sub(STEP);
        bail!("go build: {status}\n{}", said[tail..].join("\n"));
    }
    Ok(())
}

/// The controller that `KSEAL_TESTS_CONTROLLER` names, or the one of this tree as it is shipped, built once in a process.
///
/// # Errors
/// It cannot be built.
pub fn controller() -> Result<PathBuf> {
    static BUILT: Mutex<Option<PathBuf>> = Mutex::new(None);
    if let Some(program) = settings::controller() {
        return Ok(program);
    }
    let mut built = lock(&BUILT);
    let program = built.take().map_or_else(build_controller, Ok)?;
    *built = Some(program.clone());
    Ok(program)
}

fn build_controller() -> Result<PathBuf> {
    let target = settings::target()?;
    let program = target.join("release/kseal-controller");
    let _lock = Lock::new(&target.join("controlplane"), "the controller is being built by another process")?;
    if !program.exists() {
        say("building the controller as it is shipped: minutes the first time");
    }
    let status = Command::new(settings::cargo())
        .args(["build", "--quiet", "--release", "--locked", "--package", "kseal-controller", "--target-dir"])
        .arg(&target)
        .current_dir(settings::root())
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "cargo build: {status}");
    Ok(program)
}

/// The command line of this tree, built once in a process. It is there already where all tests are run.
pub(super) fn kseal() -> Result<PathBuf> {
    static BUILT: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut built = lock(&BUILT);
    let program = built.take().map_or_else(build_kseal, Ok)?;
    *built = Some(program.clone());
    Ok(program)
}

fn build_kseal() -> Result<PathBuf> {
    let target = settings::target()?;
    // The features of the whole workspace, so that nothing has to be compiled twice.
    let status = Command::new(settings::cargo())
        .args(["build", "--quiet", "--locked", "--workspace", "--bin", "kseal", "--target-dir"])
        .arg(&target)
        .current_dir(settings::root())
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "cargo build: {status}");
    Ok(target.join("debug/kseal"))
}

/// One process at a time; the operating system takes it back from one that dies.
struct Lock {
    _file: File,
}

impl Lock {
    fn new(folder: &Path, why_it_waits: &str) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join("lock");
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        if file.try_lock().is_err() {
            say(why_it_waits);
            file.lock()?;
        }
        Ok(Self { _file: file })
    }
}
