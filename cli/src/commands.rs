//! What is done, one command a file.

mod create;
mod decrypt;
mod edit;
mod encrypt;
mod exec_env;
mod get;
mod keys;
mod set;
mod unset;

use crate::{args::Command, error::Result, output::Output, settings::Environment};

/// Exit code of a command that did its work.
pub(crate) const DONE: u8 = 0;

/// Runs one command; returns the exit code.
pub(crate) fn run(command: Command, environment: &Environment, output: &Output) -> Result<u8> {
    match command {
        Command::Encrypt(args) => encrypt::run(args, environment, output),
        Command::Decrypt(args) => decrypt::run(args, environment, output),
        Command::Create(args) => create::run(args, environment, output),
        Command::ExecEnv(args) => exec_env::run(args, environment, output),
        Command::Edit(args) => edit::run(args, environment, output),
        Command::Set(args) => set::run(args, environment, output),
        Command::Unset(args) => unset::run(args, output),
        Command::Get(args) => get::run(args, environment, output),
        Command::Keys(args) => keys::run(args, environment, output),
    }
}
