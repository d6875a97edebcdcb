//! What a repository of sealed files needs over the years.

use std::{path::PathBuf, time::Duration};

use clap::{Args, builder::Resettable};

use super::{KeyArgs, OutputArgs, RecipientArgs, ReportArgs, SealFormat, key_life::time};

const REENCRYPT_EXAMPLES: &str = "\
Examples:
  kseal reencrypt --check .                  is there anything to do?
  kseal reencrypt --key key.yaml secrets/    do it
  kseal reencrypt --key key.yaml --compact db.yaml

After a cluster rotated its key, without any private key:
  kseal keys fetch --context prod -i
  kseal reencrypt --through-cluster --context prod secrets/";

/// Bring sealed files up to date with the keys
///
/// Walks folders as git sees them and changes every sealed object to the recipients that its file's rule asks for
/// today. A recipient that rotated is replaced, and the values keep their bytes. Values that a compromised key, or a key
/// that no configured cluster has, could open are sealed anew; they are listed, because the secrets themselves have to be
/// changed at their source. Data keys that no value uses are dropped. Without a rule or --keys, the cluster that
/// --context names decides; the current context alone does not.
///
/// With --through-cluster no private key is wanted for what a rotation asks for: the cluster opens data keys and wraps
/// them for its own newest key. No value is sent, and no data key comes back in the open. It does so for who may `get
/// secrets` in the objects' namespaces, if its controller runs with --rewrap-requests. It wraps for itself only: another cluster is added, and values are
/// sealed anew, with a private key. Values of sealed-secrets' format cannot go this way, and neither can what is sealed
/// for several clusters that have all rotated: bring their bundles up to date one after the other.
#[derive(Args)]
#[command(after_help = REENCRYPT_EXAMPLES)]
#[command(mut_arg("keys", |keys| keys.conflicts_with(Resettable::Reset)))]
#[command(mut_arg("config", |config| config.conflicts_with(Resettable::Reset)))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct ReencryptArgs {
    /// Files and folders: of folders *.yaml, *.yml and *.json, without what git ignores
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Only report; exit 1 if something is to be done. Needs no private key
    #[arg(long, conflicts_with = "dry_run")]
    pub check: bool,
    /// Do everything but write
    #[arg(long)]
    pub dry_run: bool,
    /// Gather all values of an object under one fresh data key
    #[arg(long)]
    pub compact: bool,
    /// Where no private key at hand opens a data key, ask the cluster of --context to wrap it for its newest key
    #[arg(long, conflicts_with_all = ["check", "compact"])]
    pub through_cluster: bool,
    /// How long to wait for each of the cluster's answers
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = time, requires = "through_cluster")]
    pub timeout: Duration,
    #[command(flatten)]
    pub report: ReportArgs,
    #[command(flatten)]
    pub recipients: RecipientArgs,
    #[command(flatten)]
    pub keys: KeyArgs,
}

const CONVERT_EXAMPLES: &str = "\
Examples:
  kseal convert --to kseal --key sealed-secrets-key.yaml --keys prod.yaml -i db.yaml
  kseal convert --to secret --key key.yaml db.yaml";

/// Change sealed objects from one format into another
///
/// Opens the values in memory and seals them anew, in the same place with the same scope. A SealedSecret keeps its own
/// labels and annotations, its template and comments; a Secret gets the labels and annotations of the template. What the
/// other format cannot say is refused. Everything else in the file passes through byte for byte.
#[derive(Args)]
#[command(after_help = CONVERT_EXAMPLES)]
pub(crate) struct ConvertArgs {
    /// Manifests to read; `-` or none is the standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The format to change to
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub to: SealFormat,
    #[command(flatten)]
    pub output: OutputArgs,
    /// Namespace of objects that do not state one
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    #[command(flatten)]
    pub recipients: RecipientArgs,
    #[command(flatten)]
    pub keys: KeyArgs,
}
