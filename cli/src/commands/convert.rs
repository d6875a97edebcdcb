//! `kseal convert`: gives sealed objects another format.

use super::DONE;
use crate::{
    args::ConvertArgs,
    error::Result,
    files::Privacy,
    key_files,
    output::Output,
    placing::Placing,
    recipients::Resolver,
    sealing::{Previous, Sealing},
    settings::Environment,
    sink,
    words::{are, count},
};

pub(crate) fn run(args: ConvertArgs, environment: &Environment, output: &Output) -> Result<u8> {
    let ConvertArgs { files, to: format, output: target, namespace, recipients, keys } = args;
    let ring = key_files::require(&keys.settle(environment), output)?;
    let mut resolver = Resolver::new(recipients.settle(environment), environment.now(), output);
    let mut notes = Vec::new();
    sink::each(files, &target, Privacy::Public, output, |input, to| {
        let name = input.name();
        let found = resolver.resolve(to.or(input.path.as_deref()))?;
        let sealing = Sealing {
            format,
            recipients: &found.recipients,
            placing: Placing {
                namespace: namespace.clone(),
                rule_namespace: found.namespace.clone(),
                ..Placing::default()
            },
            allow_empty: true,
            previous: Previous::default(),
            now: environment.now(),
            environment,
            output,
        };
        let done = sealing.convert(&name, &input.text, &ring)?;
        if done.changed > 0 {
            let objects = count(done.changed, "object");
            notes.push(format!("{name}: sealed {objects} anew for {}", found.recipients.describe(format)));
        }
        if done.kept > 0 {
            notes.push(format!("{name}: {} of this format already", are(done.kept, "object")));
        }
        Ok(done.text)
    })?;
    for note in notes {
        output.note(note);
    }
    Ok(DONE)
}
