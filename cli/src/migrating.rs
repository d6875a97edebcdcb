//! Whether a cluster of sealed-secrets could be taken over, and what would be different then. Nothing is written.
//!
//! Objects and Secrets are judged by the controller's own decisions (`kseal_core::reconcile`). No value of a Secret and no
//! private key leaves the cluster: of Secrets only the metadata is asked for. Whether values open is therefore not known
//! but from what sealed-secrets' own controller says of them.

mod controllers;
mod look;
mod objects;
mod report;
mod verdict;

pub(crate) use self::{
    look::{Place, look},
    report::{json, lines},
    verdict::Verdict,
};

use self::{
    controllers::{Kseal, Upstream},
    objects::Objects,
};

/// What was found in a cluster.
pub(crate) struct Found {
    /// For messages: `context prod (https://…)`.
    pub cluster: String,
    /// Where sealed-secrets keeps its keys.
    pub namespace: String,
    /// sealed-secrets' controller, if there is one.
    upstream: Option<Upstream>,
    /// kseal's controllers, where there are any.
    kseal: Vec<Kseal>,
    /// Whose the definition of the kind is, if it is anyone's.
    owner: Option<String>,
    objects: Objects,
    keys: Vec<Key>,
    /// When the certificate that `kubeseal` is given expires, in Unix seconds.
    expires: Option<u64>,
    /// What could not be looked at, and is not needed for the rest.
    unseen: Vec<String>,
}

/// The Secret of a private key of sealed-secrets.
pub(crate) struct Key {
    name: String,
    /// The value of its label; none for the one of the first release.
    label: Option<String>,
    /// RFC 3339.
    created: Option<String>,
    /// It is loaded.
    is_active: bool,
}
