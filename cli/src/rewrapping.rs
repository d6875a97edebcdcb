//! Data keys that a cluster wraps for its current key, in the place of a private key at hand.
//!
//! A cluster wraps for its own newest key and for no other, and tells nobody a data key. So it can do what its own
//! rotation asks for; what adds another cluster, or seals values anew, cannot go through it. What it answers cannot be
//! checked by opening it, so it is asked over a verified connection only, and only if it is the cluster that is configured.

mod answer;
mod ask;
mod question;

use std::collections::BTreeMap;

use kseal_core::Bundle;
use kseal_crypto::{Fingerprint, Handle};

pub(crate) use self::question::{Case, Question};
use crate::{
    cluster::{Cluster, Published, Publishing},
    error::{Error, Result},
    pinning,
};

/// One data key in one place.
pub(crate) type Id = (Vec<u8>, Handle);

/// A data key, wrapped for a key.
pub(crate) type Wrap = (Fingerprint, Vec<u8>);

/// A cluster that wraps data keys, and what it answered.
pub(crate) struct Through {
    cluster: Cluster,
    published: Published,
    answers: BTreeMap<Id, Result<Wrap>>,
}

impl Through {
    /// The cluster that was named, with what it publishes; nothing is asked yet.
    ///
    /// # Errors
    /// If it cannot be reached, or anyone on the way could answer in its place.
    pub(crate) fn connect(publishing: &Publishing) -> Result<Self> {
        let cluster = Cluster::connect(&publishing.access)?;
        if !cluster.is_verified {
            return Err(Error::refused(format!(
                "{} is not verified: anyone on the way could answer with data keys that never open again",
                cluster.name
            ))
            .hint("put the cluster's certificate authority into the kubeconfig"));
        }
        let published = publishing.fetch(&cluster)?;
        Ok(Self { cluster, published, answers: BTreeMap::new() })
    }

    /// What is kept of this cluster among configured bundles; `None` if they are all of others.
    ///
    /// # Errors
    /// If it has another identity than the cluster that is kept, or another key than the kept one seals by now.
    pub(crate) fn bundle_in<'b>(&self, bundles: &'b [Bundle]) -> Result<Option<&'b Bundle>> {
        let new = &self.published.bundle;
        let Some(old) = pinning::same_cluster(bundles, new) else { return Ok(None) };
        pinning::compare_kept(&format!("the bundle of {}", old.name), old, new)?;
        let seals = |bundle: &Bundle| bundle.sealing_key().map(|key| key.public.fingerprint());
        let name = |key: Option<Fingerprint>| key.map_or_else(|| "no key".to_owned(), |key| key.short());
        if seals(old) == seals(new) {
            return Ok(Some(old));
        }
        Err(Error::refused(format!(
            "{} seals with {} by now, and the bundle of {} that is configured with {}",
            self.cluster.name,
            name(seals(new)),
            old.name,
            name(seals(old)),
        ))
        .hint("`kseal keys fetch -i` brings the bundle up to date; then run this again"))
    }

    /// A data key for the cluster's newest key.
    ///
    /// # Errors
    /// If the cluster cannot be asked for it, or why it did not do it.
    pub(crate) fn wrap(&self, case: &Case<'_>) -> Result<Wrap> {
        let id = (case.place.to_bytes(), case.data_key.handle());
        self.data_key(case)?;
        match self.answers.get(&id) {
            Some(answer) => answer.clone().map_err(|error| error.at(&case.what)),
            None => {
                Err(Error::input(format!("{}: it was changed while the cluster was asked", case.what))
                    .hint("run it again"))
            }
        }
    }
}
