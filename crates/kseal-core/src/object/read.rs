//! From the texts of each format to a [`SealedObject`].

use std::collections::BTreeMap;

use kseal_api::{DataKey, Scope, SealedFor, SealedSecretSpec, UpstreamSpec, names};
use kseal_crypto::{Envelope, Failure, Reason, Subject, envelope::DataKeyText};

use super::{Contents, Format, MAX_OBJECT_BYTES, SealedObject};
use crate::{ObjectRef, scope_of_upstream, sealed_annotation};

impl SealedObject {
    /// Reads a native SealedSecret. `json_bytes` is the length of the whole object as compact JSON.
    #[must_use]
    pub fn native(object: ObjectRef, spec: &SealedSecretSpec, json_bytes: usize) -> Self {
        let mut read = Self::native_in(object, spec.scope.unwrap_or_default(), spec, json_bytes);
        if spec.scope.is_none() {
            read.failures.push(Failure { subject: Subject::Object, reason: Reason::NoScope });
        }
        read
    }

    fn native_in(object: ObjectRef, scope: Scope, spec: &SealedSecretSpec, json_bytes: usize) -> Self {
        Self {
            format: Format::Native,
            scope,
            object,
            sealed_for: spec.sealed_for.clone(),
            cluster_scoped: false,
            contents: Contents::Native(read(&spec.data_keys, texts(&spec.encrypted_data))),
            failures: too_large(json_bytes),
        }
    }

    /// Reads a ClusterSealedSecret.
    #[must_use]
    pub fn cluster(name: Option<String>, spec: &SealedSecretSpec, json_bytes: usize) -> Self {
        let object = ObjectRef { namespace: None, name };
        Self { cluster_scoped: true, ..Self::native_in(object, Scope::Strict, spec, json_bytes) }
    }

    /// Reads a Secret that is sealed in place: its annotations, and its items as `(item key, text)` from both fields.
    #[must_use]
    pub fn in_place<'t>(
        object: ObjectRef,
        annotations: impl IntoIterator<Item = (&'t str, &'t str)>,
        data: impl IntoIterator<Item = (&'t str, &'t str)>,
        json_bytes: usize,
    ) -> Self {
        let mut failures = too_large(json_bytes);
        let mut sealed = None;
        let mut data_keys = BTreeMap::new();
        for (name, text) in annotations {
            if name == names::SEALED {
                sealed = sealed_annotation::read(text);
            } else if let Some(handle) = name.strip_prefix(names::DATA_KEY_PREFIX) {
                match sealed_annotation::read_data_key(text) {
                    Some(data_key) => drop(data_keys.insert(handle.to_owned(), data_key)),
                    None => failures
                        .push(Failure { subject: Subject::DataKey(handle.to_owned()), reason: Reason::NotADataKey }),
                }
            }
        }
        if sealed.is_none() {
            failures.push(Failure { subject: Subject::Object, reason: Reason::NotASealedAnnotation });
        }
        let mut items = BTreeMap::new();
        for (item, text) in data {
            if items.insert(item, text).is_some() {
                failures.push(Failure { subject: Subject::Item(item.to_owned()), reason: Reason::ItemTwice });
            }
        }
        let (scope, sealed_for) = sealed.unwrap_or_default();
        let contents = Contents::Native(read(&data_keys, items));
        Self { format: Format::InPlace, scope, object, sealed_for, cluster_scoped: false, contents, failures }
    }

    /// Reads upstream's SealedSecret, whose scope stands in its annotations.
    #[must_use]
    pub fn upstream<'t>(object: ObjectRef, annotation: impl Fn(&str) -> Option<&'t str>, spec: &UpstreamSpec) -> Self {
        let mut failures = Vec::new();
        if spec.data.is_some() {
            failures.push(Failure { subject: Subject::Object, reason: Reason::DeprecatedData });
        }
        Self {
            format: Format::Upstream,
            scope: scope_of_upstream(annotation),
            object,
            sealed_for: SealedFor::default(),
            cluster_scoped: false,
            contents: Contents::Upstream(spec.encrypted_data.clone()),
            failures,
        }
    }

    /// Adds items whose values are no texts, which upstream's schema admits.
    pub(crate) fn with_strange_items(mut self, items: Vec<String>) -> Self {
        let failure = |item| Failure { subject: Subject::Item(item), reason: Reason::EnvelopeBase64 };
        self.failures.extend(items.into_iter().map(failure));
        self
    }

    /// Puts the object where a flag or a rule says it belongs, where its own metadata does not say.
    #[must_use]
    pub fn or_in(mut self, namespace: Option<&str>) -> Self {
        if self.object.namespace.is_none() && !self.cluster_scoped && self.scope != Scope::ClusterWide {
            self.object.namespace = namespace.map(ToOwned::to_owned).or_else(|| self.sealed_for.namespace.clone());
        }
        self
    }
}

fn too_large(json_bytes: usize) -> Vec<Failure> {
    let failure = Failure { subject: Subject::Object, reason: Reason::ObjectTooLarge };
    if json_bytes > MAX_OBJECT_BYTES { vec![failure] } else { Vec::new() }
}

fn read<'t>(
    data_keys: &'t BTreeMap<String, DataKey>,
    values: impl IntoIterator<Item = (&'t str, &'t str)>,
) -> Envelope {
    let data_keys = data_keys.iter().map(|(handle, data_key)| {
        let text = DataKeyText { commitment: &data_key.commitment, recipients: texts(&data_key.recipients).collect() };
        (handle.as_str(), text)
    });
    Envelope::read(data_keys, values)
}

fn texts(map: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    map.iter().map(|(key, text)| (key.as_str(), text.as_str()))
}
