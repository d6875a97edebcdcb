//! What an object of a manifest is to kseal.

use kseal_api::{SealedSecretSpec, UpstreamSpec, names};
use kseal_core::{ObjectRef, SealedObject};
use kseal_crypto::Subject;
use kseal_manifest::{Node, Object};
use serde::de::DeserializeOwned;

use crate::{
    error::{Error, Result},
    secret,
};

/// What an object is.
pub(crate) enum Meaning {
    /// A Secret with values for everyone to read.
    Plain,
    /// Sealed, in whatever format.
    Sealed(Box<SealedObject>),
    /// Nothing that kseal looks at.
    Other,
}

/// Tells what an object is.
///
/// # Errors
/// If it claims to be sealed and does not have that shape.
pub(crate) fn of(object: &Object<'_>) -> Result<Meaning> {
    let sealed = match (object.api_version, object.kind) {
        ("v1" | "", "Secret") if !claims_to_be_sealed(object) => return Ok(Meaning::Plain),
        ("v1" | "", "Secret") => in_place(object)?,
        (names::API_VERSION, names::SEALED_SECRET) => {
            SealedObject::native(object_ref(object), &spec::<SealedSecretSpec>(object)?, json_bytes(object))
        }
        (names::API_VERSION, names::CLUSTER_SEALED_SECRET) => {
            let name = object.name().map(ToOwned::to_owned);
            SealedObject::cluster(name, &spec::<SealedSecretSpec>(object)?, json_bytes(object))
        }
        (names::UPSTREAM_API_VERSION, names::SEALED_SECRET) => {
            SealedObject::upstream(object_ref(object), |name| annotation(object, name), &spec::<UpstreamSpec>(object)?)
        }
        (version, names::SEALED_SECRET | names::CLUSTER_SEALED_SECRET)
            if version.starts_with("kseal.dev/") || version.starts_with("bitnami.com/") =>
        {
            let message = format!("{} at {} is of {version}", describe(object), object.node.location());
            return Err(Error::input(message).hint("this version of kseal knows v1alpha1 only"));
        }
        _ => return Ok(Meaning::Other),
    };
    Ok(Meaning::Sealed(Box::new(sealed)))
}

/// Whether it is a Secret of Kubernetes, sealed in place or not.
pub(crate) fn is_secret(object: &Object<'_>) -> bool {
    matches!((object.api_version, object.kind), ("v1" | "", "Secret"))
}

/// Refuses to seal more values into an object that is broken as a whole: nobody could say where they would open, and
/// their plaintext would be lost.
pub(crate) fn check_whole(what: &str, sealed: &SealedObject) -> Result<()> {
    match sealed.failures().into_iter().find(|failure| failure.subject == Subject::Object) {
        None => Ok(()),
        Some(failure) => Err(Error::input(format!("{what} cannot take values"))
            .because(&failure)
            .hint("take its metadata back from the history, or decrypt what can be opened and seal it anew")),
    }
}

/// `Secret prod/db`.
pub(crate) fn describe(object: &Object<'_>) -> String {
    format!("{} {}", object.kind, object_ref(object))
}

/// Namespace and name as the object states them.
pub(crate) fn object_ref(object: &Object<'_>) -> ObjectRef {
    let part = |part: Option<&str>| part.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    ObjectRef { namespace: part(object.namespace()), name: part(object.name()) }
}

/// The text of an annotation.
pub(crate) fn annotation<'m>(object: &Object<'m>, name: &str) -> Option<&'m str> {
    annotations(object)?.get(name)?.as_str()
}

/// Whether a Secret has an annotation of ours, also one that is not of its shape: taken for plaintext, sealed values
/// would be sealed once more and their data keys lost.
fn claims_to_be_sealed(object: &Object<'_>) -> bool {
    let mut keys = annotations(object).into_iter().flat_map(Node::entries).map(kseal_manifest::Entry::key);
    keys.any(|key| key == names::SEALED || key.starts_with(names::DATA_KEY_PREFIX))
}

fn annotations<'m>(object: &Object<'m>) -> Option<&'m Node> {
    object.node.get("metadata")?.get("annotations")
}

fn in_place(object: &Object<'_>) -> Result<SealedObject> {
    let texts: Vec<_> = annotations(object)
        .into_iter()
        .flat_map(Node::entries)
        .filter_map(|entry| Some((entry.key(), entry.value().as_str()?)))
        .collect();
    let items = secret::written(object)?;
    let items = items.iter().map(|item| (item.key, item.text.unwrap_or_default()));
    Ok(SealedObject::in_place(object_ref(object), texts, items, json_bytes(object)))
}

fn spec<T: DeserializeOwned>(object: &Object<'_>) -> Result<T> {
    let spec = object
        .node
        .get("spec")
        .ok_or_else(|| Error::input(format!("{} at {} has no spec", describe(object), object.node.location())))?;
    spec.deserialize().map_err(|error| Error::input(format!("{}: {error}", describe(object))))
}

/// The length of the object as compact JSON.
pub(crate) fn json_bytes(object: &Object<'_>) -> usize {
    object.node.to_json().to_string().len()
}
