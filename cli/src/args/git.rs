//! The group that teaches git to show sealed files.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::KeyArgs;

/// Make git show sealed files readably
#[derive(Args)]
pub(crate) struct GitArgs {
    #[command(subcommand)]
    pub command: GitCommand,
}

#[derive(Subcommand)]
pub(crate) enum GitCommand {
    Textconv(TextconvArgs),
    Install(GitInstallArgs),
    Uninstall(GitUninstallArgs),
}

/// Print a manifest for `git diff`: what changed, by name, without ciphertext
///
/// Each sealed value becomes a short line with its size and a digest of its ciphertext. Values of plaintext Secrets are
/// not printed. Everything else stays as it is. `kseal git install` makes git call this.
#[derive(Args)]
pub(crate) struct TextconvArgs {
    /// File to print
    pub file: PathBuf,
    /// Print values in clear text where a private key opens them
    #[arg(long)]
    pub plaintext: bool,
    #[command(flatten)]
    pub keys: KeyArgs,
}

/// Make `git diff`, `git log -p` and `git show` of this repository show sealed files readably
///
/// Writes to the configuration of this repository, which is not committed. Can be repeated.
#[derive(Args)]
pub(crate) struct GitInstallArgs {
    /// Show values in clear text where a private key opens them
    #[arg(long)]
    pub plaintext: bool,
    /// Write the attributes to .gitattributes, for everyone, instead of .git/info/attributes
    #[arg(long)]
    pub shared: bool,
    /// File of private keys that --plaintext uses, instead of KSEAL_KEY_FILE; may be repeated
    #[arg(long = "key", value_name = "FILE", requires = "plaintext")]
    pub key: Vec<PathBuf>,
}

/// Take back what `kseal git install` wrote
#[derive(Args)]
pub(crate) struct GitUninstallArgs {}
