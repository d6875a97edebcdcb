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

#[cfg(test)]
mod tests {
    use kseal_api::KeyState;
    use kseal_core::{bundle::BundleKey, data_key_text};
    use kseal_crypto::{Place, PrivateKey, Sealer, Suite, envelope::DataKeyText};
    use rand_core::UnwrapErr;

    use super::*;

    fn key(seed: u8) -> PublicKey {
        PrivateKey::from_seed(Suite::X25519, &[seed; 32]).unwrap().public().clone()
    }

    fn bundle(keys: &[(u8, KeyState)]) -> Bundle {
        let key = |(epoch, (seed, state)): (u32, &(u8, KeyState))| BundleKey {
            public: key(*seed),
            epoch,
            created_at: String::new(),
            state: *state,
        };
        Bundle::local("prod", (1..).zip(keys).map(key).collect(), None)
    }

    /// An envelope with one data key for each list of items, wrapped for one key each.
    fn envelope(data_keys: &[(u8, &[&str])]) -> Envelope {
        let mut rng = UnwrapErr(getrandom::SysRng);
        let place = Place::ClusterWide;
        let (mut texts, mut values) = (Vec::<(String, kseal_api::DataKey)>::new(), Vec::new());
        for (seed, items) in data_keys {
            let recipient = key(*seed);
            let sealer = Sealer::new(&place, [&recipient], &mut rng).unwrap();
            values.extend(items.iter().map(|item| (*item, sealer.seal(item, b"", &mut rng).to_string())));
            texts.push((sealer.data_key().handle().to_string(), data_key_text(sealer.data_key())));
        }
        let texts = texts.iter().map(|(handle, text)| {
            let recipients = text.recipients.iter().map(|(key, wrap)| (key.as_str(), wrap.as_str())).collect();
            (handle.as_str(), DataKeyText { commitment: &text.commitment, recipients })
        });
        Envelope::read(texts, values.iter().map(|(item, text)| (*item, text.as_str())))
    }

    /// What is to be done, with how many data keys each.
    fn plan_for(envelope: &Envelope, bundle: Bundle, compact: bool) -> [usize; 4] {
        let bundles = [bundle];
        let wanted = vec![&bundles[0].sealing_key().unwrap().public];
        let steps = steps(envelope, &wanted, &bundles, compact);
        let count = |is: fn(&Step<'_>) -> bool| steps.values().filter(|step| is(step)).count();
        [
            count(|step| matches!(step, Step::Keep)),
            count(|step| matches!(step, Step::Rewrap { .. })),
            count(|step| matches!(step, Step::Reseal(_))),
            count(|step| matches!(step, Step::Drop)),
        ]
    }

    #[test]
    fn each_data_key_is_judged_by_its_own_recipients() {
        let envelope = envelope(&[(1, &["a"]), (2, &["b"]), (3, &["c"]), (2, &[]), (3, &[])]);
        let rotated = || bundle(&[(1, KeyState::Retiring), (2, KeyState::Active)]);
        assert_eq!(plan_for(&envelope, rotated(), false), [1, 1, 1, 2]);
        let compromised = bundle(&[(1, KeyState::Compromised), (2, KeyState::Active), (3, KeyState::Active)]);
        assert_eq!(plan_for(&envelope, compromised, false), [1, 1, 1, 2]);
        assert_eq!(plan_for(&envelope, rotated(), true), [0, 0, 3, 2]);
    }

    #[test]
    fn compact_leaves_alone_what_is_gathered_already() {
        let one = envelope(&[(2, &["a", "b"]), (2, &[])]);
        assert_eq!(plan_for(&one, bundle(&[(2, KeyState::Active)]), true), [1, 0, 0, 1]);
    }
}
