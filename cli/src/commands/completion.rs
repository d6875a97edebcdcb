//! `kseal completion`: a script for a shell.

use super::DONE;
use crate::{
    args::{self, CompletionArgs},
    error::Result,
    output::Output,
    settings::Environment,
};

pub(crate) fn run(args: &CompletionArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let name = if environment.is_plugin { args::PLUGIN } else { "kseal" };
    let mut script = Vec::new();
    // Names for the shell are always those of one program: a plugin's two words would be no function name.
    clap_complete::generate(args.shell, &mut args::command(false), name, &mut script);
    output.data(&script)?;
    Ok(DONE)
}
