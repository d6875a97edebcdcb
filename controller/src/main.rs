//! `kseal-controller`.

use std::process::ExitCode;

/// Gives back what a burst of changes took; see `docs/decisions/0012-allocator-and-threads.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    kseal_controller::run()
}
