//! Whom a file is sealed for: `--keys`, else the nearest `.kseal.yaml`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    rc::Rc,
};

use jiff::Timestamp;
use kseal_api::Scope;
use kseal_core::{Bundle, Floor, sealing_keys};
use kseal_crypto::{PublicKey, sealed_secrets::RsaPublicKey};

use crate::{
    args::SealFormat,
    bundles,
    config::{self, Cluster, Config},
    error::{Error, Result},
    fetch, files,
    output::Output,
};

/// What was given to find recipients by.
pub(crate) struct Source {
    /// Files and URLs of bundles and certificates.
    pub keys: Vec<String>,
    /// A configuration that was named.
    pub config: Option<PathBuf>,
    /// Whether classical and post-quantum recipients may stand side by side.
    pub allow_classical: bool,
}

/// Finds recipients for one file after the other, and reads each bundle once.
pub(crate) struct Resolver<'o> {
    source: Source,
    now: Timestamp,
    output: &'o Output,
    configs: BTreeMap<PathBuf, Rc<Config>>,
    sets: BTreeMap<String, Rc<Recipients>>,
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
                _ => "give a bundle with --keys, or write a .kseal.yaml (docs/configuration.md)",
            };
            Error::no_key("there is no key to seal for").because(&error).hint(hint)
        })
    }

    /// The one RSA key that upstream's format seals with.
    pub(crate) fn rsa(&self, now: Timestamp) -> Result<&RsaPublicKey> {
        if let Some(floor) = self.floor.min_suite.filter(|floor| floor.is_post_quantum()) {
            return Err(Error::refused(format!("format bitnami seals with RSA, which is below minSuite {floor}")));
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
        Self { source, now, output, configs: BTreeMap::new(), sets: BTreeMap::new() }
    }

    /// What holds for a file, or for the current folder where there is no file.
    ///
    /// # Errors
    /// If there are no recipients: with a hint how to get some.
    pub(crate) fn resolve(&mut self, file: Option<&Path>) -> Result<Resolved> {
        let found = self.find(file)?;
        found.ok_or_else(|| {
            Error::no_key("no recipients: neither --keys nor a .kseal.yaml says whom to seal for")
                .hint("`kseal keys generate` makes a key and prints its bundle; give that file with --keys")
        })
    }

    /// The same; `None` if nothing is configured.
    pub(crate) fn find(&mut self, file: Option<&Path>) -> Result<Option<Resolved>> {
        if !self.source.keys.is_empty() {
            let recipients = self.by_keys()?;
            return Ok(Some(Resolved { recipients, namespace: None, scope: None, format: None }));
        }
        let file = files::absolute(file.unwrap_or(Path::new("./-")))?;
        let path = match &self.source.config {
            Some(path) => Some(files::absolute(path)?),
            None => config::find(file.parent().unwrap_or(Path::new("/")))?,
        };
        let Some(path) = path else { return Ok(None) };
        let config = match self.configs.get(&path) {
            Some(config) => Rc::clone(config),
            None => Rc::new(Config::read(&path)?),
        };
        self.configs.insert(path.clone(), Rc::clone(&config));
        let rule = config.rule(&file).ok_or_else(|| {
            Error::no_key(format!("no rule of {} fits {}", path.display(), file.display()))
                .hint("add a rule without paths at the end for everything else, or give --keys")
        })?;
        let recipients = self.by_config(&config, &rule.clusters)?;
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
        let clusters = names.iter().filter_map(|name| config.clusters.get_key_value(name));
        let read = clusters.map(|(name, cluster)| {
            let path = config.folder().join(&cluster.bundle);
            let mut bundle = bundles::read(&path.display().to_string(), &files::read(&path)?.text)?;
            check_identity(name, cluster, &bundle)?;
            bundle.name.clone_from(name);
            Ok(bundle)
        });
        let bundles = read.collect::<Result<Vec<_>>>()?;
        let allow_classical = config.allow_classical || self.source.allow_classical;
        let floor = Floor { min_suite: config.min_suite, allow_classical };
        Ok(self.keep(id, Recipients { bundles, floor }))
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

/// Refuses a bundle that another identity than the pinned one signed.
fn check_identity(name: &str, cluster: &Cluster, bundle: &Bundle) -> Result<()> {
    let Some(pinned) = &cluster.identity else { return Ok(()) };
    let found = bundle.publisher.as_ref().map(|publisher| publisher.identity.fingerprint().to_string());
    if found.as_ref() == Some(pinned) {
        return Ok(());
    }
    let found = found.unwrap_or_else(|| "nobody's signature".to_owned());
    Err(Error::refused(format!(
        "the bundle of {name} is not signed by the pinned identity: pinned {pinned}, found {found}"
    ))
    .hint("if the cluster was made anew, compare the fingerprint by another way and change it in .kseal.yaml"))
}
