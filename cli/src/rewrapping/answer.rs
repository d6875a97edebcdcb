//! What a cluster answered, taken for what anyone may have written until it is checked.

use kseal_api::{RewrapFailure, RewrapRequestStatus, RewrappedObject};
use kseal_core::bundle::BundleKey;
use kseal_crypto::{FailureClass, Handle, decode_base64};

use super::{Id, Question, Wrap};
use crate::error::{Error, Result};

/// The answers to all questions of a request, in their order; `own` is the key that they must be wrapped for.
///
/// # Errors
/// If it is an answer to something else.
pub(super) fn read(
    cluster: &str,
    own: Option<&BundleKey>,
    questions: &[Question],
    status: RewrapRequestStatus,
) -> Result<Vec<(Id, Result<Wrap>)>> {
    let strange = |what: String| {
        Error::cluster(format!("{cluster} answered something else than it was asked: {what}"))
            .hint("run it again; if that does not help, tell who runs the cluster")
    };
    let Some(own) = own else { return Err(strange("it publishes no key that seals".to_owned())) };
    let (asked, answered) = (questions.len(), status.objects.len());
    if asked != answered {
        return Err(strange(format!("{answered} objects, and not {asked}")));
    }
    let mut answers = Vec::new();
    for (question, object) in questions.iter().zip(status.objects) {
        let asked = &question.object.data_keys;
        let (wraps, failures) = (object.data_keys.keys(), object.failures.keys());
        if let Some(handle) = wraps.chain(failures).find(|handle| !asked.contains_key(*handle)) {
            return Err(strange(format!("data key {handle}, which it was not given")));
        }
        for id in question.ids() {
            let answer = one(cluster, own, id.1, &object)
                .ok_or_else(|| strange(format!("nothing usable for data key {}", id.1)))?;
            answers.push((id, answer));
        }
    }
    Ok(answers)
}

/// The answer for one data key; `None` if it is none.
fn one(cluster: &str, own: &BundleKey, handle: Handle, object: &RewrappedObject) -> Option<Result<Wrap>> {
    let handle = handle.to_string();
    let wraps = match (object.data_keys.get(&handle), object.failures.get(&handle)) {
        (Some(wraps), None) => wraps,
        (None, Some(failure)) => return Some(Err(failed(cluster, &handle, *failure))),
        _ => return None,
    };
    let mut wraps = wraps.iter();
    let (Some((key, wrap)), None) = (wraps.next(), wraps.next()) else { return None };
    let fingerprint = own.public.fingerprint();
    if *key != fingerprint.to_string() {
        return Some(Err(Error::refused(format!("{cluster} wraps for another key than it published, {key}"))
            .hint("it may have a new one by now: `kseal keys fetch -i`, and then run this again")));
    }
    let wrap = decode_base64(wrap).filter(|wrap| wrap.len() == own.public.suite().wrap_len())?;
    Some(Ok((fingerprint, wrap)))
}

fn failed(cluster: &str, handle: &str, failure: RewrapFailure) -> Error {
    let (class, why, hint) = match failure {
        RewrapFailure::Malformed => {
            (FailureClass::Malformed, "takes it for malformed", "`kseal verify FILE` says what is wrong with it")
        }
        RewrapFailure::Unsupported => (
            FailureClass::Unsupported,
            "does not know its suite",
            "the controller there is older than what sealed it; upgrade it, or give a private key with --key",
        ),
        RewrapFailure::NoKey => (
            FailureClass::NoKey,
            "has none of the keys that it is wrapped for any more",
            "restore the key there, or give it with --key",
        ),
        RewrapFailure::Open => (
            FailureClass::Open,
            "cannot open it in this place",
            "it may have been moved, renamed or edited: take it back from the history, or seal the values anew",
        ),
        RewrapFailure::Compromised => (
            FailureClass::NoKey,
            "does not wrap it anew: a compromised key could open it",
            "`kseal keys fetch -i` brings that into the bundle; then reencrypt, with a private key, seals the values \
             anew and says what has to be changed at its source",
        ),
    };
    Error::sealed(class, format!("data key {handle}: {cluster} {why}")).hint(hint)
}
