//! What can be typed, and nothing else: clap's types.
//!
//! Each option can be given as an environment variable too, `KSEAL_` and its name, so that a Deployment can be changed
//! without repeating its arguments.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use jiff::SignedDuration;
use kseal_api::names;

const EXIT_CODES: &str = "\
Exit codes:
  0  stopped by a signal, all work handed over
  1  it cannot run, or was stopped before it was done
  2  the command line is wrong";

/// Opens SealedSecrets into Secrets and keeps them right
#[derive(Debug, Parser)]
#[command(name = "kseal-controller", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Args {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    #[command(flatten)]
    pub(crate) keys: KeyArgs,
    #[command(flatten)]
    pub(crate) accounts: AccountArgs,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) election: ElectionArgs,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// The controller's own namespace, where keys, bundle and Lease are [default: POD_NAMESPACE, else that of the
    /// ServiceAccount, else kseal-system]
    #[arg(long, env = "KSEAL_NAMESPACE", value_parser = label, hide_env_values = true)]
    pub namespace: Option<String>,
    /// Reach the cluster by this file's current context [default: KUBECONFIG, else as the pod's ServiceAccount]
    #[arg(long, env = "KSEAL_KUBECONFIG", value_name = "FILE", hide_env_values = true)]
    pub kubeconfig: Option<PathBuf>,
    /// Look after these namespaces only, with no right to any other [default: all]
    #[arg(
        long,
        env = "KSEAL_WATCH_NAMESPACES",
        value_name = "NAMESPACE,...",
        value_delimiter = ',',
        value_parser = label,
        hide_env_values = true
    )]
    pub watch_namespaces: Vec<String>,
    /// The cluster's name for people, as its bundle of keys shows it
    #[arg(
        long,
        env = "KSEAL_CLUSTER_NAME",
        value_name = "NAME",
        default_value = "cluster",
        value_parser = subdomain,
        hide_env_values = true
    )]
    pub cluster_name: String,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Keys")]
pub(crate) struct KeyArgs {
    /// What new sealing keys are for
    #[arg(long, env = "KSEAL_SUITE", value_enum, default_value_t = SuiteName::XWing, hide_env_values = true)]
    pub suite: SuiteName,
    /// What is done about objects of sealed-secrets (bitnami.com)
    #[arg(
        long,
        env = "KSEAL_SEALED_SECRETS",
        value_name = "MODE",
        value_enum,
        default_value_t = SealedSecrets::Existing,
        hide_env_values = true
    )]
    pub sealed_secrets: SealedSecrets,
    /// After how long a sealing key is followed by a new one; 0s for never. Old ones keep opening
    #[arg(
        long,
        env = "KSEAL_KEY_RENEW_PERIOD",
        value_name = "DURATION",
        default_value = "720h",
        value_parser = duration,
        hide_env_values = true
    )]
    pub key_renew_period: Duration,
    /// The same for RSA keys, where they are made
    #[arg(
        long,
        env = "KSEAL_SEALED_SECRETS_KEY_RENEW_PERIOD",
        value_name = "DURATION",
        default_value = "720h",
        value_parser = duration,
        hide_env_values = true
    )]
    pub sealed_secrets_key_renew_period: Duration,
    /// Answer RewrapRequests: wrap data keys for the current sealing key. Needs deploy/components/rewrap-requests
    #[arg(
        long,
        env = "KSEAL_REWRAP_REQUESTS",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = false,
        default_missing_value = "true",
        action = clap::ArgAction::Set,
        hide_env_values = true
    )]
    pub rewrap_requests: bool,
    /// Wrap sealed objects of the cluster for the current sealing key, but for those that Argo CD or Flux own. Needs
    /// deploy/components/rewrap-objects
    #[arg(
        long,
        env = "KSEAL_REWRAP_OBJECTS",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = false,
        default_missing_value = "true",
        action = clap::ArgAction::Set,
        hide_env_values = true
    )]
    pub rewrap_objects: bool,
    /// How old a sealing key must be before objects are wrapped for it, so that it is in a backup by then
    #[arg(
        long,
        env = "KSEAL_REWRAP_OBJECTS_AFTER",
        value_name = "DURATION",
        default_value = "24h",
        value_parser = duration,
        hide_env_values = true
    )]
    pub rewrap_objects_after: Duration,
    /// How the Secrets of new RSA keys begin, and what the oldest release of sealed-secrets named its only key
    #[arg(
        long,
        env = "KSEAL_SEALED_SECRETS_KEY_PREFIX",
        value_name = "PREFIX",
        default_value = names::UPSTREAM_KEY_PREFIX,
        value_parser = subdomain,
        hide_env_values = true
    )]
    pub sealed_secrets_key_prefix: String,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "ServiceAccounts and namespaces")]
pub(crate) struct AccountArgs {
    /// Add registry Secrets to the imagePullSecrets of the ServiceAccounts that their objects name. Needs
    /// deploy/components/image-pull-secrets
    #[arg(
        long,
        env = "KSEAL_IMAGE_PULL_SECRETS",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = false,
        default_missing_value = "true",
        action = clap::ArgAction::Set,
        hide_env_values = true
    )]
    pub image_pull_secrets: bool,
    /// Keep tokens of ServiceAccounts in Secrets, as ServiceAccountTokens ask. Needs
    /// deploy/components/service-account-tokens
    #[arg(
        long,
        env = "KSEAL_SERVICE_ACCOUNT_TOKENS",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = false,
        default_missing_value = "true",
        action = clap::ArgAction::Set,
        hide_env_values = true
    )]
    pub service_account_tokens: bool,
    /// Open the ClusterSealedSecrets of these names into the namespaces that they select; * for all. Needs
    /// deploy/components/cluster-sealed-secrets
    #[arg(
        long,
        env = "KSEAL_CLUSTER_SEALED_SECRETS",
        value_name = "NAME,...",
        value_delimiter = ',',
        value_parser = subdomain_or_all,
        hide_env_values = true
    )]
    pub cluster_sealed_secrets: Vec<String>,
    /// The API server's address, as kubeconfigs that are asked for shall name it
    #[arg(long, env = "KSEAL_KUBECONFIG_SERVER", value_name = "URL", value_parser = https, hide_env_values = true)]
    pub kubeconfig_server: Option<String>,
    /// Who sees to it that who asks for these things may do so himself
    #[arg(
        long,
        env = "KSEAL_POLICIES",
        value_name = "MODE",
        value_enum,
        default_value_t = Policies::Required,
        hide_env_values = true
    )]
    pub policies: Policies,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Service")]
pub(crate) struct ServiceArgs {
    /// Where /healthz, /readyz, /v1/keys and /v1/cert.pem are served
    #[arg(
        long,
        env = "KSEAL_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "0.0.0.0:8080",
        hide_env_values = true
    )]
    pub listen: SocketAddr,
    /// Where /metrics is served
    #[arg(
        long,
        env = "KSEAL_LISTEN_METRICS",
        value_name = "ADDRESS:PORT",
        default_value = "0.0.0.0:8081",
        hide_env_values = true
    )]
    pub listen_metrics: SocketAddr,
    /// How log lines, which go to stderr, are written
    #[arg(long, env = "KSEAL_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text, hide_env_values = true)]
    pub log_format: LogFormat,
    /// The least important of the log lines
    #[arg(long, env = "KSEAL_LOG_LEVEL", value_enum, default_value_t = LogLevel::Info, hide_env_values = true)]
    pub log_level: LogLevel,
    /// How many objects are worked on at once, each with a connection of its own
    #[arg(
        long,
        env = "KSEAL_WORKERS",
        value_name = "N",
        default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..=256),
        hide_env_values = true
    )]
    pub workers: u16,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Leader election")]
pub(crate) struct ElectionArgs {
    /// How long a leader must be silent before another takes its place
    #[arg(
        long,
        env = "KSEAL_LEASE_DURATION",
        value_name = "DURATION",
        default_value = "15s",
        value_parser = duration,
        hide_env_values = true
    )]
    pub lease_duration: Duration,
    /// How long after its last renewal a leader gives up, less than the lease duration
    #[arg(
        long,
        env = "KSEAL_RENEW_DEADLINE",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = duration,
        hide_env_values = true
    )]
    pub renew_deadline: Duration,
    /// The time between two renewals
    #[arg(
        long,
        env = "KSEAL_RETRY_PERIOD",
        value_name = "DURATION",
        default_value = "2s",
        value_parser = duration,
        hide_env_values = true
    )]
    pub retry_period: Duration,
    /// What the Lease calls this replica, a random suffix added [default: POD_NAME, else kseal-controller]
    #[arg(long, env = "KSEAL_POD_NAME", value_name = "NAME", value_parser = subdomain, hide_env_values = true)]
    pub pod_name: Option<String>,
}

/// A suite's name as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SuiteName {
    /// ML-KEM-768 with X25519: stays closed to a quantum computer
    #[value(name = "X-Wing", alias = "x-wing")]
    XWing,
    /// For small files
    #[value(name = "X25519", alias = "x25519")]
    X25519,
}

/// What is done about objects of sealed-secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SealedSecrets {
    /// Open them, make an RSA key if there is none, and renew it
    Generate,
    /// Open them with the keys that there are
    Existing,
    /// Leave them alone
    Off,
}

/// Who decides who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Policies {
    /// The admission policies of deploy/policies: without them nothing is done that was not done before
    Required,
    /// Something else, which the controller does not look for
    Elsewhere,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// The least important of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What cannot be done
    Error,
    /// What is probably wrong
    Warn,
    /// What happens to the controller
    Info,
    /// What happens to each object
    Debug,
    /// Every step
    Trace,
}

/// A duration as Go and Kubernetes write it, such as `1m30s`.
fn duration(text: &str) -> Result<Duration, &'static str> {
    let read = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    read.ok_or("not a duration such as 15s or 1m30s")
}

/// A DNS label of RFC 1123, as the names of namespaces are.
fn label(text: &str) -> Result<String, &'static str> {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let inner = bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-');
    if inner && edge(bytes.first()) && edge(bytes.last()) && bytes.len() <= 63 {
        return Ok(text.to_owned());
    }
    Err(
        "a name is of lower-case letters, digits and dashes, with a letter or digit at either end, 63 characters at most",
    )
}

/// Labels with dots between them, as the names of most objects are.
fn subdomain(text: &str) -> Result<String, &'static str> {
    if text.len() > 253 {
        return Err("a name has 253 characters at most");
    }
    text.split('.').try_for_each(|part| label(part).map(drop))?;
    Ok(text.to_owned())
}

/// A name, or all of them.
fn subdomain_or_all(text: &str) -> Result<String, &'static str> {
    if text == "*" { Ok(text.to_owned()) } else { subdomain(text) }
}

/// An address that tokens may be sent to.
fn https(text: &str) -> Result<String, &'static str> {
    let uri = text.parse::<http::Uri>().ok().filter(|uri| uri.scheme_str() == Some("https") && uri.host().is_some());
    uri.map(|_| text.to_owned()).ok_or("not an address such as https://api.example.com:6443")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(args: &[&str]) -> Result<Args, String> {
        let all = std::iter::once("kseal-controller").chain(args.iter().copied());
        Args::try_parse_from(all).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_consistent_and_every_option_has_its_variable() {
        let command = Args::command();
        command.clone().debug_assert();
        for arg in command.get_arguments().filter(|arg| arg.get_long().is_some()) {
            let name = format!("KSEAL_{}", arg.get_long().unwrap().replace('-', "_").to_uppercase());
            assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(name.as_str()));
        }
    }

    #[test]
    fn values_are_read() {
        let args = parse(&["--watch-namespaces", "a,b-1", "--suite", "X25519", "--retry-period", "1m1.5s"]).unwrap();
        assert_eq!(args.cluster.watch_namespaces, ["a", "b-1"]);
        assert!(!args.keys.rewrap_requests);
        let switched = parse(&["--rewrap-requests", "--rewrap-objects=true"]).unwrap().keys;
        assert!(switched.rewrap_requests && switched.rewrap_objects);
        assert!(!parse(&["--rewrap-objects=false"]).unwrap().keys.rewrap_objects);
        assert_eq!(parse(&["--cluster-sealed-secrets=*"]).unwrap().accounts.cluster_sealed_secrets, ["*"]);
        assert_eq!(args.keys.suite, SuiteName::X25519);
        assert_eq!(args.election.retry_period, Duration::from_millis(61_500));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (args, words) in [
            (["--namespace", "Prod"], "lower-case letters"),
            (["--watch-namespaces", "a,"], "lower-case letters"),
            (["--cluster-name", "a..b"], "lower-case letters"),
            (["--lease-duration", "15"], "not a duration such as 15s"),
            (["--lease-duration", "-15s"], "not a duration such as 15s"),
            (["--workers", "0"], "0 is not in 1..=256"),
            (["--suite", "RSA"], "possible values: X-Wing, X25519"),
            (["--kubeconfig-server", "http://a"], "not an address such as https"),
            (["--cluster-sealed-secrets", "A"], "lower-case letters"),
            (["--listen", "8080"], "invalid socket address"),
        ] {
            let error = parse(&[&format!("{}={}", args[0], args[1])]).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
