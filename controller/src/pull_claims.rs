//! What ClusterSealedSecrets ask of ServiceAccounts, for the engine that does it, and what is in its way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kseal_core::reconcile::{Selection, Trouble};

/// What one of them asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which ServiceAccounts.
    pub selection: Selection,
    /// Where its Secret is right.
    pub namespaces: BTreeSet<Arc<str>>,
    /// Where its Secret is to be, right or not: what is there already stays.
    pub wanted: BTreeSet<Arc<str>>,
}

/// All that they ask for, by the name of the object, which is that of its Secret. None before every object is known.
pub type Claims = Option<Arc<BTreeMap<Arc<str>, Claim>>>;

/// What of that is not done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hindrances {
    /// What was asked when that was so. None before the ServiceAccounts are known, or it is known that they cannot be.
    pub of: Claims,
    /// By the name of the object and namespace: what is in the way; none where it is only not done yet. Nothing is named where
    /// all is done.
    pub by_name: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Option<Trouble>>>,
}
