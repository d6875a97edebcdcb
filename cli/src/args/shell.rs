//! What shells and packagers need.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

const COMPLETION_EXAMPLES: &str = "\
Examples:
  kseal completion bash > ~/.local/share/bash-completion/completions/kseal
  kseal completion zsh > \"${fpath[1]}/_kseal\"
  kseal completion fish > ~/.config/fish/completions/kseal.fish";

/// Print a script that completes commands in a shell
#[derive(Args)]
#[command(after_help = COMPLETION_EXAMPLES)]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Print the manual page, or write all pages into a folder
#[derive(Args)]
pub(crate) struct ManArgs {
    /// Folder to write one page for each command to
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
