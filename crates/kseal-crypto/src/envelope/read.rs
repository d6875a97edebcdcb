//! From the texts of a file to an [`Envelope`].

use std::collections::{BTreeMap, BTreeSet};

use super::{Envelope, MAX_DATA_KEYS, MAX_ITEMS, MAX_WRAPS, SealedDataKey};
use crate::{Commitment, Failure, Fingerprint, Handle, Reason, SealedValue, Subject, base64};

/// A data key as it is written.
pub struct DataKeyText<'t> {
    /// Base64 of 32 bytes.
    pub commitment: &'t str,
    /// Fingerprint and base64 of `enc ‖ ciphertext`, for each recipient.
    pub recipients: Vec<(&'t str, &'t str)>,
}

impl Envelope {
    /// Reads data keys by handle and values by item key. Never fails: what does not hold is in
    /// [`Envelope::failures`].
    pub fn read<'t>(
        data_keys: impl IntoIterator<Item = (&'t str, DataKeyText<'t>)>,
        values: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Self {
        let mut envelope = Self::default();
        let malformed = envelope.read_data_keys(data_keys);
        envelope.read_values(values, &malformed);
        envelope
    }

    /// Returns the handles of the malformed ones, as far as they are handles.
    fn read_data_keys<'t>(&mut self, texts: impl IntoIterator<Item = (&'t str, DataKeyText<'t>)>) -> BTreeSet<Handle> {
        let mut malformed = BTreeSet::new();
        let (mut count, mut wraps) = (0, 0);
        for (name, text) in texts {
            count += 1;
            wraps += text.recipients.len();
            let handle = name.parse::<Handle>();
            match handle.map_err(|_| Reason::NotAHandle).and_then(|handle| read_commitment(handle, text.commitment)) {
                Ok(commitment) => match read_recipients(name, &text.recipients) {
                    Ok(recipients) => {
                        self.data_keys.insert(commitment.handle(), SealedDataKey { commitment, recipients });
                    }
                    Err(failures) => {
                        self.failures.extend(failures);
                        malformed.insert(commitment.handle());
                    }
                },
                Err(reason) => {
                    self.failures.push(Failure { subject: Subject::DataKey(name.to_owned()), reason });
                    malformed.extend(name.parse::<Handle>());
                }
            }
        }
        self.limit(count, MAX_DATA_KEYS, Reason::TooManyDataKeys);
        self.limit(wraps, MAX_WRAPS, Reason::TooManyWraps);
        malformed
    }

    fn read_values<'t>(&mut self, texts: impl IntoIterator<Item = (&'t str, &'t str)>, malformed: &BTreeSet<Handle>) {
        for (item, text) in texts {
            let value = SealedValue::parse(text).and_then(|value| {
                if self.data_keys.contains_key(&value.handle()) {
                    Ok(value)
                } else if malformed.contains(&value.handle()) {
                    Err(Reason::DataKeyMalformed)
                } else {
                    Err(Reason::DataKeyMissing)
                }
            });
            if let Err(reason) = value {
                self.failures.push(Failure::item(item, reason));
            }
            self.values.insert(item.to_owned(), value);
        }
        self.limit(self.values.len(), MAX_ITEMS, Reason::TooManyItems);
    }

    fn limit(&mut self, count: usize, most: usize, reason: Reason) {
        if count > most {
            self.failures.push(Failure { subject: Subject::Object, reason });
        }
    }
}

fn read_commitment(handle: Handle, text: &str) -> Result<Commitment, Reason> {
    let bytes = base64::decode(text).ok_or(Reason::NotACommitment)?;
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| Reason::NotACommitment)?;
    let commitment = Commitment::from(bytes);
    if commitment.handle() != handle {
        return Err(Reason::HandleMismatch);
    }
    Ok(commitment)
}

fn read_recipients(handle: &str, texts: &[(&str, &str)]) -> Result<BTreeMap<Fingerprint, Vec<u8>>, Vec<Failure>> {
    let mut recipients = BTreeMap::new();
    let mut failures = Vec::new();
    for (name, text) in texts {
        let mut fail = |reason| {
            let subject = Subject::Recipient { data_key: handle.to_owned(), fingerprint: (*name).to_owned() };
            failures.push(Failure { subject, reason });
        };
        match (name.parse::<Fingerprint>(), base64::decode(text)) {
            (Ok(fingerprint), Some(wrapped)) => drop(recipients.insert(fingerprint, wrapped)),
            (Err(_), _) => fail(Reason::NotAFingerprint),
            (_, None) => fail(Reason::WrapBase64),
        }
    }
    if failures.is_empty() { Ok(recipients) } else { Err(failures) }
}
