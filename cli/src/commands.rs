//! What is done, one command a file.

mod check;
mod completion;
mod convert;
mod create;
mod decrypt;
mod edit;
mod encrypt;
mod exec_env;
mod get;
mod git;
mod inspect;
mod keys;
mod man;
mod migrate;
mod reencrypt;
mod set;
mod status;
mod unset;
mod verify;

use crate::{args::Command, error::Result, output::Output, settings::Environment};

/// Exit code of a command that did its work.
pub(crate) const DONE: u8 = 0;
/// Exit code of a check that found something.
pub(crate) const FOUND: u8 = 1;

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
        Command::Inspect(args) => inspect::run(args, environment, output),
        Command::Verify(args) => verify::run(args, environment, output),
        Command::Check(args) => check::run(args, output),
        Command::Status(args) => status::run(args, environment, output),
        Command::Git(args) => git::run(args, environment, output),
        Command::Keys(args) => keys::run(args, environment, output),
        Command::Reencrypt(args) => reencrypt::run(args, environment, output),
        Command::Convert(args) => convert::run(args, environment, output),
        Command::Migrate(args) => migrate::run(args, environment, output),
        Command::Completion(args) => completion::run(&args, environment, output),
        Command::Man(args) => man::run(args, output),
    }
}
