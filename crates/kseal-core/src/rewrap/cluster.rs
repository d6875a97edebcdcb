//! What a cluster re-wraps by itself: for its own current sealing key alone, in the very place that the data key was sealed
//! for, and never where a compromised key could open it.

use std::collections::BTreeMap;

use kseal_api::{DataKey, KeyState, RewrapFailure, RewrapObject, RewrappedObject, Scope};
use kseal_crypto::{
    Envelope, FailureClass, Fingerprint, Handle, KeyRing, Place, PublicKey, Reason, encode_base64,
    envelope::{DataKeyText, SealedDataKey},
};
use rand_core::CryptoRng;

use crate::keys::Ledger;

/// The keys of a cluster that re-wraps.
pub struct OwnKeys<'k> {
    /// What opens.
    pub ring: &'k KeyRing,
    /// What is known of the key Secrets.
    pub ledger: &'k Ledger,
    /// Whom everything is wrapped for.
    pub sealing_key: &'k PublicKey,
}

/// The data keys of a sealed object that are wrapped anew: by handle the recipients that go, and the wrap that comes. It takes
/// the place of one that is there already, which nobody has opened: what goes must not be all that was any good.
pub type Exchanges = BTreeMap<Handle, (Vec<Fingerprint>, Vec<u8>)>;

impl OwnKeys<'_> {
    /// Answers for one object of a request that was made in `namespace`.
    pub fn answer(&self, object: &RewrapObject, namespace: &str, rng: &mut impl CryptoRng) -> RewrappedObject {
        let mut answer = RewrappedObject::default();
        let place = place(object, namespace);
        let envelope =
            Envelope::read(object.data_keys.iter().map(|(handle, text)| (handle.as_str(), text_of(text))), []);
        for name in object.data_keys.keys() {
            let handle = name.parse::<Handle>().ok().filter(|handle| envelope.data_keys().contains_key(handle));
            let wrapped = match (handle, &place) {
                (Some(handle), Some(place)) => self.wrap(&envelope, handle, place, rng),
                _ => Err(RewrapFailure::Malformed),
            };
            match wrapped {
                Ok(wrap) => {
                    let recipient = (self.sealing_key.fingerprint().to_string(), encode_base64(&wrap));
                    answer.data_keys.insert(name.clone(), BTreeMap::from([recipient]));
                }
                Err(failure) => drop(answer.failures.insert(name.clone(), failure)),
            }
        }
        answer
    }

    /// What is to be exchanged in an object of the cluster. Only data keys all of whose recipients are keys of this cluster:
    /// of others it is not known here whether they should be recipients at all.
    pub fn exchanges(&self, envelope: &Envelope, place: &Place, rng: &mut impl CryptoRng) -> Exchanges {
        let current = self.sealing_key.fingerprint();
        let is_stale = |(handle, data_key): (&Handle, &SealedDataKey)| {
            let recipients = || data_key.recipients.keys().copied();
            let is_own = recipients().all(|it| self.is_listed(it)) && !recipients().any(|it| self.is_compromised(it));
            let old: Vec<Fingerprint> = recipients().filter(|recipient| *recipient != current).collect();
            (is_own && !old.is_empty()).then_some((*handle, old))
        };
        let stale = envelope.data_keys().iter().filter_map(is_stale);
        let exchanged =
            stale.filter_map(|(handle, old)| Some((handle, (old, self.wrap(envelope, handle, place, rng).ok()?))));
        exchanged.collect()
    }

    fn wrap(
        &self,
        envelope: &Envelope,
        handle: Handle,
        place: &Place,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, RewrapFailure> {
        if envelope.data_keys()[&handle].recipients.keys().any(|recipient| self.is_compromised(*recipient)) {
            return Err(RewrapFailure::Compromised);
        }
        let opened = envelope.open_data_key(handle, self.ring, place).map_err(failure)?;
        opened.wrap_for(self.sealing_key, place, rng).map_err(|_| RewrapFailure::Open)
    }

    fn is_listed(&self, recipient: Fingerprint) -> bool {
        self.states(recipient).next().is_some()
    }

    fn is_compromised(&self, recipient: Fingerprint) -> bool {
        self.states(recipient).any(|state| state == KeyState::Compromised)
    }

    /// What the Secrets of a key say of it.
    fn states(&self, recipient: Fingerprint) -> impl Iterator<Item = KeyState> {
        let keys = self.ledger.native.iter().filter(move |key| key.public.fingerprint() == recipient);
        keys.map(|key| key.state)
    }
}

/// None where the scope binds a name and none is given.
fn place(object: &RewrapObject, namespace: &str) -> Option<Place> {
    let namespace = namespace.to_owned();
    Some(match object.scope {
        Scope::Strict => Place::Strict { namespace, name: object.name.clone()? },
        Scope::NamespaceWide => Place::NamespaceWide { namespace },
        Scope::ClusterWide => Place::ClusterWide,
    })
}

fn text_of(data_key: &DataKey) -> DataKeyText<'_> {
    let recipients = data_key.recipients.iter().map(|(key, wrap)| (key.as_str(), wrap.as_str())).collect();
    DataKeyText { commitment: &data_key.commitment, recipients }
}

fn failure(reason: Reason) -> RewrapFailure {
    match reason.class() {
        FailureClass::Malformed => RewrapFailure::Malformed,
        FailureClass::Unsupported => RewrapFailure::Unsupported,
        FailureClass::NoKey => RewrapFailure::NoKey,
        FailureClass::Open => RewrapFailure::Open,
    }
}

#[cfg(test)]
mod tests {
    use kseal_crypto::{PrivateKey, Sealer, Suite};

    use super::*;
    use crate::{
        data_key_text,
        keys::NativeKey,
        testing::{key, rng},
    };

    struct World {
        ring: KeyRing,
        ledger: Ledger,
        current: PublicKey,
    }

    impl World {
        /// The first of the keys is the current one.
        fn new(keys: &[(&PrivateKey, KeyState)]) -> Self {
            let (mut ring, mut ledger) = (KeyRing::default(), Ledger::default());
            for (key, state) in keys {
                let again = PrivateKey::from_seed(key.public().suite(), key.seed()).unwrap();
                if state.opens() {
                    ring.add(again);
                }
                ledger.native.push(NativeKey {
                    secret: key.fingerprint().to_string(),
                    uid: String::new(),
                    public: key.public().clone(),
                    created_at: String::new(),
                    state: *state,
                });
            }
            Self { ring, ledger, current: keys[0].0.public().clone() }
        }

        fn keys(&self) -> OwnKeys<'_> {
            OwnKeys { ring: &self.ring, ledger: &self.ledger, sealing_key: &self.current }
        }

        /// The answer for one data key: whom it is wrapped for, or why not.
        fn ask(&self, object: &RewrapObject, namespace: &str) -> Result<String, RewrapFailure> {
            let answer = self.keys().answer(object, namespace, &mut rng());
            assert_eq!(answer.data_keys.len() + answer.failures.len(), 1, "each is in one of the two");
            match answer.failures.into_values().next() {
                Some(failure) => Err(failure),
                None => Ok(answer.data_keys.into_values().flatten().next().unwrap().0),
            }
        }
    }

    fn strict() -> Place {
        Place::Strict { namespace: "prod".into(), name: "db".into() }
    }

    /// An object with one data key, sealed for `place` and these recipients.
    fn object(scope: Scope, name: Option<&str>, place: &Place, recipients: &[&PrivateKey]) -> RewrapObject {
        let sealer = Sealer::new(place, recipients.iter().map(|key| key.public()), &mut rng()).unwrap();
        let data_key = sealer.data_key();
        let data_keys = BTreeMap::from([(data_key.handle().to_string(), data_key_text(data_key))]);
        RewrapObject { scope, name: name.map(ToOwned::to_owned), data_keys }
    }

    fn envelope(object: &RewrapObject) -> Envelope {
        Envelope::read(object.data_keys.iter().map(|(handle, text)| (handle.as_str(), text_of(text))), [])
    }

    #[test]
    fn a_data_key_is_wrapped_for_the_current_key_and_for_nothing_else() {
        for suite in Suite::ALL {
            let [new, old] = [key(suite), key(suite)];
            let world = World::new(&[(&new, KeyState::Active), (&old, KeyState::Retiring)]);
            let mut asked = object(Scope::Strict, Some("db"), &strict(), &[&old]);
            assert_eq!(world.ask(&asked, "prod"), Ok(new.fingerprint().to_string()));
            // What comes back is the same data key, in the same place.
            let answer = world.keys().answer(&asked, "prod", &mut rng());
            let (handle, recipients) = answer.data_keys.into_iter().next().unwrap();
            asked.data_keys.get_mut(&handle).unwrap().recipients = recipients;
            let only_new = World::new(&[(&new, KeyState::Active)]);
            let opened = envelope(&asked).open_data_key(handle.parse().unwrap(), &only_new.ring, &strict());
            assert_eq!(opened.unwrap().opened_by(), new.fingerprint());
        }
    }

    #[test]
    fn scope_and_place_cannot_be_changed() {
        let [new, old] = [key(Suite::X25519), key(Suite::X25519)];
        let world = World::new(&[(&new, KeyState::Active), (&old, KeyState::Retiring)]);
        let wide = Place::NamespaceWide { namespace: "prod".into() };
        let sealed = [
            (Scope::Strict, Some("db"), strict()),
            (Scope::NamespaceWide, None, wide),
            (Scope::ClusterWide, None, Place::ClusterWide),
        ];
        for (scope, name, place) in &sealed {
            let right = object(*scope, *name, place, &[&old]);
            assert!(world.ask(&right, "prod").is_ok(), "{scope}");
            if *scope != Scope::ClusterWide {
                assert_eq!(world.ask(&right, "dev"), Err(RewrapFailure::Open), "{scope}");
            }
            for (other, name, _) in sealed.iter().filter(|(other, ..)| other != scope) {
                let claimed = RewrapObject { scope: *other, name: name.map(ToOwned::to_owned), ..right.clone() };
                assert_eq!(world.ask(&claimed, "prod"), Err(RewrapFailure::Open), "{scope} as {other}");
            }
        }
        let strict = object(Scope::Strict, Some("db"), &strict(), &[&old]);
        let renamed = RewrapObject { name: Some("other".into()), ..strict.clone() };
        assert_eq!(world.ask(&renamed, "prod"), Err(RewrapFailure::Open));
        assert_eq!(world.ask(&RewrapObject { name: None, ..strict }, "prod"), Err(RewrapFailure::Malformed));
    }

    #[test]
    fn what_a_compromised_key_could_open_is_not_wrapped() {
        let [new, old, bad] = [key(Suite::X25519), key(Suite::X25519), key(Suite::X25519)];
        let world = World::new(&[(&new, KeyState::Active), (&old, KeyState::Retiring), (&bad, KeyState::Compromised)]);
        let asked = object(Scope::Strict, Some("db"), &strict(), &[&old, &bad]);
        assert_eq!(world.ask(&asked, "prod"), Err(RewrapFailure::Compromised));
        assert!(world.keys().exchanges(&envelope(&asked), &strict(), &mut rng()).is_empty());
    }

    #[test]
    fn what_is_broken_or_not_for_us_is_named() {
        let [new, stranger, retired] = [key(Suite::X25519), key(Suite::X25519), key(Suite::X25519)];
        let world = World::new(&[(&new, KeyState::Active), (&retired, KeyState::Retired)]);
        let ask = |change: &dyn Fn(&mut DataKey)| {
            let mut asked = object(Scope::Strict, Some("db"), &strict(), &[&new]);
            asked.data_keys.values_mut().for_each(change);
            world.ask(&asked, "prod")
        };
        assert_eq!(ask(&|it| it.commitment = "x".into()), Err(RewrapFailure::Malformed));
        assert_eq!(
            ask(&|it| it.recipients.values_mut().for_each(|wrap| *wrap = "*".into())),
            Err(RewrapFailure::Malformed)
        );
        assert_eq!(
            ask(&|it| it.recipients.values_mut().for_each(|wrap| *wrap = "AAAA".into())),
            Err(RewrapFailure::Unsupported)
        );
        for other in [&stranger, &retired] {
            let asked = object(Scope::Strict, Some("db"), &strict(), &[other]);
            assert_eq!(world.ask(&asked, "prod"), Err(RewrapFailure::NoKey));
        }
        let mut asked = object(Scope::Strict, Some("db"), &strict(), &[&new]);
        let text = asked.data_keys.pop_first().unwrap().1;
        asked.data_keys.insert("no handle".into(), text);
        assert_eq!(world.ask(&asked, "prod"), Err(RewrapFailure::Malformed));
    }

    #[test]
    fn objects_of_the_cluster_are_exchanged_where_all_recipients_are_its_own() {
        let [new, old, stranger] = [key(Suite::X25519), key(Suite::X25519), key(Suite::X25519)];
        let world = World::new(&[(&new, KeyState::Active), (&old, KeyState::Active)]);
        let exchanges = |recipients: &[&PrivateKey]| {
            let object = object(Scope::Strict, Some("db"), &strict(), recipients);
            let found = world.keys().exchanges(&envelope(&object), &strict(), &mut rng());
            found.into_values().map(|(old, _)| old).next()
        };
        assert_eq!(exchanges(&[&old]), Some(vec![old.fingerprint()]));
        assert_eq!(exchanges(&[&old, &new]), Some(vec![old.fingerprint()]));
        assert_eq!(exchanges(&[&new]), None);
        assert_eq!(exchanges(&[&old, &stranger]), None, "who put that one there is not known");
        assert_eq!(exchanges(&[&stranger]), None);
    }

    #[test]
    fn a_wrap_that_is_no_good_does_not_outlive_the_good_one() {
        // The good one has the lower fingerprint, so the object opens.
        let [mut new, mut old] = [key(Suite::X25519), key(Suite::X25519)];
        if old.fingerprint() > new.fingerprint() {
            std::mem::swap(&mut new, &mut old);
        }
        let world = World::new(&[(&new, KeyState::Active), (&old, KeyState::Retiring)]);
        let mut object = object(Scope::Strict, Some("db"), &strict(), &[&old, &new]);
        let data_key = object.data_keys.values_mut().next().unwrap();
        let broken = encode_base64(&[7; 80]);
        data_key.recipients.insert(new.fingerprint().to_string(), broken);
        let (handle, (gone, wrap)) =
            world.keys().exchanges(&envelope(&object), &strict(), &mut rng()).pop_first().unwrap();
        assert_eq!(gone, [old.fingerprint()]);
        let data_key = object.data_keys.values_mut().next().unwrap();
        data_key.recipients = BTreeMap::from([(new.fingerprint().to_string(), encode_base64(&wrap))]);
        assert!(envelope(&object).open_data_key(handle, &world.ring, &strict()).is_ok());
    }
}
