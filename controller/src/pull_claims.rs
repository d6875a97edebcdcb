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

/// In which namespaces what is in the way of the object of that name; nothing is named where all is done.
pub type Hindrances = Arc<BTreeMap<Arc<str>, BTreeMap<Arc<str>, Trouble>>>;
