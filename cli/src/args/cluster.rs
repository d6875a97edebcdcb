//! Which cluster to ask, in the words of kubectl.

use std::path::PathBuf;

use clap::Args;
use kseal_api::names;

/// The cluster, as kubectl finds it.
#[derive(Args, Default)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// Context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Kubeconfig to use instead of those of KUBECONFIG, or of ~/.kube/config
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// Where the cluster publishes its keys.
#[derive(Args, Default)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct PublishedArgs {
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Namespace of the controller, which publishes the keys there
    #[arg(long, value_name = "NAME", default_value = names::SYSTEM_NAMESPACE, alias = "controller-namespace")]
    pub namespace_of_controller: String,
}
