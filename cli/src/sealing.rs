//! Seals the plaintext Secrets of a text.

mod convert;
pub(crate) mod in_place;
pub(crate) mod metadata;
pub(crate) mod native;
mod previous;
pub(crate) mod retype;
pub(crate) mod upstream;

use std::collections::BTreeMap;

use jiff::Timestamp;
use kseal_api::{DataKey, names};
use kseal_core::{Format, seal_native};
use kseal_crypto::envelope::{MAX_DATA_KEYS, MAX_WRAPS};
use kseal_manifest::{Edit, Manifest, Object};
use zeroize::Zeroizing;

use crate::{
    applying,
    args::SealFormat,
    error::{Error, Result},
    guard, item_key,
    meaning::{self, Meaning},
    output::Output,
    placing::{Placed, Placing},
    recipients::Recipients,
    secret::{self, Item},
    settings::{Environment, Rng},
};

pub(crate) use metadata::without_copies;
pub(crate) use previous::Previous;

/// How to seal.
pub(crate) struct Sealing<'a> {
    pub format: SealFormat,
    pub recipients: &'a Recipients,
    pub placing: Placing,
    pub allow_empty: bool,
    pub previous: Previous,
    pub now: Timestamp,
    pub environment: &'a Environment,
    pub output: &'a Output,
}

/// A text whose Secrets are sealed.
pub(crate) struct Sealed {
    pub text: Zeroizing<String>,
    /// How many objects were plaintext Secrets: those that `--name` names.
    pub plain: usize,
    /// How many Secrets were plaintext and are sealed now.
    pub changed: usize,
    /// How many objects were sealed before.
    pub kept: usize,
}

impl Sealing<'_> {
    /// Seals every plaintext Secret of a text; `name` is that of the file.
    ///
    /// # Errors
    /// If one of them cannot be sealed: then none is.
    pub(crate) fn seal(&self, name: &str, text: &str) -> Result<Sealed> {
        self.placing.check_format(self.format)?;
        let manifest = Manifest::parse(text.to_owned())
            .map_err(|error| Error::input(format!("{name}: {error}")).hint(wanted(text)))?;
        let mut rng = self.environment.rng();
        let mut edits = Vec::new();
        let (mut changed, mut kept, mut plain) = (0, 0, 0);
        let objects = manifest.objects();
        for object in &objects {
            let more = match meaning::of(object).map_err(|error| error.at(name))? {
                Meaning::Plain => {
                    plain += 1;
                    self.object(object, &mut rng).map_err(|error| error.at(name))?
                }
                Meaning::Sealed(sealed) if sealed.format == Format::InPlace => {
                    self.rest_of(object, &sealed, &mut rng).map_err(|error| error.at(name))?
                }
                Meaning::Sealed(_) => Vec::new(),
                Meaning::Other => continue,
            };
            *(if more.is_empty() { &mut kept } else { &mut changed }) += 1;
            edits.extend(more);
        }
        if changed + kept == 0 {
            return Err(nothing_found(name, &manifest, &objects));
        }
        if self.format != SealFormat::Secret {
            edits.extend(retype::untype_lists(objects.iter().filter(|object| object.kind == "Secret")));
        }
        let text = applying::apply(name, &manifest, edits, self.output)?;
        Ok(Sealed { text, plain, changed, kept })
    }

    /// Seals one plaintext Secret.
    fn object(&self, object: &Object<'_>, rng: &mut Rng) -> Result<Vec<Edit>> {
        let items = secret::items(object)?;
        for item in secret::written(object)? {
            item_key::check(item.key).map_err(|error| error.at(item.location))?;
        }
        if items.is_empty() && !self.allow_empty {
            return Err(Error::input(format!(
                "{} at {} has no values",
                meaning::describe(object),
                object.node.location()
            ))
            .hint("an empty Secret is probably a mistake; --allow-empty accepts it"));
        }
        if guard::lost_annotation(object) {
            return Err(Error::input(format!(
                "{} at {} holds sealed values, but not the annotation {} that says how",
                meaning::describe(object),
                object.node.location(),
                names::SEALED
            ))
            .hint("take its annotations back from the history: sealing it once more would lose the values"));
        }
        let placed = self.placing.place(object)?;
        match self.format {
            SealFormat::Kseal => self.native(object, &items, &placed, rng),
            SealFormat::Bitnami => self.upstream(object, &items, &placed, rng),
            SealFormat::Secret => self.in_place(object, &items, &placed, rng),
        }
    }

    /// Seals items under one fresh data key, and keeps what an earlier output has for values that did not change.
    fn items(&self, items: &[Item], placed: &Placed, rng: &mut Rng) -> Result<Texts> {
        let mut texts = self.previous.unchanged(items, placed, self.recipients)?;
        let wraps: usize = texts.data_keys.values().map(|data_key| data_key.recipients.len()).sum();
        let recipients = self.recipients.sealing_keys()?;
        if texts.data_keys.len() >= MAX_DATA_KEYS || wraps + recipients.len() > MAX_WRAPS {
            // No room for one more data key: all values go under it together.
            texts = Texts::default();
        }
        let changed = items.iter().filter(|item| !texts.values.contains_key(&item.key));
        let changed: Vec<_> = changed.map(|item| (item.key.as_str(), item.value.as_slice())).collect();
        let new = seal_native(&placed.place, &recipients, changed, rng)
            .map_err(|error| Error::no_key("cannot seal").because(&error))?;
        texts.values.extend(new.values);
        texts.data_keys.extend(new.data_key);
        Ok(texts)
    }
}

/// The sealed texts of one object.
#[derive(Default)]
pub(crate) struct Texts {
    pub data_keys: BTreeMap<String, DataKey>,
    pub values: BTreeMap<String, String>,
}

const WANTED: &str = "kseal reads Kubernetes manifests in YAML or JSON";

/// What to do about a text that cannot be read.
fn wanted(text: &str) -> &'static str {
    if text.contains("{{") {
        "a template is no manifest yet: seal what it renders, or a file without it"
    } else {
        WANTED
    }
}

fn nothing_found(name: &str, manifest: &Manifest, objects: &[Object<'_>]) -> Error {
    if manifest.documents().iter().all(kseal_manifest::Document::is_empty) {
        return Error::input(format!("{name}: there is nothing in it")).hint(WANTED);
    }
    let mut kinds: Vec<&str> = objects.iter().map(|object| object.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let found = if kinds.is_empty() { "no Kubernetes object at all".to_owned() } else { kinds.join(", ") };
    Error::input(format!("{name}: no Secret in it, but {found}"))
        .hint("only `kind: Secret` of `apiVersion: v1` is sealed")
}
