//! One act of sealing on one object.

use rand_core::CryptoRng;

use crate::{
    Fingerprint, KeyError, Place, PublicKey, SealedValue, data_key::DataKey, envelope::SealedDataKey, value::ValueKey,
    wrap::wrap,
};

/// Seals any number of values under one fresh data key, at the cost of one encapsulation per recipient.
///
/// There is no other way to a [`Sealer`] than [`Sealer::new`], so a data key that came out of a file never seals
/// anything, and two objects never share one.
pub struct Sealer<'p> {
    place: &'p Place,
    key: ValueKey,
    data_key: SealedDataKey,
}

impl<'p> Sealer<'p> {
    /// Draws a data key and wraps it for each recipient.
    ///
    /// # Errors
    /// [`KeyError::Weak`] and its recipient if that public key is a low-order point.
    pub fn new<'k>(
        place: &'p Place,
        recipients: impl IntoIterator<Item = &'k PublicKey>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, (Fingerprint, KeyError)> {
        let key = DataKey::generate(rng);
        let commitment = key.commitment();
        let recipients = recipients
            .into_iter()
            .map(|recipient| {
                let fingerprint = recipient.fingerprint();
                let wrapped = wrap(&key, recipient, place, rng).map_err(|error| (fingerprint, error))?;
                Ok((fingerprint, wrapped))
            })
            .collect::<Result<_, _>>()?;
        let data_key = SealedDataKey { commitment, recipients };
        Ok(Self { place, key: ValueKey::new(&key.value_key(), commitment.handle()), data_key })
    }

    /// Seals one value for one item key.
    pub fn seal(&self, item: &str, value: &[u8], rng: &mut impl CryptoRng) -> SealedValue {
        self.key.seal(item, value, self.place, rng)
    }

    /// The data key as the file holds it.
    #[must_use]
    pub const fn data_key(&self) -> &SealedDataKey {
        &self.data_key
    }
}
