//! The command line of kseal.
//!
//! What was typed ([`args`]) becomes what it means ([`settings`]) and then what is done ([`commands`]). Only [`output`]
//! prints, only [`files`] touches files, only [`settings`] reads the environment and the clock.

pub mod args;
mod bundles;
mod changing;
mod choosing;
mod cleanup;
mod commands;
mod config;
mod editor;
mod error;
mod fetch;
mod files;
mod item_key;
mod key_files;
mod key_manifest;
mod meaning;
mod opening;
mod output;
mod placing;
mod prompt;
mod recipients;
mod sealing;
mod secret;
mod settings;
mod sink;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{args::Cli, error::Result, output::Output, settings::Environment};

/// Runs the program as its arguments say.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let environment = Environment::read();
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
