//! What somebody who changed an object should know of the rest of it.

use kseal_core::{Plan, SealedObject, plan};
use kseal_crypto::{Envelope, SealedValue, envelope::SealedDataKey};

use crate::{
    choosing::{self, Found},
    error::Result,
    meaning,
    output::Output,
    recipients::Recipients,
    secret, standings,
};

/// Warns of what is left in a changed text and should not stay as it is. `place` is where a flag says that objects
/// without a namespace belong.
pub(crate) fn report(
    name: &str,
    text: &str,
    namespaces: [Option<&str>; 2],
    recipients: &Recipients,
    output: &Output,
) -> Result<()> {
    let manifest = choosing::parse(name, text)?;
    for (object, sealed) in choosing::sealed(name, &manifest)? {
        let sealed = namespaces.into_iter().fold(sealed, SealedObject::or_in);
        let found = (object, sealed);
        plaintext(name, &found, output)?;
        moved(name, &found, output);
        tainted(name, &found, recipients, output);
    }
    Ok(())
}

/// Values of a Secret sealed in place that nobody sealed.
fn plaintext(name: &str, (object, sealed): &Found<'_>, output: &Output) -> Result<()> {
    if sealed.format != kseal_core::Format::InPlace {
        return Ok(());
    }
    let written = secret::written(object)?;
    let plain = written.iter().filter(|item| !SealedValue::is_claimed_by(item.text.unwrap_or_default()));
    let plain: Vec<&str> = plain.map(|item| item.key).collect();
    if !plain.is_empty() {
        let what = meaning::describe(object);
        output.warn(format!("{name}: {what}: {} is not sealed; `kseal encrypt -i` seals it", plain.join(", ")));
    }
    Ok(())
}

/// Values that were sealed for another place do not open in this one.
fn moved(name: &str, (object, sealed): &Found<'_>, output: &Output) {
    if let Some(moved) = sealed.moved() {
        let what = meaning::describe(object);
        output.warn(format!("{name}: {what}: {moved}; values that were sealed there do not open here"));
    }
}

/// Data keys that somebody can open who should not.
fn tainted(name: &str, (object, sealed): &Found<'_>, recipients: &Recipients, output: &Output) {
    let Some(envelope) = sealed.envelope() else { return };
    for data_key in envelope.data_keys().values() {
        let Plan::Reseal(taints) = plan(data_key, &[], &recipients.bundles) else { continue };
        let why: Vec<String> = taints.iter().map(standings::why).collect();
        output.warn(format!(
            "{name}: {}: key {}, and can open {}; `kseal reencrypt` seals anew, and the secrets themselves should be \
             changed",
            meaning::describe(object),
            why.join(", key "),
            items_of(sealed, data_key).join(", "),
        ));
    }
}

fn items_of<'s>(sealed: &'s SealedObject, data_key: &SealedDataKey) -> Vec<&'s str> {
    let values = sealed.envelope().into_iter().flat_map(Envelope::values);
    let under = |value: &SealedValue| value.handle() == data_key.handle();
    values.filter(|(_, value)| value.as_ref().is_ok_and(under)).map(|(item, _)| item.as_str()).collect()
}
