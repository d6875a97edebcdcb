//! `kseal decrypt`: opens sealed values.

use super::DONE;
use crate::{
    args::DecryptArgs, error::Result, files, files::Privacy, key_files, opening, output::Output, settings::Environment,
    sink,
};

pub(crate) fn run(args: DecryptArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let target = args.output.output;
    let in_place = args.output.in_place;
    let inputs = sink::inputs(args.files, in_place)?;
    if !in_place {
        sink::guard_terminal(target.as_deref(), args.show, output)?;
    }
    let ring = key_files::require(&args.keys.settle(environment), output)?;
    let mut results = Vec::new();
    for file in inputs {
        let input = files::read(&file)?;
        sink::refuse_input_as_output(&input, target.as_deref())?;
        let text = opening::open(&input.name(), &input.text, &ring, args.namespace.as_deref())?;
        results.push((if in_place { input.path } else { target.clone() }, text));
    }
    sink::write(results, Privacy::Secret, output)?;
    Ok(DONE)
}
