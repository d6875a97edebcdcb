//! Whom a file is sealed for: `--keys`, else the nearest `.kseal.yaml`, else the current cluster.

mod from_cluster;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    rc::Rc,
};

use jiff::Timestamp;
use kseal_api::Scope;
use kseal_core::{Bundle, Floor, sealing_keys};
use kseal_crypto::{PublicKey, sealed_secrets::RsaPublicKey};

use self::from_cluster::FromCluster;
use crate::{
    args::SealFormat,
    bundles,
    cluster::Publishing,
    config::{self, Config},
    error::{Error, Result},
    fetch, files,
    output::Output,
    pinning,
};

/// What was given to find recipients by.
pub(crate) struct Source {
    /// Files and URLs of bundles and certificates.
    pub keys: Vec<String>,
    /// A configuration that was named.
    pub config: Option<PathBuf>,
    /// Whether classical and post-quantum recipients may stand side by side.
    pub allow_classical: bool,
    /// A cluster that publishes keys.
    pub publishing: Publishing,
    /// Whether it is asked.
    pub ask: Ask,
}

/// When a cluster is asked for its keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Where nothing else says whom to seal for.
    Fallback,
    /// There too, but only one that was named: what changes many files is not for whatever cluster is the current one.
    NamedFallback,
    /// The same. One that was named may stand beside what a file says: it is asked to do the work.
    Through,
    /// Only one that was named. What it says then takes the place of what the repository keeps of it.
    Compare,
}

/// Finds recipients for one file after the other, and reads each bundle once.
pub(crate) struct Resolver<'o> {
    source: Source,
    now: Timestamp,
    output: &'o Output,
    configs: BTreeMap<PathBuf, Rc<Config>>,
    sets: BTreeMap<String, Rc<Recipients>>,
    published: Option<Result<Option<Rc<FromCluster>>>>,
}

/// The recipients of a file.
pub(crate) struct Recipients {
    /// The configured clusters' keys.
    pub bundles: Vec<Bundle>,
    /// What new recipients must be.
    pub floor: Floor,
}

/// What holds for a file.
pub(crate) struct Resolved {
    /// Whom it is sealed for.
    pub recipients: Rc<Recipients>,
    /// The namespace of objects that do not state one.
    pub namespace: Option<String>,
    /// The scope of objects that are sealed for the first time.
    pub scope: Option<Scope>,
    /// The format of objects that are sealed for the first time.
    pub format: Option<SealFormat>,
}

impl Recipients {
    /// The keys that a new data key is wrapped for.
    pub(crate) fn sealing_keys(&self) -> Result<Vec<&PublicKey>> {
        sealing_keys(&self.bundles, self.floor).map_err(|error| {
            let hint = match &error {
                kseal_core::RecipientError::MixedClasses { .. } => {
                    "who breaks the classical key opens everything; --allow-classical accepts that"
                }
                kseal_core::RecipientError::NoActiveKey(_) => {
                    "a certificate can be used with --format bitnami only; else give a bundle with an active key"
                }
                kseal_core::RecipientError::BelowFloor { .. } => {
                    "fetch a bundle with a stronger key, or lower minSuite in .kseal.yaml"
                }
                _ => "give a bundle with --keys, or write a .kseal.yaml (docs/configuration.md)",
            };
            let is_refused = matches!(
                error,
                kseal_core::RecipientError::MixedClasses { .. } | kseal_core::RecipientError::BelowFloor { .. }
            );
            let message = if is_refused {
                Error::refused("these keys are not sealed for")
            } else {
                Error::no_key("there is no key to seal for")
            };
            message.because(&error).hint(hint)
        })
    }

    /// The one RSA key that upstream's format seals with.
    pub(crate) fn rsa(&self, now: Timestamp) -> Result<&RsaPublicKey> {
        if let Some(floor) = self.floor.min_suite.filter(|floor| floor.is_post_quantum()) {
            return Err(Error::refused(format!("format bitnami seals with RSA, which is below minSuite {floor}"))
                .hint("use --format kseal, or lower minSuite in .kseal.yaml"));
        }
        let mut with = self.bundles.iter().filter_map(|bundle| Some((bundle, bundle.certificate.as_ref()?)));
        match (with.next(), with.next()) {
            (Some((bundle, certificate)), None) => {
                bundles::check_certificate(bundle, now)?;
                Ok(&certificate.public)
            }
            (Some(_), Some(_)) => Err(Error::usage("format bitnami seals for one cluster only, and there are several")
                .hint("seal once for each cluster, or use format kseal")),
            (None, _) => Err(Error::no_key("no certificate is at hand, and format bitnami seals with one")
                .hint("give the controller's certificate with --keys, or a bundle that holds one")),
        }
    }

    /// `prod (k6hz3…), dev (kabcd…)`, for people.
    pub(crate) fn describe(&self, format: SealFormat) -> String {
        let name = |bundle: &Bundle| {
            let key = match format {
                SealFormat::Bitnami => bundle.certificate.as_ref().map(|it| it.public.fingerprint().to_string()),
                _ => bundle.sealing_key().map(|key| key.public.fingerprint().short()),
            };
            format!("{} ({})", bundle.name, key.unwrap_or_default())
        };
        self.bundles.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

impl<'o> Resolver<'o> {
    pub(crate) fn new(source: Source, now: Timestamp, output: &'o Output) -> Self {
        Self { source, now, output, configs: BTreeMap::new(), sets: BTreeMap::new(), published: None }
    }

    /// What holds for a file, or for the current folder where there is no file.
    ///
    /// # Errors
    /// If there are no recipients: with a hint how to get some.
    pub(crate) fn resolve(&mut self, file: Option<&Path>) -> Result<Resolved> {
        if let Some(found) = self.find(file)? {
            return Ok(found);
        }
        let is_asked = self.source.ask == Ask::Fallback || self.is_named();
        let recipients = if is_asked { self.by_cluster()? } else { None };
        recipients.map(Resolved::bare).ok_or_else(|| {
            let (others, hint) = match self.source.ask {
                Ask::Fallback => (
                    "neither --keys, nor a .kseal.yaml, nor the current context of a kubeconfig says",
                    "`kseal keys fetch --context NAME` fetches the bundle of a cluster, and `kseal keys generate` makes a \
                     key and prints its bundle; give that file with --keys",
                ),
                _ => (
                    "neither --keys, nor a .kseal.yaml, nor --context says",
                    "name a cluster with --context, or give a bundle with --keys; the current context alone does not decide \
                     over a tree",
                ),
            };
            Error::no_key(format!("no recipients: {others} whom to seal for")).hint(hint)
        })
    }

    /// The same; `None` if nothing is configured. A cluster is asked only if it was named to be compared with.
    pub(crate) fn find(&mut self, file: Option<&Path>) -> Result<Option<Resolved>> {
        if !self.source.keys.is_empty() {
            return self.by_keys().map(Resolved::bare).map(Some);
        }
        let compares = self.source.ask == Ask::Compare && self.is_named();
        let file = files::absolute(file.unwrap_or(Path::new("./-")))?;
        let path = match &self.source.config {
            Some(path) => Some(files::absolute(path)?),
            None => config::find(file.parent().unwrap_or(Path::new("/")))?,
        };
        let Some(path) = path else {
            let recipients = if compares { Some(self.beside_published(None)?) } else { None };
            return Ok(recipients.map(Resolved::bare));
        };
        if self.is_named() && !compares && self.source.ask != Ask::Through {
            return Err(Error::usage(format!(
                "{} says whom to seal for, so --context and --kubeconfig have nothing to say",
                path.display()
            ))
            .hint("leave them out; `kseal keys fetch --context NAME -o FILE` fetches a bundle to give with --keys"));
        }
        let config = match self.configs.get(&path) {
            Some(config) => Rc::clone(config),
            None => Rc::new(Config::read(&path)?),
        };
        self.configs.insert(path.clone(), Rc::clone(&config));
        let rule = config.rule(&file).ok_or_else(|| {
            Error::no_key(format!("no rule of {} fits {}", path.display(), file.display()))
                .hint("add a rule without paths at the end for everything else, or give --keys")
        })?;
        let recipients = if compares {
            self.beside_published(Some((&config, &rule.clusters)))?
        } else {
            self.by_config(&config, &rule.clusters)?
        };
        let (namespace, scope, format) = (rule.namespace.clone(), rule.scope, rule.format);
        Ok(Some(Resolved { recipients, namespace, scope, format }))
    }

    fn by_keys(&mut self) -> Result<Rc<Recipients>> {
        if let Some(set) = self.sets.get("") {
            return Ok(Rc::clone(set));
        }
        let keys = self.source.keys.iter();
        let read = keys.map(|key| {
            let text =
                if key.contains("://") { fetch::text(key)? } else { files::read(Path::new(key))?.text.to_string() };
            bundles::read(key, &text)
        });
        let bundles = read.collect::<Result<Vec<_>>>()?;
        let floor = Floor { min_suite: None, allow_classical: self.source.allow_classical };
        Ok(self.keep(String::new(), Recipients { bundles, floor }))
    }

    fn by_config(&mut self, config: &Config, names: &[String]) -> Result<Rc<Recipients>> {
        let id = format!("{}\0{}", config.path.display(), names.join("\0"));
        if let Some(set) = self.sets.get(&id) {
            return Ok(Rc::clone(set));
        }
        let bundles = configured(config, names)?;
        let floor = self.floor(Some(config));
        Ok(self.keep(id, Recipients { bundles, floor }))
    }

    fn floor(&self, config: Option<&Config>) -> Floor {
        let allow_classical = self.source.allow_classical || config.is_some_and(|config| config.allow_classical);
        Floor { min_suite: config.and_then(|config| config.min_suite), allow_classical }
    }

    fn is_named(&self) -> bool {
        self.source.publishing.access.is_named()
    }

    fn keep(&mut self, id: String, recipients: Recipients) -> Rc<Recipients> {
        for bundle in &recipients.bundles {
            bundles::warn_if_stale(bundle, self.now, self.output);
        }
        let recipients = Rc::new(recipients);
        self.sets.insert(id, Rc::clone(&recipients));
        recipients
    }
}

impl Resolved {
    const fn bare(recipients: Rc<Recipients>) -> Self {
        Self { recipients, namespace: None, scope: None, format: None }
    }
}

/// The bundles of these clusters, under the names that the configuration gives them.
fn configured(config: &Config, names: &[String]) -> Result<Vec<Bundle>> {
    let clusters = names.iter().filter_map(|name| config.clusters.get_key_value(name));
    let read = clusters.map(|(name, cluster)| {
        let path = config.folder().join(&cluster.bundle);
        let mut bundle = bundles::read(&path.display().to_string(), &files::read(&path)?.text)?;
        pinning::check_identity(name, cluster, &bundle)?;
        bundle.name.clone_from(name);
        Ok(bundle)
    });
    read.collect()
}
