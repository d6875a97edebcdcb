//! What was published last, as far as it was seen here. What stands in the ConfigMap may be older: somebody put it back, or etcd
//! was restored from a snapshot.

use std::sync::Arc;

use kseal_core::Bundle;

use crate::config_map::ConfigMap;

/// The latest bundle that was seen in the ConfigMap.
#[derive(Clone)]
pub(super) struct Latest {
    uid: String,
    created: String,
    bundle: Arc<Bundle>,
}

impl Latest {
    /// What is remembered now that the ConfigMap was `found`, and in it a bundle or none. Whoever signed first what was seen in
    /// it is believed, so that nothing that others put there makes that forgotten.
    pub(super) fn next<'l>(
        before: impl IntoIterator<Item = &'l Self>,
        found: &ConfigMap,
        bundle: Option<&'l Arc<Bundle>>,
    ) -> Option<Self> {
        let kept = before.into_iter().filter(|before| before.is_of(found)).map(|before| &before.bundle);
        let latest = kept.chain(bundle).reduce(|latest, next| if follows(next, latest) { next } else { latest })?;
        Some(Self { uid: found.uid().into(), created: found.created().into(), bundle: Arc::clone(latest) })
    }

    /// Whether it was seen in this ConfigMap, or in a younger one, which a restore took back. Who deletes the ConfigMap, so that
    /// it is made anew, makes forgotten what was in it.
    fn is_of(&self, found: &ConfigMap) -> bool {
        self.uid == found.uid() || found.created() < self.created.as_str()
    }

    pub(super) fn bundle(&self) -> &Bundle {
        &self.bundle
    }
}

/// Whether the same publisher signed this one, and not before that one.
fn follows(this: &Bundle, that: &Bundle) -> bool {
    let (Some(this), Some(that)) = (&this.publisher, &that.publisher) else { return false };
    this.is(&that.cluster_uid, &that.identity) && this.serial >= that.serial
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

    fn serial(latest: Option<&Latest>) -> Option<u64> {
        latest.and_then(|latest| latest.bundle().publisher.as_ref()).map(|publisher| publisher.serial)
    }

    #[test]
    fn the_latest_of_the_first_publisher_is_kept() {
        let map = found("a", "2026-11-27T01:00:00Z");
        let mut latest = None;
        let mut then = |bundle: Option<&Arc<Bundle>>| {
            latest = Latest::next(latest.as_ref(), &map, bundle);
            serial(latest.as_ref())
        };
        assert_eq!(then(None), None);
        assert_eq!(then(Some(&signed(1, 5))), Some(5));
        assert_eq!(then(Some(&signed(1, 4))), Some(5), "it was put back");
        assert_eq!(then(None), Some(5));
        assert_eq!(then(Some(&signed(2, 9))), Some(5), "anybody can sign with an identity of his own");
        assert_eq!(then(Some(&signed(1, 6))), Some(6));
    }

    #[test]
    fn what_was_in_a_deleted_one_is_forgotten_unless_that_was_undone() {
        let first = found("a", "2026-11-27T01:00:00Z");
        let (old, new) = (signed(1, 5), signed(1, 7));
        let before = Latest::next(None, &first, Some(&old));
        let second = found("b", "2026-11-27T02:00:00Z");
        assert_eq!(serial(Latest::next(&before, &second, None).as_ref()), None);
        let after = Latest::next(&before, &second, Some(&new));
        assert_eq!(serial(after.as_ref()), Some(7));
        let restored = Latest::next(&after, &first, Some(&old));
        assert_eq!(serial(restored.as_ref()), Some(7), "it was published after the snapshot was taken");
        let third = found("c", "2026-11-27T03:00:00Z");
        assert_eq!(serial(Latest::next(&restored, &third, Some(&old)).as_ref()), Some(5));
        let later = Latest::next([before, after].iter().flatten(), &first, Some(&old));
        assert_eq!(serial(later.as_ref()), Some(7));
    }
}
