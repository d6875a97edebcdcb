//! `kseal keys`: sealing keys, in files and published by clusters.

mod export;
mod fetch;
mod generate;
mod import;
mod list;
mod retire;
mod rotate;
mod usage;

use std::path::Path;

use crate::{
    args::{KeysArgs, KeysCommand},
    error::{Error, Result},
    output::Output,
    settings::Environment,
};

pub(crate) fn run(args: KeysArgs, environment: &Environment, output: &Output) -> Result<u8> {
    match args.command {
        KeysCommand::Generate(args) => generate::run(args, environment, output),
        KeysCommand::List(args) => list::run(args, environment, output),
        KeysCommand::Fetch(args) => fetch::run(args, environment, output),
        KeysCommand::Rotate(args) => rotate::run(args, environment, output),
        KeysCommand::Usage(args) => usage::run(args, environment, output),
        KeysCommand::Retire(args) => retire::run(args, environment, output),
        KeysCommand::Export(args) => export::run(args, environment, output),
        KeysCommand::Import(args) => import::run(args, environment, output),
    }
}

/// The standard output is the bundle's, which is public; the private key wants a file.
fn refuse_stdout(path: &Path) -> Result<()> {
    if path == Path::new("-") {
        return Err(Error::usage("the private key is not written to the standard output, where its bundle goes")
            .hint("name a file with -o"));
    }
    Ok(())
}
