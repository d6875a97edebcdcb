//! The custom resources as types, and every name that is written into a cluster or a file.
//!
//! No client and no cryptography: what the texts inside mean is `kseal-core`'s affair.

mod bundle;
pub mod crd;
pub mod names;
mod native;
mod rewrap;
mod token;
mod upstream;
mod usage;

pub use bundle::{BundleMetadata, KeyEntry, KeyState, SealingKeyBundle, SealingKeyBundleSpec};
pub use native::{
    ClusterSealedSecretSpec, CreationPolicy, DataKey, ImagePullSecret, Scope, SealedFor, SealedSecretSpec, Selection,
    Target, Template, TemplateMetadata,
};
pub use rewrap::{
    MAX_REWRAP_DATA_KEYS, MAX_REWRAP_OBJECTS, MAX_REWRAP_RECIPIENTS, REWRAP_COMPLETE, RewrapFailure, RewrapObject,
    RewrapRequestSpec, RewrapRequestStatus, RewrappedObject,
};
pub use token::{
    Kubeconfig, MIN_EXPIRATION_SECONDS, Rotation, ServiceAccountTokenSpec, ServiceAccountTokenStatus, TokenMode,
};
pub use upstream::{UpstreamSpec, UpstreamTemplate};
pub use usage::{KeyUsage, MAX_FIRST, MAX_NAMESPACES, UsedKey};
