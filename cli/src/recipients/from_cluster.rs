//! Recipients that a cluster publishes: alone, or beside what is configured.

use std::rc::Rc;

use super::{Recipients, Resolver, configured};
use crate::{
    cluster::{self, Cluster, Published},
    config::Config,
    error::Result,
    pinning,
};

/// What a cluster publishes, asked for once.
pub(super) struct FromCluster {
    name: String,
    is_verified: bool,
    published: Published,
}

impl Resolver<'_> {
    /// The keys that the cluster publishes; `None` if there is no cluster.
    pub(super) fn by_cluster(&mut self) -> Result<Option<Rc<Recipients>>> {
        const ID: &str = "\0cluster";
        if let Some(set) = self.sets.get(ID) {
            return Ok(Some(Rc::clone(set)));
        }
        let Some(from) = self.published()? else { return Ok(None) };
        if !from.is_verified {
            return Err(pinning::unverified(&from.name));
        }
        let bundle = from.published.read()?;
        let identity = pinning::identity(&bundle);
        self.output.note(format!(
            "{} is sealed for as {} has it: nothing here pins its identity {identity}, so it was trusted at first sight; \
             `kseal keys fetch` keeps it",
            bundle.name, from.name
        ));
        let floor = self.floor(None);
        Ok(Some(self.keep(ID.to_owned(), Recipients { bundles: vec![bundle], floor })))
    }

    /// The configured bundles, with what the cluster publishes now in the place of what is kept of it.
    pub(super) fn beside_published(&mut self, configured_by: Option<(&Config, &[String])>) -> Result<Rc<Recipients>> {
        let rule = configured_by.map(|(config, names)| format!("{}\0{}", config.path.display(), names.join("\0")));
        let id = format!("\0compared\0{}", rule.unwrap_or_default());
        if let Some(set) = self.sets.get(&id) {
            return Ok(Rc::clone(set));
        }
        let from = self.published()?.ok_or_else(cluster::none)?;
        let mut new = from.published.read()?;
        let mut bundles = Vec::new();
        let (mut is_pinned, mut place) = (false, None);
        if let Some((config, names)) = configured_by {
            bundles = configured(config, names)?;
            let known = pinning::known(config);
            if let Some(known) = pinning::of(&known, &new) {
                is_pinned = known.accept(&new)?;
                new.name.clone_from(&known.name);
                place = names.iter().position(|name| *name == known.name);
            }
        }
        if !is_pinned && !from.is_verified {
            return Err(pinning::unverified(&from.name));
        }
        if !is_pinned {
            let identity = pinning::identity(&new);
            self.output.note(format!(
                "nothing here pins the identity {identity} of {}, so it was trusted at first sight",
                from.name
            ));
        }
        // The name alone, which anyone may choose, makes it nobody.
        match place.and_then(|place| bundles.get_mut(place)) {
            Some(old) => *old = new,
            None => bundles.push(new),
        }
        let floor = self.floor(configured_by.map(|(config, _)| config));
        Ok(self.keep(id, Recipients { bundles, floor }))
    }

    /// What the cluster publishes. It is asked once, also if it does not answer.
    fn published(&mut self) -> Result<Option<Rc<FromCluster>>> {
        let publishing = &self.source.publishing;
        let ask = || {
            let Some(cluster) = Cluster::find(&publishing.access)? else { return Ok(None) };
            let published = publishing.fetch(&cluster)?;
            let Cluster { name, is_verified, .. } = cluster;
            Ok(Some(Rc::new(FromCluster { name, is_verified, published })))
        };
        self.published.get_or_insert_with(ask).clone()
    }
}
