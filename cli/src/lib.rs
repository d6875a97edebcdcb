//! The command line of kseal.
//!
//! What was typed (`args`) becomes what it means (`settings`) and then what is done (`commands`). Only `output`
//! prints, only `files` touches files, only `settings` reads the environment and the clock.

mod age;
mod applying;
pub mod args;
mod bundles;
mod changing;
mod choosing;
mod cleanup;
mod cluster;
mod cluster_keys;
mod commands;
mod config;
mod editor;
mod error;
mod fetch;
mod files;
mod git;
mod guard;
mod item_key;
mod key_backup;
mod key_files;
mod key_manifest;
mod meaning;
mod migrating;
mod opening;
mod output;
mod panics;
mod pinning;
mod placing;
mod prompt;
mod recipients;
mod reencrypting;
mod rewrapping;
mod sealing;
mod secret;
mod selector;
mod settings;
mod sink;
mod standings;
mod table;
mod textconv;
mod words;

use std::process::ExitCode;

use clap::FromArgMatches as _;

use crate::{args::Cli, error::Result, output::Output, settings::Environment};

/// Runs the program as its arguments say.
#[must_use]
pub fn run() -> ExitCode {
    panics::exit_on_panic();
    let environment = Environment::read();
    let mut command = args::command(environment.is_plugin);
    let matches = command.get_matches_mut();
    // The matches are those of this very command.
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit());
    let output = Output::new(cli.global.quiet, &environment);
    match execute(cli, &environment, &output) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            output.error(&error);
            ExitCode::from(error.code())
        }
    }
}

fn execute(cli: Cli, environment: &Environment, output: &Output) -> Result<u8> {
    commands::run(cli.command, environment, output)
}
