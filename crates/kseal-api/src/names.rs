//! Names of groups, kinds, types, labels and annotations.

/// The native API group.
pub const GROUP: &str = "kseal.dev";
/// The native API group and version.
pub const API_VERSION: &str = "kseal.dev/v1alpha1";
/// The API group of sealed-secrets.
pub const UPSTREAM_GROUP: &str = "bitnami.com";
/// The API group and version of sealed-secrets.
pub const UPSTREAM_API_VERSION: &str = "bitnami.com/v1alpha1";
/// The kind of sealed objects, native and upstream's.
pub const SEALED_SECRET: &str = "SealedSecret";
/// The cluster-scoped kind of sealed objects.
pub const CLUSTER_SEALED_SECRET: &str = "ClusterSealedSecret";
/// The kind of requests for a ServiceAccount's token in a Secret.
pub const SERVICE_ACCOUNT_TOKEN: &str = "ServiceAccountToken";
/// The kind of requests to wrap data keys for the current sealing key.
pub const REWRAP_REQUEST: &str = "RewrapRequest";
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
/// How the names of upstream's key Secrets begin unless it was told otherwise, and the whole name of the first of all.
pub const UPSTREAM_KEY_PREFIX: &str = "sealed-secrets-key";
/// Upstream's annotation for scope NamespaceWide, value `"true"`.
pub const UPSTREAM_NAMESPACE_WIDE: &str = "sealedsecrets.bitnami.com/namespace-wide";
/// Upstream's annotation for scope ClusterWide, value `"true"`; wins over the other.
pub const UPSTREAM_CLUSTER_WIDE: &str = "sealedsecrets.bitnami.com/cluster-wide";

/// Annotations in which a client keeps what it last applied: plaintext, which must never reach an output.
pub const LAST_APPLIED: [&str; 2] =
    ["kubectl.kubernetes.io/last-applied-configuration", "kubecfg.ksonnet.io/last-applied-configuration"];

/// On a Secret: what kseal set of it, as JSON; what stands there no longer is taken back.
pub const APPLIED: &str = "kseal.dev/applied";
/// On a Secret without an ownerReference of kseal's: the UID of the object that it comes from.
pub const OWNER_UID: &str = "kseal.dev/owner-uid";
/// On a Secret, value `"true"`: it consents to be taken over by the native object of its name.
pub const MANAGED: &str = "kseal.dev/managed";
/// On upstream's SealedSecret, value [`HAND_OVER_NATIVE`]: its Secret passes to the native object of the same name.
pub const HAND_OVER: &str = "kseal.dev/hand-over";
/// The one value of [`HAND_OVER`].
pub const HAND_OVER_NATIVE: &str = "native";
/// On a sealed object, value `"true"`: the controller leaves it and its Secret alone.
pub const PAUSED: &str = "kseal.dev/paused";
/// On a sealed object: another value than before makes the controller do its work again.
pub const RECONCILE_AT: &str = "kseal.dev/reconcile-at";

/// Upstream's annotation on a Secret, value `"true"`: it may be taken over.
pub const UPSTREAM_MANAGED: &str = "sealedsecrets.bitnami.com/managed";
/// Upstream's annotation on a Secret, value `"true"`: items are merged into it.
pub const UPSTREAM_PATCH: &str = "sealedsecrets.bitnami.com/patch";
/// Upstream's annotation in a template, value `"true"`: the Secret outlives the object.
pub const UPSTREAM_SKIP_OWNER: &str = "sealedsecrets.bitnami.com/skip-set-owner-references";

/// The type of the Secrets that Kubernetes fills with a token that never expires.
pub const SERVICE_ACCOUNT_TOKEN_TYPE: &str = "kubernetes.io/service-account-token";
/// On a Secret of [`SERVICE_ACCOUNT_TOKEN_TYPE`]: whose token it shall hold.
pub const SERVICE_ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";
/// On a Secret of [`SERVICE_ACCOUNT_TOKEN_TYPE`], set by Kubernetes: the UID of that ServiceAccount.
pub const SERVICE_ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";
/// The types of Secrets that hold a registry's credentials.
pub const DOCKER_TYPES: [&str; 2] = ["kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"];

/// On a ServiceAccount: for whom tokens of it may be kept in Secrets; names of ServiceAccountTokens, and of SealedSecrets
/// behind `sealedsecrets/`, with commas between them.
pub const ALLOW_TOKEN_FOR: &str = "kseal.dev/allow-token-for";
/// What stands before the name of a SealedSecret in [`ALLOW_TOKEN_FOR`].
pub const CONSENT_TO_SEALED: &str = "sealedsecrets/";
/// On a ServiceAccount: the names of the Secrets that kseal put into its `imagePullSecrets`, with commas between them.
pub const IMAGE_PULL_SECRETS: &str = "kseal.dev/image-pull-secrets";
/// In the template of upstream's kind: the names of the ServiceAccounts that shall pull images with the Secret, with commas
/// between them, or `*`.
pub const IMAGE_PULL_SECRET_FOR: &str = "kseal.dev/image-pull-secret-for";
/// Label on the Secrets of a ServiceAccountToken: its UID.
pub const TOKEN_OF: &str = "kseal.dev/service-account-token";
/// On the Secret that holds a token for others to read: what it holds, as JSON; never the token.
pub const TOKEN: &str = "kseal.dev/token";
/// Label on the Secrets of a ClusterSealedSecret: its UID.
pub const CLUSTER_SEALED_SECRET_OF: &str = "kseal.dev/cluster-sealed-secret";
/// The ConfigMap in the controller's namespace that says for whom the admission policies do not hold.
pub const POLICY: &str = "kseal-policy";

/// The namespace of the controller, unless it is installed elsewhere.
pub const SYSTEM_NAMESPACE: &str = "kseal-system";
/// The name of the controller's Deployment, ServiceAccount, Service and Lease.
pub const CONTROLLER: &str = "kseal-controller";
/// The ConfigMap in the controller's namespace from which anyone may read the bundle.
pub const PUBLIC_KEYS: &str = "kseal-public-keys";
/// The item of [`PUBLIC_KEYS`]: a [`crate::SealingKeyBundle`] as JSON.
pub const PUBLIC_KEYS_ITEM: &str = "bundle.json";
/// On the ConfigMap [`PUBLIC_KEYS`]: the fingerprint of the native sealing key that shall be followed by a new one. Once it
/// was, the annotation means nothing any more, so that a request that is repeated, or in doubt, makes one key.
pub const ROTATE: &str = "kseal.dev/rotate";
/// The same for the RSA key of the published certificate, by upstream's form of its fingerprint.
pub const ROTATE_UPSTREAM: &str = "kseal.dev/rotate-sealed-secrets";
/// The ConfigMap in the controller's namespace that says which objects need which key.
pub const KEY_USAGE: &str = "kseal-key-usage";
/// The item of [`KEY_USAGE`]: a [`crate::KeyUsage`] as JSON.
pub const KEY_USAGE_ITEM: &str = "usage.json";
/// The ConfigMap in the controller's namespace that says since when each admission policy that changed is as it is.
pub const POLICY_RECORD: &str = "kseal-policy-record";
/// The Secret in the controller's namespace that holds the cluster's identity.
pub const IDENTITY: &str = "kseal-identity";
/// The only names of kseal's own that a template may set on its Secret.
pub const TEMPLATE_ALLOWED: [&str; 1] = [MANAGED];
