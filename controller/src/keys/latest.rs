//! What was published last, as far as it was seen here. What stands in the ConfigMap may be older: somebody put it back, or etcd
//! was restored from a snapshot.

use std::sync::Arc;

use kseal_core::Bundle;
use kseal_crypto::identity::Identity;

use crate::config_map::ConfigMap;

/// Publishers that are remembered: anybody who may write the ConfigMap can sign with an identity of his own.
const PUBLISHERS: usize = 4;

/// The latest bundles that were seen in the ConfigMap, one of each publisher.
#[derive(Clone)]
pub(super) struct Latest {
    /// Of the ConfigMap that was found last.
    uid: String,
    created: String,
    bundles: Vec<Arc<Bundle>>,
}

impl Latest {
    /// What is remembered now that the ConfigMap was `found`, and in it a bundle or none.
    pub(super) fn next<'l>(
        before: impl IntoIterator<Item = &'l Self>,
        found: &ConfigMap,
        bundle: Option<&'l Arc<Bundle>>,
    ) -> Self {
        let mut next = Self { uid: found.uid().into(), created: found.created().into(), bundles: Vec::new() };
        let kept = before.into_iter().filter(|before| before.is_of(found)).flat_map(|before| &before.bundles);
        for bundle in kept.chain(bundle) {
            next.see(bundle);
        }
        next
    }

    fn see(&mut self, bundle: &Arc<Bundle>) {
        let Some(publisher) = &bundle.publisher else { return };
        let same = |known: &Arc<Bundle>| is_by(known, &publisher.cluster_uid, &publisher.identity);
        match self.bundles.iter().position(same) {
            Some(at) if serial(&self.bundles[at]) > Some(publisher.serial) => {}
            Some(at) => self.bundles[at] = Arc::clone(bundle),
            None if self.bundles.len() < PUBLISHERS => self.bundles.push(Arc::clone(bundle)),
            None => {}
        }
    }

    /// Whether it was seen in this ConfigMap, or in a younger one, which a restore took back. Who deletes the ConfigMap, so that
    /// it is made anew, makes forgotten what was in it.
    fn is_of(&self, found: &ConfigMap) -> bool {
        self.uid == found.uid() || found.created() < self.created.as_str()
    }

    /// What of it this cluster's identity signed.
    pub(super) fn by(&self, cluster_uid: &str, identity: &Identity) -> Option<Self> {
        let bundle = self.bundles.iter().find(|bundle| is_by(bundle, cluster_uid, identity))?;
        Some(Self { bundles: vec![Arc::clone(bundle)], ..self.clone() })
    }

    /// The bundle of the publisher that was seen first.
    pub(super) fn bundle(&self) -> Option<&Bundle> {
        self.bundles.first().map(|bundle| &**bundle)
    }
}

/// The serial of a published bundle.
pub(super) fn serial(bundle: &Bundle) -> Option<u64> {
    bundle.publisher.as_ref().map(|publisher| publisher.serial)
}

fn is_by(bundle: &Bundle, cluster_uid: &str, identity: &Identity) -> bool {
    bundle.publisher.as_ref().is_some_and(|publisher| publisher.is(cluster_uid, identity))
}

#[cfg(test)]
mod tests {
    use kseal_core::keys::Publication;
    use kseal_crypto::identity::IdentityKey;
    use serde_json::json;

    use super::*;

    fn found(uid: &str, created: &str) -> ConfigMap {
        let metadata = json!({"uid": uid, "resourceVersion": "1", "creationTimestamp": created});
        ConfigMap::parse(json!({ "metadata": metadata }).to_string().as_bytes()).unwrap()
    }

    fn signed(identity: u8, serial: u64) -> Arc<Bundle> {
        let publication = Publication { name: "c".into(), cluster_uid: "u".into(), keys: vec![], certificate: None };
        let identity = IdentityKey::from_seed(&[identity; 32]).unwrap();
        Arc::new(Bundle::read(&publication.sign(&identity, serial, "2026-11-27T00:00:00Z")).unwrap())
    }

    fn ours(latest: &Latest) -> Option<u64> {
        let identity = IdentityKey::from_seed(&[1; 32]).unwrap().public();
        serial(latest.by("u", &identity)?.bundle()?)
    }

    #[test]
    fn the_latest_of_each_publisher_is_kept() {
        let map = found("a", "2026-11-27T01:00:00Z");
        let mut latest = None;
        let mut then = |bundle: Option<&Arc<Bundle>>| {
            let next = Latest::next(&latest, &map, bundle);
            ours(latest.insert(next))
        };
        assert_eq!(then(None), None);
        assert_eq!(then(Some(&signed(2, 9))), None, "it was not this cluster");
        assert_eq!(then(Some(&signed(1, 5))), Some(5));
        assert_eq!(then(Some(&signed(1, 4))), Some(5), "it was put back");
        assert_eq!(then(None), Some(5));
        for identity in 3..20 {
            assert_eq!(then(Some(&signed(identity, 99))), Some(5), "anybody can sign with an identity of his own");
        }
        assert_eq!(then(Some(&signed(1, 6))), Some(6));
        assert_eq!(latest.unwrap().bundles.len(), PUBLISHERS);
    }

    #[test]
    fn what_was_in_a_deleted_one_is_forgotten_unless_that_was_undone() {
        let first = found("a", "2026-11-27T01:00:00Z");
        let (old, new) = (signed(1, 5), signed(1, 7));
        let before = Latest::next(None, &first, Some(&old));
        let second = found("b", "2026-11-27T02:00:00Z");
        assert_eq!(ours(&Latest::next([&before], &second, None)), None);
        let after = Latest::next([&before], &second, Some(&new));
        assert_eq!(ours(&after), Some(7));
        let restored = Latest::next([&after], &first, Some(&old));
        assert_eq!(ours(&restored), Some(7), "it was published after the snapshot was taken");
        let third = found("c", "2026-11-27T03:00:00Z");
        assert_eq!(ours(&Latest::next([&restored], &third, Some(&old))), Some(5));
        assert_eq!(ours(&Latest::next([&before, &after], &first, Some(&old))), Some(7));
    }
}
