//! ClusterSealedSecrets: one sealed Secret in every namespace that is selected, and in no other.

#[path = "cluster_sealed/drift.rs"]
mod drift;
#[path = "cluster_sealed/many.rs"]
mod many;
#[path = "cluster_sealed/namespaces.rs"]
mod namespaces;
#[path = "cluster_sealed/ownership.rs"]
mod ownership;
#[path = "cluster_sealed/restart.rs"]
mod restart;
#[path = "cluster_sealed/rules.rs"]
mod rules;
#[path = "cluster_sealed/world.rs"]
mod world;

/// What every Secret holds.
const ITEMS: &[(&str, &str)] = &[("token", "hunter2"), ("user", "robot")];
/// Something else.
const OTHERS: &[(&str, &str)] = &[("token", "correct horse")];
