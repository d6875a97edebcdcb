//! Groups of options that several commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kseal_api::Scope;
use serde::Deserialize;

use super::PublishedArgs;

/// How values are sealed and where they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SealFormat {
    /// kind SealedSecret of kseal.dev
    Kseal,
    /// kind SealedSecret of bitnami.com, for sealed-secrets
    Bitnami,
    /// kind Secret, its values sealed where they stand
    Secret,
}

/// A scope as it is typed, in kseal's words or in those of sealed-secrets.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ScopeName {
    /// Opens in one namespace under one name
    #[value(name = "Strict", alias = "strict")]
    Strict,
    /// Opens under any name of one namespace
    #[value(name = "NamespaceWide", alias = "namespace-wide")]
    NamespaceWide,
    /// Opens anywhere in the cluster
    #[value(name = "ClusterWide", alias = "cluster-wide")]
    ClusterWide,
    /// Opens under one name, into every namespace that is selected
    #[value(name = "ClusterSealedSecret", alias = "cluster-sealed-secret")]
    ClusterSealedSecret,
}

impl ScopeName {
    /// The scope; a ClusterSealedSecret has none.
    pub(crate) const fn scope(self) -> Option<Scope> {
        match self {
            Self::Strict => Some(Scope::Strict),
            Self::NamespaceWide => Some(Scope::NamespaceWide),
            Self::ClusterWide => Some(Scope::ClusterWide),
            Self::ClusterSealedSecret => None,
        }
    }
}

/// Where values may be opened, and who uses the Secret.
#[derive(Args, Default)]
pub(crate) struct PlaceArgs {
    /// Where the values may be opened [default: that of the rule in .kseal.yaml, else Strict]
    #[arg(long, value_enum, ignore_case = true)]
    pub scope: Option<ScopeName>,
    /// Make a ClusterSealedSecret for the namespaces with such labels, as in `team=a,tier in (web,db),!legacy`
    ///
    /// With --scope ClusterSealedSecret alone it is for every namespace.
    #[arg(long, value_name = "SELECTOR")]
    pub namespace_selector: Option<String>,
    /// ServiceAccounts that shall pull images with the Secret: names as `a,b`, a selector as `team=a`, or `*` for all
    #[arg(long, value_name = "ACCOUNTS")]
    pub image_pull_secret_for: Option<String>,
}

/// Whom to seal for.
#[derive(Args, Default)]
#[command(next_help_heading = "Recipients")]
pub(crate) struct RecipientArgs {
    /// Key bundle or certificate to seal for: a file or an https URL; may be repeated
    #[arg(long, value_name = "FILE|URL", conflicts_with_all = ["context", "kubeconfig"])]
    pub keys: Vec<String>,
    /// Configuration to use instead of the nearest .kseal.yaml
    #[arg(long, value_name = "FILE", conflicts_with_all = ["context", "kubeconfig"])]
    pub config: Option<PathBuf>,
    /// Seal for classical and post-quantum keys side by side
    #[arg(long)]
    pub allow_classical: bool,
    /// Where neither --keys nor a .kseal.yaml says whom to seal for: the keys that this cluster publishes
    #[command(flatten)]
    pub published: PublishedArgs,
}

/// What opens.
#[derive(Args, Default)]
#[command(next_help_heading = "Private keys")]
pub(crate) struct KeyArgs {
    /// File of private keys, also from KSEAL_KEY_FILE; may be repeated
    #[arg(long = "key", value_name = "FILE")]
    pub key: Vec<PathBuf>,
}

/// Where the result goes.
#[derive(Args, Default)]
pub(crate) struct OutputArgs {
    /// Change each file in place
    #[arg(short, long, conflicts_with = "output")]
    pub in_place: bool,
    /// Write to this file instead of the standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// How a report is printed.
#[derive(Args, Default)]
pub(crate) struct ReportArgs {
    /// How to print the report
    #[arg(short = 'o', long = "output", value_name = "FORMAT", default_value = "text")]
    pub format: ReportFormat,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}
