//! The custom resources as types, and every name that is written into a cluster or a file.
//!
//! No client and no cryptography: what the texts inside mean is `kseal-core`'s affair.

mod bundle;
pub mod crd;
pub mod names;
mod native;
mod upstream;

pub use bundle::{BundleMetadata, KeyEntry, KeyState, SealingKeyBundle, SealingKeyBundleSpec};
pub use native::{
    CreationPolicy, DataKey, ImagePullSecret, Scope, SealedFor, SealedSecretSpec, Selection, Target, Template,
    TemplateMetadata,
};
pub use upstream::{UpstreamSpec, UpstreamTemplate};
