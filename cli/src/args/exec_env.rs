//! Running a program with opened values.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;

use super::KeyArgs;

/// Run a program with the values in its environment
///
/// The program takes the place of kseal: signals reach it, and its exit code is what the caller sees. Item keys become
/// names of variables, so who may change the file chooses which variables are set. The program is looked for on the PATH
/// that kseal has. Refused are names by which shells, linkers and interpreters are told what to run: PATH, HOME, SHELL, ENV,
/// IFS, CDPATH, PS4, BASH_*, SHELLOPTS, BASHOPTS, PROMPT_COMMAND, LD_*, DYLD_*, GLIBC_TUNABLES, GCONV_PATH, EDITOR, VISUAL,
/// PAGER, LESSOPEN, LESSCLOSE, GIT_*, SSH_ASKPASS, NODE_OPTIONS, NODE_PATH, PYTHON*, PERL5*, PERLLIB, RUBYOPT, RUBYLIB,
/// JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS, _JAVA_OPTIONS and KSEAL_*.
#[derive(Args)]
pub(crate) struct ExecEnvArgs {
    /// Sealed manifest to read; `-` is the standard input
    pub file: PathBuf,
    /// Program to run, and its arguments
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    pub command: Vec<OsString>,
    /// Name of the object, if the file holds several: `name` or `namespace/name`
    #[arg(long, value_name = "NAME")]
    pub object: Option<String>,
    /// Namespace of objects that do not state one
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Put this before every name
    #[arg(long, value_name = "PREFIX", default_value = "")]
    pub prefix: String,
    /// Write item keys in upper case, with `_` for `-` and `.`
    #[arg(long)]
    pub upper: bool,
    /// Leave out items whose keys cannot be names of variables
    #[arg(long)]
    pub skip_invalid: bool,
    /// Set names such as PATH or LD_PRELOAD, too, by which programs are told what to run
    #[arg(long)]
    pub allow_dangerous_names: bool,
    #[command(flatten)]
    pub keys: KeyArgs,
}
