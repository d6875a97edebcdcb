//! `kseal keys`: sealing keys, in files.

mod generate;

use crate::{
    args::{KeysArgs, KeysCommand},
    error::Result,
    output::Output,
    settings::Environment,
};

pub(crate) fn run(args: KeysArgs, environment: &Environment, output: &Output) -> Result<u8> {
    match args.command {
        KeysCommand::Generate(args) => generate::run(args, environment, output),
    }
}
