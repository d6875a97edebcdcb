//! `kseal get`: prints one value.

use kseal_crypto::{Failure, Failures, Subject};

use super::DONE;
use crate::{
    args::GetArgs,
    choosing,
    error::{Error, Result},
    files, key_files, meaning, opening,
    output::Output,
    settings::Environment,
    sink,
};

pub(crate) fn run(args: GetArgs, environment: &Environment, output: &Output) -> Result<u8> {
    sink::guard_terminal(None, args.show, output)?;
    let ring = key_files::require(&args.keys.settle(environment), output)?;
    let input = files::read(&args.file)?;
    let manifest = choosing::parse(&input.name(), &input.text)?;
    let (object, sealed) = choosing::only(&input.name(), &manifest, args.object.as_deref())?;
    let what = meaning::describe(&object);
    let sealed = sealed.or_in(args.namespace.as_deref());
    let Some(value) = sealed.open_each(&ring).remove(&args.item) else {
        return Err(Error::input(format!("{}: {what} has no item {}", input.name(), args.item))
            .hint(format!("it has {}", sealed.items().join(", "))));
    };
    let value = value.map_err(|reason| {
        let failure = Failure { subject: Subject::Item(args.item.clone()), reason };
        match Failures::from_vec(vec![failure]) {
            Some(failures) => opening::failed(&what, &sealed, &failures).at(input.name()),
            None => Error::input(what.clone()),
        }
    })?;
    output.data(&value)?;
    Ok(DONE)
}
