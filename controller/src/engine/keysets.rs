//! Which keys objects need. Most need the same ones, so each set of them is kept once, and a record has its number.

use std::collections::{BTreeSet, HashMap};

/// Names of keys: `k…` of native ones, `SHA256:…` of RSA keys.
pub(super) type Keys = BTreeSet<Box<str>>;

/// The number of a set; the first is the empty one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct KeySet(u32);

/// Every set that some record has.
#[derive(Default)]
pub(super) struct KeySets {
    sets: HashMap<KeySet, Keys>,
    numbers: HashMap<Keys, KeySet>,
    last: u32,
}

/// More keys than any object has data keys; longer names than any key has. What a status says beyond that is not believed.
const MOST: usize = 64;

impl KeySets {
    pub(super) fn put<'k>(&mut self, names: impl IntoIterator<Item = &'k str>) -> KeySet {
        let keys: Keys = names.into_iter().filter(|name| name.len() <= MOST).take(MOST).map(Into::into).collect();
        if keys.is_empty() {
            return KeySet::default();
        }
        if let Some(number) = self.numbers.get(&keys) {
            return *number;
        }
        // Far more changes than there are, before a number comes again that is still in use.
        while self.last == 0 || self.sets.contains_key(&KeySet(self.last)) {
            self.last = self.last.wrapping_add(1);
        }
        let number = KeySet(self.last);
        self.sets.insert(number, keys.clone());
        self.numbers.insert(keys, number);
        number
    }

    pub(super) fn get(&self, set: KeySet) -> impl Iterator<Item = &str> {
        self.sets.get(&set).into_iter().flatten().map(AsRef::as_ref)
    }

    /// Whether one of the set's keys is among these.
    pub(super) fn meets(&self, set: KeySet, keys: &BTreeSet<String>) -> bool {
        !keys.is_empty() && self.get(set).any(|key| keys.contains(key))
    }

    /// Forgets the sets that no record has.
    pub(super) fn keep_only(&mut self, used: &BTreeSet<KeySet>) {
        self.sets.retain(|set, _| used.contains(set));
        self.numbers.retain(|_, set| used.contains(set));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sets_have_one_number_and_unused_ones_go() {
        let mut sets = KeySets::default();
        let one = sets.put(["k1"]);
        let two = sets.put(["k2", "k1"]);
        assert_eq!((sets.put(["k1"]), sets.put(["k1", "k2"])), (one, two));
        assert_eq!(sets.get(two).collect::<Vec<_>>(), ["k1", "k2"]);
        assert_eq!(sets.put([]), KeySet::default());
        assert_eq!(sets.get(KeySet::default()).count(), 0);
        sets.keep_only(&BTreeSet::from([two]));
        assert_eq!((sets.get(one).count(), sets.get(two).count()), (0, 2));
        assert_ne!(sets.put(["k3"]), two);
        assert!(sets.meets(two, &BTreeSet::from(["k2".to_owned()])) && !sets.meets(two, &BTreeSet::new()));
    }

    #[test]
    fn what_a_status_claims_is_bounded() {
        let mut sets = KeySets::default();
        let names: Vec<String> = (0..1_000).map(|number| format!("k{number}")).collect();
        let many = sets.put(names.iter().map(String::as_str));
        assert_eq!(sets.get(many).count(), MOST);
        assert_eq!(sets.put([&*"x".repeat(1_000)]), KeySet::default());
    }
}
