//! `kseal keys export`: the bundle of private keys, or the keys themselves.

use crate::{
    args::ExportArgs,
    bundles,
    commands::DONE,
    error::Result,
    files::{self, Privacy},
    key_files, key_manifest,
    output::Output,
    sink,
};

pub(crate) fn run(args: &ExportArgs, output: &Output) -> Result<u8> {
    if args.public { public(args, output) } else { private(args, output) }
}

fn public(args: &ExportArgs, output: &Output) -> Result<u8> {
    let keys = key_files::read_all(&args.files, output)?;
    let bundle = bundles::of_private(&args.name, &keys)?;
    if bundle.sealing_key().is_none() && bundle.certificate.is_none() {
        output.warn("no key of this bundle seals: all are compromised or retired");
    }
    let text = key_manifest::bundle(&bundle);
    match &args.output {
        Some(path) => files::write(path, text.as_bytes(), Privacy::Public, None)?,
        None => output.data(text.as_bytes())?,
    }
    Ok(DONE)
}

fn private(args: &ExportArgs, output: &Output) -> Result<u8> {
    sink::guard_terminal(args.output.as_deref(), args.show, output)?;
    let keys = key_files::read_all(&args.files, output)?;
    let text = key_manifest::all(&keys, args.namespace.as_deref())?;
    match &args.output {
        Some(path) => {
            files::create_secret(path, text.as_bytes())?;
            output.note(format!("wrote the private keys to {}: keep them out of git", path.display()));
        }
        None => output.data(text.as_bytes())?,
    }
    Ok(DONE)
}
