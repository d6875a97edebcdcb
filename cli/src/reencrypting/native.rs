//! The data keys of both native formats: re-wrapped, sealed anew, dropped.

use std::collections::BTreeMap;

use kseal_api::{DataKey, names};
use kseal_core::{Format, SealedObject, data_key_text, seal_native, sealed_annotation};
use kseal_crypto::{
    Envelope, Failure, Failures, Fingerprint, Handle, Plaintext, PublicKey, Reason, Subject,
    envelope::{MAX_WRAPS, SealedDataKey},
};
use kseal_manifest::{Edit, Object, Path, Position, Tree};

use super::{
    Reencrypting,
    plan::{Step, Steps, items_under, steps},
    report::{self, DataKeyReport, Outcome},
};
use crate::{
    error::{Error, Result},
    meaning, opening,
    rewrapping::Case,
    sealing::{in_place::value_path, native},
    secret, standings,
};

/// What changes in one object's data keys and values.
#[derive(Default)]
struct Changes {
    /// Data keys whose recipients change, as they were and as they will be.
    rewrapped: Vec<(Handle, DataKey)>,
    /// Data keys that go.
    dropped: Vec<Handle>,
    /// The data key that comes.
    fresh: Option<(String, DataKey)>,
    /// Values that change.
    values: BTreeMap<String, String>,
}

impl Reencrypting<'_> {
    pub(super) fn native(
        &self,
        object: &Object<'_>,
        sealed: &SealedObject,
        envelope: &Envelope,
    ) -> Result<(Outcome, Vec<Edit>)> {
        let wanted = self.recipients.sealing_keys()?;
        let steps = steps(envelope, &wanted, &self.recipients.bundles, self.compact);
        let items = |handle| items_under(envelope, handle).map(|(item, _)| item.to_owned()).collect();
        let outcome = Outcome::DataKeys(DataKeyReport::of(&steps, items));
        if self.only_plans {
            return Ok((outcome, Vec::new()));
        }
        let changes = self.carry_out(object, sealed, envelope, &steps, &wanted)?;
        let edits = match sealed.format {
            Format::InPlace => in_place_edits(object, changes)?,
            Format::Native | Format::Upstream => native_edits(object, envelope, changes),
        };
        Ok((outcome, edits))
    }

    fn carry_out(
        &self,
        object: &Object<'_>,
        sealed: &SealedObject,
        envelope: &Envelope,
        steps: &Steps<'_>,
        wanted: &[&PublicKey],
    ) -> Result<Changes> {
        let what = meaning::describe(object);
        let place = sealed.place().map_err(|error| Error::input(format!("{what}: {error}")))?;
        let mut rng = self.environment.rng();
        let mut changes = Changes::default();
        let mut plaintexts: BTreeMap<&str, Plaintext> = BTreeMap::new();
        for (handle, step) in steps {
            match step {
                Step::Keep => {}
                Step::Drop => changes.dropped.push(*handle),
                Step::Rewrap { remove, add } => {
                    let mut data_key: SealedDataKey = envelope.data_keys()[handle].clone();
                    let bundles = &self.recipients.bundles;
                    let case = Case { what: what.clone(), place: &place, data_key: &data_key, add, bundles };
                    let wraps = self.wraps(&case, sealed, envelope)?;
                    data_key.recipients.retain(|recipient, _| !remove.contains(recipient));
                    data_key.recipients.extend(wraps);
                    changes.rewrapped.push((*handle, data_key_text(&data_key)));
                }
                Step::Reseal(taints) => {
                    let task = format!("{what}, which has to be sealed anew,");
                    let opened = envelope.open_data_key(*handle, self.ring, &place).map_err(|reason| {
                        let items: Vec<&str> = items_under(envelope, *handle).map(|(item, _)| item).collect();
                        let why: Vec<String> = taints.iter().map(standings::why).collect();
                        let to_change = report::to_change(&sealed.object, &items, &why.join(", "));
                        not_opened(&task, sealed, Subject::DataKey(handle.to_string()), reason)
                            .details((!taints.is_empty()).then_some(to_change))
                    })?;
                    for (item, value) in items_under(envelope, *handle) {
                        let plaintext = opened.open(item, value, &place).ok_or_else(|| {
                            let subject = Subject::Item(item.to_owned());
                            not_opened(&task, sealed, subject, Reason::Open)
                        })?;
                        plaintexts.insert(item, plaintext);
                    }
                    changes.dropped.push(*handle);
                }
            }
        }
        let items = plaintexts.iter().map(|(item, value)| (*item, value.as_slice()));
        let new = seal_native(&place, wanted, items, &mut rng)
            .map_err(|error| Error::no_key(format!("{what}: cannot seal")).because(&error))?;
        (changes.fresh, changes.values) = (new.data_key, new.values);
        check_wraps(&what, envelope, &changes)?;
        Ok(changes)
    }
}

pub(super) fn not_opened(what: &str, sealed: &SealedObject, subject: Subject, reason: Reason) -> Error {
    match Failures::from_vec(vec![Failure { subject, reason }]) {
        Some(failures) => opening::failed(what, sealed, &failures),
        None => Error::input(what),
    }
}

/// More clusters for many data keys can be more wraps than a reader takes.
fn check_wraps(what: &str, envelope: &Envelope, changes: &Changes) -> Result<()> {
    let stays = |handle: &Handle| {
        !changes.dropped.contains(handle) && !changes.rewrapped.iter().any(|(rewrapped, _)| rewrapped == handle)
    };
    let old = envelope.data_keys().iter().filter(|(handle, _)| stays(handle)).map(|(_, it)| it.recipients.len());
    let new = changes.rewrapped.iter().map(|(_, it)| it).chain(changes.fresh.iter().map(|(_, it)| it));
    let wraps = old.chain(new.map(|it| it.recipients.len())).sum::<usize>();
    if wraps > MAX_WRAPS {
        return Err(Error::refused(format!(
            "{what} would have {wraps} wrapped data keys, and {MAX_WRAPS} is the most"
        ))
        .hint("--compact gathers all values of an object under one data key"));
    }
    Ok(())
}

/// In a SealedSecret: of a data key that is re-wrapped only the recipients that come and go.
fn native_edits(object: &Object<'_>, envelope: &Envelope, changes: Changes) -> Vec<Edit> {
    let spec = object.path.clone().key("spec");
    let data_keys = spec.clone().key("dataKeys");
    let insert = |path: Path, key: String, value| Edit::Insert { path, key, value, at: Position::Sorted };
    let mut edits = Vec::new();
    for (handle, data_key) in changes.rewrapped {
        let recipients = data_keys.clone().keys([handle.to_string(), "recipients".to_owned()]);
        let before = &envelope.data_keys()[&handle].recipients;
        let stays = |recipient: &Fingerprint| data_key.recipients.contains_key(&recipient.to_string());
        let gone = before.keys().filter(|recipient| !stays(recipient));
        edits.extend(gone.map(|it| Edit::Remove { path: recipients.clone().key(it.to_string()), comments: true }));
        let is_new = |recipient: &str| !before.keys().any(|it| it.to_string() == recipient);
        let new = data_key.recipients.iter().filter(|(recipient, _)| is_new(recipient));
        edits.extend(new.map(|(key, wrap)| insert(recipients.clone(), key.clone(), Tree::str(wrap))));
    }
    let dropped = changes.dropped.into_iter();
    edits.extend(dropped.map(|it| Edit::Remove { path: data_keys.clone().key(it.to_string()), comments: true }));
    edits.extend(changes.fresh.map(|(handle, it)| insert(data_keys, handle, native::data_key(it))));
    let value = |(item, text)| Edit::Set { path: spec.clone().keys(["encryptedData", item]), value: Tree::from(text) };
    edits.extend(changes.values.iter().map(|(item, text)| value((item, text.clone()))));
    edits
}

/// In a Secret that is sealed in place: one annotation is one data key.
fn in_place_edits(object: &Object<'_>, changes: Changes) -> Result<Vec<Edit>> {
    let annotations = object.path.clone().keys(["metadata", "annotations"]);
    let name = |handle: &str| format!("{}{handle}", names::DATA_KEY_PREFIX);
    let mut edits = Vec::new();
    for (handle, data_key) in changes.rewrapped {
        let path = annotations.clone().key(name(&handle.to_string()));
        edits.push(Edit::Set { path, value: Tree::from(sealed_annotation::write_data_key(&data_key)) });
    }
    for handle in changes.dropped {
        edits.push(Edit::Remove { path: annotations.clone().key(name(&handle.to_string())), comments: true });
    }
    edits.extend(changes.fresh.map(|(handle, data_key)| Edit::Insert {
        path: annotations,
        key: name(&handle),
        value: Tree::from(sealed_annotation::write_data_key(&data_key)),
        at: Position::After(names::SEALED.to_owned()),
    }));
    for item in secret::written(object)? {
        if let Some(text) = changes.values.get(item.key) {
            edits.push(Edit::Set { path: value_path(object, item.field, item.key), value: Tree::str(text) });
        }
    }
    Ok(edits)
}
