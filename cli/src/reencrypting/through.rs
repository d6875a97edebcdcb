//! Data keys wrapped anew: by a private key at hand, else by the cluster that stands in for one.

use std::collections::BTreeMap;

use kseal_core::SealedObject;
use kseal_crypto::{Envelope, Handle, Place, PublicKey, Subject};
use kseal_manifest::{Manifest, Object};

use super::{
    Reencrypting, check_shape,
    native::not_opened,
    plan::{Step, steps},
};
use crate::{
    error::{Error, Result},
    meaning::{self, Meaning},
    rewrapping::{Case, Question, Through, Wrap},
};

impl Reencrypting<'_> {
    /// A data key for those who are to get it.
    ///
    /// # Errors
    /// If neither a private key opens it, nor a cluster stands in.
    pub(super) fn wraps(&self, case: &Case<'_>, sealed: &SealedObject, envelope: &Envelope) -> Result<Vec<Wrap>> {
        let handle = case.data_key.handle();
        let opened = match (envelope.open_data_key(handle, self.ring, case.place), self.through) {
            (Ok(opened), _) => opened,
            (Err(_), Some(through)) => {
                // It was asked also where recipients only go: that it opens there is what keeps them from going in vain.
                let wrap = through.wrap(case)?;
                return Ok((!case.add.is_empty()).then_some(wrap).into_iter().collect());
            }
            (Err(reason), None) => {
                let what = format!("{}, which has to be re-wrapped,", case.what);
                return Err(not_opened(&what, sealed, Subject::DataKey(handle.to_string()), reason));
            }
        };
        let mut rng = self.environment.rng();
        let wrap = |key: &&PublicKey| {
            let fingerprint = key.fingerprint();
            let wrapped = opened.wrap_for(key, case.place, &mut rng);
            let failed = |error| Error::no_key(format!("cannot seal for {fingerprint}")).because(&error);
            Ok((fingerprint, wrapped.map_err(failed)?))
        };
        case.add.iter().map(wrap).collect()
    }

    /// What a cluster has to be asked so that the objects of a text can be brought up to date. Of an object that cannot be,
    /// nothing is asked; why is told when it is its turn.
    ///
    /// # Errors
    /// If the cluster is not the one that is configured.
    pub(crate) fn questions(&self, manifest: &Manifest, through: &Through) -> Result<Vec<Question>> {
        through.bundle_in(&self.recipients.bundles)?;
        Ok(manifest.objects().iter().filter_map(|object| self.question(object, through).ok().flatten()).collect())
    }

    fn question(&self, object: &Object<'_>, through: &Through) -> Result<Option<Question>> {
        let Meaning::Sealed(sealed) = meaning::of(object)? else { return Ok(None) };
        let sealed = sealed.or_in(self.namespace);
        check_shape(object, &sealed)?;
        let Some(envelope) = sealed.envelope() else { return Ok(None) };
        let what = meaning::describe(object);
        let place = sealed.place().map_err(|error| Error::input(format!("{what}: {error}")))?;
        let bundles = &self.recipients.bundles;
        let mut data_keys = BTreeMap::new();
        for (handle, step) in steps(envelope, &self.recipients.sealing_keys()?, bundles, self.compact) {
            match step {
                Step::Keep | Step::Drop => {}
                Step::Rewrap { .. } | Step::Reseal(_) if self.opens(envelope, handle, &place) => {}
                Step::Rewrap { add, .. } => {
                    let data_key = &envelope.data_keys()[&handle];
                    let case = Case { what: what.clone(), place: &place, data_key, add: &add, bundles };
                    data_keys.insert(handle.to_string(), through.data_key(&case)?);
                }
                Step::Reseal(_) => return Ok(None),
            }
        }
        Ok((!data_keys.is_empty()).then(|| Question::new(&sealed, &place, data_keys)))
    }

    fn opens(&self, envelope: &Envelope, handle: Handle, place: &Place) -> bool {
        envelope.open_data_key(handle, self.ring, place).is_ok()
    }
}
