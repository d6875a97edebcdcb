//! `kseal decrypt`: opens sealed values.

use super::DONE;
use crate::{
    args::DecryptArgs, error::Result, files::Privacy, key_files, opening, output::Output, settings::Environment, sink,
};

pub(crate) fn run(args: DecryptArgs, environment: &Environment, output: &Output) -> Result<u8> {
    if !args.output.in_place {
        sink::guard_terminal(args.output.output.as_deref(), args.show, output)?;
    }
    let ring = key_files::require(&args.keys.settle(environment), output)?;
    sink::each(args.files, &args.output, Privacy::Secret, output, |input, _| {
        opening::open(&input.name(), &input.text, &ring, args.namespace.as_deref())
    })?;
    Ok(DONE)
}
