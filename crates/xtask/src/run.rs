//! Which task is wanted, and how other programs are run.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{generate, tidy};

const HELP: &str = "\
cargo xtask TASK

  tidy              check crate edges, each package alone, file sizes, links, and words
  generate          write again what is generated
  generate --check  fail if what is generated would change
  demo              seal an example for a cluster, apply it, change it: from end to end
  bench cli         measure the command line
  bench controller  measure the controller on a real control plane; --quick, --large, --only ROWS, --count N";

/// Runs one task.
pub(crate) fn task(arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["tidy"] => tidy::run(),
        ["generate"] => generate::write().and_then(|()| bins(&["policies", "vectors"], &[])),
        ["generate", "--check"] => generate::check().and_then(|()| bins(&["policies", "vectors"], &["--check"])),
        ["demo"] => demo(),
        ["bench", "cli"] => release_bin("bench", &["cli"]),
        ["bench", "controller", ..] => bench_controller(&arguments[1..]),
        _ => bail!("no such task\n\n{HELP}"),
    }
}

/// Prints an error and what led to it.
#[expect(clippy::print_stderr, reason = "the one place where a task fails")]
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

/// Prints what a task does.
#[expect(clippy::print_stderr, reason = "the one place where a task talks")]
pub(crate) fn say(message: impl AsRef<str>) {
    eprintln!("{}", message.as_ref());
}

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A path below the root.
pub(crate) fn below_root(path: &str) -> PathBuf {
    root().join(path)
}

/// Runs a program of the package `kseal-tests`, which alone may use everything.
fn bin(name: &str, arguments: &[&str]) -> Result<()> {
    run(cargo().args(["run", "--quiet", "--package", "kseal-tests", "--bin", name, "--"]).args(arguments))
}

fn bins(names: &[&str], arguments: &[&str]) -> Result<()> {
    names.iter().try_for_each(|name| bin(name, arguments))
}

/// The same for programs that measure or show the command line as it is shipped.
fn release_bin(name: &str, arguments: &[&str]) -> Result<()> {
    run(cargo().args(["build", "--quiet", "--release", "--package", "kseal"]))?;
    run(cargo().args(["run", "--quiet", "--release", "--package", "kseal-tests", "--bin", name, "--"]).args(arguments))
}

/// All that it runs is built as tests are, so that either command has the other's work done.
fn demo() -> Result<()> {
    say("building");
    let packages = ["--package", "kseal", "--package", "kseal-controller", "--package", "kseal-tests"];
    run(cargo().args(["build", "--quiet", "--bins"]).args(packages))?;
    bin("demo", &[])
}

/// The controller is built where it is started, which may be elsewhere.
fn bench_controller(arguments: &[&str]) -> Result<()> {
    let build = ["build", "--quiet", "--release", "--package", "kseal-tests", "--bin", "bench", "--bin", "bare-client"];
    run(cargo().args(build))?;
    run(cargo()
        .args(["run", "--quiet", "--release", "--package", "kseal-tests", "--bin", "bench", "--"])
        .args(arguments))
}

/// Cargo, in the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root());
    cargo
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

/// What a program prints.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}
