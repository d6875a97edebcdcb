//! Opens SealedSecrets into Secrets and keeps them right.

pub mod api;
pub mod args;
mod channel;
pub mod client;
pub mod cluster_sealed;
mod collection;
mod config_map;
pub mod engine;
mod events;
pub mod guard;
pub mod http;
pub mod keys;
pub mod lease;
pub mod logging;
pub mod metrics;
mod pages;
pub mod pull_claims;
pub mod rewrap;
mod run;
mod secrets;
pub mod settings;
#[cfg(test)]
mod testing;
pub mod tokens;
pub mod watch;

pub use run::run;

/// The name under which the controller's writes stand in `managedFields`, and that of its ServiceAccount.
pub const MANAGER: &str = kseal_api::names::CONTROLLER;
