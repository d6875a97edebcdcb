//! `kseal-controller`.

use std::process::ExitCode;

fn main() -> ExitCode {
    kseal_controller::run()
}
