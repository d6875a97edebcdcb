//! Names of groups, kinds, types, labels and annotations.

/// The native API group and version.
pub const API_VERSION: &str = "kseal.dev/v1alpha1";
/// The API group and version of sealed-secrets.
pub const UPSTREAM_API_VERSION: &str = "bitnami.com/v1alpha1";
/// The kind of sealed objects, native and upstream's.
pub const SEALED_SECRET: &str = "SealedSecret";
/// The cluster-scoped kind of sealed objects.
pub const CLUSTER_SEALED_SECRET: &str = "ClusterSealedSecret";
/// The kind of key bundles.
pub const SEALING_KEY_BUNDLE: &str = "SealingKeyBundle";

/// On a Secret that is sealed in place: scope and place as JSON.
pub const SEALED: &str = "kseal.dev/sealed";
/// Prefix of the annotations that hold the data keys of a Secret that is sealed in place; the handle follows.
pub const DATA_KEY_PREFIX: &str = "kseal.dev/data-key.";
/// On the Secret of a private key: the fingerprint that its seed must have.
pub const FINGERPRINT: &str = "kseal.dev/fingerprint";
/// Label on the Secret of a private key: its state, one of [`crate::KeyState`].
pub const KEY_STATE: &str = "kseal.dev/sealing-key";

/// Type of the Secrets that hold native private keys.
pub const SEALING_KEY_TYPE: &str = "kseal.dev/sealing-key";
/// Type of the Secret that holds the cluster's identity.
pub const IDENTITY_KEY_TYPE: &str = "kseal.dev/identity-key";

/// Upstream's label on the Secrets of private keys; only the value [`UPSTREAM_KEY_ACTIVE`] is loaded.
pub const UPSTREAM_KEY: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";
/// The one value of [`UPSTREAM_KEY`] that means anything.
pub const UPSTREAM_KEY_ACTIVE: &str = "active";
/// Upstream's annotation for scope NamespaceWide, value `"true"`.
pub const UPSTREAM_NAMESPACE_WIDE: &str = "sealedsecrets.bitnami.com/namespace-wide";
/// Upstream's annotation for scope ClusterWide, value `"true"`; wins over the other.
pub const UPSTREAM_CLUSTER_WIDE: &str = "sealedsecrets.bitnami.com/cluster-wide";

/// Annotations in which a client keeps what it last applied: plaintext, which must never reach an output.
pub const LAST_APPLIED: [&str; 2] =
    ["kubectl.kubernetes.io/last-applied-configuration", "kubecfg.ksonnet.io/last-applied-configuration"];
