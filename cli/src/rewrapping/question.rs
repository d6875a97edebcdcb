//! What can be asked of a cluster, and in which portions.

use std::collections::{BTreeMap, BTreeSet};

use kseal_api::{DataKey, KeyState, MAX_REWRAP_DATA_KEYS, MAX_REWRAP_OBJECTS, MAX_REWRAP_RECIPIENTS, RewrapObject};
use kseal_core::{Bundle, SealedObject, data_key_text};
use kseal_crypto::{Fingerprint, Handle, Place, PublicKey, envelope::SealedDataKey};

use super::{Id, Through};
use crate::{
    error::{Error, Result},
    standings,
};

/// The most bytes of objects in one request, as JSON. Half of what etcd takes, since the answer is as long.
const MAX_BYTES: usize = 500_000;

/// A data key that no private key at hand opens, and what it is wanted for.
pub(crate) struct Case<'c> {
    /// `SealedSecret prod/db`.
    pub what: String,
    pub place: &'c Place,
    pub data_key: &'c SealedDataKey,
    /// Keys that it shall be wrapped for.
    pub add: &'c [&'c PublicKey],
    /// The configured clusters.
    pub bundles: &'c [Bundle],
}

/// The data keys of one object, which are asked for together.
pub(crate) struct Question {
    /// `None` if the object states none, and needs none: that of the context is as good.
    pub namespace: Option<String>,
    pub object: RewrapObject,
    place: Vec<u8>,
}

impl Question {
    pub(crate) fn new(sealed: &SealedObject, place: &Place, data_keys: BTreeMap<String, DataKey>) -> Self {
        let object = RewrapObject { scope: sealed.scope, name: sealed.object.name.clone(), data_keys };
        Self { namespace: sealed.object.namespace.clone(), object, place: place.to_bytes() }
    }

    /// What it asks for.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> {
        let handles = self.object.data_keys.keys().filter_map(|handle| handle.parse::<Handle>().ok());
        handles.map(|handle| (self.place.clone(), handle))
    }
}

impl Through {
    /// One data key as the cluster is asked for it: with the wraps for its own keys alone.
    ///
    /// # Errors
    /// If this cluster cannot do it.
    pub(crate) fn data_key(&self, case: &Case<'_>) -> Result<DataKey> {
        let Case { what, place, data_key, bundles, .. } = case;
        let cluster = &self.cluster.name;
        let no = |why: String| Error::no_key(format!("{what}, which has to be re-wrapped, {why}"));
        let recipients: Vec<String> = data_key.recipients.keys().map(Fingerprint::short).collect();
        let give = format!("give one of its keys with --key: {}", recipients.join(", "));
        if matches!(place, Place::ClusterSealedSecret { .. }) {
            return Err(no("is in no namespace, and clusters re-wrap in namespaces only".to_owned()).hint(give));
        }
        let Some(bundle) = self.bundle_in(bundles)? else {
            let names: Vec<&str> = bundles.iter().map(|bundle| bundle.name.as_str()).collect();
            return Err(no(format!("is not sealed for {cluster}"))
                .hint(format!("name one of its clusters with --context ({}), or {give}", names.join(", "))));
        };
        let others: Vec<String> = case.add.iter().filter_map(|key| stranger(key, bundle, bundles)).collect();
        if !others.is_empty() {
            let others = others.join(", ");
            return Err(no(format!("is to be wrapped for {others}, and {cluster} wraps for its own key only")).hint(format!(
                "{give}; or bring one cluster up to date after the other: fetch the bundle of one, re-encrypt through it, \
                 and go on with the next"
            )));
        }
        let mut own: Vec<_> =
            bundle.keys.iter().filter(|key| data_key.recipients.contains_key(&key.public.fingerprint())).collect();
        if case.add.is_empty() {
            // Others only go: it has to open by the one that stays.
            let newest = bundle.sealing_key().map(|key| key.public.fingerprint());
            own.retain(|key| Some(key.public.fingerprint()) == newest);
        }
        if own.is_empty() {
            return Err(no(format!("is not sealed for any key of {cluster}")).hint(give));
        }
        // Those that are loaded there first.
        own.sort_by_key(|key| std::cmp::Reverse((key.state != KeyState::Retired, key.epoch)));
        let own: BTreeSet<_> =
            own.into_iter().take(MAX_REWRAP_RECIPIENTS).map(|key| key.public.fingerprint()).collect();
        let mut sent: SealedDataKey = (*data_key).clone();
        sent.recipients.retain(|recipient, _| own.contains(recipient));
        Ok(data_key_text(&sent))
    }
}

/// A key that shall be added and is not the cluster's own newest, with whose it is.
fn stranger(key: &PublicKey, own: &Bundle, bundles: &[Bundle]) -> Option<String> {
    let fingerprint = key.fingerprint();
    if own.sealing_key().is_some_and(|newest| newest.public.fingerprint() == fingerprint) {
        return None;
    }
    Some(format!("{} of {}", fingerprint.short(), standings::clusters(fingerprint, bundles).join(", ")))
}

/// The questions in portions that one request takes, each of one namespace. A data key that was asked for is not asked
/// for again.
pub(super) fn portions(questions: Vec<Question>, usual_namespace: &str) -> Vec<(String, Vec<Question>)> {
    let mut seen = BTreeSet::new();
    let mut by_namespace: BTreeMap<String, Vec<Question>> = BTreeMap::new();
    for question in questions {
        let is_new: Vec<bool> = question.ids().map(|id| seen.insert(id)).collect();
        if is_new.contains(&true) {
            let namespace = question.namespace.clone().unwrap_or_else(|| usual_namespace.to_owned());
            by_namespace.entry(namespace).or_default().push(question);
        }
    }
    let mut portions = Vec::new();
    for (namespace, questions) in by_namespace {
        let (mut portion, mut bytes, mut data_keys) = (Vec::new(), 0, 0);
        for question in questions {
            let more = serde_json::to_string(&question.object).map_or(0, |text| text.len());
            let more_keys = question.object.data_keys.len();
            let is_full = portion.len() == MAX_REWRAP_OBJECTS
                || bytes + more > MAX_BYTES
                || data_keys + more_keys > MAX_REWRAP_DATA_KEYS;
            if !portion.is_empty() && is_full {
                portions.push((namespace.clone(), std::mem::take(&mut portion)));
                (bytes, data_keys) = (0, 0);
            }
            bytes += more;
            data_keys += more_keys;
            portion.push(question);
        }
        portions.push((namespace, portion));
    }
    portions
}

#[cfg(test)]
mod tests {
    use kseal_api::Scope;

    use super::*;

    /// A question for one data key, as large as is wanted.
    fn question(namespace: Option<&str>, number: u8, bytes: usize) -> Question {
        let recipients = BTreeMap::from([("k".to_owned(), "A".repeat(bytes))]);
        let handle = format!("d{}", char::from(b'a' + number).to_string().repeat(16));
        let data_keys = BTreeMap::from([(handle, DataKey { commitment: String::new(), recipients })]);
        let object = RewrapObject { scope: Scope::ClusterWide, name: None, data_keys };
        Question { namespace: namespace.map(ToOwned::to_owned), object, place: vec![3] }
    }

    #[test]
    fn a_portion_is_of_one_namespace_and_no_larger_than_a_request_may_be() {
        let sizes =
            [(Some("b"), 1, 300_000), (Some("b"), 2, 100_000), (Some("b"), 3, 300_000), (None, 4, 1), (None, 4, 1)];
        let questions = sizes.map(|(namespace, number, bytes)| question(namespace, number, bytes)).into();
        let portions = portions(questions, "usual");
        let told: Vec<_> =
            portions.iter().map(|(namespace, questions)| (namespace.as_str(), questions.len())).collect();
        assert_eq!(told, [("b", 2), ("b", 1), ("usual", 1)]);
    }

    #[test]
    fn a_portion_has_no_more_data_keys_than_an_answer_has_room_for() {
        let full = |number: u8| {
            let mut question = question(Some("b"), number, 1);
            let text = question.object.data_keys.values().next().cloned().unwrap();
            let more =
                (0..100).map(|key| (format!("d{number}{key:015}").replace(['0', '1', '8', '9'], "a"), text.clone()));
            question.object.data_keys.extend(more.collect::<Vec<_>>());
            question.place = vec![number];
            question
        };
        let questions: Vec<Question> = (0..6).map(full).collect();
        let keys = |portion: &[Question]| portion.iter().map(|it| it.object.data_keys.len()).sum::<usize>();
        let all: usize = keys(&questions);
        let portions = portions(questions, "usual");
        assert!(portions.iter().all(|(_, portion)| keys(portion) <= MAX_REWRAP_DATA_KEYS));
        assert_eq!(portions.iter().map(|(_, portion)| keys(portion)).sum::<usize>(), all);
        assert!(portions.len() > 1);
    }
}
