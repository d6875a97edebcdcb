//! What a Secret, a sealed object and a scope mean, and every decision on them, as pure functions.
//!
//! Objects of every format are read into one type, [`SealedObject`]; past it nothing knows where an object came from.
//! No YAML, no client, no clock: values in, values out.

pub mod bundle;
mod condition;
mod event;
pub mod key_secret;
pub mod keys;
pub mod lease;
mod name;
mod object;
mod object_ref;
pub mod policy;
mod recipients;
pub mod reconcile;
mod rewrap;
mod scope;
mod seal;
pub mod sealed_annotation;
mod secret_body;
mod selector;
#[cfg(test)]
mod testing;
pub mod tokens;

pub use bundle::{Bundle, BundleError};
pub use event::Event;
pub use key_secret::{KeySecret, KeySecretError};
pub use object::{Format, MAX_OBJECT_BYTES, SealedObject, WARN_OBJECT_BYTES};
pub use object_ref::{Moved, ObjectRef};
pub use recipients::{Floor, RecipientError, sealing_keys};
pub use rewrap::{Exchanges, OwnKeys, Plan, Standing, Taint, plan, standing};
pub use scope::{PlaceError, place, scope_of_upstream};
pub use seal::{SealError, SealedItems, data_key_text, seal_native, seal_upstream};
pub use secret_body::SecretBody;
pub use selector::LabelSelector;
