//! Which objects need which key, for people.

use std::collections::BTreeMap;

use kseal_api::{KeyState, KeyUsage, UsedKey};

use super::Ledger;
use crate::Bundle;

/// The state of a key that is published, or that objects need, and whose Secret is gone.
pub const MISSING: &str = "missing";
/// A ConfigMap holds 1 MiB.
const MAX_TEXT: usize = 900_000;

/// What needs one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// How many objects it opened.
    pub objects: usize,
    /// How many objects name it and did not open.
    pub claimed: usize,
    /// How many of `objects` there are in each namespace: the first ones by name.
    pub namespaces: BTreeMap<String, usize>,
    /// Some of `objects`, as `namespace/name`: the first ones by name.
    pub first: Vec<String>,
}

/// What is told of every key that there is, or should be. Keys that objects merely claim are not named: anyone who may
/// create objects could make up any number of them.
///
/// `time` writes seconds since 1970 in RFC 3339. `counted_at` and `watched` are for the caller to fill in.
#[must_use]
pub fn usage(
    ledger: &Ledger,
    published: Option<&Bundle>,
    needs: &BTreeMap<String, Need>,
    time: impl Fn(u64) -> String,
) -> KeyUsage {
    let mut keys: BTreeMap<String, UsedKey> = BTreeMap::new();
    for key in &ledger.native {
        let found = UsedKey {
            suite: key.public.suite().name().to_owned(),
            state: key.state.to_string(),
            secret: key.secret.clone(),
            created_at: key.created_at.clone(),
            ..UsedKey::default()
        };
        let entry = keys.entry(key.public.fingerprint().to_string()).or_insert_with(|| found.clone());
        // In two Secrets: it is compromised if either says so.
        if key.state == KeyState::Compromised {
            *entry = found;
        }
    }
    for key in &ledger.rsa {
        keys.entry(key.fingerprint.to_string()).or_insert_with(|| UsedKey {
            suite: "RSA".to_owned(),
            state: KeyState::Active.to_string(),
            secret: key.secret.clone(),
            created_at: time(key.since),
            ..UsedKey::default()
        });
    }
    let missing = |suite: &str, created_at: &str| UsedKey {
        suite: suite.to_owned(),
        state: MISSING.to_owned(),
        created_at: created_at.to_owned(),
        ..UsedKey::default()
    };
    for key in published.into_iter().flat_map(|bundle| &bundle.keys).filter(|key| key.state != KeyState::Retired) {
        let name = key.public.fingerprint().to_string();
        keys.entry(name).or_insert_with(|| missing(key.public.suite().name(), &key.created_at));
    }
    for (name, need) in needs {
        if need.objects > 0 {
            keys.entry(name.clone()).or_insert_with(|| missing("", ""));
        }
        if let Some(key) = keys.get_mut(name) {
            key.objects = need.objects;
            key.claimed = need.claimed;
            key.namespaces.clone_from(&need.namespaces);
            key.first.clone_from(&need.first);
        }
    }
    let mut usage = KeyUsage { keys, ..KeyUsage::default() };
    shorten(&mut usage);
    usage
}

/// Counts are kept, whatever there is no room for.
fn shorten(usage: &mut KeyUsage) {
    let text = |key: &UsedKey| {
        let names: usize = key.first.iter().chain(key.namespaces.keys()).map(|name| name.len() + 16).sum();
        names + key.secret.len() + 256
    };
    let mut left = MAX_TEXT;
    for key in usage.keys.values_mut() {
        if text(key) > left {
            key.first.clear();
            key.namespaces.clear();
        }
        left = left.saturating_sub(text(key));
    }
}

#[cfg(test)]
mod tests {
    use kseal_crypto::{PrivateKey, Suite};

    use super::*;
    use crate::{
        keys::NativeKey,
        testing::{bundle, key, listed},
    };

    fn native(secret: &str, key: &PrivateKey, state: KeyState) -> NativeKey {
        NativeKey {
            secret: secret.to_owned(),
            uid: format!("uid-{secret}"),
            public: key.public().clone(),
            created_at: "2026-11-01T00:00:00Z".to_owned(),
            state,
        }
    }

    fn need(objects: usize, claimed: usize) -> Need {
        let namespaces = (objects > 0).then(|| ("prod".to_owned(), objects)).into_iter().collect();
        Need { objects, claimed, namespaces, first: (0..objects).map(|number| format!("prod/{number}")).collect() }
    }

    fn count(ledger: &Ledger, published: Option<&Bundle>, needs: &[(&str, Need)]) -> BTreeMap<String, UsedKey> {
        let needs = needs.iter().map(|(name, need)| ((*name).to_owned(), need.clone())).collect();
        usage(ledger, published, &needs, |seconds| seconds.to_string()).keys
    }

    #[test]
    fn every_key_is_named_with_what_needs_it() {
        let [one, two, lost, retired] = std::array::from_fn(|_| key(Suite::X25519));
        let names = [&one, &two, &lost, &retired].map(|key| key.fingerprint().to_string());
        let ledger = Ledger {
            native: vec![native("a", &one, KeyState::Retiring), native("b", &two, KeyState::Active)],
            ..Ledger::default()
        };
        let keys = vec![
            listed(&one, 1, KeyState::Retiring),
            listed(&two, 2, KeyState::Active),
            listed(&lost, 3, KeyState::Active),
            listed(&retired, 4, KeyState::Retired),
        ];
        let published = bundle("prod", keys);
        let found = count(&ledger, Some(&published), &[(&names[0], need(3, 1)), (&names[2], need(0, 2))]);
        let of = |index: usize| found.get(&names[index]).map(|key| (key.state.as_str(), key.objects, key.claimed));
        assert_eq!(of(0), Some(("retiring", 3, 1)));
        assert_eq!(of(1), Some(("active", 0, 0)));
        assert_eq!(of(2), Some((MISSING, 0, 2)));
        assert_eq!(of(3), None, "who deletes a retired key means to");
        assert_eq!((found[&names[0]].secret.as_str(), found[&names[0]].first.len()), ("a", 3));
        assert_eq!(found[&names[0]].namespaces, BTreeMap::from([("prod".to_owned(), 3)]));
    }

    #[test]
    fn a_key_that_nobody_knows_is_named_if_objects_need_it_and_not_if_they_claim_it() {
        let found = count(&Ledger::default(), None, &[("kneeded", need(1, 0)), ("kclaimed", need(0, 9))]);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["kneeded"]);
        assert_eq!(found["kneeded"].state, MISSING);
    }

    #[test]
    fn a_key_in_two_secrets_is_compromised_if_either_says_so() {
        let one = key(Suite::X25519);
        for states in [[KeyState::Compromised, KeyState::Active], [KeyState::Active, KeyState::Compromised]] {
            let native = vec![native("a", &one, states[0]), native("b", &one, states[1])];
            let found = count(&Ledger { native, ..Ledger::default() }, None, &[]);
            assert_eq!(found[&one.fingerprint().to_string()].state, "compromised");
        }
    }

    #[test]
    fn it_fits_a_config_map_however_much_there_is() {
        let long = "n".repeat(250);
        let first: Vec<String> = (0..16).map(|number| format!("{long}/{number}")).collect();
        let need = Need { objects: 16, claimed: 0, namespaces: BTreeMap::from([(long, 16)]), first };
        let needs = (0..600).map(|number| (format!("k{number}"), need.clone())).collect();
        let found = usage(&Ledger::default(), None, &needs, |_| String::new());
        assert!(serde_json::to_string(&found).unwrap().len() < 1 << 20);
        assert_eq!(found.keys.len(), 600);
        assert!(found.keys.values().all(|key| key.objects == 16));
    }
}
