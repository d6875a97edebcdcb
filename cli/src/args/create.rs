//! Making sealed Secrets from files and prompts, as `kubectl create secret` makes plain ones.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{PlaceArgs, RecipientArgs, SealFormat};

/// Make a sealed Secret without a plaintext file
///
/// As `kubectl create secret`, and sealed at once: no clear text reaches a disk.
#[derive(Args)]
pub(crate) struct CreateArgs {
    #[command(subcommand)]
    pub command: CreateCommand,
}

#[derive(Subcommand)]
pub(crate) enum CreateCommand {
    Generic(Box<GenericArgs>),
    Tls(Box<TlsArgs>),
    DockerRegistry(Box<DockerArgs>),
}

/// Make a Secret of any items
#[derive(Args)]
pub(crate) struct GenericArgs {
    /// File to take a value from; the item is called as the file if no KEY is given; a folder gives all its files
    #[arg(long, value_name = "[KEY=]PATH")]
    pub from_file: Vec<String>,
    /// File of lines `KEY=VALUE`; may be repeated
    #[arg(long, value_name = "FILE")]
    pub from_env_file: Vec<PathBuf>,
    /// Take the standard input as the value of this item
    #[arg(long, value_name = "KEY")]
    pub from_stdin: Option<String>,
    /// Ask for the value of this item at the terminal, twice and without echo; may be repeated
    #[arg(long, value_name = "KEY")]
    pub prompt: Vec<String>,
    /// An item itself: every process on this machine can see it, and the shell keeps it in its history
    #[arg(long, value_name = "KEY=VALUE")]
    pub insecure_from_literal: Vec<String>,
    /// As of `kubectl`; refused with a hint
    #[arg(long, value_name = "KEY=VALUE", hide = true)]
    pub from_literal: Vec<String>,
    /// Type of the Secret [default: Opaque]
    #[arg(long = "type", value_name = "TYPE")]
    pub type_: Option<String>,
    #[command(flatten)]
    pub common: CreateCommon,
}

/// Make a Secret of a certificate and its key
#[derive(Args)]
pub(crate) struct TlsArgs {
    /// The certificate, PEM, with its chain if there is one
    #[arg(long, value_name = "FILE")]
    pub tls_cert: PathBuf,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE")]
    pub tls_key: PathBuf,
    #[command(flatten)]
    pub common: CreateCommon,
}

/// Make a Secret for pulling images
///
/// The password comes from --docker-password-file, else from the standard input, else from a prompt. A line end behind
/// it does not belong to it.
#[derive(Args)]
pub(crate) struct DockerArgs {
    /// The registry
    #[arg(long, value_name = "SERVER", default_value = "https://index.docker.io/v1/")]
    pub docker_server: String,
    /// The user
    #[arg(long, value_name = "NAME", required_unless_present = "from_file")]
    pub docker_username: Option<String>,
    /// The user's address
    #[arg(long, value_name = "ADDRESS")]
    pub docker_email: Option<String>,
    /// File of the password; `-` is the standard input
    #[arg(long, value_name = "FILE", conflicts_with = "insecure_docker_password")]
    pub docker_password_file: Option<PathBuf>,
    /// The password itself: every process on this machine can see it, and the shell keeps it in its history
    #[arg(long, value_name = "PASSWORD")]
    pub insecure_docker_password: Option<String>,
    /// A `.docker/config.json` to take as it is
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "docker_username", "docker_email", "docker_password_file", "insecure_docker_password", "docker_server",
    ])]
    pub from_file: Option<PathBuf>,
    #[command(flatten)]
    pub common: CreateCommon,
}

/// What all kinds share.
#[derive(Args)]
pub(crate) struct CreateCommon {
    /// Name of the Secret
    pub name: String,
    /// Namespace of the Secret
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// How to seal [default: that of the rule in .kseal.yaml, else kseal]
    #[arg(short, long, value_enum)]
    pub format: Option<SealFormat>,
    /// Label of the Secret; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
    /// Annotation of the Secret; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub annotation: Vec<String>,
    /// Make a Secret that cannot be changed
    #[arg(long)]
    pub immutable: bool,
    /// Write to this new file instead of the standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub recipients: RecipientArgs,
}
