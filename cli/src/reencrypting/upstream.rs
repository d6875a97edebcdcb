//! Upstream's format names no key: a value is judged by the private key that opens it.

use kseal_core::{SealedObject, seal_upstream};
use kseal_crypto::{Failure, Failures, Plaintext, Subject, sealed_secrets};
use kseal_manifest::{Edit, Object, Tree};

use super::{Reencrypting, report::Outcome};
use crate::{
    error::{Error, Result},
    meaning, opening,
};

impl Reencrypting<'_> {
    /// Seals for the current certificate what opens with another key than its own. Where that key is not at hand, what
    /// opens with no key is most likely sealed for it already, and cannot be told.
    pub(super) fn upstream(&self, object: &Object<'_>, sealed: &SealedObject) -> Result<(Outcome, Vec<Edit>)> {
        let what = meaning::describe(object);
        let keys = self.ring.rsa();
        if keys.is_empty() {
            return self.without_key(&what, sealed);
        }
        let recipient = self.recipients.rsa(self.environment.now())?;
        let place = sealed.place().map_err(|error| Error::input(format!("{what}: {error}")))?;
        let label = sealed_secrets::label(&place).unwrap_or_default();
        let (current, old): (Vec<_>, Vec<_>) =
            keys.iter().partition(|key| key.public().fingerprint() == recipient.fingerprint());
        let mut stale: Vec<(&str, Plaintext)> = Vec::new();
        let mut unknown = Vec::new();
        for (item, text) in sealed.upstream_items() {
            if current.iter().any(|key| key.open_text(text, &label).is_some()) {
                continue;
            }
            match old.iter().find_map(|key| key.open_text(text, &label)) {
                Some(value) => stale.push((item, value)),
                None => unknown.push(item.to_owned()),
            }
        }
        if !current.is_empty() && !unknown.is_empty() {
            return Err(not_opened(&what, sealed, &unknown));
        }
        let items = stale.iter().filter(|_| !self.only_plans).map(|(item, value)| (*item, value.as_slice()));
        let texts = seal_upstream(&place, recipient, items, &mut self.environment.rng())
            .map_err(|error| Error::no_key(format!("{what}: cannot seal")).because(&error))?;
        let values = object.path.clone().keys(["spec", "encryptedData"]);
        let edit =
            |(item, text): (String, String)| Edit::Set { path: values.clone().key(item), value: Tree::from(text) };
        let stale = stale.into_iter().map(|(item, _)| item.to_owned()).collect();
        Ok((Outcome::Items { stale, unknown }, texts.into_iter().map(edit).collect()))
    }

    fn without_key(&self, what: &str, sealed: &SealedObject) -> Result<(Outcome, Vec<Edit>)> {
        let unknown: Vec<String> = sealed.items().into_iter().map(ToOwned::to_owned).collect();
        if self.only_plans || unknown.is_empty() {
            return Ok((Outcome::Items { stale: Vec::new(), unknown }, Vec::new()));
        }
        Err(Error::no_key(format!("{what}: without a private key it cannot be told whether it is up to date"))
            .hint("values of sealed-secrets name no key; give the controller's private keys with --key"))
    }
}

fn not_opened(what: &str, sealed: &SealedObject, items: &[String]) -> Error {
    let failure = |item: &String| Failure { subject: Subject::Item(item.clone()), reason: kseal_crypto::Reason::Open };
    match Failures::from_vec(items.iter().map(failure).collect()) {
        Some(failures) => opening::failed(what, sealed, &failures),
        None => Error::input(what),
    }
}
