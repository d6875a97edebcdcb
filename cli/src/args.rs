//! What can be typed, and nothing else: clap's types.

mod change;
mod cluster;
mod common;
mod create;
mod exec_env;
mod git;
mod help;
mod key_life;
mod keys;
mod look;
mod migrate;
mod repository;
mod seal;
mod shell;
mod status;

use clap::{Args, Parser, Subcommand};

pub(crate) use change::{EditArgs, SetArgs, UnsetArgs, ValueArgs};
pub(crate) use cluster::{ClusterArgs, PublishedArgs};
pub(crate) use common::{KeyArgs, OutputArgs, PlaceArgs, RecipientArgs, ReportArgs, ReportFormat};
pub use common::{ScopeName, SealFormat};
pub(crate) use create::{CreateArgs, CreateCommand, CreateCommon, DockerArgs, GenericArgs, TlsArgs};
pub(crate) use exec_env::ExecEnvArgs;
pub(crate) use git::{GitArgs, GitCommand, GitInstallArgs, TextconvArgs};
pub(crate) use help::{PLUGIN, command};
pub(crate) use key_life::{RetireArgs, RotateArgs, UsageArgs};
pub(crate) use keys::{ExportArgs, FetchArgs, GenerateArgs, ImportArgs, KeysArgs, KeysCommand, ListArgs, SuiteName};
pub(crate) use look::{BundleArgs, CheckArgs, InspectArgs, VerifyArgs};
pub(crate) use migrate::MigrateArgs;
pub(crate) use repository::{ConvertArgs, ReencryptArgs};
pub(crate) use seal::{DecryptArgs, EncryptArgs, GetArgs};
pub(crate) use shell::{CompletionArgs, ManArgs};
pub(crate) use status::StatusArgs;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  a check found something
  2  the command line is wrong
  3  the input is not what it must be
  4  no key, or nobody to seal for
  5  it does not open
  6  refused for safety
  7  a file cannot be read or written
  8  the cluster cannot be reached or says no";

/// Makes Kubernetes Secrets fit for git
#[derive(Parser)]
#[command(name = "kseal", version, after_help = EXIT_CODES, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args)]
pub(crate) struct GlobalArgs {
    /// Say nothing on stderr but errors
    #[arg(long, global = true)]
    pub quiet: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Encrypt(EncryptArgs),
    Decrypt(DecryptArgs),
    Create(CreateArgs),
    ExecEnv(ExecEnvArgs),
    Edit(EditArgs),
    Set(SetArgs),
    Unset(UnsetArgs),
    Get(GetArgs),
    Inspect(InspectArgs),
    Verify(VerifyArgs),
    Check(CheckArgs),
    Status(StatusArgs),
    Git(GitArgs),
    Keys(KeysArgs),
    Reencrypt(ReencryptArgs),
    Convert(ConvertArgs),
    Migrate(MigrateArgs),
    Completion(CompletionArgs),
    #[command(hide = true)]
    Man(ManArgs),
}
