//! The names of key Secrets that a controller makes: `<prefix>-<epoch>-<cluster>`.

/// The prefix of native key Secrets.
pub const KEY_PREFIX: &str = "kseal";
/// How much of the cluster's UID stands in a name.
const CLUSTER: usize = 8;

/// The name of the key Secret of that epoch in the cluster whose namespace `kube-system` has this UID.
#[must_use]
pub fn key_name(prefix: &str, epoch: u32, cluster_uid: &str) -> String {
    format!("{prefix}-{epoch}-{}", short(cluster_uid))
}

/// What a cluster is called in names.
pub(super) fn short(cluster_uid: &str) -> &str {
    cluster_uid.get(..CLUSTER).unwrap_or(cluster_uid)
}

/// Epoch and cluster of a name that a controller gave; none for all others.
#[must_use]
pub fn parse<'n>(prefix: &str, name: &'n str) -> Option<(u32, &'n str)> {
    let (epoch, cluster) = name.strip_prefix(prefix)?.strip_prefix('-')?.split_once('-')?;
    let number: u32 = epoch.parse().ok()?;
    let is_given = number.to_string() == epoch && !cluster.is_empty() && !cluster.contains('-');
    is_given.then_some((number, cluster))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_given_reads_back() {
        let uid = "6f0c1a2b-77aa-4bcd-8eee-000000000001";
        assert_eq!(key_name(KEY_PREFIX, 3, uid), "kseal-3-6f0c1a2b");
        for (prefix, epoch) in [(KEY_PREFIX, 1), (KEY_PREFIX, u32::MAX), ("sealed-secrets-key", 12)] {
            assert_eq!(parse(prefix, &key_name(prefix, epoch, uid)), Some((epoch, short(uid))));
        }
        assert_eq!(parse(KEY_PREFIX, &key_name(KEY_PREFIX, 7, "abc")), Some((7, "abc")));
    }

    #[test]
    fn other_names_have_no_epoch() {
        for name in [
            "kseal",
            "kseal-",
            "kseal-1",
            "kseal-1-",
            "kseal-01-6f0c1a2b",
            "kseal-+1-6f0c1a2b",
            "kseal-4294967296-6f0c1a2b",
            "kseal-1-6f0c1a2b-x",
            "kseal-k6hz3abcdefghijklmnopqrstuv",
            "kseal-identity",
            "other-1-6f0c1a2b",
        ] {
            assert_eq!(parse(KEY_PREFIX, name), None, "{name}");
        }
    }
}
