//! `kseal`, also under the name `kubectl-kseal`.

use std::process::ExitCode;

fn main() -> ExitCode {
    kseal_cli::run()
}
