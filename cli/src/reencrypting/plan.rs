//! What is to be done with each data key of an object, known without a private key.

use std::collections::{BTreeMap, BTreeSet};

use kseal_core::{Bundle, Plan, Taint, plan};
use kseal_crypto::{Envelope, Fingerprint, Handle, PublicKey, SealedValue};

/// What is to be done with one data key.
pub(crate) enum Step<'b> {
    /// Nothing.
    Keep,
    /// Its recipients are exchanged; the values keep their bytes.
    Rewrap {
        /// Recipients that go.
        remove: Vec<Fingerprint>,
        /// Recipients that come.
        add: Vec<&'b PublicKey>,
    },
    /// Its values are sealed anew under a fresh data key.
    Reseal(Vec<Taint>),
    /// No value uses it: it goes.
    Drop,
}

/// What is to be done with an object's data keys.
pub(crate) type Steps<'b> = BTreeMap<Handle, Step<'b>>;

/// Plans for one object. `compact` gathers what stands under several data keys under one.
pub(crate) fn steps<'b>(envelope: &Envelope, wanted: &[&'b PublicKey], bundles: &[Bundle], compact: bool) -> Steps<'b> {
    let used: BTreeSet<Handle> = envelope.values().values().flatten().map(SealedValue::handle).collect();
    let gather = compact && used.len() > 1;
    let step = |handle| match plan(&envelope.data_keys()[&handle], wanted, bundles) {
        _ if !used.contains(&handle) => Step::Drop,
        Plan::Reseal(taints) => Step::Reseal(taints),
        _ if gather => Step::Reseal(Vec::new()),
        Plan::Keep => Step::Keep,
        Plan::Rewrap { remove, add } => Step::Rewrap { remove, add },
    };
    envelope.data_keys().keys().map(|handle| (*handle, step(*handle))).collect()
}

/// The items under one data key.
pub(crate) fn items_under(envelope: &Envelope, handle: Handle) -> impl Iterator<Item = (&str, &SealedValue)> {
    let values = envelope.values().iter();
    values.filter_map(move |(item, value)| {
        let value = value.as_ref().ok().filter(|value| value.handle() == handle)?;
        Some((item.as_str(), value))
    })
}
