//! Opens SealedSecrets into Secrets and keeps them right.
pub mod watch;
