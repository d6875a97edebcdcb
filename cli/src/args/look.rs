//! The group that looks at sealed files and checks them.

use std::path::PathBuf;

use clap::Args;

use super::{KeyArgs, PublishedArgs, ReportArgs};

/// Which clusters' keys to compare with.
#[derive(Args, Default)]
#[command(next_help_heading = "Recipients")]
pub(crate) struct BundleArgs {
    /// Key bundle to compare the recipients with: a file or an https URL; may be repeated
    #[arg(long, value_name = "FILE|URL", conflicts_with_all = ["context", "kubeconfig"])]
    pub keys: Vec<String>,
    /// Configuration to use instead of the nearest .kseal.yaml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub published: PublishedArgs,
}

/// Show what sealed files hold
///
/// For each object: where it may be opened, its items and their sizes, and who can open it. No value is opened for
/// show. Where a bundle is at hand (--keys, a .kseal.yaml, or a cluster that --context names), recipients are named by
/// cluster, and it is said whether they are current; where a private key is at hand, what it opens.
#[derive(Args)]
pub(crate) struct InspectArgs {
    /// Manifests to read; `-` or none is the standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Namespace of objects that do not state one
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    #[command(flatten)]
    pub report: ReportArgs,
    #[command(flatten)]
    pub bundles: BundleArgs,
    #[command(flatten)]
    pub keys: KeyArgs,
}

/// Check that sealed files will open
///
/// With a private key everything is opened, and nothing printed. Without one, all that can be known is checked: shape,
/// place, limits, and the recipients, if a bundle is at hand (--keys, or a .kseal.yaml). What could not be checked is
/// said. Exits 1 if something was found.
///
/// With --context the cluster is asked for the keys that it publishes now, and they take the place of those that the
/// repository keeps of it. Otherwise no cluster is asked.
#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// Manifests to read; `-` or none is the standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Namespace of objects that do not state one
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Accept recipients that are not the newest key of their cluster
    #[arg(long)]
    pub allow_outdated: bool,
    #[command(flatten)]
    pub report: ReportArgs,
    #[command(flatten)]
    pub bundles: BundleArgs,
    #[command(flatten)]
    pub keys: KeyArgs,
}

/// Guard a repository: no plaintext Secret, only well-formed sealed ones
///
/// Reads all *.yaml, *.yml and *.json files of a tree that git does not ignore, and files that are named, whatever
/// they are called. Finds plaintext in Secrets and in sealed objects, private keys, and sealed objects that are
/// malformed or moved. What cannot be read as YAML or JSON (Helm templates) is searched as text, and named. Exits 1 if
/// something was found.
#[derive(Args)]
pub(crate) struct CheckArgs {
    /// Files and folders to check [default: the current folder]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Check what git would commit, as it stands in the index
    #[arg(long)]
    pub staged: bool,
    /// Leave out paths that match, in the syntax of .gitignore; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Also fail on files that cannot be read as YAML or JSON
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    pub report: ReportArgs,
}
