//! What was to be reached and what was measured, line by line as it comes.

use anyhow::{Result, bail};

pub(crate) const MIB: u64 = 1 << 20;

/// The lines so far.
pub(crate) struct Table {
    /// Whether ratios have to be reached. Counts always have to.
    judges: bool,
    missed: Vec<String>,
}

impl Table {
    pub(crate) fn begin(judges: bool) -> Self {
        say("what | reach | measured");
        say("---|---|---");
        Self { judges, missed: Vec::new() }
    }

    /// A figure of time or memory, which holds on a quiet machine.
    pub(crate) fn ratio(&mut self, what: &str, reach: &str, measured: &str, holds: bool) {
        let verdict = match (holds, self.judges) {
            (true, _) => "",
            (false, true) => " **not reached**",
            (false, false) => " (not judged)",
        };
        say(&format!("{what} | {reach} | {measured}{verdict}"));
        if !holds && self.judges {
            self.missed.push(what.to_owned());
        }
    }

    /// A number that is the same on every machine.
    pub(crate) fn count(&mut self, what: &str, reach: &str, measured: &str, holds: bool) {
        say(&format!("{what} | {reach} | {measured}{}", if holds { "" } else { " **not reached**" }));
        if !holds {
            self.missed.push(what.to_owned());
        }
    }

    /// A figure that nothing is held against.
    #[expect(clippy::unused_self, reason = "it belongs between the other lines")]
    pub(crate) fn figure(&self, what: &str, measured: &str) {
        say(&format!("{what} | – | {measured}"));
    }

    /// # Errors
    /// Something was not reached.
    pub(crate) fn end(self) -> Result<()> {
        if self.missed.is_empty() {
            return Ok(());
        }
        bail!("not reached: {}", self.missed.join("; "));
    }
}

pub(crate) fn median(values: Vec<f64>) -> f64 {
    percentile(values, 50)
}

/// The smallest value that so many percent of all do not exceed.
pub(crate) fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values[rank - 1]
}

#[expect(clippy::cast_precision_loss, reason = "memory in mebibytes with one digit")]
pub(crate) fn mib(octets: u64) -> String {
    format!("{:.1} MiB", octets as f64 / MIB as f64)
}

#[expect(clippy::print_stdout, reason = "a bench is there to be read")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
