//! Looking at the sealed objects of a cluster.

use clap::Args;

use super::{ClusterArgs, ReportArgs};

const EXAMPLES: &str = "\
Examples:
  kseal status                       of the context's namespace
  kseal status -A --check            of all; exit 1 if one is not ready
  kseal status -n prod db            one of them";

/// List the sealed objects of a cluster, and why one is not ready
///
/// Lists SealedSecrets of kseal.dev and of bitnami.com, and with -A ClusterSealedSecrets too. READY is what the controller says of the object as it is now:
/// until it has looked at the last change, that is Unknown. KEYS are the sealing keys that opened it.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatusArgs {
    /// Names of the objects [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Look at all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// Namespace to look at [default: that of the context]
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Exit 1 if an object is not ready
    #[arg(long)]
    pub check: bool,
    #[command(flatten)]
    pub report: ReportArgs,
    #[command(flatten)]
    pub cluster: ClusterArgs,
}
