//! Brings the sealed objects of a text up to date with the keys that are configured for it.
//!
//! What is to be done follows from the recipients that the text names; a private key, or a cluster in its place, is
//! wanted only to do it. Each object is changed as a whole or not at all, and one that fails does not stop the others.

mod native;
mod plan;
pub(crate) mod report;
mod through;
mod upstream;

use kseal_core::{Format, SealedObject};
use kseal_crypto::{Failures, KeyRing, Subject};
use kseal_manifest::{Edit, Manifest, Object};
use zeroize::Zeroizing;

use crate::{
    applying,
    error::{Error, Result},
    meaning::{self, Meaning},
    output::Output,
    recipients::Recipients,
    rewrapping::Through,
    settings::Environment,
};

use report::{ObjectReport, Outcome};

/// How to re-encrypt.
pub(crate) struct Reencrypting<'a> {
    pub recipients: &'a Recipients,
    /// The namespace of objects that do not state one.
    pub namespace: Option<&'a str>,
    pub ring: &'a KeyRing,
    /// A cluster that wraps data keys for its own key, where no private key does.
    pub through: Option<&'a Through>,
    /// Gather the values of an object under one data key.
    pub compact: bool,
    /// Only tell what is to be done.
    pub only_plans: bool,
    pub environment: &'a Environment,
    pub output: &'a Output,
}

/// What became of a text.
pub(crate) struct Reencrypted {
    /// `None` if nothing changes.
    pub text: Option<Zeroizing<String>>,
    pub objects: Vec<ObjectReport>,
    /// Of the objects that could not be brought up to date.
    pub errors: Vec<Error>,
}

/// Whether a text holds anything that claims to be sealed.
pub(crate) fn holds_sealed(manifest: &Manifest) -> bool {
    manifest.objects().iter().any(|object| !matches!(meaning::of(object), Ok(Meaning::Plain | Meaning::Other)))
}

impl Reencrypting<'_> {
    /// Re-encrypts every sealed object of a text; `name` is that of the file.
    ///
    /// # Errors
    /// If the text cannot be changed as it would have to be.
    pub(crate) fn run(&self, name: &str, manifest: &Manifest) -> Result<Reencrypted> {
        let mut edits = Vec::new();
        let (mut objects, mut errors) = (Vec::new(), Vec::new());
        for object in manifest.objects() {
            match self.object(&object) {
                Ok(Some((report, more))) => {
                    objects.push(report);
                    edits.extend(more);
                }
                Ok(None) => {}
                Err(error) => errors.push(error.at(name)),
            }
        }
        let text = if edits.is_empty() { None } else { Some(applying::apply(name, manifest, edits, self.output)?) };
        Ok(Reencrypted { text, objects, errors })
    }

    fn object(&self, object: &Object<'_>) -> Result<Option<(ObjectReport, Vec<Edit>)>> {
        let Meaning::Sealed(sealed) = meaning::of(object)? else { return Ok(None) };
        let sealed = sealed.or_in(self.namespace);
        check_shape(object, &sealed)?;
        let (outcome, edits): (Outcome, Vec<Edit>) = match sealed.envelope() {
            Some(envelope) => self.native(object, &sealed, envelope)?,
            None => self.upstream(object, &sealed)?,
        };
        let report = ObjectReport { what: meaning::describe(object), object: sealed.object.to_string(), outcome };
        Ok(Some((report, edits)))
    }
}

/// What is broken is not made to look right by new recipients.
fn check_shape(object: &Object<'_>, sealed: &SealedObject) -> Result<()> {
    let Some(failures) = Failures::from_vec(sealed.failures()) else { return Ok(()) };
    let error = Error::sealed(failures.class(), format!("{} is not as it must be", meaning::describe(object)));
    let is_plain = |failure: &kseal_crypto::Failure| {
        matches!(failure.subject, Subject::Item(_)) && failure.reason == kseal_crypto::Reason::NotAValue
    };
    let error = error.because(&failures);
    Err(if sealed.format == Format::InPlace && failures.iter().any(is_plain) {
        error.hint("`kseal encrypt -i --format secret` seals values that are still plaintext")
    } else {
        error
    })
}
