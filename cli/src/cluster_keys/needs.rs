//! Which objects need a key, told by the objects themselves: what the controller counted may be seconds old.

use std::collections::BTreeSet;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use crate::{
    cluster::{Cluster, SealedKind, SealedObjects, segment},
    error::Result,
};

/// An object of a cluster; sorted by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    pub namespace: String,
    pub name: String,
    pub kind: SealedKind,
}

/// What has to do with a key.
#[derive(Default)]
pub(crate) struct Needs {
    /// Opened by it, and to be opened by it again.
    pub needing: BTreeSet<Named>,
    /// Names it as a recipient, and was not opened by it.
    pub claiming: BTreeSet<Named>,
}

/// The parts of an object that are looked at; of any shape.
#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    spec: Option<Loose>,
    #[serde(default)]
    status: Value,
}

/// One object's shape does not keep the others from being read.
#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Spec(Spec),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    data_keys: Value,
}

impl Needs {
    /// Looks at every object, or at those of some namespaces if there are any.
    ///
    /// # Errors
    /// If not all can be looked at.
    pub(crate) fn of(fingerprint: &str, cluster: &Cluster, namespaces: &[String]) -> Result<Self> {
        let mut needs = Self::default();
        let everywhere = SealedObjects { cluster, namespace: None };
        let mut places = vec![everywhere];
        if !namespaces.is_empty() {
            let checked = namespaces.iter().map(|name| segment("a namespace that is watched", name));
            let checked = checked.collect::<Result<Vec<_>>>()?;
            places = checked.into_iter().map(|name| SealedObjects { cluster, namespace: Some(name) }).collect();
        }
        let mut is_installed = false;
        for place in &places {
            for kind in SealedKind::ALL {
                is_installed |= place.each(kind, |item: Item| needs.add(fingerprint, kind, &item))?;
            }
        }
        if is_installed { Ok(needs) } else { Err(everywhere.none_installed()) }
    }

    fn add(&mut self, fingerprint: &str, kind: SealedKind, item: &Item) {
        let text = |field: &str| item.metadata[field].as_str().unwrap_or_default().to_owned();
        let named = Named { namespace: text("namespace"), name: text("name"), kind };
        if kind.keys(&item.status).iter().any(|key| key == fingerprint) {
            self.needing.insert(named);
        } else if let Some(Loose::Spec(spec)) = &item.spec
            && spec.names(fingerprint)
        {
            self.claiming.insert(named);
        }
    }
}

impl Spec {
    /// Whether one of its data keys is wrapped for this key.
    fn names(&self, fingerprint: &str) -> bool {
        let data_keys = self.data_keys.as_object().into_iter().flat_map(|keys| keys.values());
        data_keys.filter_map(|data_key| data_key["recipients"].as_object()).any(|it| it.contains_key(fingerprint))
    }
}

impl Named {
    /// `namespace/name`.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}
