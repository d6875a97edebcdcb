//! `cargo xtask bench`: the numbers that kseal has to reach. `docs/performance.md` says how they are taken.

mod cli;
mod controller;
mod table;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["cli"] => cli::run(),
        ["controller", ref options @ ..] => controller::run(options),
        ["peak", program, ref rest @ ..] => cli::peak_of(program, rest),
        _ => bail!("usage: bench cli | bench controller [OPTION]...\n\n{}", controller::OPTIONS),
    }
}
