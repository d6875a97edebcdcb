//! What processes take of the machine, and whether it is quiet.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use tokio::time::{Instant, sleep};

use crate::table::say;

/// Linux tells times to programs in hundredths of a second, whatever it counts in.
const TICKS: f64 = 100.0;
/// At most this part of all cores is busy where nothing goes on.
const QUIET: f64 = 0.08;
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(500);

/// The time of cores that one process took, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cpu {
    pub(super) user: f64,
    pub(super) system: f64,
}

impl Cpu {
    pub(super) fn of(process: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The name before it may hold anything.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| Ok::<f64, anyhow::Error>(fields.get(index).context("a short line")?.parse()?);
        Ok(Self { user: ticks(11)? / TICKS, system: ticks(12)? / TICKS })
    }

    pub(super) fn total(self) -> f64 {
        self.user + self.system
    }

    pub(super) fn since(self, before: Self) -> Self {
        Self { user: self.user - before.user, system: self.system - before.system }
    }
}

/// The memory of one process, in octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// All that is resident, files of the program included.
    pub(super) resident: u64,
    /// Of which no file stands behind.
    pub(super) anonymous: u64,
    /// The most that was ever resident.
    pub(super) peak: u64,
}

impl Memory {
    pub(super) fn of(process: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such line")?;
            Ok::<u64, anyhow::Error>(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
        };
        Ok(Self { resident: of("VmRSS:")?, anonymous: of("RssAnon:")?, peak: of("VmHWM:")? })
    }
}

/// Says on what is measured.
pub(super) fn introduce() -> Result<()> {
    let text = |path: &str| fs::read_to_string(path).with_context(|| path.to_owned());
    let processors = text("/proc/cpuinfo")?;
    let models: Vec<&str> = processors
        .lines()
        .filter_map(|line| Some(line.strip_prefix("model name")?.trim_start_matches([' ', '\t', ':'])))
        .collect();
    let memory = text("/proc/meminfo")?;
    let memory = memory.lines().next().unwrap_or_default().trim_start_matches("MemTotal:").trim();
    let system = text("/proc/sys/kernel/osrelease")?;
    let model = models.first().copied().unwrap_or("unknown");
    say(&format!("{} cores ({model}), {memory} of memory, Linux {}", models.len(), system.trim()));
    say("");
    Ok(())
}

/// Waits until nothing goes on, and says so if that does not come.
pub(super) async fn settle(is_judged: bool) -> Result<()> {
    let deadline = Instant::now() + if is_judged { PATIENCE } else { LOOK };
    let mut quiet = 0;
    let mut before = times()?;
    while quiet < 3 {
        if Instant::now() >= deadline {
            if is_judged {
                say("the machine does not get quiet");
            }
            return Ok(());
        }
        sleep(LOOK).await;
        let now = times()?;
        let (busy, all) = (now.0 - before.0, now.1 - before.1);
        quiet = if busy <= all * QUIET { quiet + 1 } else { 0 };
        before = now;
    }
    Ok(())
}

/// The time of all cores, busy and in all.
fn times() -> Result<(f64, f64)> {
    let stat = fs::read_to_string("/proc/stat")?;
    let first = stat.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
    let times = first.map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    let all: f64 = times.iter().sum();
    Ok((all - times[3] - times[4], all))
}

/// Octets of a file.
pub(super) fn size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).with_context(|| format!("no {}", path.display()))?.len())
}
