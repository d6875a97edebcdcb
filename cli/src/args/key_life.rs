//! The keys of a cluster over time: rotation, use, and retirement.

use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::SignedDuration;
use kseal_api::KeyState;

use super::{PublishedArgs, ReportArgs};

const ROTATE_EXAMPLES: &str = "\
Examples:
  kseal keys rotate --context prod
  kseal keys fetch --context prod -i && kseal reencrypt apps        what to do then
  kseal keys rotate --context prod --sealed-secrets                 the RSA key of bitnami.com";

/// Ask a cluster for a new sealing key
///
/// Asks the controller for a key that follows the one that seals now, waits until it is published, and prints its
/// fingerprint. Nothing else changes: the keys that were there open what was sealed for them. Wants the right to get and
/// patch one ConfigMap, and none to Secrets.
#[derive(Args)]
#[command(after_help = ROTATE_EXAMPLES)]
pub(crate) struct RotateArgs {
    /// Rotate the RSA key with whose certificate sealed-secrets' users seal
    #[arg(long)]
    pub sealed_secrets: bool,
    /// Do not wait for the new key
    #[arg(long, conflicts_with = "timeout")]
    pub no_wait: bool,
    /// How long to wait for the new key
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = time)]
    pub timeout: Duration,
    #[command(flatten)]
    pub published: PublishedArgs,
}

const USAGE_EXAMPLES: &str = "\
Examples:
  kseal keys usage kx2f7ghqm                      as the controller counted it
  kseal keys usage kx2f7ghqm --all -o json        each object, as it is now";

/// Tell which objects of a cluster need a key
///
/// An object needs the keys that opened it, as its status says. What names a key and was not opened by it only claims it:
/// anyone who may create objects can do that, so it holds nothing up. The numbers are the controller's, and seconds old.
///
/// With --all, those that no controller has looked at as they are, and that may need the key, are told apart.
#[derive(Args)]
#[command(after_help = USAGE_EXAMPLES)]
pub(crate) struct UsageArgs {
    /// Fingerprint of the key, or how it begins: 6 characters at least
    #[arg(value_name = "KEY")]
    pub key: String,
    /// Look at every object instead, and name each
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub report: ReportArgs,
    #[command(flatten)]
    pub published: PublishedArgs,
}

const RETIRE_EXAMPLES: &str = "\
Examples:
  kseal keys retire kx2f7ghqm --context prod                        once nothing needs it
  kseal keys retire kx2f7ghqm --context prod --as compromised       somebody else has it
  kseal keys retire kx2f7ghqm --context prod --as retiring          taken back";

/// Retire a key of a cluster, or give it another state
///
/// A retired key is kept and not loaded, so nothing opens with it. Every object of the cluster is looked at first: while one
/// needs the key, or may need it because no controller has looked at it as it is, or if no other key is active, it is refused
/// without --force.
///
/// The state is a label on the key's Secret in the controller's namespace. Of Secrets there only the metadata is read;
/// the rights to get, list and patch them are needed all the same.
#[derive(Args)]
#[command(after_help = RETIRE_EXAMPLES)]
pub(crate) struct RetireArgs {
    /// Fingerprint of the key, or how it begins: 6 characters at least
    #[arg(value_name = "KEY")]
    pub key: String,
    /// What the key shall be
    #[arg(long = "as", value_name = "STATE", value_enum, default_value = "retired")]
    pub state: StateName,
    /// Do it even if objects need the key or may need it, or if no other one is active
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub published: PublishedArgs,
}

/// A state of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateName {
    /// Kept, and not loaded
    Retired,
    /// Opens, and does not seal
    Retiring,
    /// Opens; objects that it opens say so, and `kseal reencrypt` seals them anew
    Compromised,
    /// Opens; the newest of these seals
    Active,
}

impl From<StateName> for KeyState {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Retired => Self::Retired,
            StateName::Retiring => Self::Retiring,
            StateName::Compromised => Self::Compromised,
            StateName::Active => Self::Active,
        }
    }
}

/// A time as `90s`, `1m` or `1h30m`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let time: SignedDuration = text.parse().map_err(|_| "a time is written as 90s, 1m or 1h30m".to_owned())?;
    Duration::try_from(time).map_err(|_| "a time to wait is not negative".to_owned())
}
