//! `kseal unset`: takes items out of a sealed file.

use super::DONE;
use crate::{
    applying,
    args::UnsetArgs,
    changing::{self, Changes},
    choosing,
    error::Result,
    files::{self, Privacy},
    meaning,
    output::Output,
    sink,
};

pub(crate) fn run(args: UnsetArgs, output: &Output) -> Result<u8> {
    let UnsetArgs { target, items, choice } = args;
    let input = files::read(&target.file)?;
    let name = input.name();
    let to = target.output.or_else(|| input.path.clone());
    let manifest = choosing::parse(&name, &input.text)?;
    let (object, sealed) = choosing::only(&name, &manifest, choice.object.as_deref())?;
    let found = (object, sealed.or_in(choice.namespace.as_deref()));
    let what = meaning::describe(&found.0);
    let changes = Changes { remove: items.into_iter().collect(), ..Changes::default() };
    let removed: Vec<String> = changes.remove.iter().cloned().collect();
    let left = found.1.items().len().saturating_sub(removed.len());
    let edits = changing::edits(&found, &changes, None).map_err(|error| error.at(&name))?;
    let text = applying::apply(&name, &manifest, edits, output)?;
    sink::write(vec![sink::Outgoing::made_of(input, to, text)], Privacy::Public, output)?;
    output.note(format!("{name}: took {} out of {what}", removed.join(", ")));
    if left == 0 {
        output.warn(format!("{name}: {what} has no value left"));
    }
    Ok(DONE)
}
