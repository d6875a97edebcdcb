//! `cargo xtask bench cli`: the numbers that the command line has to reach.
//!
//! Speed is asserted as a ratio to kubeseal, which runs in turn with kseal in the same minute on the same machine.
//! Absolute figures are printed, since they are what people ask for.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Result, bail, ensure};
use nix::sys::resource::{UsageWho, getrusage};

use crate::table::{MIB, Table, median, say};

/// Pairs of runs; the median is quoted.
const RUNS: usize = 11;

/// Measures, and fails if a number is not reached.
pub(crate) fn run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let bench = Bench { kseal: env::current_exe()?.with_file_name("kseal"), folder: folder.path().to_owned() };
    let kubeseal = build_kubeseal()?;
    bench.prepare()?;
    let kseal = |file: &str| bench.command(&bench.kseal, &["encrypt", "--keys", "bundle.yaml", file]);
    let upstream = |file: &str| bench.command(&kubeseal, &["--cert", "certificate.pem", "-f", file]);

    let mut table = Table::begin(true);
    let (ours, theirs) = pairs(|| kseal("one.yaml"), || upstream("one.yaml"))?;
    table.ratio(
        "kseal encrypt, one Secret",
        "≤ 0.5 × kubeseal (5 ms)",
        &format!("{ours:.1} ms, kubeseal {theirs:.1} ms, ratio {:.2}", ours / theirs),
        ours <= 0.5 * theirs,
    );
    let peak = bench.peak(&bench.kseal, &["encrypt", "--keys", "bundle.yaml", "one.yaml"])?;
    let theirs = bench.peak(&kubeseal, &["--cert", "certificate.pem", "-f", "one.yaml"])?;
    table.ratio("the same, peak memory", "≤ 10 MiB", &mib_of(peak, theirs), peak <= 10 * MIB);
    let (ours, theirs) = pairs(|| kseal("many.yaml"), || upstream("many.yaml"))?;
    table.ratio(
        "10,000 values (100 Secrets of 100)",
        "≤ 0.2 × kubeseal (1 s)",
        &format!("{:.2} s, kubeseal {:.2} s, ratio {:.2}", ours / 1e3, theirs / 1e3, ours / theirs),
        ours <= 0.2 * theirs,
    );
    let size = fs::metadata(&bench.kseal)?.len();
    let theirs = fs::metadata(&kubeseal)?.len();
    #[expect(clippy::cast_precision_loss, reason = "a size in megabytes with one digit")]
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let measured = format!("{:.1} MB, kubeseal {:.1} MB", megabytes(size), megabytes(theirs));
    table.ratio("release binary", "≤ 13 MB", &measured, size <= 13_000_000);
    table.end()
}

struct Bench {
    kseal: PathBuf,
    folder: PathBuf,
}

impl Bench {
    /// Makes keys and the Secrets to seal.
    fn prepare(&self) -> Result<()> {
        let bundle =
            self.command(&self.kseal, &["keys", "generate", "-o", "key.yaml"]).stdout(Stdio::piped()).output()?;
        fs::write(self.folder.join("bundle.yaml"), bundle.stdout)?;
        let rsa = ["keys", "generate", "--suite", "RSA-4096", "-o", "rsa.yaml"];
        let rsa = String::from_utf8(self.command(&self.kseal, &rsa).stdout(Stdio::piped()).output()?.stdout)?;
        let lines = rsa.lines().map(str::trim_start).skip_while(|line| !line.starts_with("-----BEGIN"));
        fs::write(self.folder.join("certificate.pem"), lines.collect::<Vec<_>>().join("\n"))?;
        fs::write(self.folder.join("one.yaml"), secret(0, 3))?;
        let many: Vec<String> = (0..100).map(|index| secret(index, 100)).collect();
        fs::write(self.folder.join("many.yaml"), many.join("---\n"))?;
        Ok(())
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null()).env_remove("KSEAL_KEY_FILE").env_remove("KSEAL_CONFIG");
        command
    }

    /// Peak memory in bytes.
    fn peak(&self, program: &Path, arguments: &[&str]) -> Result<u64> {
        let mut command = self.command(&env::current_exe()?, &["peak"]);
        let output = command.arg(program).args(arguments).stdout(Stdio::piped()).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    }
}

/// Runs both in turn; the medians in milliseconds.
fn pairs(ours: impl Fn() -> Command, theirs: impl Fn() -> Command) -> Result<(f64, f64)> {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for run in 0..=RUNS {
        let pair = (milliseconds(ours())?, milliseconds(theirs())?);
        if run > 0 {
            a.push(pair.0);
            b.push(pair.1);
        }
    }
    Ok((median(a), median(b)))
}

/// The peak memory of children is known for all of them together: each is measured by a process of its own.
pub(crate) fn peak_of(program: &str, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).status()?;
    if !status.success() {
        bail!("{program}: {status}");
    }
    let kilobytes = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    say(&(u64::try_from(kilobytes)? * 1_024).to_string());
    Ok(())
}

/// kubeseal, from the module that pins it.
fn build_kubeseal() -> Result<PathBuf> {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("kubeseal");
    let binary = env::current_exe()?.with_file_name("kubeseal");
    let mut go = Command::new("go");
    go.args(["build", "-o"]).arg(&binary).arg("github.com/bitnami/sealed-secrets/cmd/kubeseal").current_dir(module);
    ensure!(go.status()?.success(), "cannot build kubeseal");
    Ok(binary)
}

fn secret(index: usize, items: usize) -> String {
    let items: Vec<String> =
        (0..items).map(|item| format!("  item-{item}: value number {item} of secret {index}\n")).collect();
    let items = items.concat();
    format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: secret-{index}, namespace: bench}}\nstringData:\n{items}")
}

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn milliseconds(mut command: Command) -> Result<f64> {
    let start = Instant::now();
    let status = command.status()?;
    let elapsed = start.elapsed();
    ensure!(status.success(), "{command:?}: {status}");
    Ok(elapsed.as_secs_f64() * 1e3)
}

#[expect(clippy::cast_precision_loss, reason = "memory in mebibytes with one digit")]
fn mib_of(ours: u64, theirs: u64) -> String {
    format!("{:.1} MiB, kubeseal {:.1} MiB", ours as f64 / MIB as f64, theirs as f64 / MIB as f64)
}
