//! What an earlier output holds: values that did not change keep their ciphertext, so that a diff shows what did.

use std::collections::BTreeMap;

use kseal_core::{Plan, SealedObject, data_key_text, plan};
use kseal_crypto::{
    KeyRing, SealedValue,
    sealed_secrets::{self, RsaPublicKey},
};
use kseal_manifest::Manifest;

use super::Texts;
use crate::{
    error::Result,
    meaning::{self, Meaning},
    placing::Placed,
    recipients::Recipients,
    secret::Item,
};

/// The sealed objects of an earlier output, and the keys that open them.
#[derive(Default)]
pub(crate) struct Previous {
    ring: KeyRing,
    objects: Vec<SealedObject>,
}

impl Previous {
    /// Reads an earlier output. One that is not readable has nothing to keep.
    pub(crate) fn read(text: &str, ring: KeyRing) -> Self {
        let Ok(manifest) = Manifest::parse(text.to_owned()) else { return Self::default() };
        let objects = manifest.objects();
        let sealed = objects.iter().filter_map(|object| match meaning::of(object) {
            Ok(Meaning::Sealed(sealed)) => Some(*sealed),
            _ => None,
        });
        Self { ring, objects: sealed.collect() }
    }

    /// The texts of the items that did not change, and of their data keys. Only data keys whose recipients are those
    /// that sealing would use today.
    pub(super) fn unchanged(&self, items: &[Item], placed: &Placed, recipients: &Recipients) -> Result<Texts> {
        let mut texts = Texts::default();
        let Some(envelope) = self.find(placed).and_then(SealedObject::envelope) else { return Ok(texts) };
        let wanted = recipients.sealing_keys()?;
        let is_current = |value: &SealedValue| {
            let data_key = envelope.data_keys().get(&value.handle());
            data_key.is_some_and(|data_key| matches!(plan(data_key, &wanted, &recipients.bundles), Plan::Keep))
        };
        let opened = envelope.open_each(&self.ring, &placed.place);
        for item in items {
            let (Some(Ok(value)), Some(Ok(before))) = (envelope.values().get(&item.key), opened.get(item.key.as_str()))
            else {
                continue;
            };
            if **before == *item.value && is_current(value) {
                texts.values.insert(item.key.clone(), value.to_string());
                let data_key = &envelope.data_keys()[&value.handle()];
                texts.data_keys.insert(data_key.handle().to_string(), data_key_text(data_key));
            }
        }
        Ok(texts)
    }

    /// The same for upstream's format, whose values are kept if the wanted recipient's own key opens them.
    pub(super) fn unchanged_upstream(
        &self,
        items: &[Item],
        placed: &Placed,
        recipient: &RsaPublicKey,
    ) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        let key = self.ring.rsa().iter().find(|key| key.public().fingerprint() == recipient.fingerprint());
        let (Some(key), Some(object)) = (key, self.find(placed)) else { return texts };
        let label = sealed_secrets::label(&placed.place).unwrap_or_default();
        let before: BTreeMap<&str, &str> = object.upstream_items().collect();
        for item in items {
            let Some(text) = before.get(item.key.as_str()) else { continue };
            if key.open_text(text, &label).is_some_and(|value| *value == *item.value) {
                texts.insert(item.key.clone(), (*text).to_owned());
            }
        }
        texts
    }

    fn find(&self, placed: &Placed) -> Option<&SealedObject> {
        self.objects.iter().find(|object| {
            let namespace = object.object.namespace.as_ref().or(object.sealed_for.namespace.as_ref());
            object.object.name == placed.object.name
                && object.scope == placed.scope
                && (namespace.is_none()
                    || placed.object.namespace.is_none()
                    || namespace == placed.object.namespace.as_ref())
        })
    }
}
