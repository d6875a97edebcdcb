//! One sealed format becomes another: the values are opened in memory and sealed anew, in the same place.
//!
//! Between the two kinds of SealedSecret the object stays what it is; only its values, and where its scope stands,
//! change. What one format can say and the other cannot is refused rather than lost.

use std::collections::BTreeMap;

use kseal_api::names;
use kseal_core::{Format, ObjectRef, SealedObject, sealed_annotation};
use kseal_crypto::{KeyRing, Plaintext};
use kseal_manifest::{Edit, Manifest, Node, Object, Path, Position, Tree, TreeEntry};
use zeroize::Zeroizing;

use super::{
    Sealing, Texts,
    in_place::{annotate, data_key_annotations},
    native,
    retype::{retype, set_metadata, untype_lists},
    upstream::scope_annotation,
};
use crate::{
    applying,
    args::SealFormat,
    error::{Error, Result},
    meaning::{self, Meaning},
    opening,
    placing::{Placed, is_scope_annotation},
    secret::{self, Item},
    settings::Rng,
};

/// A text whose sealed objects have another format.
pub(crate) struct Converted {
    pub text: Zeroizing<String>,
    /// How many objects had another format.
    pub changed: usize,
    /// How many had this format before.
    pub kept: usize,
}

impl Sealing<'_> {
    /// Gives every sealed object of a text the format; `name` is that of the file.
    ///
    /// # Errors
    /// If one does not open, or says what the format cannot say: then none is converted. If there is none.
    pub(crate) fn convert(&self, name: &str, text: &str, keys: &KeyRing) -> Result<Converted> {
        let manifest = Manifest::parse(text.to_owned()).map_err(|error| Error::input(format!("{name}: {error}")))?;
        let mut rng = self.environment.rng();
        let mut edits = Vec::new();
        let mut converted = Vec::new();
        let mut kept = 0;
        for object in manifest.objects() {
            let Meaning::Sealed(sealed) = meaning::of(&object).map_err(|error| error.at(name))? else { continue };
            if format_of(&sealed) == self.format && object.kind != names::CLUSTER_SEALED_SECRET {
                kept += 1;
                continue;
            }
            edits.extend(self.converted(&object, *sealed, keys, &mut rng).map_err(|error| error.at(name))?);
            converted.push(object);
        }
        if converted.is_empty() && kept == 0 {
            return Err(Error::input(format!("{name}: nothing sealed in it"))
                .hint("`kseal encrypt` seals what is plaintext, in each of the formats"));
        }
        edits.extend(untype_lists(&converted));
        let text = applying::apply(name, &manifest, edits, self.output)?;
        Ok(Converted { text, changed: converted.len(), kept })
    }

    fn converted(&self, object: &Object<'_>, sealed: SealedObject, keys: &KeyRing, rng: &mut Rng) -> Result<Vec<Edit>> {
        let what = meaning::describe(object);
        refuse_what_is_lost(object, &sealed, &what)?;
        let namespace = self.placing.namespace.as_deref().or(self.placing.rule_namespace.as_deref());
        let sealed = sealed.or_in(namespace);
        let values = opening::values(&what, &sealed, keys)?;
        let place = sealed.place().map_err(|error| Error::input(format!("{what}: {error}")))?;
        let placed = Placed { scope: sealed.scope, object: sealed.object.clone(), place };
        let items = items(object, &sealed, values)?;
        match (sealed.format, self.format) {
            (Format::InPlace, SealFormat::Bitnami) => self.upstream(object, &items, &placed, rng),
            (Format::InPlace, _) => self.native(object, &items, &placed, rng),
            (_, SealFormat::Secret) => self.sealed_to_in_place(object, &items, &placed, rng),
            (_, SealFormat::Bitnami) => self.native_to_upstream(object, &items, &placed, rng),
            (_, SealFormat::Kseal) => self.upstream_to_native(object, &items, &placed, rng),
        }
    }

    fn native_to_upstream(
        &self,
        object: &Object<'_>,
        items: &[Item],
        placed: &Placed,
        rng: &mut Rng,
    ) -> Result<Vec<Edit>> {
        let texts = self.upstream_items(items, placed, rng)?;
        let wanted = scope_annotation(placed.scope);
        let mut edits = retype(object, names::UPSTREAM_API_VERSION, names::SEALED_SECRET);
        // Upstream reads the scope from these annotations: one that meant nothing before must not widen it.
        edits.extend(remove_annotations(
            object,
            |name| is_scope_annotation(name) && Some(name) != wanted,
            wanted.is_some(),
        ));
        edits.extend(wanted.into_iter().flat_map(|name| annotate(object, vec![(name.to_owned(), "true".to_owned())])));
        let stated = object.namespace().is_some_and(|namespace| !namespace.is_empty());
        let namespace = placed.object.namespace.as_ref().filter(|_| !stated);
        edits.extend(namespace.map(|namespace| set_metadata(object, "namespace", Tree::str(namespace))));
        edits.extend(remove(object, &["spec"], &["scope", "sealedFor", "dataKeys", "target", "signature"]));
        edits.extend(remove(object, &[], &["status"]));
        edits.extend(set_values(object, texts));
        Ok(edits)
    }

    fn upstream_to_native(
        &self,
        object: &Object<'_>,
        items: &[Item],
        placed: &Placed,
        rng: &mut Rng,
    ) -> Result<Vec<Edit>> {
        let Texts { data_keys, values } = self.items(items, placed, rng)?;
        let mut edits = retype(object, names::API_VERSION, names::SEALED_SECRET);
        edits.extend(remove_annotations(object, is_scope_annotation, false));
        let fields = [
            ("scope", Tree::str(placed.scope.to_string())),
            ("sealedFor", native::sealed_for(ObjectRef::bound_by(&placed.object, placed.scope))),
            ("dataKeys", native::data_keys(data_keys)),
        ];
        let spec = object.path.clone().key("spec");
        edits.extend(fields.into_iter().map(|(key, value)| Edit::Insert {
            path: spec.clone(),
            key: key.to_owned(),
            value,
            at: Position::Sorted,
        }));
        edits.extend(set_values(object, values));
        edits.extend(remove(object, &["spec"], &["data"]));
        edits.extend(native_template(object));
        edits.extend(remove(object, &[], &["status"]));
        self.warn_of_ownership(object);
        Ok(edits)
    }

    fn sealed_to_in_place(
        &self,
        object: &Object<'_>,
        items: &[Item],
        placed: &Placed,
        rng: &mut Rng,
    ) -> Result<Vec<Edit>> {
        let texts = self.items(items, placed, rng)?;
        let contents = opening::contents(object, |key| {
            let item = items.iter().find(|item| item.key == key)?;
            Some((item.field, Tree::str(texts.values.get(key)?)))
        });
        let bound = ObjectRef::bound_by(&placed.object, placed.scope);
        let sealed = (names::SEALED.to_owned(), sealed_annotation::write(placed.scope, &bound));
        let annotations = std::iter::once(sealed).chain(data_key_annotations(&texts));
        let annotations = annotations.map(|(key, text)| TreeEntry::new(key, Tree::from(text))).collect();
        Ok(opening::to_secret(object, contents, annotations))
    }

    /// Upstream says in the template's annotations how a Secret is owned; kseal says it in `spec.target`.
    fn warn_of_ownership(&self, object: &Object<'_>) {
        let annotations =
            object.node.get("spec").and_then(|it| it.get("template")?.get("metadata")?.get("annotations"));
        let is_ownership = |name: &str| {
            name.strip_prefix("sealedsecrets.bitnami.com/")
                .is_some_and(|name| ["managed", "patch", "skip-set-owner-references"].contains(&name))
        };
        for entry in annotations.into_iter().flat_map(Node::entries).filter(|entry| is_ownership(entry.key())) {
            self.output.warn(format!(
                "{}: kseal does not read the template's annotation {}; see spec.target.creationPolicy",
                meaning::describe(object),
                entry.key()
            ));
        }
    }
}

const fn format_of(sealed: &SealedObject) -> SealFormat {
    match sealed.format {
        Format::Native => SealFormat::Kseal,
        Format::InPlace => SealFormat::Secret,
        Format::Upstream => SealFormat::Bitnami,
    }
}

/// Refuses an object that says what no other format can say.
fn refuse_what_is_lost(object: &Object<'_>, sealed: &SealedObject, what: &str) -> Result<()> {
    let refuse = |why: &str, hint: &str| Err(Error::input(format!("{what} cannot be converted: {why}")).hint(hint));
    if object.kind == names::CLUSTER_SEALED_SECRET {
        return refuse("no other format has objects for many namespaces", "decrypt it, and seal it for each namespace");
    }
    let Some(spec) = object.node.get("spec") else { return Ok(()) };
    let is_there = |node: Option<&Node>| node.is_some_and(|node| !node.is_null());
    if sealed.format == Format::Upstream {
        if is_there(spec.get("data")) {
            return refuse(
                "spec.data is a whole Secret in sealed-secrets' deprecated form",
                "bring it to encryptedData first: `kubeseal --re-encrypt` does",
            );
        }
        let templates = spec.get("template").and_then(|template| template.get("data"));
        if templates.is_some_and(|node| node.entries().len() > 0) {
            return refuse(
                "spec.template.data holds Go templates, which only sealed-secrets renders",
                "seal the rendered values instead",
            );
        }
    }
    if sealed.format == Format::Native {
        let policy = spec.get("target").and_then(|target| target.get("creationPolicy")).and_then(Node::as_str);
        if let Some(policy) = policy.filter(|policy| *policy != "Owner") {
            let why = format!("spec.target.creationPolicy is {policy}, which only kseal knows");
            return refuse(&why, "take it out first, and see what the other format has instead");
        }
        if is_there(spec.get("imagePullSecret")) {
            return refuse("spec.imagePullSecret is known to kseal only", "take it out first");
        }
    }
    Ok(())
}

/// The opened values as items, each with the comments that it has where it stands.
fn items(object: &Object<'_>, sealed: &SealedObject, mut values: BTreeMap<String, Plaintext>) -> Result<Vec<Item>> {
    if sealed.format == Format::InPlace {
        let written = secret::written(object)?.into_iter();
        return Ok(written
            .filter_map(|it| {
                let value = values.remove(it.key)?;
                let (key, comments) = (it.key.to_owned(), it.comments.clone());
                Some(Item { key, field: it.field, value, comments })
            })
            .collect());
    }
    let sealed = object.node.get("spec").and_then(|spec| spec.get("encryptedData"));
    let entries = sealed.into_iter().flat_map(Node::entries);
    Ok(entries
        .filter_map(|entry| {
            let value = values.remove(entry.key())?;
            let field = opening::field_for(&value);
            let (key, comments) = (entry.key().to_owned(), entry.comments().clone());
            Some(Item { key, field, value, comments })
        })
        .collect())
}

fn set_values(object: &Object<'_>, texts: BTreeMap<String, String>) -> impl Iterator<Item = Edit> {
    let values = object.path.clone().keys(["spec", "encryptedData"]);
    texts.into_iter().map(move |(item, text)| Edit::Set { path: values.clone().key(item), value: Tree::from(text) })
}

/// Takes fields out, where they are.
fn remove(object: &Object<'_>, at: &[&str], fields: &[&str]) -> Vec<Edit> {
    let node = at.iter().try_fold(object.node, |node, key| node.get(key));
    let path = object.path.clone().keys(at.iter().copied());
    let present = fields.iter().filter(|field| node.is_some_and(|node| node.entry(field).is_some()));
    present.map(|field| Edit::Remove { path: path.clone().key(*field), comments: true }).collect()
}

/// Takes some of the object's own annotations out, and with the last of them the field, unless more are to come.
fn remove_annotations(object: &Object<'_>, goes: impl Fn(&str) -> bool, more_come: bool) -> Vec<Edit> {
    let annotations = object.node.get("metadata").and_then(|metadata| metadata.get("annotations"));
    let names: Vec<&str> = annotations.into_iter().flat_map(Node::entries).map(kseal_manifest::Entry::key).collect();
    let path = object.path.clone().keys(["metadata", "annotations"]);
    if !names.is_empty() && !more_come && names.iter().all(|name| goes(name)) {
        return vec![Edit::Remove { path, comments: true }];
    }
    let gone = names.into_iter().filter(|name| goes(name));
    gone.map(|name| Edit::Remove { path: path.clone().key(name), comments: true }).collect()
}

/// Of upstream's template kseal has type, immutable, labels and annotations; the name and namespace that kubeseal writes
/// there are read by nobody.
fn native_template(object: &Object<'_>) -> Vec<Edit> {
    let Some(template) = object.node.get("spec").and_then(|spec| spec.get("template")) else { return Vec::new() };
    let path = object.path.clone().keys(["spec", "template"]);
    let mut edits = Vec::new();
    if prune(template, &path, &mut Vec::new(), &mut edits) {
        edits
    } else {
        vec![Edit::Remove { path, comments: true }]
    }
}

/// Takes out what the native template does not have; returns whether anything is left.
fn prune<'n>(node: &'n Node, path: &Path, trail: &mut Vec<&'n str>, edits: &mut Vec<Edit>) -> bool {
    let mut is_anything_left = false;
    for entry in node.entries() {
        let path = path.clone().key(entry.key());
        trail.push(entry.key());
        let mut inner = Vec::new();
        let stays = match trail[..] {
            ["type" | "immutable"] | ["metadata", "labels", _] => true,
            ["metadata"] | ["metadata", "labels" | "annotations"] => prune(entry.value(), &path, trail, &mut inner),
            ["metadata", "annotations", name] => !is_scope_annotation(name),
            _ => false,
        };
        trail.pop();
        is_anything_left |= stays;
        edits.append(&mut if stays { inner } else { vec![Edit::Remove { path, comments: true }] });
    }
    is_anything_left
}
