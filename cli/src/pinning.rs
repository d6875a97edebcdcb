//! Whether a bundle comes from the cluster that a repository knows: by the identity that `.kseal.yaml` pins, and by the
//! bundle that is kept.

use std::path::PathBuf;

use kseal_core::{Bundle, bundle::Publisher};

use crate::{
    bundles,
    config::{Cluster, Config},
    error::{Error, Result},
    files, table,
};

/// A cluster of a configuration, with the bundle that is kept of it.
pub(crate) struct Known {
    pub name: String,
    /// Where the bundle is kept, or shall be.
    pub path: PathBuf,
    cluster: Cluster,
    /// `None` if it is not there, or does not hold.
    bundle: Option<Bundle>,
}

impl Known {
    /// Whether the configuration says who must have signed.
    pub(crate) const fn is_pinned(&self) -> bool {
        self.cluster.identity.is_some()
    }

    /// Refuses a bundle of another identity than the pinned one.
    pub(crate) fn check_identity(&self, new: &Bundle) -> Result<()> {
        check_identity(&self.name, &self.cluster, new)
    }

    /// Accepts a bundle of the pinned identity, or of the one that signed what is kept; tells whether there is such a
    /// thing.
    ///
    /// # Errors
    /// If another one signed it, or if it is older than what is kept.
    pub(crate) fn accept(&self, new: &Bundle) -> Result<bool> {
        self.check_identity(new)?;
        if let Some(old) = &self.bundle {
            compare(&self.path.display().to_string(), old, new)?;
        }
        Ok(self.is_pinned() || self.bundle.is_some())
    }
}

/// The clusters of a configuration.
pub(crate) fn known(config: &Config) -> Vec<Known> {
    let known = config.clusters.iter().map(|(name, cluster)| {
        let path = config.folder().join(&cluster.bundle);
        let text = files::read_if_exists(&path).ok().flatten();
        let bundle = text.and_then(|input| bundles::read(&input.name(), &input.text).ok());
        Known { name: name.clone(), path, cluster: cluster.clone(), bundle }
    });
    known.collect()
}

/// The one that published a bundle: it has its UID, else its identity.
pub(crate) fn of<'k>(known: &'k [Known], new: &Bundle) -> Option<&'k Known> {
    let publisher = new.publisher.as_ref()?;
    let old = |known: &'k Known| known.bundle.as_ref()?.publisher.as_ref();
    let by_uid = known.iter().find(|known| old(known).is_some_and(|old| old.cluster_uid == publisher.cluster_uid));
    let identity = publisher.identity.fingerprint().to_string();
    by_uid.or_else(|| known.iter().find(|known| known.cluster.identity.as_ref() == Some(&identity)))
}

/// The bundle of the same cluster: it has its UID, or its identity.
pub(crate) fn same_cluster<'b>(bundles: &'b [Bundle], new: &Bundle) -> Option<&'b Bundle> {
    let publisher = new.publisher.as_ref()?;
    let is = |has: fn(&Publisher, &Publisher) -> bool| {
        bundles.iter().find(|bundle| bundle.publisher.as_ref().is_some_and(|old| has(old, publisher)))
    };
    is(|old, new| old.cluster_uid == new.cluster_uid).or_else(|| is(|old, new| old.identity == new.identity))
}

/// The fingerprint of who signed, for people.
pub(crate) fn identity(bundle: &Bundle) -> String {
    let publisher = bundle.publisher.as_ref();
    publisher.map_or_else(|| "not signed".to_owned(), |publisher| publisher.identity.fingerprint().to_string())
}

/// Refuses to take a bundle for the next one of what is kept in `place`.
///
/// # Errors
/// If cluster or identity are others, or the serial is lower: with both, side by side.
pub(crate) fn compare(place: &str, old: &Bundle, new: &Bundle) -> Result<()> {
    differ(place, &format!("kseal keys fetch --trust -i {place}"), old, new)
}

/// The same for what is kept of a cluster, wherever that is.
///
/// # Errors
/// As for [`compare`].
pub(crate) fn compare_kept(place: &str, old: &Bundle, new: &Bundle) -> Result<()> {
    differ(place, "kseal keys fetch --trust -i", old, new)
}

fn differ(place: &str, command: &str, old: &Bundle, new: &Bundle) -> Result<()> {
    let Some(publisher) = &new.publisher else { return Ok(()) };
    let (message, hint) = match &old.publisher {
        None => {
            ("what is kept there was not published by a cluster", "if these are the keys of one cluster all the same")
        }
        Some(before) if before.cluster_uid != publisher.cluster_uid || before.identity != publisher.identity => (
            "this is another cluster, or another identity, than the one that is kept there",
            "if the cluster was made anew, and its owners confirm the new identity",
        ),
        Some(before) if before.serial > publisher.serial => (
            "the cluster publishes an older bundle than the one that is kept there",
            "somebody may be giving out keys that are not used any more; if the cluster was restored from a backup",
        ),
        Some(_) => return Ok(()),
    };
    let hint = format!("{hint}: `{command}`");
    Err(Error::refused(format!("{place}: {message}")).details(side_by_side(old, new)).hint(hint))
}

fn side_by_side(old: &Bundle, new: &Bundle) -> Vec<String> {
    let said = |bundle: &Bundle, say: fn(&Publisher) -> String| bundle.publisher.as_ref().map_or("-".to_owned(), say);
    let seals =
        |bundle: &Bundle| bundle.sealing_key().map_or("-".to_owned(), |key| key.public.fingerprint().to_string());
    let row = |name: &str, say: fn(&Publisher) -> String| [name.to_owned(), said(old, say), said(new, say)];
    table::lines(&[
        [String::new(), "kept".to_owned(), "published".to_owned()],
        row("cluster", |publisher| publisher.cluster_uid.clone()),
        row("identity", |publisher| publisher.identity.fingerprint().to_string()),
        row("serial", |publisher| publisher.serial.to_string()),
        row("issued", |publisher| publisher.issued_at.clone()),
        ["seals with".to_owned(), seals(old), seals(new)],
    ])
}

/// Refuses keys that somebody on the way could have changed.
pub(crate) fn unverified(cluster: &str) -> Error {
    Error::refused(format!("{cluster} is not verified: anyone on the way could answer with keys of his own")).hint(
        "put the cluster's certificate authority into the kubeconfig, or fetch once with `kseal keys fetch --trust` \
               and compare the identity with what its owners say",
    )
}

/// Refuses a bundle that another identity than the pinned one signed.
pub(crate) fn check_identity(name: &str, cluster: &Cluster, bundle: &Bundle) -> Result<()> {
    let Some(pinned) = &cluster.identity else { return Ok(()) };
    let found = bundle.publisher.as_ref().map(|publisher| publisher.identity.fingerprint().to_string());
    if found.as_ref() == Some(pinned) {
        return Ok(());
    }
    let hint = match found {
        Some(_) => "if the cluster was made anew, compare the fingerprint by another way and change it in .kseal.yaml",
        None => "only a bundle that a cluster publishes is signed; fetch that one",
    };
    let found = found.unwrap_or_else(|| "no signature".to_owned());
    Err(Error::refused(format!(
        "the bundle of {name} is not signed by the pinned identity: pinned {pinned}, found {found}"
    ))
    .hint(hint))
}
