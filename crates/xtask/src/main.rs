//! `cargo xtask`: what keeps the tree in order, and what starts the programs in `tests`.

mod generate;
mod run;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    match run::task(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => run::fail(&error),
    }
}
