//! What the process was started with. The only module that reads the environment, files, the clock for people and the
//! system's random generator; monotonic time is tokio's.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use kseal_api::names;
use kseal_core::lease::{Timing, TimingError};
use kseal_crypto::Suite;
use rand_core::{Rng as _, UnwrapErr};

use crate::args::{Args, LogFormat, LogLevel, Policies, SealedSecrets, SuiteName};

/// The random generator of everything that is sealed, and of names.
pub type Rng = UnwrapErr<getrandom::SysRng>;
/// The clock for people, to be passed in.
pub type Clock = fn() -> Timestamp;

/// Where a pod finds the namespace of its ServiceAccount.
const SERVICE_ACCOUNT_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// What the arguments mean.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are the options of `args`, documented there")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Settings {
    pub namespace: String,
    /// Files that are merged, the first one winning; none for the pod's ServiceAccount.
    pub kubeconfig: Vec<PathBuf>,
    /// All namespaces, if empty.
    pub watch_namespaces: Vec<String>,
    pub cluster_name: String,
    pub suite: Suite,
    pub sealed_secrets: SealedSecrets,
    pub sealed_secrets_key_prefix: String,
    pub rewrap_requests: bool,
    pub rewrap_objects: bool,
    pub rewrap_objects_after: Duration,
    pub image_pull_secrets: bool,
    pub service_account_tokens: bool,
    pub cluster_sealed_secrets: Vec<String>,
    pub kubeconfig_server: Option<String>,
    pub policies: Policies,
    /// None for never.
    pub key_renew_period: Option<Duration>,
    /// None for never.
    pub sealed_secrets_key_renew_period: Option<Duration>,
    pub listen: SocketAddr,
    pub listen_metrics: SocketAddr,
    pub log_format: LogFormat,
    pub log_level: LogLevel,
    pub workers: usize,
    pub timing: Timing,
    /// What the Lease calls this replica; no other process has it.
    pub identity: String,
}

/// What the process finds around it.
#[derive(Debug, Default)]
pub struct Environment {
    /// `POD_NAMESPACE`, else the namespace of the ServiceAccount.
    namespace: Option<String>,
    /// `POD_NAME`.
    pod_name: Option<String>,
    /// `KUBECONFIG`: files, as in PATH.
    kubeconfig: Vec<PathBuf>,
}

impl Environment {
    /// Reads the environment.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
    pub fn read() -> Self {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let of_account = || {
            let text = fs::read_to_string(SERVICE_ACCOUNT_NAMESPACE).ok()?;
            Some(text.trim().to_owned()).filter(|name| !name.is_empty())
        };
        let kubeconfig = env::var_os("KUBECONFIG").unwrap_or_default();
        Self {
            namespace: set("POD_NAMESPACE").or_else(of_account),
            pod_name: set("POD_NAME"),
            kubeconfig: env::split_paths(&kubeconfig).filter(|path| !path.as_os_str().is_empty()).collect(),
        }
    }
}

impl Settings {
    /// What `args` mean in `environment`; `rng` tells this replica from all others.
    ///
    /// # Errors
    ///
    /// The durations do not go together.
    pub fn new(args: Args, environment: Environment, mut rng: Rng) -> Result<Self, TimingError> {
        let Args { cluster, keys, accounts, service, election } = args;
        let pod = election.pod_name.or(environment.pod_name).unwrap_or_else(|| names::CONTROLLER.to_owned());
        Ok(Self {
            namespace: cluster
                .namespace
                .or(environment.namespace)
                .unwrap_or_else(|| names::SYSTEM_NAMESPACE.to_owned()),
            kubeconfig: cluster.kubeconfig.map_or(environment.kubeconfig, |file| vec![file]),
            watch_namespaces: cluster.watch_namespaces,
            cluster_name: cluster.cluster_name,
            suite: match keys.suite {
                SuiteName::XWing => Suite::XWing,
                SuiteName::X25519 => Suite::X25519,
            },
            sealed_secrets: keys.sealed_secrets,
            sealed_secrets_key_prefix: keys.sealed_secrets_key_prefix,
            rewrap_requests: keys.rewrap_requests,
            rewrap_objects: keys.rewrap_objects,
            rewrap_objects_after: keys.rewrap_objects_after,
            image_pull_secrets: accounts.image_pull_secrets,
            service_account_tokens: accounts.service_account_tokens,
            cluster_sealed_secrets: accounts.cluster_sealed_secrets,
            kubeconfig_server: accounts.kubeconfig_server,
            policies: accounts.policies,
            key_renew_period: Some(keys.key_renew_period).filter(|period| !period.is_zero()),
            sealed_secrets_key_renew_period: Some(keys.sealed_secrets_key_renew_period)
                .filter(|period| !period.is_zero()),
            listen: service.listen,
            listen_metrics: service.listen_metrics,
            log_format: service.log_format,
            log_level: service.log_level,
            workers: service.workers.into(),
            timing: Timing::new(election.lease_duration, election.renew_deadline, election.retry_period)?,
            identity: format!("{pod}_{:016x}", rng.next_u64()),
        })
    }
}

/// The present, for people.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// RFC 3339 without fractions, as Kubernetes writes times.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).map_or_else(|_| String::new(), |time| time.to_string())
}

/// The operating system's random generator. It panics if the system has none to give.
#[must_use]
pub fn rng() -> Rng {
    UnwrapErr(getrandom::SysRng)
}

/// A number from 0 to 1, which spreads what would otherwise come together.
#[must_use]
pub fn jitter() -> f64 {
    f64::from(rng().next_u32()) / f64::from(u32::MAX)
}

/// Eight letters and digits that nobody can guess, for a name that never was.
#[must_use]
pub fn suffix() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut random = [0; 8];
    rng().fill_bytes(&mut random);
    random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn settle(args: &[&str], environment: Environment) -> Settings {
        let all = std::iter::once("kseal-controller").chain(args.iter().copied());
        Settings::new(Args::parse_from(all), environment, rng()).unwrap()
    }

    #[test]
    fn what_is_typed_comes_before_what_is_found_around() {
        let around = || Environment {
            namespace: Some("around".into()),
            pod_name: Some("pod-1".into()),
            kubeconfig: vec!["a".into(), "b".into()],
        };
        let found = settle(&[], around());
        assert_eq!(found.namespace, "around");
        assert_eq!(found.kubeconfig, [PathBuf::from("a"), PathBuf::from("b")]);
        assert!(found.identity.starts_with("pod-1_"));
        let typed = settle(&["--namespace=typed", "--kubeconfig=c", "--pod-name=pod-2"], around());
        assert_eq!(typed.namespace, "typed");
        assert_eq!(typed.kubeconfig, [PathBuf::from("c")]);
        assert!(typed.identity.starts_with("pod-2_"));
    }

    #[test]
    fn where_nothing_is_known_the_decided_names_stand() {
        let settings = settle(&[], Environment::default());
        assert_eq!(settings.namespace, "kseal-system");
        assert!(settings.identity.starts_with("kseal-controller_"));
        assert_eq!(settings.suite, Suite::XWing);
        assert!(settings.watch_namespaces.is_empty() && settings.kubeconfig.is_empty());
    }

    #[test]
    fn two_processes_of_one_name_are_told_apart() {
        let identity = || settle(&["--pod-name=same"], Environment::default()).identity;
        assert_ne!(identity(), identity());
    }

    #[test]
    fn durations_that_do_not_go_together_are_refused() {
        let args = Args::parse_from(["kseal-controller", "--renew-deadline=20s"]);
        assert_eq!(Settings::new(args, Environment::default(), rng()).unwrap_err(), TimingError::Deadline);
    }
}
