//! The group that changes sealed files.

use std::path::PathBuf;

use clap::Args;

use super::{KeyArgs, RecipientArgs};

/// Set one value of a sealed file
///
/// Adds the item or replaces its value, which comes from the standard input, a file or a prompt. No private key is
/// needed, and all other values keep their bytes. With a private key at hand, a value that is there already stays.
#[derive(Args)]
pub(crate) struct SetArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// Item key
    pub item: String,
    #[command(flatten)]
    pub value: ValueArgs,
    /// Put a new item of a Secret sealed in place under stringData
    #[arg(long, conflicts_with = "data")]
    pub string_data: bool,
    /// Put a new item of a Secret sealed in place under data
    #[arg(long)]
    pub data: bool,
    #[command(flatten)]
    pub choice: ChoiceArgs,
    #[command(flatten)]
    pub recipients: RecipientArgs,
    #[command(flatten)]
    pub keys: KeyArgs,
}

/// Where one value comes from.
#[derive(Args)]
#[group(multiple = false)]
pub(crate) struct ValueArgs {
    /// Take the value from this file, byte for byte, instead of the standard input
    #[arg(long, value_name = "FILE")]
    pub from_file: Option<PathBuf>,
    /// Ask for the value at the terminal, twice and without echo
    #[arg(long)]
    pub prompt: bool,
    /// The value itself: every process on this machine can see it, and the shell keeps it in its history
    #[arg(long, value_name = "VALUE")]
    pub insecure_value: Option<String>,
}

/// Take items out of a sealed file
///
/// No private key and no recipient is needed, and all other values keep their bytes.
#[derive(Args)]
pub(crate) struct UnsetArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// Item keys
    #[arg(required = true, value_name = "ITEM")]
    pub items: Vec<String>,
    #[command(flatten)]
    pub choice: ChoiceArgs,
}

/// Edit the values of a sealed file in clear text
///
/// Opens $VISUAL, $EDITOR or vi on the values that a key at hand opens; the others stay as they are, unless they are
/// removed or replaced, so it works without any private key. Values that were not changed keep their bytes.
///
/// The clear text stands in a folder of your own, in memory where the system has such a place, and is removed however
/// the program ends. See to it that your editor leaves no copies elsewhere (of vim: viminfo, undodir, backupdir).
#[derive(Args)]
pub(crate) struct EditArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// Namespace of objects that do not state one
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    #[command(flatten)]
    pub recipients: RecipientArgs,
    #[command(flatten)]
    pub keys: KeyArgs,
}

/// The file that is changed.
#[derive(Args)]
pub(crate) struct TargetArgs {
    /// Sealed manifest to change
    pub file: PathBuf,
    /// Write the result to this file instead of changing the input
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The object that is meant.
#[derive(Args)]
pub(crate) struct ChoiceArgs {
    /// Name of the object, if the file holds several: `name` or `namespace/name`
    #[arg(long, value_name = "NAME")]
    pub object: Option<String>,
    /// Namespace of objects that do not state one
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
}
