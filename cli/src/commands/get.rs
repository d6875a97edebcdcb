//! `kseal get`: prints one value.

use kseal_core::SealedObject;
use kseal_crypto::{Failure, Failures, Subject};
use kseal_manifest::Manifest;

use super::DONE;
use crate::{
    args::GetArgs,
    error::{Error, Result},
    files, key_files,
    meaning::{self, Meaning},
    opening,
    output::Output,
    settings::Environment,
    sink,
};

pub(crate) fn run(args: GetArgs, environment: &Environment, output: &Output) -> Result<u8> {
    sink::guard_terminal(None, args.show, output)?;
    let ring = key_files::require(&args.keys.settle(environment), output)?;
    let input = files::read(&args.file)?;
    let (what, sealed) = only_object(&input.name(), &input.text, args.object.as_deref())?;
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

/// The one sealed object of a text, or the one of that name. Returned with its description.
pub(crate) fn only_object(name: &str, text: &str, wanted: Option<&str>) -> Result<(String, SealedObject)> {
    let manifest = Manifest::parse(text.to_owned()).map_err(|error| Error::input(format!("{name}: {error}")))?;
    let mut found = Vec::new();
    for object in manifest.objects() {
        let Meaning::Sealed(sealed) = meaning::of(&object).map_err(|error| error.at(name))? else { continue };
        let is_wanted = wanted
            .is_none_or(|wanted| sealed.object.name.as_deref() == Some(wanted) || sealed.object.to_string() == wanted);
        if is_wanted {
            found.push((meaning::describe(&object), *sealed));
        }
    }
    let names: Vec<String> = found.iter().map(|(_, sealed)| sealed.object.to_string()).collect();
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err(Error::usage(format!("{name}: several objects fit"))
            .hint(format!("choose one with --object: {}", names.join(", ")))),
        (None, _) => Err(Error::input(format!(
            "{name}: no sealed object{}",
            wanted.map(|it| format!(" {it}")).unwrap_or_default()
        ))),
    }
}
