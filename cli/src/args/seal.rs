//! The group that seals and opens whole files.

use std::path::PathBuf;

use clap::Args;

use super::{KeyArgs, OutputArgs, PlaceArgs, RecipientArgs, SealFormat};

const ENCRYPT_EXAMPLES: &str = "\
Examples:
  kseal encrypt secret.yaml -o sealed.yaml            for whom .kseal.yaml says
  kseal encrypt --keys prod.yaml -i secret.yaml       in place, for the cluster of this bundle
  kseal encrypt --context prod -i secret.yaml         the same, for the keys that this cluster publishes
  kubectl create secret generic db --from-file=password -n prod --dry-run=client -o yaml | kseal encrypt
  kseal encrypt --namespace-selector team=a -i pull.yaml   one ClusterSealedSecret for many namespaces
  kseal encrypt --raw password --name db -n prod < password.txt";

/// Seal the values of Secrets
///
/// Reads manifests in YAML or JSON and seals the values of every Secret in them. Everything else passes through byte
/// for byte. Values that are sealed already stay as they are.
///
/// Whom to seal for is said by --keys, else by the nearest .kseal.yaml, else by the cluster of --context or of the current
/// context: it publishes its keys.
#[derive(Args)]
#[command(after_help = ENCRYPT_EXAMPLES)]
pub(crate) struct EncryptArgs {
    /// Manifests to read; `-` or none is the standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub output: OutputArgs,
    /// How to seal [default: that of the rule in .kseal.yaml, else kseal]
    #[arg(short, long, value_enum)]
    pub format: Option<SealFormat>,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Namespace of Secrets that do not state one
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Name to give to the Secret
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Seal the input itself as the value of this item, and print a fragment to merge into a file
    #[arg(long, value_name = "ITEM", conflicts_with_all = ["in_place", "allow_empty"])]
    pub raw: Option<String>,
    /// Accept Secrets without any value
    #[arg(long)]
    pub allow_empty: bool,
    #[command(flatten)]
    pub recipients: RecipientArgs,
    #[command(flatten)]
    pub keys: KeyArgs,
}

const DECRYPT_EXAMPLES: &str = "\
Examples:
  kseal decrypt --key key.yaml sealed.yaml | kubectl apply -f -
  kseal decrypt --key key.yaml -o secret.yaml sealed.yaml";

/// Open sealed values
///
/// Turns sealed objects back into Secrets. A Secret that was sealed in place becomes the file that it was.
#[derive(Args)]
#[command(after_help = DECRYPT_EXAMPLES)]
pub(crate) struct DecryptArgs {
    /// Manifests to read; `-` or none is the standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub output: OutputArgs,
    /// Namespace of objects that do not state one
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Print secrets even to a terminal
    #[arg(long)]
    pub show: bool,
    #[command(flatten)]
    pub keys: KeyArgs,
}

const GET_EXAMPLES: &str = "\
Examples:
  kseal get --key key.yaml sealed.yaml password | psql-login
  kseal get --key key.yaml --object prod/db --show all.yaml password";

/// Print one value
#[derive(Args)]
#[command(after_help = GET_EXAMPLES)]
pub(crate) struct GetArgs {
    /// Sealed manifest to read; `-` is the standard input
    pub file: PathBuf,
    /// Item key
    pub item: String,
    /// Name of the object, if the file holds several: `name` or `namespace/name`
    #[arg(long, value_name = "NAME")]
    pub object: Option<String>,
    /// Namespace of objects that do not state one
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Print the secret even to a terminal
    #[arg(long)]
    pub show: bool,
    #[command(flatten)]
    pub keys: KeyArgs,
}
