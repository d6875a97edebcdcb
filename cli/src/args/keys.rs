//! The group that makes and lists sealing keys.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use kseal_api::names;

use super::{KeyArgs, PublishedArgs, ReportArgs, RetireArgs, RotateArgs, UsageArgs};

/// Make, list, rotate, retire and back up sealing keys
#[derive(Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub command: KeysCommand,
}

#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    Generate(GenerateArgs),
    List(ListArgs),
    Fetch(FetchArgs),
    Rotate(RotateArgs),
    Usage(UsageArgs),
    Retire(RetireArgs),
    Export(ExportArgs),
    Import(ImportArgs),
}

/// What names a cluster.
const CLUSTER_FLAGS: [&str; 3] = ["cluster", "context", "kubeconfig"];

const GENERATE_EXAMPLES: &str = "\
Examples:
  kseal keys generate -o key.yaml > bundle.yaml
  kseal keys generate --suite RSA-4096 -o sealed-secrets-key.yaml > bundle.yaml";

/// Make a private key and print its bundle
///
/// The file is the manifest of the key's Secret, mode 0600. Who has it opens everything; it does not belong into git.
/// The bundle, on the standard output, is public: give it to --keys or name it in .kseal.yaml.
#[derive(Args)]
#[command(after_help = GENERATE_EXAMPLES)]
pub(crate) struct GenerateArgs {
    /// Which kind of key
    #[arg(long, value_enum, ignore_case = true, default_value = "X-Wing")]
    pub suite: SuiteName,
    /// Where to write the private key; must not be there yet
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Name of the bundle, for people
    #[arg(long, value_name = "NAME", default_value = "local")]
    pub name: String,
    /// Namespace in the key's manifest [default: none; kube-system for RSA]
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
}

const LIST_EXAMPLES: &str = "\
Examples:
  kseal keys list                            what .kseal.yaml and KSEAL_KEY_FILE name
  kseal keys list key.yaml tls.crt           the keys of files
  kseal keys list --cluster                  those of the current cluster, and what needs them
  kseal keys list --context prod -o json     those of another one";

/// List the keys of files, or those of a cluster and what needs them
///
/// Files may be key bundles, certificates and private keys. Without files: the bundles that .kseal.yaml names, and the
/// files of KSEAL_KEY_FILE. Nothing secret is printed.
///
/// With --cluster, --context or --kubeconfig: the keys that the cluster publishes and those that its controller holds. OBJECTS
/// are those that would have to be opened by the key again; CLAIMED name it, and were not opened by it. A key whose Secret
/// is gone is `missing`.
#[derive(Args)]
#[command(after_help = LIST_EXAMPLES)]
pub(crate) struct ListArgs {
    /// Files to read; `-` is the standard input
    #[arg(value_name = "FILE", conflicts_with_all = CLUSTER_FLAGS)]
    pub files: Vec<PathBuf>,
    /// List the keys of the current context's cluster; --context and --kubeconfig do so by themselves
    #[arg(long)]
    pub cluster: bool,
    /// Configuration to use instead of the nearest .kseal.yaml
    #[arg(long, value_name = "FILE", conflicts_with_all = CLUSTER_FLAGS)]
    pub config: Option<PathBuf>,
    /// Print whole fingerprints
    #[arg(long)]
    pub wide: bool,
    #[command(flatten)]
    pub report: ReportArgs,
    #[command(flatten)]
    pub published: PublishedArgs,
}

const FETCH_EXAMPLES: &str = "\
Examples:
  kseal keys fetch --context prod > prod.yaml
  kseal keys fetch --context prod -i              the file that .kseal.yaml names for this cluster";

/// Fetch the bundle that a cluster publishes
///
/// Reads one ConfigMap, verifies the cluster's signature, and prints the bundle or replaces the file that a repository
/// keeps. Refused without --trust: another cluster or identity than that of the file, and an older bundle. An identity
/// that .kseal.yaml pins must be the one that signed, whatever is trusted.
#[derive(Args)]
#[command(after_help = FETCH_EXAMPLES)]
pub(crate) struct FetchArgs {
    /// Write to this file instead of the standard output; a bundle that is there is compared and replaced
    #[arg(short, long, value_name = "FILE", conflicts_with = "in_place")]
    pub output: Option<PathBuf>,
    /// Replace this bundle, or the one that .kseal.yaml names for this cluster
    #[arg(short, long, value_name = "BUNDLE", num_args = 0..=1)]
    pub in_place: Option<Vec<PathBuf>>,
    /// Accept another cluster, another identity, an older bundle, or a connection that is not verified
    #[arg(long)]
    pub trust: bool,
    /// Configuration to use instead of the nearest .kseal.yaml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub published: PublishedArgs,
}

const EXPORT_EXAMPLES: &str = "\
Examples:
  kseal keys export --public old.yaml new.yaml > bundle.yaml
  kseal keys export --context prod -o backup.yaml
  kseal keys export --context prod --seal-for offline-bundle.yaml -o sealed-backup.yaml
  kseal decrypt --key offline.yaml sealed-backup.yaml | kubectl create -f -";

/// Print the bundle of private keys, or the keys themselves as manifests
///
/// With --public: the bundle that others seal with. Of several keys the one made last seals, and the others stand in the
/// bundle so that what was sealed for them can be re-encrypted.
///
/// Without --public: the private keys, each as the manifest of its Secret without what a server added to it. Who has
/// them opens everything. With --cluster, --context or --kubeconfig they come from the cluster: all that the controller's
/// namespace has, of sealed-secrets too, and the identity that signs what is published. Of a key in two Secrets one is kept,
/// with the graver state.
///
/// With --seal-for the values are sealed for another key: what comes out opens with that one alone, which belongs
/// somewhere else.
#[derive(Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub(crate) struct ExportArgs {
    /// Files of private keys; `-` is the standard input
    #[arg(value_name = "KEY", required_unless_present_any = CLUSTER_FLAGS, conflicts_with_all = CLUSTER_FLAGS)]
    pub files: Vec<PathBuf>,
    /// Print the bundle, which is public
    #[arg(long, conflicts_with_all = CLUSTER_FLAGS)]
    pub public: bool,
    /// Name of the bundle, for people
    #[arg(long, value_name = "NAME", default_value = "local", requires = "public")]
    pub name: String,
    /// Export the keys of the current context's cluster; --context and --kubeconfig do so by themselves
    #[arg(long)]
    pub cluster: bool,
    /// Name of sealed-secrets' first key, which has no label; the controller's flag of the same name
    #[arg(long, value_name = "NAME", default_value = names::UPSTREAM_KEY_PREFIX, conflicts_with_all = ["files", "public"])]
    pub sealed_secrets_key_prefix: String,
    /// Seal the private keys for the key of this bundle
    #[arg(long, value_name = "BUNDLE", conflicts_with_all = ["public", "show"])]
    pub seal_for: Option<String>,
    /// Write to this file instead of the standard output; private keys never replace a file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Namespace in the keys' manifests [default: their own]
    #[arg(short, long, value_name = "NAME", conflicts_with = "public")]
    pub namespace: Option<String>,
    /// Print private keys even to a terminal
    #[arg(long)]
    pub show: bool,
    #[command(flatten)]
    pub published: PublishedArgs,
}

const IMPORT_EXAMPLES: &str = "\
Examples:
  kseal keys import tls.key --cert tls.crt -o key.yaml > bundle.yaml
  kseal keys import --key offline.yaml backup.yaml -o keys.yaml > bundle.yaml
  kubectl get secret -n kube-system -l sealedsecrets.bitnami.com/sealed-secrets-key -o json |
    kseal keys import -o keys.yaml - > bundle.yaml";

/// Check private keys of any form and write them as manifests
///
/// Reads PEM (PKCS#1 or PKCS#8, RSA), Secrets of sealed-secrets, Secrets of kseal, and lists of them; what
/// `kseal keys export --seal-for` sealed is opened with --key. Writes the keys' Secrets to a file of mode 0600, and their bundle
/// to the standard output. In a cluster they open, and do not seal.
#[derive(Args)]
#[command(after_help = IMPORT_EXAMPLES)]
pub(crate) struct ImportArgs {
    /// Files of private keys; `-` is the standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Where to write the private keys; must not be there yet
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Certificate of the RSA key, if it is in a file of its own
    #[arg(long, value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// Name of the bundle, for people
    #[arg(long, value_name = "NAME", default_value = "local")]
    pub name: String,
    /// Namespace in the keys' manifests [default: none; kube-system for RSA]
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    #[command(flatten)]
    pub keys: KeyArgs,
}

/// A kind of key.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SuiteName {
    /// ML-KEM-768 with X25519: what is sealed stays closed to quantum computers
    #[value(name = "X-Wing", alias = "xwing")]
    XWing,
    /// X25519 alone: small files
    #[value(name = "X25519")]
    X25519,
    /// RSA of 4096 bits with a certificate, for sealed-secrets
    #[value(name = "RSA-4096")]
    Rsa4096,
}
