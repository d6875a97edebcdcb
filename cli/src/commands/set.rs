//! `kseal set`: sets one value of a sealed file.

use kseal_core::{Format, SealedObject};
use kseal_crypto::Plaintext;
use kseal_manifest::{Manifest, Object};

use super::DONE;
use crate::{
    applying,
    args::{SealFormat, SetArgs, ValueArgs},
    changing::{self, Changes, NewValue, Whom},
    choosing::{self, Found},
    error::{Error, Result},
    files::{self, Privacy},
    item_key, key_files, meaning,
    output::Output,
    prompt,
    recipients::Resolver,
    secret::{self, Field},
    settings::Environment,
    sink::{self, Outgoing},
};

pub(crate) fn run(args: SetArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let SetArgs { target, item, value, string_data, data, choice, recipients, keys } = args;
    let wanted = if string_data { Some(Field::StringData) } else { data.then_some(Field::Data) };
    let read = || files::read(&target.file).map_err(|error| error.hint("`kseal create` makes a new file"));
    let mut input = read()?;
    let name = input.name();
    let to = target.output.clone().or_else(|| input.path.clone());
    let mut resolver = Resolver::new(recipients.settle(environment), environment.now(), output);
    let rule = resolver.resolve(to.as_deref())?;
    let namespaces = [choice.namespace.as_deref(), rule.namespace.as_deref()];
    let mut whom = Whom { recipients: &rule.recipients, now: environment.now(), rng: environment.rng() };
    let ready = |manifest: &Manifest, whom: &Whom<'_>| {
        let found = find(&name, manifest, choice.object.as_deref(), namespaces)?;
        check(&found, &item, wanted).map_err(|error| error.at(&name))?;
        whom.check(found.1.format)
    };
    ready(&choosing::parse(&name, &input.text)?, &whom)?;

    let value = read_value(value, &item, input.path.is_none(), output)?;
    // It may have taken a while, in which others changed the file: their changes stay.
    if input.path.as_deref().is_some_and(files::is_file) {
        input = read()?;
    }
    let manifest = choosing::parse(&name, &input.text)?;
    ready(&manifest, &whom)?;
    let found = find(&name, &manifest, choice.object.as_deref(), namespaces)?;
    if wanted == Some(Field::StringData) && std::str::from_utf8(&value).is_err() {
        return Err(Error::input(format!("the value of {item} is no text, and stringData holds text only"))
            .hint("leave out --string-data"));
    }
    let what = meaning::describe(&found.0);
    let key_files = keys.settle(environment);
    if !key_files.is_empty() {
        let opened = found.1.open_each(&key_files::load(&key_files, output)?);
        if opened
            .get(&item)
            .is_some_and(|before| before.as_ref().is_ok_and(|before| before.as_slice() == value.as_slice()))
        {
            output.note(format!("{name}: {item} of {what} has this value already and stays as it is"));
            if to != input.path || to.is_none() {
                sink::write(vec![Outgoing::new(to, input.text)], Privacy::Public, output)?;
            }
            return Ok(DONE);
        }
    }
    let is_new = !found.1.items().contains(&item.as_str());
    let format = found.1.format;
    let changes = Changes { set: vec![NewValue { key: item.clone(), value, field: wanted }], ..Changes::default() };
    let edits = changing::edits(&found, &changes, Some(&mut whom)).map_err(|error| error.at(&name))?;
    let text = applying::apply(&name, &manifest, edits, output)?;
    changing::report(&name, &text, namespaces, &rule.recipients, output)?;
    sink::write(vec![Outgoing::made_of(input, to, text)], Privacy::Public, output)?;
    output.note(format!(
        "{name}: {} {item} of {what}, sealed for {}",
        if is_new { "added" } else { "set" },
        rule.recipients.describe(seal_format(format))
    ));
    Ok(DONE)
}

fn find<'m>(
    name: &str,
    manifest: &'m Manifest,
    object: Option<&str>,
    namespaces: [Option<&str>; 2],
) -> Result<Found<'m>> {
    let (object, sealed) = choosing::only(name, manifest, object)?;
    Ok((object, namespaces.into_iter().fold(sealed, SealedObject::or_in)))
}

/// The format in the words of the command line.
pub(super) const fn seal_format(format: Format) -> SealFormat {
    match format {
        Format::Native => SealFormat::Kseal,
        Format::InPlace => SealFormat::Secret,
        Format::Upstream => SealFormat::Bitnami,
    }
}

/// Refuses a new item that the API server would refuse, and a field that the item cannot stand in.
fn check((object, sealed): &Found<'_>, item: &str, wanted: Option<Field>) -> Result<()> {
    if !sealed.items().contains(&item) {
        item_key::check(item)?;
    }
    let Some(wanted) = wanted else { return Ok(()) };
    if sealed.format != Format::InPlace {
        return Err(Error::usage("--data and --string-data are for Secrets that are sealed in place"));
    }
    match field_of(object, item)? {
        Some(field) if field != wanted => Err(Error::usage(format!("{item} stands in {} already", field.name()))
            .hint("leave out --data and --string-data: they are for new items")),
        _ => Ok(()),
    }
}

fn field_of(object: &Object<'_>, item: &str) -> Result<Option<Field>> {
    Ok(secret::written(object)?.into_iter().find(|written| written.key == item).map(|written| written.field))
}

fn read_value(args: ValueArgs, item: &str, stdin_is_taken: bool, output: &Output) -> Result<Plaintext> {
    if let Some(value) = args.insecure_value {
        return Ok(Plaintext::from(value.into_bytes()));
    }
    if args.prompt {
        return prompt::secret(&format!("value of {item}"), output);
    }
    let path = args.from_file.filter(|path| path != std::path::Path::new("-"));
    if path.is_some() {
        return files::read_octets(path.as_deref()).map(Plaintext::from);
    }
    if stdin_is_taken {
        return Err(Error::usage("the standard input is the file already, so it cannot be the value")
            .hint("give the value by --from-file or --prompt"));
    }
    if files::stdin_is_terminal() {
        return prompt::secret(&format!("value of {item}"), output);
    }
    let value = Plaintext::from(files::read_octets(None)?);
    if value.ends_with(b"\n") && !value.trim_ascii_end().contains(&b'\n') {
        output.note(format!("the value of {item} ends in a line end, which belongs to it: `printf %s` writes none"));
    }
    Ok(value)
}
