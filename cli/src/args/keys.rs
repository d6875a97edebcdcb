//! The group that makes and lists sealing keys.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Make, list and convert sealing keys
#[derive(Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub command: KeysCommand,
}

#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    Generate(GenerateArgs),
}

/// Make a private key and print its bundle
///
/// The file is the manifest of the key's Secret, mode 0600. Who has it opens everything; it does not belong into git.
/// The bundle, on the standard output, is public: give it to --keys or name it in .kseal.yaml.
#[derive(Args)]
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
