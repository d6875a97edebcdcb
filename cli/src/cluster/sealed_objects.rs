//! The sealed objects of a cluster, of every kind, page by page: a cluster may have more than there is memory for.

use kseal_api::names;
use serde_json::{Value, value::RawValue};

use super::{Cluster, Failure};
use crate::error::{Error, Result};

/// A kind of sealed objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SealedKind {
    Native,
    Upstream,
    /// Of no namespace, and for many.
    Cluster,
}

impl SealedKind {
    pub(crate) const ALL: [Self; 3] = [Self::Native, Self::Upstream, Self::Cluster];
    /// Those whose objects are in a namespace.
    pub(crate) const OF_NAMESPACES: [Self; 2] = [Self::Native, Self::Upstream];

    /// Its name in manifests.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Native | Self::Upstream => names::SEALED_SECRET,
            Self::Cluster => names::CLUSTER_SEALED_SECRET,
        }
    }

    /// Its name in paths.
    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Self::Native | Self::Upstream => "sealedsecrets",
            Self::Cluster => "clustersealedsecrets",
        }
    }

    /// Its group and version.
    pub(crate) const fn group(self) -> &'static str {
        match self {
            Self::Native | Self::Cluster => names::API_VERSION,
            Self::Upstream => names::UPSTREAM_API_VERSION,
        }
    }

    /// In the words of `--format`.
    pub(crate) const fn format(self) -> &'static str {
        match self {
            Self::Native | Self::Cluster => "kseal",
            Self::Upstream => "bitnami",
        }
    }
}

/// What became of a look at every object of a kind.
pub(crate) enum Listed {
    All,
    /// The cluster does not know the kind.
    NoSuchKind,
    /// They may not be listed; why not.
    Forbidden(Box<Error>),
}

/// Where to look.
#[derive(Clone, Copy)]
pub(crate) struct SealedObjects<'c> {
    pub cluster: &'c Cluster,
    /// `None` for all.
    pub namespace: Option<&'c str>,
}

impl SealedObjects<'_> {
    /// Hands out every object of a kind, as it was sent; says whether the cluster knows the kind at all.
    ///
    /// # Errors
    /// If they may not be listed, or not all of them were.
    pub(crate) fn each(&self, kind: SealedKind, on: impl FnMut(&RawValue)) -> Result<bool> {
        match self.each_if_allowed(kind, on)? {
            Listed::All => Ok(true),
            Listed::NoSuchKind => Ok(false),
            Listed::Forbidden(error) => Err(*error),
        }
    }

    /// The same, for who knows something to do if they may not be listed.
    ///
    /// # Errors
    /// If not all of them were listed for another reason.
    pub(crate) fn each_if_allowed(&self, kind: SealedKind, on: impl FnMut(&RawValue)) -> Result<Listed> {
        let namespace = self.namespace.filter(|_| kind != SealedKind::Cluster);
        let place = namespace.map(|name| format!("namespaces/{name}/")).unwrap_or_default();
        let Err(failure) = self.cluster.each_raw(&format!("/apis/{}/{place}{}", kind.group(), kind.plural()), on)
        else {
            return Ok(Listed::All);
        };
        let is_forbidden = matches!(&failure, Failure::Refused(refusal) if refusal.code == 403);
        match self.without(kind, failure) {
            Ok(()) => Ok(Listed::NoSuchKind),
            Err(error) if is_forbidden => Ok(Listed::Forbidden(Box::new(error))),
            Err(error) => Err(error),
        }
    }

    /// What a failure to read objects of a kind comes to: nothing, if the cluster does not know the kind.
    ///
    /// # Errors
    /// Else the failure.
    pub(crate) fn without(&self, kind: SealedKind, failure: Failure) -> Result<()> {
        if let Failure::Refused(refusal) = &failure
            && matches!(refusal.code, 403 | 404)
            && !self.is_installed(kind)?
        {
            return Ok(());
        }
        if kind == SealedKind::Cluster {
            let what = format!("{} of {}", kind.plural(), kind.group());
            return Err(failure.wanting(&what, "ask for the right to list them"));
        }
        let place = self.namespace.map_or_else(|| "all namespaces".to_owned(), |name| format!("namespace {name}"));
        let what = format!("sealedsecrets of {} in {place}", kind.group());
        let hint = match self.namespace {
            None => "look at one namespace with -n, or ask for the right to list all",
            Some(_) => "ask for the right to get and list them there, or choose another namespace with -n",
        };
        Err(failure.wanting(&what, hint))
    }

    /// Whether the cluster knows the kind. Who may not list it is told "forbidden" before "not found"; this anyone may ask.
    pub(crate) fn is_installed(&self, kind: SealedKind) -> Result<bool> {
        match self.cluster.get::<Value>(&format!("/apis/{}", kind.group())) {
            Ok(resources) => {
                let resources = resources["resources"].as_array().cloned().unwrap_or_default();
                Ok(resources.iter().any(|resource| resource["name"] == kind.plural()))
            }
            Err(Failure::Refused(refusal)) if refusal.code == 404 => Ok(false),
            Err(Failure::Refused(refusal)) if refusal.code == 403 => Ok(true),
            Err(failure) => Err(failure.wanting(kind.group(), "ask for the right to discover APIs")),
        }
    }

    /// The cluster knows neither kind.
    pub(crate) fn none_installed(&self) -> Error {
        Error::cluster(format!("{} knows no SealedSecret, neither kseal's nor sealed-secrets'", self.cluster.name))
            .hint("is the controller installed there? its CustomResourceDefinitions come with it")
    }
}
