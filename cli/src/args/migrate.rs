//! Moving a cluster over from sealed-secrets.

use clap::Args;

use super::{ClusterArgs, ReportArgs};

const EXAMPLES: &str = "\
Examples:
  kseal migrate --context prod               what would happen?
  kseal migrate --context prod -o json
  kseal migrate --name-of-controller sealed-secrets --namespace-of-controller security";

/// Tell whether a cluster of sealed-secrets can be taken over, and what to do next
///
/// Looks at the objects of bitnami.com in all namespaces, at whose their Secrets are, at sealed-secrets' keys and
/// controller, and at kseal's. Says what would not work with kseal, what would be different, and which commands come
/// next. It is for every step of the way: before the takeover, after it, and while objects are handed over to native
/// ones. Exits 1 if something would not work.
///
/// Nothing is written. Of Secrets, and so of private keys, only the metadata is asked for; the right to that is the right
/// to `list secrets` in all namespaces. Whether values open is known only from what the controller says of its objects.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub report: ReportArgs,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Namespace of sealed-secrets' controller and keys
    #[arg(long, value_name = "NAME", default_value = "kube-system", alias = "controller-namespace")]
    pub namespace_of_controller: String,
    /// Name of sealed-secrets' Deployment and Service
    #[arg(long, value_name = "NAME", default_value = "sealed-secrets-controller", alias = "controller-name")]
    pub name_of_controller: String,
}
