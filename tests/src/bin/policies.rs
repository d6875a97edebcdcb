//! Writes the digests of `deploy/policies`, or with `--check` says whether they are as they would be written.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Result;
use kseal_tests::policies;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            policies::write()?;
            Ok(ExitCode::SUCCESS)
        }
        ["--check"] if policies::is_written()? => Ok(ExitCode::SUCCESS),
        ["--check"] => {
            writeln!(io::stderr(), "the digests are not those of deploy/policies: run `cargo xtask generate`")?;
            Ok(ExitCode::FAILURE)
        }
        _ => {
            writeln!(io::stderr(), "usage: policies [--check]")?;
            Ok(ExitCode::from(2))
        }
    }
}
