//! `kseal git`: sealed files as git shows them.

mod install;

use super::DONE;
use crate::{
    args::{GitArgs, GitCommand, TextconvArgs},
    error::Result,
    files, key_files,
    output::Output,
    settings::Environment,
    textconv,
};

pub(crate) fn run(args: GitArgs, environment: &Environment, output: &Output) -> Result<u8> {
    match args.command {
        GitCommand::Textconv(args) => show(args, environment, output),
        GitCommand::Install(args) => install::install(&args, output),
        GitCommand::Uninstall(_) => install::uninstall(output),
    }
}

/// What cannot be shown readably is shown as it is: a failure here would be one of `git diff`.
fn show(args: TextconvArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let path = (args.file != std::path::Path::new("-")).then_some(args.file.as_path());
    let octets = zeroize::Zeroizing::new(files::read_octets(path)?);
    let Ok(text) = std::str::from_utf8(&octets) else {
        output.data(&octets)?;
        return Ok(DONE);
    };
    let key_files = if args.plaintext { args.keys.settle(environment) } else { Vec::new() };
    let ring = match key_files::load(&key_files, output) {
        _ if key_files.is_empty() => None,
        Ok(ring) => Some(ring),
        Err(error) => {
            output.warn(format!("{}; values stay sealed", error.message()));
            None
        }
    };
    output.text(&textconv::show(text, ring.as_ref()))?;
    Ok(DONE)
}
