//! Opens SealedSecrets into Secrets and keeps them right.

pub mod api;
pub mod keys;
pub mod watch;

/// The name under which the controller's writes stand in `managedFields`, and that of its ServiceAccount.
pub const MANAGER: &str = "kseal-controller";
