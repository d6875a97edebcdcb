//! Makes edits, and reads the result once more: what is written can be opened and applied.

use std::collections::BTreeMap;

use kseal_core::{MAX_OBJECT_BYTES, WARN_OBJECT_BYTES};
use kseal_crypto::{Failure, Reason};
use kseal_manifest::{Edit, Manifest};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    meaning::{self, Meaning},
    output::Output,
};

/// Makes the edits of a text; `name` is that of its file.
///
/// # Errors
/// If a sealed object of the result breaks a rule of its format that it did not break before, a limit among them, or is
/// larger than etcd takes.
pub(crate) fn apply(name: &str, manifest: &Manifest, edits: Vec<Edit>, output: &Output) -> Result<Zeroizing<String>> {
    let text = manifest.apply(edits).map_err(|error| Error::input(format!("{name}: {error}")))?;
    let after = Manifest::parse(text.clone()).map_err(|error| Error::input(format!("{name}: {error}")))?;
    check_sizes(name, &after, text.len(), output)?;
    let before = failures(manifest)?;
    for (object, failures) in failures(&after)? {
        let known = before.get(&object);
        if let Some(failure) = failures.into_iter().find(|it| known.is_none_or(|known| !known.contains(it))) {
            return Err(would_break(&format!("{name}: {object}"), &failure));
        }
    }
    Ok(text)
}

fn would_break(what: &str, failure: &Failure) -> Error {
    match failure.reason {
        Reason::TooManyDataKeys | Reason::TooManyWraps => {
            Error::refused(format!("{what} would have too many data keys or recipients"))
                .because(failure)
                .hint("`kseal reencrypt --compact` gathers all values under one data key")
        }
        Reason::TooManyItems => {
            Error::input(format!("{what} has too many items")).because(failure).hint("split it into several Secrets")
        }
        _ => Error::input(format!("{what} would not hold any more")).because(failure),
    }
}

/// What does not hold in the sealed objects of a text, by their name.
fn failures(manifest: &Manifest) -> Result<BTreeMap<String, Vec<Failure>>> {
    let mut all: BTreeMap<String, Vec<Failure>> = BTreeMap::new();
    for object in manifest.objects() {
        if let Meaning::Sealed(sealed) = meaning::of(&object)? {
            all.entry(meaning::object_ref(&object).to_string()).or_default().extend(sealed.failures());
        }
    }
    Ok(all)
}

/// Refuses an object that etcd would not take, and warns of one that is only large.
fn check_sizes(name: &str, manifest: &Manifest, len: usize, output: &Output) -> Result<()> {
    if len < WARN_OBJECT_BYTES {
        return Ok(());
    }
    for object in manifest.objects() {
        let (bytes, object) = (meaning::json_bytes(&object), meaning::describe(&object));
        if bytes > MAX_OBJECT_BYTES {
            return Err(Error::input(format!(
                "{name}: {object} would be {bytes} bytes, and etcd takes no more than {MAX_OBJECT_BYTES}"
            ))
            .hint("split it into several Secrets"));
        }
        if bytes > WARN_OBJECT_BYTES {
            output.warn(format!("{name}: {object} has {bytes} bytes; objects of this size slow a cluster down"));
        }
    }
    Ok(())
}
