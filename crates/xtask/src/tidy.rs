//! What a compiler does not check: layers, sizes, links and words.

mod edges;
mod files;

use anyhow::{Result, bail};

use crate::run::say;

/// Runs every check and reports all findings at once.
pub(crate) fn run() -> Result<()> {
    let mut findings = edges::check()?;
    findings.extend(files::check()?);
    for finding in &findings {
        say(format!("tidy: {finding}"));
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    say("tidy: the tree is in order");
    Ok(())
}
