//! What is told of one object. The names of the fields are for programs and do not change.

use std::collections::BTreeMap;

use kseal_core::{Bundle, Format, SealedObject, standing};
use kseal_crypto::{Fingerprint, KeyRing, Suite, decode_base64, sealed_secrets::SealedBytes};
use kseal_manifest::Object;
use serde::Serialize;

use crate::{meaning, secret, standings};

/// A private key at hand.
pub(super) struct Held {
    pub fingerprint: String,
    pub ring: KeyRing,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub file: String,
    pub line: usize,
    pub api_version: String,
    pub kind: String,
    pub namespace: Option<String>,
    pub name: Option<String>,
    /// `kseal`, `bitnami`, `secret` as `--format` names them, or `plaintext`; null if it cannot be told.
    pub format: Option<&'static str>,
    /// Null for plaintext and for a ClusterSealedSecret.
    pub scope: Option<String>,
    /// What a value is bound to.
    pub place: Option<Bound>,
    /// What it says it was sealed for.
    pub sealed_for: Option<Bound>,
    /// Whether that is elsewhere.
    pub moved: bool,
    /// The length of the whole object as compact JSON.
    pub json_bytes: usize,
    pub items: Vec<ItemReport>,
    pub data_keys: Vec<DataKeyReport>,
    /// What does not hold.
    pub problems: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Bound {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemReport {
    pub name: String,
    /// The bucket that the value was padded to.
    pub padded_bytes: Option<usize>,
    /// The exact length, where the format tells it.
    pub bytes: Option<usize>,
    /// Handle of its data key.
    pub data_key: Option<String>,
    /// The size of the RSA key that it was sealed for.
    pub rsa_bits: Option<usize>,
    /// The private key at hand that opens it.
    pub opened_by: Option<String>,
}

#[derive(Serialize)]
pub(super) struct DataKeyReport {
    pub handle: String,
    pub recipients: Vec<RecipientReport>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecipientReport {
    pub fingerprint: String,
    #[serde(skip)]
    pub short: String,
    /// Null if this version does not know it.
    pub suite: Option<&'static str>,
    /// Names of the clusters whose key it is; null if no bundle is at hand.
    pub clusters: Option<Vec<String>>,
    /// `current`, `outdated`, `compromised` or `unknown`; null if no bundle is at hand.
    pub standing: Option<&'static str>,
    /// Whether its private key is at hand.
    pub key_at_hand: bool,
}

impl Report {
    pub(super) fn new(file: &str, object: &Object<'_>) -> Self {
        let named = meaning::object_ref(object);
        Self {
            file: file.to_owned(),
            line: object.node.location().line,
            api_version: object.api_version.to_owned(),
            kind: object.kind.to_owned(),
            namespace: named.namespace,
            name: named.name,
            format: None,
            scope: None,
            place: None,
            sealed_for: None,
            moved: false,
            json_bytes: meaning::json_bytes(object),
            items: Vec::new(),
            data_keys: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// An object that claims to be sealed and cannot be read.
    pub(super) fn broken(mut self, problem: &str) -> Self {
        self.problems.push(problem.to_owned());
        self
    }

    pub(super) fn plain(mut self, object: &Object<'_>) -> Self {
        self.format = Some("plaintext");
        match secret::written(object) {
            Ok(items) => {
                self.items = items
                    .iter()
                    .map(|item| ItemReport {
                        name: item.key.to_owned(),
                        bytes: item.decode().ok().map(|value| value.len()),
                        ..ItemReport::default()
                    })
                    .collect();
            }
            Err(error) => self.problems.push(error.message().to_owned()),
        }
        self
    }

    pub(super) fn sealed(mut self, sealed: &SealedObject, bundles: Option<&[Bundle]>, keys: &[Held]) -> Self {
        self.format = Some(match sealed.format {
            Format::Native => "kseal",
            Format::InPlace => "secret",
            Format::Upstream => "bitnami",
        });
        self.scope = (self.kind != kseal_api::names::CLUSTER_SEALED_SECRET).then(|| sealed.scope.to_string());
        match sealed.place() {
            Ok(place) => self.place = Some(bound(place)),
            Err(error) => self.problems.push(error.to_string()),
        }
        let said = &sealed.sealed_for;
        self.sealed_for = (said.namespace.is_some() || said.name.is_some())
            .then(|| Bound { namespace: said.namespace.clone(), name: said.name.clone() });
        let moved = sealed.moved();
        self.moved = moved.is_some();
        self.problems.extend(moved.map(|moved| moved.to_string()));
        self.problems.extend(sealed.failures().iter().map(ToString::to_string));
        self.items = items(sealed, keys);
        self.data_keys = data_keys(sealed, bundles, keys);
        self
    }
}

fn bound(place: kseal_crypto::Place) -> Bound {
    use kseal_crypto::Place;
    let (namespace, name) = match place {
        Place::Strict { namespace, name } => (Some(namespace), Some(name)),
        Place::NamespaceWide { namespace } => (Some(namespace), None),
        Place::ClusterWide => (None, None),
        Place::ClusterSealedSecret { name } => (None, Some(name)),
    };
    Bound { namespace, name }
}

fn items(sealed: &SealedObject, keys: &[Held]) -> Vec<ItemReport> {
    let mut opened_by: BTreeMap<String, &str> = BTreeMap::new();
    for key in keys {
        for (item, _) in sealed.open_each(&key.ring).into_iter().filter(|(_, value)| value.is_ok()) {
            opened_by.entry(item).or_insert(&key.fingerprint);
        }
    }
    let named = |name: &str| ItemReport {
        name: name.to_owned(),
        opened_by: opened_by.get(name).map(|key| (*key).to_owned()),
        ..ItemReport::default()
    };
    let native = sealed.envelope().into_iter().flat_map(kseal_crypto::Envelope::values).map(|(name, value)| {
        let value = value.as_ref().ok();
        let data_key = value.map(|value| value.handle().to_string());
        ItemReport { padded_bytes: value.map(kseal_crypto::SealedValue::padded_len), data_key, ..named(name) }
    });
    let upstream = sealed.upstream_items().map(|(name, text)| {
        let bytes = decode_base64(text).unwrap_or_default();
        let key_size = SealedBytes::parse(&bytes).ok().map(|parts| parts.key_size());
        let len = key_size.and_then(|size| bytes.len().checked_sub(2 + size + 16));
        ItemReport { bytes: len, rsa_bits: key_size.map(|size| size * 8), ..named(name) }
    });
    native.chain(upstream).collect()
}

fn data_keys(sealed: &SealedObject, bundles: Option<&[Bundle]>, keys: &[Held]) -> Vec<DataKeyReport> {
    let recipient = |(key, wrap): (&Fingerprint, &Vec<u8>)| RecipientReport {
        fingerprint: key.to_string(),
        short: key.short(),
        suite: Suite::of_wrap_len(wrap.len()).map(Suite::name),
        clusters: bundles.map(|bundles| standings::clusters(*key, bundles).into_iter().map(Into::into).collect()),
        standing: bundles.map(|bundles| standings::word(standing(*key, bundles))),
        key_at_hand: keys.iter().any(|held| held.ring.get(*key).is_some()),
    };
    let data_keys = sealed.envelope().into_iter().flat_map(|envelope| envelope.data_keys().values());
    let report = data_keys.map(|data_key| DataKeyReport {
        handle: data_key.handle().to_string(),
        recipients: data_key.recipients.iter().map(recipient).collect(),
    });
    report.collect()
}
