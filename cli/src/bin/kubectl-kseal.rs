//! `kubectl kseal`: the program under the name by which kubectl finds it.

use std::process::ExitCode;

fn main() -> ExitCode {
    kseal_cli::run()
}
