//! The native envelope: the data keys and sealed values of one object, read by the rules of `docs/format.md`.
//!
//! Reading collects every failure and goes on, since an editor must be able to change one value of an object whose
//! other values it cannot open. [`Envelope::open`] then gives all values or none.

mod read;

use std::collections::BTreeMap;

use rand_core::CryptoRng;

use crate::{
    Commitment, Failure, Failures, Fingerprint, Handle, KeyError, KeyRing, Place, Plaintext, PublicKey, Reason,
    SealedValue, Subject, Suite, Work,
    data_key::DataKey,
    value::ValueKey,
    wrap::{unwrap, wrap},
};

pub use read::DataKeyText;

/// Most items of one object.
pub const MAX_ITEMS: usize = 4_096;
/// Most data keys of one object.
pub const MAX_DATA_KEYS: usize = 64;
/// Most wrapped data keys of one object, over all its data keys: each costs a reader memory, and one a private-key
/// operation.
pub const MAX_WRAPS: usize = 256;
/// Most bytes of plaintext in one object, as the API server allows a Secret.
pub const MAX_PLAINTEXT: usize = 1 << 20;

/// A data key as a file holds it: committed to, and wrapped for each recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedDataKey {
    /// The commitment, whose beginning is the handle.
    pub commitment: Commitment,
    /// `enc ‖ ciphertext` by the recipient's fingerprint.
    pub recipients: BTreeMap<Fingerprint, Vec<u8>>,
}

impl SealedDataKey {
    /// Its name in the object.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.commitment.handle()
    }
}

/// What one object holds, parsed.
#[derive(Default)]
pub struct Envelope {
    data_keys: BTreeMap<Handle, SealedDataKey>,
    values: BTreeMap<String, Result<SealedValue, Reason>>,
    failures: Vec<Failure>,
}

/// A data key that was unwrapped: it opens values and can be wrapped anew, but never seals.
pub struct OpenedDataKey {
    key: DataKey,
    value_key: ValueKey,
    opened_by: Fingerprint,
}

impl Envelope {
    /// Every rule of shape that does not hold, known without a key.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// The well-formed data keys.
    #[must_use]
    pub const fn data_keys(&self) -> &BTreeMap<Handle, SealedDataKey> {
        &self.data_keys
    }

    /// Each item's value, or why it is none.
    #[must_use]
    pub const fn values(&self) -> &BTreeMap<String, Result<SealedValue, Reason>> {
        &self.values
    }

    /// Opens all values.
    ///
    /// # Errors
    /// All failures, of shape or of opening, if there is any: then nothing is opened.
    pub fn open(&self, ring: &KeyRing, place: &Place) -> Result<BTreeMap<String, Plaintext>, Failures> {
        self.open_noting(ring, place, &mut Work::default())
    }

    /// As [`Self::open`], and notes in `work` which keys did it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_noting(
        &self,
        ring: &KeyRing,
        place: &Place,
        work: &mut Work,
    ) -> Result<BTreeMap<String, Plaintext>, Failures> {
        let mut failures = self.failures.clone();
        let mut opened = BTreeMap::new();
        for (item, value) in self.open_each_noting(ring, place, work) {
            match value {
                Ok(value) => drop(opened.insert(item.to_owned(), value)),
                Err(reason) if self.values[item].is_ok() => failures.push(Failure::item(item, reason)),
                Err(_) => {} // is among the failures of shape
            }
        }
        if opened.values().map(|value| value.len()).sum::<usize>() > MAX_PLAINTEXT {
            failures.push(Failure { subject: Subject::Object, reason: Reason::Open });
        }
        match Failures::from_vec(failures) {
            Some(failures) => Err(failures),
            None => Ok(opened),
        }
    }

    /// Opens what can be opened; each data key is unwrapped at most once.
    pub fn open_each(&self, ring: &KeyRing, place: &Place) -> BTreeMap<&str, Result<Plaintext, Reason>> {
        self.open_each_noting(ring, place, &mut Work::default())
    }

    fn open_each_noting(
        &self,
        ring: &KeyRing,
        place: &Place,
        work: &mut Work,
    ) -> BTreeMap<&str, Result<Plaintext, Reason>> {
        let mut unwrap = |handle| {
            let opened = self.open_data_key(handle, ring, place);
            match &opened {
                Ok(key) => work.note(1, Some(key.opened_by.to_string())),
                Err(Reason::Open) => work.note(1, None),
                Err(_) => {} // no key was tried
            }
            opened
        };
        let mut keys: BTreeMap<Handle, Result<OpenedDataKey, Reason>> = BTreeMap::new();
        self.values
            .iter()
            .map(|(item, value)| {
                let opened = value.as_ref().map_err(|reason| *reason).and_then(|value| {
                    let key = keys.entry(value.handle()).or_insert_with(|| unwrap(value.handle()));
                    let key = key.as_ref().map_err(|reason| *reason)?;
                    key.open(item, value, place).ok_or(Reason::Open)
                });
                (item.as_str(), opened)
            })
            .collect()
    }

    /// Unwraps one data key. Of several held keys the lowest fingerprint is tried, alone, and its failure is final.
    ///
    /// # Errors
    /// [`Reason::DataKeyMissing`], [`Reason::NoKey`], [`Reason::WrapLength`] or [`Reason::Open`].
    pub fn open_data_key(&self, handle: Handle, ring: &KeyRing, place: &Place) -> Result<OpenedDataKey, Reason> {
        let sealed = self.data_keys.get(&handle).ok_or(Reason::DataKeyMissing)?;
        let known = |wrapped: &Vec<u8>| Suite::of_wrap_len(wrapped.len()).is_some();
        let held = sealed.recipients.iter().find_map(|(fingerprint, wrapped)| Some((wrapped, ring.get(*fingerprint)?)));
        let Some((wrapped, key)) = held else {
            let all_known = sealed.recipients.values().all(known);
            return Err(if all_known { Reason::NoKey } else { Reason::WrapLength });
        };
        if !known(wrapped) {
            return Err(Reason::WrapLength);
        }
        let bytes = unwrap(wrapped, key, place).ok_or(Reason::Open)?;
        let data_key = DataKey::committed(&bytes, &sealed.commitment).ok_or(Reason::Open)?;
        let value_key = ValueKey::new(&data_key.value_key(), handle);
        Ok(OpenedDataKey { key: data_key, value_key, opened_by: key.fingerprint() })
    }
}

impl OpenedDataKey {
    /// Opens one value; `None` if it does not.
    #[must_use]
    pub fn open(&self, item: &str, value: &SealedValue, place: &Place) -> Option<Plaintext> {
        self.value_key.open(item, value, place)
    }

    /// Wraps the data key for one more recipient of the same place.
    ///
    /// # Errors
    /// [`KeyError::Weak`] if the public key is a low-order point.
    pub fn wrap_for(
        &self,
        recipient: &PublicKey,
        place: &Place,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, KeyError> {
        wrap(&self.key, recipient, place, rng)
    }

    /// The private key that unwrapped it.
    #[must_use]
    pub const fn opened_by(&self) -> Fingerprint {
        self.opened_by
    }
}
