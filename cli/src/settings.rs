//! The only module that reads the environment, the clock and the system's random generator.

use std::{
    env,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rand_core::UnwrapErr;

use crate::{
    args::{self, BundleArgs, ClusterArgs, KeyArgs, PublishedArgs, RecipientArgs},
    cluster::{Access, Proxies, Publishing},
    recipients::{Ask, Source},
};

/// The random generator of everything that is sealed.
pub(crate) type Rng = UnwrapErr<getrandom::SysRng>;

/// Names files of private keys, as in PATH.
pub(crate) const KEY_FILE: &str = "KSEAL_KEY_FILE";

/// Where programs are looked for without a PATH, as the C library does.
const USUAL_PATH: &str = "/bin:/usr/bin";

/// What the process was started with.
pub(crate) struct Environment {
    /// It runs as `kubectl kseal`.
    pub is_plugin: bool,
    /// `NO_COLOR` is set to something (no-color.org).
    pub no_color: bool,
    /// `KSEAL_KEY_FILE`: files of private keys, as in PATH.
    pub key_files: Vec<PathBuf>,
    /// `KSEAL_CONFIG`: the configuration instead of the nearest `.kseal.yaml`.
    pub config: Option<PathBuf>,
    /// `VISUAL`, else `EDITOR`.
    pub editor: Option<String>,
    /// `PATH`: the folders in which programs are looked for.
    pub programs: Vec<PathBuf>,
    /// `XDG_RUNTIME_DIR`: a tmpfs of the user's own.
    pub runtime_dir: Option<PathBuf>,
    /// `TMPDIR`, or the system's default.
    pub temp_dir: PathBuf,
    /// `KUBECONFIG`: files of clusters, as in PATH; else the one in the home folder.
    pub kubeconfigs: Vec<PathBuf>,
    /// `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT` are set: it runs in a pod.
    pub is_in_cluster: bool,
    /// `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in either case.
    pub proxies: Proxies,
}

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
    pub(crate) fn read() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let text = |names: [&str; 2]| names.into_iter().find_map(|name| set(name)?.into_string().ok());
        let kubeconfigs = || -> Vec<PathBuf> {
            match set("KUBECONFIG") {
                Some(list) => env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect(),
                None => set("HOME").map(|home| Path::new(&home).join(".kube/config")).into_iter().collect(),
            }
        };
        let program = env::args_os().next().unwrap_or_default();
        Self {
            is_plugin: Path::new(&program).file_stem().is_some_and(|name| name == args::PLUGIN),
            no_color: set("NO_COLOR").is_some(),
            key_files: set(KEY_FILE).map(|list| env::split_paths(&list).collect()).unwrap_or_default(),
            config: set("KSEAL_CONFIG").map(PathBuf::from),
            editor: ["VISUAL", "EDITOR"].into_iter().find_map(|name| set(name)?.into_string().ok()),
            programs: env::split_paths(&set("PATH").unwrap_or_else(|| USUAL_PATH.into())).collect(),
            runtime_dir: set("XDG_RUNTIME_DIR").map(PathBuf::from),
            temp_dir: env::temp_dir(),
            kubeconfigs: kubeconfigs(),
            is_in_cluster: set("KUBERNETES_SERVICE_HOST").is_some() && set("KUBERNETES_SERVICE_PORT").is_some(),
            proxies: Proxies {
                http: text(["HTTP_PROXY", "http_proxy"]),
                https: text(["HTTPS_PROXY", "https_proxy"]),
                none: text(["NO_PROXY", "no_proxy"]),
            },
        }
    }

    /// The present.
    #[expect(clippy::disallowed_methods, clippy::unused_self, reason = "this is where the clock is read")]
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// The operating system's random generator. It panics if the system has none to give.
    #[expect(clippy::unused_self, reason = "whoever draws holds the environment")]
    pub(crate) fn rng(&self) -> Rng {
        UnwrapErr(getrandom::SysRng)
    }
}

impl RecipientArgs {
    /// What recipients are found by: where nothing else is at hand, the current cluster.
    pub(crate) fn settle(self, environment: &Environment) -> Source {
        let config = self.config.or_else(|| environment.config.clone());
        let publishing = self.published.settle(environment);
        Source { keys: self.keys, config, allow_classical: self.allow_classical, publishing, ask: Ask::Fallback }
    }
}

impl BundleArgs {
    /// What bundles are found by: no cluster is asked that was not named.
    pub(crate) fn settle(self, environment: &Environment) -> Source {
        let config = self.config.or_else(|| environment.config.clone());
        let publishing = self.published.settle(environment);
        Source { keys: self.keys, config, allow_classical: false, publishing, ask: Ask::Compare }
    }
}

impl ClusterArgs {
    /// What a cluster is found by.
    pub(crate) fn settle(self, environment: &Environment) -> Access {
        Access {
            context: self.context,
            kubeconfig: self.kubeconfig,
            usual: environment.kubeconfigs.clone(),
            is_in_cluster: environment.is_in_cluster,
            proxies: environment.proxies.clone(),
            now: environment.now(),
        }
    }
}

impl PublishedArgs {
    /// What a cluster's keys are found by.
    pub(crate) fn settle(self, environment: &Environment) -> Publishing {
        Publishing { access: self.cluster.settle(environment), namespace: self.namespace_of_controller }
    }
}

impl KeyArgs {
    /// The files of private keys: those given, else those of the environment.
    pub(crate) fn settle(self, environment: &Environment) -> Vec<PathBuf> {
        if self.key.is_empty() { environment.key_files.clone() } else { self.key }
    }
}
